//! Files into documents: finding, reading and parsing, each file once per content.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    kinds::{self, Document},
    node,
    problem::{At, LoadError, Note, Problem},
    reader::Reader,
    stamps::{Stamp, YAML, stamps},
};

/// The largest file that is read.
pub(crate) const MAX_FILE: u64 = 8 << 20;

/// All documents of a source, and what was noticed on the way.
pub(crate) type Documents = (Vec<Arc<Document>>, Vec<Note>);

/// Which files a [`Loader`] reads again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Read {
    /// Those whose `stat` has changed.
    Changed,
    /// All: a file may have changed twice within the resolution of its timestamp.
    All,
}

/// Reads a file, or all YAML files of a directory; remembers what it parsed.
#[derive(Debug)]
pub(crate) struct Loader {
    root: PathBuf,
    namespace: Arc<str>,
    /// In the order of paths.
    files: Vec<(PathBuf, Parsed)>,
    /// How many files were parsed so far.
    pub(crate) parsed: usize,
}

/// One file: what a `stat` told of it, what is in it, and what that means.
#[derive(Clone, Debug)]
struct Parsed {
    stamp: Stamp,
    content: Arc<[u8]>,
    meaning: Arc<Meaning>,
}

#[derive(Debug)]
struct Meaning {
    documents: Vec<Arc<Document>>,
    problems: Vec<Problem>,
    notes: Vec<Note>,
}

impl Loader {
    pub(crate) fn new(root: PathBuf, namespace: Arc<str>) -> Self {
        Self {
            root,
            namespace,
            files: Vec::new(),
            parsed: 0,
        }
    }

    /// Looks at the files again, reads those that `read` says, and parses those whose content has
    /// changed. `false`: nothing has.
    ///
    /// # Errors
    /// When the source itself cannot be read.
    pub(crate) fn refresh(&mut self, read: Read) -> Result<bool, LoadError> {
        let found = stamps(&self.root, YAML).map_err(|e| unreadable(&self.root, &e))?;
        let mut files = Vec::with_capacity(found.len());
        let mut changed = found.len() != self.files.len();
        // Both are in the order of paths.
        let mut before = self.files.iter().peekable();
        for (path, stamp) in found {
            while before.next_if(|(known, _)| *known < path).is_some() {}
            let known = before.next_if(|(known, _)| *known == path);
            let known = known.map(|(_, parsed)| parsed);
            if read == Read::Changed
                && let Some(known) = known.filter(|known| known.stamp == stamp)
            {
                files.push((path, known.clone()));
                continue;
            }
            // The stamp is older than the content, never younger: what is written in between is
            // found again by the next look.
            let content = match read_file(&path) {
                Ok(content) => content,
                // Gone since it was listed, or a link to nothing: as if it had not been there. A
                // source that is one file is missed instead.
                Err(e) if e.kind() == io::ErrorKind::NotFound && path != self.root => {
                    changed |= known.is_some();
                    continue;
                }
                Err(e) => return Err(unreadable(&path, &e)),
            };
            let meaning = match known {
                Some(known) if *known.content == *content => known.meaning.clone(),
                _ => {
                    changed = true;
                    self.parsed += 1;
                    Arc::new(parse(&path, &content, &self.namespace))
                }
            };
            let parsed = Parsed {
                stamp,
                content: content.into(),
                meaning,
            };
            files.push((path, parsed));
        }
        self.files = files;
        Ok(changed)
    }

    /// The documents of the last refresh, in the order of paths.
    ///
    /// # Errors
    /// When any file has a problem: all problems of all files.
    pub(crate) fn documents(&self) -> Result<Documents, LoadError> {
        let files = || self.files.iter().map(|(_, parsed)| &parsed.meaning);
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

pub(crate) fn unreadable(path: &Path, error: &io::Error) -> LoadError {
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

/// A file's content, at most a byte more than [`MAX_FILE`].
pub(crate) fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    use io::Read;
    let mut content = Vec::new();
    // The limit holds for what is read, whatever the size was a moment ago.
    fs::File::open(path)?
        .take(MAX_FILE + 1)
        .read_to_end(&mut content)?;
    Ok(content)
}

fn parse(path: &Path, content: &[u8], namespace: &str) -> Meaning {
    let at = whole_file(path);
    let mut documents = Vec::new();
    let reader = Reader::new(at.file.clone());
    if content.len() as u64 > MAX_FILE {
        reader.problem(0, "", format!("is larger than {MAX_FILE} bytes"));
    } else {
        match std::str::from_utf8(content) {
            Ok(text) => documents = parse_text(&reader, text, namespace),
            Err(e) => {
                let before = &content[..e.valid_up_to()];
                let line = 1 + before.iter().filter(|b| **b == b'\n').count();
                reader.problem(u32::try_from(line).unwrap_or(u32::MAX), "", "is not UTF-8");
            }
        }
    }
    Meaning {
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
