//! Envoy's files on disk, read again when they change.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::Reading;
use crate::{
    LoadError, Loaded, Registry,
    file::{
        load::{self, MAX_FILE, Read},
        stamps::{Stamps, stamps},
        translate::Translated,
    },
    follow::Follow,
};

/// How the names of Envoy's files end.
const EXTENSIONS: &[&str] = &["yaml", "yml", "json"];

/// The file at `path`, or all below it, and what was in them.
pub(super) struct EnvoyFiles {
    path: PathBuf,
    /// In the order of paths.
    contents: Vec<(PathBuf, Vec<u8>)>,
    /// Envoy's clusters name their endpoints themselves: nothing is ever registered.
    registry: Registry,
}

impl EnvoyFiles {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            contents: Vec::new(),
            registry: Registry::new(),
        }
    }

    pub(super) fn load(mut self) -> Result<Loaded, LoadError> {
        self.refresh(Read::All)?;
        self.meaning()
    }

    fn meaning(&self) -> Result<Loaded, LoadError> {
        let mut reading = Reading::default();
        for (path, content) in &self.contents {
            if content.len() as u64 > MAX_FILE {
                let why = format!("is larger than {MAX_FILE} bytes");
                return Err(load::rejected(path, &why));
            }
            match std::str::from_utf8(content) {
                Ok(text) => reading.text(&path.to_string_lossy(), text),
                Err(_) => return Err(load::rejected(path, "is not UTF-8")),
            }
        }
        reading.finish()
    }
}

impl Follow for EnvoyFiles {
    fn path(&self) -> &Path {
        &self.path
    }

    fn registry(&self) -> &Registry {
        &self.registry
    }

    fn stamps(&self) -> io::Result<Stamps> {
        stamps(&self.path, EXTENSIONS)
    }

    /// Reads all, whatever `read` says: one change means that all are translated again.
    fn refresh(&mut self, _: Read) -> Result<bool, LoadError> {
        let files = self
            .stamps()
            .map_err(|e| load::unreadable(&self.path, &e))?;
        let mut contents = Vec::with_capacity(files.len());
        for (path, _) in files {
            match load::read_file(&path) {
                Ok(content) => contents.push((path, content)),
                // Gone since it was listed.
                Err(e) if e.kind() == io::ErrorKind::NotFound && path != self.path => {}
                Err(e) => return Err(load::unreadable(&path, &e)),
            }
        }
        let changed = contents != self.contents;
        self.contents = contents;
        Ok(changed)
    }

    fn translate(&self) -> Result<Translated, LoadError> {
        let loaded = self.meaning()?;
        Ok(Translated {
            config: loaded.config,
            notes: loaded.notes,
            routes: loaded.routes,
            registered: self.registry.services(),
            groups: Vec::new(),
        })
    }
}
