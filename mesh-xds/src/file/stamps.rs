//! Which files a source has, and what a `stat` tells of them.

use std::{
    collections::HashSet,
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
    time::SystemTime,
};

/// How the names of Istio's files end.
pub(crate) const YAML: &[&str] = &["yaml", "yml"];

/// Directories below the source's own, at most this deep.
const MAX_DEPTH: usize = 16;

/// What a `stat` tells of each file, in the order of paths.
pub(crate) type Stamps = Vec<(PathBuf, Stamp)>;

/// What a `stat` tells of a file. Two that differ mean another content; two that do not mean the same
/// content unless it changed twice within the resolution of the timestamps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    length: u64,
    modified: Option<SystemTime>,
    /// Device, inode and change time, which no tool sets back.
    identity: [i64; 4],
}

/// Stamps of the files of a source.
pub(crate) fn stamps(root: &Path, extensions: &[&str]) -> io::Result<Stamps> {
    let mut found = Vec::new();
    walk(root, extensions, &mut |path, metadata| {
        found.push((path, stamp(metadata)));
    })?;
    Ok(found)
}

fn stamp(metadata: &fs::Metadata) -> Stamp {
    #[cfg(unix)]
    let identity = {
        use std::os::unix::fs::MetadataExt;
        [
            metadata.dev().cast_signed(),
            metadata.ino().cast_signed(),
            metadata.ctime(),
            metadata.ctime_nsec(),
        ]
    };
    #[cfg(not(unix))]
    let identity = [0; 4];
    Stamp {
        length: metadata.len(),
        modified: metadata.modified().ok(),
        identity,
    }
}

/// Takes a file and what a `stat` tells of it.
type Found<'a> = dyn FnMut(PathBuf, &fs::Metadata) + 'a;

/// Finds the files of a source: itself, or all below it that have one of these extensions, in the order of
/// paths.
///
/// Hidden entries are passed over: editors' temporary files, and the `..data` links by which the
/// kubelet swaps a ConfigMap (its files are linked to from beside it).
fn walk(root: &Path, extensions: &[&str], found: &mut Found<'_>) -> io::Result<()> {
    let metadata = fs::metadata(root)?;
    if metadata.is_file() {
        found(root.to_owned(), &metadata);
        return Ok(());
    }
    if !metadata.is_dir() {
        // A pipe could keep its reader waiting for ever.
        return Err(io::Error::other("neither a file nor a directory"));
    }
    visit(root, 0, extensions, &mut HashSet::new(), found)
}

fn visit(
    directory: &Path,
    depth: usize,
    extensions: &[&str],
    visited: &mut HashSet<PathBuf>,
    found: &mut Found<'_>,
) -> io::Result<()> {
    // A directory is read once, however many links lead to it.
    if depth > MAX_DEPTH || !visited.insert(fs::canonicalize(directory)?) {
        return Ok(());
    }
    let entries = fs::read_dir(directory)?.map(|entry| Ok(entry?.file_name()));
    let mut names: Vec<OsString> = entries.collect::<io::Result<_>>()?;
    names.retain(|name| !name.as_encoded_bytes().starts_with(b"."));
    // Names in order, directory by directory, are paths in order, which are dear to compare.
    names.sort_unstable();
    for name in names {
        let path = directory.join(name);
        match fs::metadata(&path) {
            Ok(metadata) if metadata.is_dir() => {
                match visit(&path, depth + 1, extensions, visited, found) {
                    Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                    other => other?,
                }
            }
            Ok(metadata) if metadata.is_file() && has_extension(&path, extensions) => {
                found(path, &metadata);
            }
            // Gone, or a link to nothing, or no file.
            Ok(_) => {}
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

fn has_extension(path: &Path, extensions: &[&str]) -> bool {
    path.extension()
        .is_some_and(|found| extensions.iter().any(|e| found.eq_ignore_ascii_case(e)))
}
