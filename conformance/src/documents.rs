//! The YAML of this project: every file, every example in the guides.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

use mesh_core::{Config, policy::Locality};
use mesh_xds::FileSource;

use crate::Result;

/// A set of documents that belong together.
#[derive(Clone, Debug)]
pub struct Set {
    /// Where it is from.
    pub name: String,
    /// A file each.
    pub texts: Vec<String>,
}

impl Set {
    /// Of one file.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            texts: vec![text.into()],
        }
    }

    /// What the documents mean; `None` when they do not load.
    ///
    /// # Errors
    /// When they cannot be written to files.
    pub fn load(&self) -> Result<Option<Config>> {
        static LOADED: AtomicU32 = AtomicU32::new(0);
        let number = LOADED.fetch_add(1, Ordering::Relaxed);
        let dir = env::temp_dir().join(format!("mesh-documents-{}-{number}", std::process::id()));
        fs::create_dir_all(&dir)?;
        for (index, text) in self.texts.iter().enumerate() {
            fs::write(dir.join(format!("{index}.yaml")), text)?;
        }
        let loaded = FileSource::new(&dir)
            .with_labels([("app", "web")].into_iter().collect())
            .with_locality(Locality {
                region: "r1".into(),
                zone: "z1".into(),
                sub_zone: "s1".into(),
            })
            .load();
        fs::remove_dir_all(&dir)?;
        Ok(loaded.ok().map(|loaded| loaded.config))
    }
}

/// Every file by itself, the files of each directory together, and what the guides show.
///
/// # Errors
/// When one cannot be read.
pub fn project() -> Result<Vec<Set>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut paths = Vec::new();
    for dir in [
        "examples",
        "mesh-xds/tests/seeds",
        "mesh-cli/tests/fixtures",
    ] {
        files(&root.join(dir), "yaml", &mut paths)?;
    }
    let mut sets = Vec::new();
    let mut directories: BTreeMap<PathBuf, Vec<String>> = BTreeMap::new();
    for path in paths {
        let text = fs::read_to_string(&path)?;
        let parent = path.parent().unwrap_or(&path).to_path_buf();
        directories.entry(parent).or_default().push(text.clone());
        sets.push(Set::new(path.to_string_lossy(), text));
    }
    sets.extend(directories.into_iter().map(|(path, texts)| Set {
        name: path.to_string_lossy().into_owned(),
        texts,
    }));
    let mut guides = vec![root.join("README.md")];
    files(&root.join("docs"), "md", &mut guides)?;
    for path in guides {
        let text = fs::read_to_string(&path)?;
        let blocks = text.split("```yaml\n").skip(1);
        let blocks = blocks.filter_map(|rest| rest.split("```").next());
        sets.extend(blocks.map(|block| Set::new(path.to_string_lossy(), block)));
    }
    Ok(sets)
}

fn files(dir: &Path, extension: &str, found: &mut Vec<PathBuf>) -> Result {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            files(&path, extension, found)?;
        } else if path.extension().is_some_and(|e| e == extension) {
            found.push(path);
        }
    }
    found.sort();
    Ok(())
}
