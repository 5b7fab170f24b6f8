//! YAML trees: lines, spelling, bounds.

use crate::file::node::*;

fn one(text: &str) -> Node {
    let (mut documents, errors) = parse(text);
    assert_eq!(errors, []);
    assert_eq!(documents.len(), 1);
    documents.remove(0)
}

fn errors(text: &str) -> Vec<String> {
    let (_, errors) = parse(text);
    errors
        .into_iter()
        .map(|e| format!("{}: {}", e.line, e.message))
        .collect()
}

fn get<'a>(node: &'a Node, key: &str) -> &'a Entry {
    let Value::Map(entries) = &node.value else {
        panic!("{node:?} is no mapping");
    };
    entries.iter().find(|e| &*e.key == key).unwrap()
}

#[test]
fn keys_and_values_know_their_lines() {
    let root = one("a: 1\nb:\n  - x\n  - c:\n      d\n");
    assert_eq!((get(&root, "b").line, get(&root, "b").value.line), (2, 3));
    let Value::List(items) = &get(&root, "b").value.value else {
        panic!("no list");
    };
    assert_eq!(get(&items[1], "c").line, 4);
    assert_eq!(get(&items[1], "c").value.line, 5);
}

#[test]
fn scalars_keep_their_spelling_and_kind() {
    let root = one("a: 1.10\nb: \"1\"\nc: on\nd: true\ne: ~\nf: 1e3\ng: !!str 5\nh: 1.2.3\n");
    let kind = |key| match &get(&root, key).value.value {
        Value::Scalar(s) => Some((s.text.to_string(), s.kind)),
        _ => None,
    };
    let is = |text: &str, kind| Some((text.to_owned(), kind));
    assert_eq!(kind("a"), is("1.10", ScalarKind::Number));
    assert_eq!(kind("b"), is("1", ScalarKind::Text));
    assert_eq!(kind("c"), is("on", ScalarKind::Text));
    assert_eq!(kind("d"), is("true", ScalarKind::Bool));
    assert_eq!(kind("e"), None);
    assert_eq!(kind("f"), is("1e3", ScalarKind::Number));
    assert_eq!(kind("g"), is("5", ScalarKind::Text));
    assert_eq!(kind("h"), is("1.2.3", ScalarKind::Text));
}

#[test]
fn a_duplicate_key_names_both_lines() {
    assert_eq!(
        errors("a: 1\nb: 2\na: 3\n"),
        ["3: duplicate key `a`, first on line 1"]
    );
}

#[test]
fn a_broken_document_leaves_its_neighbours() {
    let (documents, errors) = parse("a: 1\n---\nb: [1, 2\n---\nc: 3\n");
    assert_eq!(documents.len(), 2);
    assert_eq!(errors.len(), 1);
    assert!(errors[0].line >= 3, "{errors:?}");
}

#[test]
fn aliases_and_merge_keys_expand() {
    let root = one("base: &b {x: 1, y: 2}\nuse:\n  <<: *b\n  y: 3\nlist: [*b]\n");
    let used = &get(&root, "use").value;
    assert_eq!(get(used, "x").value.line, 1);
    assert!(matches!(&get(used, "y").value.value, Value::Scalar(s) if &*s.text == "3"));
}

#[test]
fn an_alias_bomb_is_refused_at_once() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for i in 1..12 {
        let aliases = vec![format!("*a{}", i - 1); 9].join(", ");
        text.push_str(&format!("a{i}: &a{i} [{aliases}]\n"));
    }
    assert!(errors(&text)[0].contains("aliases stand for more than"));
}

#[test]
fn deep_nesting_is_refused() {
    assert!(!errors(&"[".repeat(10_000)).is_empty());
    assert!(!errors(&"- ".repeat(10_000)).is_empty());
    let mut chain = "a0: &a0 [x]\n".to_owned();
    for i in 1..200 {
        chain.push_str(&format!("a{i}: &a{i} [*a{}]\n", i - 1));
    }
    assert!(errors(&chain)[0].contains("too deeply"));
}

#[test]
fn an_alias_inside_its_own_anchor_is_refused() {
    assert!(errors("a: &a [*a]\n")[0].contains("contains it"));
}

#[test]
fn empty_documents_are_no_documents() {
    assert_eq!(parse("---\n---\n# nothing\n---\n~\n"), (vec![], vec![]));
}
