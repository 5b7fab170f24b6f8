//! The table of all messages and fields, as Rust statics.

use prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorSet,
    field_descriptor_proto::{Label, Type},
};

use crate::{
    Result, WRAPPERS,
    support::{Level, Supports},
};

/// Packages whose messages are never read by the table.
pub(crate) fn is_listed(package: &str) -> bool {
    !package.starts_with("google.") && !package.starts_with("envoy.service.")
}

/// All messages of the listed packages, with full names, by name.
pub(crate) fn messages(set: &FileDescriptorSet) -> Vec<(String, &DescriptorProto)> {
    fn add<'a>(parent: &str, m: &'a DescriptorProto, out: &mut Vec<(String, &'a DescriptorProto)>) {
        if m.options.as_ref().is_some_and(|o| o.map_entry()) {
            return;
        }
        let name = format!("{parent}.{}", m.name());
        m.nested_type.iter().for_each(|n| add(&name, n, out));
        out.push((name, m));
    }
    let mut out = Vec::new();
    for file in set.file.iter().filter(|f| is_listed(f.package())) {
        file.message_type
            .iter()
            .for_each(|m| add(file.package(), m, &mut out));
    }
    out.sort_by(|a, b| a.0.cmp(&b.0));
    out
}

pub(crate) fn table(set: &FileDescriptorSet, supports: &Supports) -> Result<String> {
    let mut out = "// Made by `cargo xtask protos`.\n\nuse super::super::schema::{Enum, Field, Kind, Message, Support};\n\n".to_owned();
    let messages = messages(set);
    out += "pub(crate) static MESSAGES: &[&Message] = &[\n";
    for (name, _) in &messages {
        out += &format!("    &{},\n", constant(name));
    }
    out += "];\n";
    for (name, message) in &messages {
        let mut fields: Vec<_> = message.field.iter().collect();
        fields.sort_by_key(|f| f.number());
        out += &format!(
            "\npub(crate) static {}: Message = Message {{\n    name: {name:?},\n    fields: &[\n",
            constant(name)
        );
        for field in fields {
            let support = match supports.get(&(name.clone(), field.number())) {
                None => "Support::Read".to_owned(),
                Some(support) => format!(
                    "Support::{}({:?})",
                    match support.level {
                        Level::Ignored => "Ignored",
                        Level::Unsupported => "Unsupported",
                        Level::Rejected => "Rejected",
                    },
                    support.why
                ),
            };
            let oneof = field.oneof_index.and_then(|i| usize::try_from(i).ok());
            let oneof = oneof
                .and_then(|i| message.oneof_decl.get(i))
                .map(|o| o.name());
            let entry = map_entry(message, field);
            let kind = match entry {
                Some(entry) => {
                    let value = entry.field.get(1).ok_or("a map without values")?;
                    format!("Kind::Map(&{})", kind(value)?)
                }
                None => kind(field)?,
            };
            out += &format!(
                "        Field {{ number: {}, name: {:?}, kind: {kind}, repeated: {}, oneof: {oneof:?}, support: {support} }},\n",
                field.number(),
                field.name(),
                entry.is_none() && field.label() == Label::Repeated,
            );
        }
        out += "    ],\n};\n";
    }
    for (name, found) in enums(set) {
        out += &format!(
            "\nstatic {}: Enum = Enum {{\n    values: &[\n",
            constant(&name)
        );
        for value in &found.value {
            out += &format!("        ({:?}, {}),\n", value.name(), value.number());
        }
        out += "    ],\n};\n";
    }
    Ok(out)
}

fn map_entry<'a>(
    message: &'a DescriptorProto,
    field: &FieldDescriptorProto,
) -> Option<&'a DescriptorProto> {
    message.nested_type.iter().find(|nested| {
        nested.options.as_ref().is_some_and(|o| o.map_entry())
            && field
                .type_name()
                .ends_with(&format!(".{}.{}", message.name(), nested.name()))
    })
}

fn enums(set: &FileDescriptorSet) -> Vec<(String, &EnumDescriptorProto)> {
    fn add<'a>(
        parent: &str,
        m: &'a DescriptorProto,
        out: &mut Vec<(String, &'a EnumDescriptorProto)>,
    ) {
        let name = format!("{parent}.{}", m.name());
        out.extend(
            m.enum_type
                .iter()
                .map(|e| (format!("{name}.{}", e.name()), e)),
        );
        m.nested_type.iter().for_each(|n| add(&name, n, out));
    }
    let mut out = Vec::new();
    for file in set.file.iter().filter(|f| is_listed(f.package())) {
        let package = file.package();
        out.extend(
            file.enum_type
                .iter()
                .map(|e| (format!("{package}.{}", e.name()), e)),
        );
        file.message_type
            .iter()
            .for_each(|m| add(package, m, &mut out));
    }
    out.sort_by(|a, b| a.0.cmp(&b.0));
    out
}

fn kind(field: &FieldDescriptorProto) -> Result<String> {
    Ok(match field.r#type() {
        Type::Bool => "Kind::Bool".into(),
        Type::Double => "Kind::Double".into(),
        Type::Int32 => "Kind::Int32".into(),
        Type::Int64 => "Kind::Int64".into(),
        Type::Uint32 => "Kind::Uint32".into(),
        Type::Uint64 => "Kind::Uint64".into(),
        Type::String => "Kind::String".into(),
        Type::Bytes => "Kind::Bytes".into(),
        Type::Enum => format!("Kind::Enum(&{})", constant(&field.type_name()[1..])),
        Type::Message => match &field.type_name()[1..] {
            "google.protobuf.Any" => "Kind::Any".into(),
            "google.protobuf.Duration" => "Kind::Duration".into(),
            "google.protobuf.Struct" => "Kind::Struct".into(),
            name => match name.strip_prefix("google.protobuf.") {
                Some(wrapper) if WRAPPERS.iter().any(|(w, _)| *w == wrapper) => {
                    let inner = wrapper.trim_end_matches("Value").replace("UInt", "Uint");
                    format!("Kind::Wrapper(&Kind::{inner})")
                }
                Some(other) => return Err(format!("{other} has no kind").into()),
                None => format!("Kind::Message(&{})", constant(name)),
            },
        },
        other => return Err(format!("{}: {other:?} has no kind", field.name()).into()),
    })
}

/// `envoy.config.core.v3.Node` → `CONFIG_CORE_V3_NODE`.
fn constant(name: &str) -> String {
    let name = name.strip_prefix("envoy.").unwrap_or(name);
    let mut out = String::new();
    let mut lower = false;
    for c in name.chars() {
        if c == '.' {
            out.push('_');
            lower = false;
            continue;
        }
        if c.is_ascii_uppercase() && lower {
            out.push('_');
        }
        lower = c.is_ascii_lowercase() || c.is_ascii_digit();
        out.push(c.to_ascii_uppercase());
    }
    out
}
