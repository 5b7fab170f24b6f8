//! Typed reading and its messages.

use std::time::Duration;

use crate::file::{
    node,
    reader::{Obj, Reader, Val},
    schema::{Schema, enforced, ignored, not_yet},
};

static THING: Schema = Schema::new(
    "Thing",
    &[
        enforced("perTryTimeout"),
        enforced("attempts"),
        enforced("mode"),
        not_yet("mirror"),
        ignored("statPrefix", "no metrics by prefix"),
    ],
);

fn with(text: &str, read: impl FnOnce(Obj<'_>)) -> Vec<String> {
    let (documents, errors) = node::parse(text);
    assert_eq!(errors, []);
    let reader = Reader::new("f.yaml".into());
    if let Some(obj) = Val::root(&reader, &documents[0]).object(&THING) {
        read(obj);
    }
    let problems = reader.problems.take();
    let notes = reader.notes.take();
    problems
        .iter()
        .map(ToString::to_string)
        .chain(notes.iter().map(ToString::to_string))
        .collect()
}

#[test]
fn unknown_unsupported_and_ignored_fields_are_told_apart() {
    let said = with("attemps: 1\nmirror: {}\nstat_prefix: x\nzebra: 1\n", |_| {});
    assert_eq!(
        said,
        [
            "f.yaml:1: attemps: unknown field `attemps`, did you mean `attempts`?",
            "f.yaml:2: mirror: Istio's Thing.mirror is not supported yet, and is refused \
             rather than ignored",
            "f.yaml:4: zebra: unknown field `zebra`",
            "ignored: f.yaml:3: stat_prefix: no metrics by prefix",
        ]
    );
}

#[test]
fn snake_case_is_read_and_both_spellings_clash() {
    let said = with("per_try_timeout: 1.5s\n", |obj| {
        assert_eq!(
            obj.duration("perTryTimeout"),
            Some(Duration::from_millis(1500))
        );
    });
    assert!(said.is_empty(), "{said:?}");
    let said = with("per_try_timeout: 1s\nperTryTimeout: 2s\n", |_| {});
    assert_eq!(
        said,
        ["f.yaml:2: perTryTimeout: `perTryTimeout` is given twice"]
    );
}

#[test]
fn numbers_may_be_quoted_and_enums_numbered() {
    let said = with("attempts: \"3\"\nmode: 1\n", |obj| {
        assert_eq!(obj.uint32("attempts"), Some(3));
        let mode = obj.get("mode").unwrap();
        assert_eq!(mode.choice(&[("OFF", 0, 'a'), ("ON", 1, 'b')]), Some('b'));
    });
    assert!(said.is_empty(), "{said:?}");
    let said = with("attempts: 3.5\nmode: OM\n", |obj| {
        assert_eq!(obj.uint32("attempts"), None);
        let mode = obj.get("mode").unwrap();
        assert_eq!(mode.choice(&[("OFF", 0, 'a'), ("ON", 1, 'b')]), None);
    });
    assert_eq!(
        said,
        [
            "f.yaml:1: attempts: must be a whole number from 0 to 4294967295, is the number 3.5",
            "f.yaml:2: mode: unknown value `OM`, did you mean `ON`?",
        ]
    );
}

#[test]
fn a_read_of_an_undeclared_field_shows() {
    let said = with("attempts: 1\n", |obj| assert!(obj.get("typo").is_none()));
    assert!(said[0].contains("a bug of mesh-xds"), "{said:?}");
}

#[test]
fn null_is_unset() {
    let said = with("attempts: ~\n", |obj| {
        assert!(obj.get("attempts").is_none() && obj.is_empty());
    });
    assert!(said.is_empty());
}
