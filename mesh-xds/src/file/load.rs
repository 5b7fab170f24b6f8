//! Files into documents: finding, reading and parsing, each file once per content.

use std::{
    collections::{HashMap, HashSet},
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    kinds::{self, Document},
    node,
    problem::{At, LoadError, Note, Problem},
    reader::Reader,
};

/// The largest file that is read.
const MAX_FILE: u64 = 8 << 20;

/// Directories below the source's own, at most this deep.
const MAX_DEPTH: usize = 16;

/// All documents of a source, and what was noticed on the way.
pub(crate) type Documents = (Vec<Arc<Document>>, Vec<Note>);

/// Reads a file, or all YAML files of a directory; remembers what it parsed.
#[derive(Debug)]
pub(crate) struct Loader {
    root: PathBuf,
    namespace: Arc<str>,
    cache: HashMap<PathBuf, Arc<Parsed>>,
    /// How many files were parsed so far.
    pub(crate) parsed: usize,
}

/// One file's content and meaning.
#[derive(Debug)]
struct Parsed {
    content: Vec<u8>,
    documents: Vec<Arc<Document>>,
    problems: Vec<Problem>,
    notes: Vec<Note>,
}

impl Loader {
    pub(crate) fn new(root: PathBuf, namespace: Arc<str>) -> Self {
        Self {
            root,
            namespace,
            cache: HashMap::new(),
            parsed: 0,
        }
    }

    /// Reads all files again and parses those that changed. `false`: nothing has changed.
    ///
    /// # Errors
    /// When the source itself cannot be read.
    pub(crate) fn refresh(&mut self) -> Result<bool, LoadError> {
        let files = files(&self.root).map_err(|e| unreadable(&self.root, &e))?;
        let mut cache = HashMap::with_capacity(files.len());
        let mut changed = files.len() != self.cache.len();
        for path in files {
            let content = match read(&path) {
                Ok(content) => content,
                // Gone since it was listed, or a link to nothing: as if it had not been there. A
                // source that is one file is missed instead.
                Err(e) if e.kind() == io::ErrorKind::NotFound && path != self.root => {
                    changed |= self.cache.contains_key(&path);
                    continue;
                }
                Err(e) => return Err(unreadable(&path, &e)),
            };
            let parsed = match self.cache.get(&path) {
                Some(parsed) if parsed.content == content => parsed.clone(),
                _ => {
                    changed = true;
                    self.parsed += 1;
                    Arc::new(parse(&path, content, &self.namespace))
                }
            };
            cache.insert(path, parsed);
        }
        self.cache = cache;
        Ok(changed)
    }

    /// The documents of the last refresh, in the order of paths.
    ///
    /// # Errors
    /// When any file has a problem: all problems of all files.
    pub(crate) fn documents(&self) -> Result<Documents, LoadError> {
        let mut files: Vec<_> = self.cache.iter().collect();
        files.sort_by_key(|(path, _)| *path);
        let files = || files.iter().map(|(_, parsed)| parsed);
        let mut problems: Vec<Problem> = files().flat_map(|f| f.problems.clone()).collect();
        if !problems.is_empty() {
            problems.sort();
            return Err(LoadError { problems });
        }
        let documents = files().flat_map(|f| f.documents.clone()).collect();
        let notes = files().flat_map(|f| f.notes.clone()).collect();
        Ok((documents, notes))
    }
}

fn unreadable(path: &Path, error: &io::Error) -> LoadError {
    rejected(path, &format!("cannot be read: {error}"))
}

/// A load that failed after reading.
pub(crate) fn rejected(path: &Path, error: &str) -> LoadError {
    LoadError {
        problems: vec![whole_file(path).problem("", error)],
    }
}

fn whole_file(path: &Path) -> At {
    At {
        file: path.to_string_lossy().into(),
        line: 0,
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    use io::Read;
    let mut content = Vec::new();
    // The limit holds for what is read, whatever the size was a moment ago.
    fs::File::open(path)?
        .take(MAX_FILE + 1)
        .read_to_end(&mut content)?;
    Ok(content)
}

fn parse(path: &Path, content: Vec<u8>, namespace: &str) -> Parsed {
    let at = whole_file(path);
    let mut documents = Vec::new();
    let reader = Reader::new(at.file.clone());
    if content.len() as u64 > MAX_FILE {
        reader.problem(0, "", format!("is larger than {MAX_FILE} bytes"));
    } else {
        match std::str::from_utf8(&content) {
            Ok(text) => documents = parse_text(&reader, text, namespace),
            Err(e) => {
                let before = &content[..e.valid_up_to()];
                let line = 1 + before.iter().filter(|b| **b == b'\n').count();
                reader.problem(u32::try_from(line).unwrap_or(u32::MAX), "", "is not UTF-8");
            }
        }
    }
    Parsed {
        content,
        documents,
        problems: reader.problems.into_inner(),
        notes: reader.notes.into_inner(),
    }
}

/// Reads all documents of a text.
pub(crate) fn parse_text(reader: &Reader, text: &str, namespace: &str) -> Vec<Arc<Document>> {
    let mut documents = Vec::new();
    let (roots, errors) = node::parse(text);
    for error in errors {
        reader.problem(error.line, "", error.message);
    }
    for root in &roots {
        kinds::read(reader, root, namespace, &mut documents);
    }
    documents
}

/// The files of a source: itself, or all `.yaml` and `.yml` files below it.
///
/// Hidden entries are passed over: editors' temporary files, and the `..data` links by which the
/// kubelet swaps a ConfigMap (its files are linked to from beside it).
pub(crate) fn files(root: &Path) -> io::Result<Vec<PathBuf>> {
    let metadata = fs::metadata(root)?;
    if metadata.is_file() {
        return Ok(vec![root.to_owned()]);
    }
    if !metadata.is_dir() {
        // A pipe could keep its reader waiting for ever.
        return Err(io::Error::other("neither a file nor a directory"));
    }
    let mut found = Vec::new();
    let mut visited = HashSet::new();
    visit(root, 0, &mut visited, &mut found)?;
    found.sort();
    Ok(found)
}

fn visit(
    directory: &Path,
    depth: usize,
    visited: &mut HashSet<PathBuf>,
    found: &mut Vec<PathBuf>,
) -> io::Result<()> {
    // A directory is read once, however many links lead to it.
    if depth > MAX_DEPTH || !visited.insert(fs::canonicalize(directory)?) {
        return Ok(());
    }
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let hidden = path
            .file_name()
            .is_none_or(|n| n.as_encoded_bytes().starts_with(b"."));
        if hidden {
            continue;
        }
        match fs::metadata(&path) {
            Ok(metadata) if metadata.is_dir() => match visit(&path, depth + 1, visited, found) {
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                other => other?,
            },
            Ok(metadata) if metadata.is_file() && is_yaml(&path) => found.push(path),
            // Gone, or a link to nothing, or no file.
            Ok(_) => {}
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

fn is_yaml(path: &Path) -> bool {
    path.extension()
        .is_some_and(|e| e.eq_ignore_ascii_case("yaml") || e.eq_ignore_ascii_case("yml"))
}
