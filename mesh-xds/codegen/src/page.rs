//! `docs/xds-fields.md`: every message and what happens to its fields.

use prost_types::FileDescriptorSet;

use crate::{
    schema::messages,
    support::{Level, Supports},
};

const HEAD: &str = "\
# What is read of xDS

Made by `cargo xtask protos` from `mesh-xds/proto`; a test fails when it is not up to date. It holds for
resources from a control plane and for Envoy's YAML and JSON alike.

- **Read**: honoured, or rejected with its place when the value is one that is not supported.
- **Ignored**: has nothing to say inside a process. Each use is listed, by resource and field.
- **Unsupported**: would change how traffic flows. Listed as ignored when a control plane sends it,
  an error in a file.
- **Rejected**: going on without it would mean something else or be less safe. Such a resource is
  rejected (NACK), by name; its siblings are applied.

Fields that are not here (newer than this table) are listed as ignored, by their numbers.
";

pub(crate) fn page(set: &FileDescriptorSet, supports: &Supports) -> String {
    let mut out = HEAD.to_owned();
    for (name, message) in messages(set) {
        if message.field.is_empty() {
            continue;
        }
        out += &format!("\n## {name}\n\n");
        let of = |field: &prost_types::FieldDescriptorProto| {
            supports.get(&(name.clone(), field.number()))
        };
        let read: Vec<_> = message.field.iter().filter(|f| of(f).is_none()).collect();
        if !read.is_empty() {
            let names: Vec<_> = read.iter().map(|f| format!("`{}`", f.name())).collect();
            out += &format!("Read: {}.\n", names.join(", "));
        }
        if read.len() == message.field.len() {
            continue;
        }
        if !read.is_empty() {
            out.push('\n');
        }
        out += "| field | | why |\n|---|---|---|\n";
        for field in &message.field {
            let Some(support) = of(field) else {
                continue;
            };
            let level = match support.level {
                Level::Ignored => "ignored",
                Level::Unsupported => "unsupported",
                Level::Rejected => "rejected",
            };
            out += &format!("| `{}` | {level} | {} |\n", field.name(), support.why);
        }
    }
    out
}
