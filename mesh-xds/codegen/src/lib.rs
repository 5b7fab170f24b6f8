//! From `mesh-xds/proto` to Rust: prost's types, the table of all fields, and the table's page in the
//! documentation.
//!
//! A crate of its own, so that nobody who builds `xtask` or the mesh builds a protobuf compiler.

mod page;
mod schema;
mod support;

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use prost_types::FileDescriptorSet;

/// An error of any kind, for whoever started this.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// The result of anything here.
pub type Result<T = ()> = std::result::Result<T, Error>;

/// What stands for a protobuf wrapper in Rust.
const WRAPPERS: [(&str, &str); 5] = [
    ("BoolValue", "bool"),
    ("UInt32Value", "u32"),
    ("UInt64Value", "u64"),
    ("DoubleValue", "f64"),
    ("StringValue", "::prost::alloc::string::String"),
];

/// Every generated file, by path.
///
/// # Errors
/// When the `.proto` files are wrong.
pub fn generate() -> Result<BTreeMap<PathBuf, String>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()?;
    let protos = root.join("mesh-xds/proto");
    let mut files = Vec::new();
    find(&protos, &mut files)?;
    files.sort();
    let mut compiler = protox::Compiler::new([&protos])?;
    compiler.include_source_info(true).include_imports(true);
    compiler.open_files(&files)?;
    let mut set = compiler.file_descriptor_set();
    let supports = support::read(&set)?;

    let out = root.join("mesh-xds/src/pb/generated");
    let mut generated = BTreeMap::new();
    generated.insert(out.join("schema.rs"), schema::table(&set, &supports)?);
    generated.insert(root.join("docs/xds-fields.md"), page::page(&set, &supports));
    support::strip(&mut set, &supports);
    for (name, text) in types(set)? {
        generated.insert(out.join(name), text);
    }
    Ok(generated)
}

fn find(dir: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            find(&path, files)?;
        } else if path.extension().is_some_and(|e| e == "proto") {
            files.push(path);
        }
    }
    Ok(())
}

/// prost's types, a file for each package, and `mod.rs` that nests them.
fn types(mut set: FileDescriptorSet) -> Result<BTreeMap<String, String>> {
    let mut config = prost_build::Config::new();
    config
        .compile_well_known_types()
        .enable_type_names()
        .btree_map(["."]);
    for (name, rust) in WRAPPERS {
        config.extern_path(format!(".google.protobuf.{name}"), rust);
    }
    for file in set
        .file
        .iter_mut()
        .filter(|f| f.name().ends_with("wrappers.proto"))
    {
        file.message_type
            .retain(|m| WRAPPERS.iter().any(|(name, _)| *name == m.name()));
    }
    let requests = set
        .file
        .into_iter()
        .map(|file| {
            (
                prost_build::Module::from_protobuf_package_name(file.package()),
                file,
            )
        })
        .collect();
    let modules = config.generate(requests)?;
    let mut out = BTreeMap::new();
    let mut tree = Tree::default();
    for (module, text) in modules {
        let name = module.to_file_name_or("_");
        tree.add(module.parts(), &name);
        out.insert(name, text);
    }
    let mut text = "// Made by `cargo xtask protos`.\n\npub(crate) mod schema;\n".to_owned();
    tree.write(&mut text);
    out.insert("mod.rs".to_owned(), text);
    Ok(out)
}

/// Packages as nested modules.
#[derive(Default)]
struct Tree {
    file: Option<String>,
    modules: BTreeMap<String, Tree>,
}

impl Tree {
    fn add<'a>(&mut self, parts: impl Iterator<Item = &'a str>, file: &str) {
        let leaf = parts.fold(self, |tree, part| {
            tree.modules.entry(part.to_owned()).or_default()
        });
        leaf.file = Some(file.to_owned());
    }

    fn write(&self, out: &mut String) {
        if let Some(file) = &self.file {
            *out += &format!("include!(\"{file}\");\n");
        }
        for (name, tree) in &self.modules {
            *out += &format!("pub mod {name} {{\n");
            tree.write(out);
            *out += "}\n";
        }
    }
}
