//! `docs/istio-fields.md`, which is made from the schemas. `MESH_WRITE_DOCS=1` writes it anew.

use std::fmt::Write;

use super::*;
use crate::file::{Api, Schema, Support, schemas};

const HEAD: &str = "\
# The fields, one by one

What `mesh_xds::FileSource` does with every field of every message that it reads: Istio's, and where
it is said beside the name those of the Gateway API and of Kubernetes itself. This page is made
from the translator's own tables (`mesh_xds::file::schemas()`), and a test fails when it is not up to
date. Another test feeds every field to the translator and fails when one changes nothing and nothing
is said.

- **enforced**: it does what the API's documentation says. Some values may be refused all the same, by
  file and line: TLS modes other than `DISABLE`, say.
- **refused**: the API knows it, and this version does not enforce it: a load error by file, line and
  field. Its value is validated.
- **ignored**: accepted, and listed as ignored by `mesh check` and in the log, since it means nothing
  to a client inside a process.
- **bookkeeping**: Kubernetes' own; accepted without a word.

A field that is not here is an unknown one: a load error, with a suggestion.
";

fn page() -> String {
    let mut page = HEAD.to_owned();
    for Schema {
        api, name, fields, ..
    } in schemas()
    {
        let whose = match api {
            Api::Istio => String::new(),
            other => format!(" ({other})"),
        };
        let _ = write!(page, "\n## {name}{whose}\n\n| field | |\n|---|---|\n");
        for field in *fields {
            let what = match field.support {
                Support::Enforced => "enforced".to_owned(),
                Support::NotYet => "refused".to_owned(),
                Support::Ignored(why) => format!("ignored: {why}"),
                Support::Irrelevant => "bookkeeping".to_owned(),
            };
            let _ = writeln!(page, "| `{}` | {what} |", field.name);
        }
    }
    page
}

#[test]
fn the_page_of_fields_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/istio-fields.md");
    if std::env::var_os("MESH_WRITE_DOCS").is_some() {
        fs::write(&path, page()).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == page(),
        "docs/istio-fields.md is not what the schemas say: MESH_WRITE_DOCS=1 cargo test -p mesh-xds \
         the_page_of_fields writes it"
    );
}
