//! Directories of YAML that come and go with a test.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

/// A directory of its own that goes when it is dropped.
#[derive(Debug)]
pub struct Dir(PathBuf);

impl Dir {
    /// An empty one.
    ///
    /// # Panics
    /// When it cannot be made.
    #[expect(clippy::new_without_default, reason = "it makes a directory")]
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("mesh-tests-{}-{n}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).expect("a temporary directory");
        Self(path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Puts a file in place as careful editors do: written aside, then renamed over the old one, so
    /// that nobody reads half of it.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn write(&self, name: &str, text: &str) {
        leave(text);
        // Not a YAML file by its name, so that no reader takes it for one.
        let aside = self.0.join(format!("{name}.tmp"));
        fs::write(&aside, text).expect("the file is written");
        fs::rename(aside, self.0.join(name)).expect("the file is put in place");
    }
}

/// Leaves a file's text for the conformance tests, which have a real Envoy read what it means, when
/// `MESH_TEST_DOCUMENTS` names a directory.
fn leave(text: &str) {
    use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
    let Some(dir) = std::env::var_os("MESH_TEST_DOCUMENTS") else {
        return;
    };
    let name = BuildHasherDefault::<DefaultHasher>::new().hash_one(text);
    let path = Path::new(&dir).join(format!("mesh-tests-{name:016x}.yaml"));
    fs::write(path, text).expect("the documents are left");
}

impl Drop for Dir {
    fn drop(&mut self) {
        // A leftover in the temporary directory is no reason to fail.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A document around a spec, whose lines are indented by two. Joins with others to a file.
pub fn document(kind: &str, name: &str, spec: &str) -> String {
    let spec: String = spec.lines().map(|line| format!("  {line}\n")).collect();
    format!(
        "apiVersion: networking.istio.io/v1\nkind: {kind}\nmetadata:\n  name: {name}\nspec:\n\
         {spec}---\n"
    )
}

/// A VirtualService of `host` with these `http` rules (a list, not indented).
pub fn virtual_service(host: &str, http: &str) -> String {
    document(
        "VirtualService",
        "rule",
        &format!("hosts: [{host}]\nhttp:\n{http}"),
    )
}

/// The number of the first line that contains `needle`.
///
/// # Panics
/// When none does.
pub fn line_of(text: &str, needle: &str) -> usize {
    let found = text.lines().position(|line| line.contains(needle));
    found.unwrap_or_else(|| panic!("no `{needle}` in {text}")) + 1
}
