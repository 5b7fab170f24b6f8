//! What a mismatch says.

use http::HeaderValue;
use mesh_core::policy::{
    CookieMatcher, FractionalPercent, HeaderMatch, PathMatcher, QueryMatch, QueryParameterMatcher,
    RouteMatch, StringMatcher,
};

use crate::{
    make::{exact, header, inverted, missing_as_empty, path, why, with},
    request::Request,
};

#[test]
fn a_mismatch_reads_as_a_sentence() {
    let bob = Request::get("/a?k=2")
        .with("end-user", "bob")
        .with("cookie", "c=9");
    let two = bob.clone().with("end-user", "eve");
    let jason = exact("end-user", "jason");
    let table = [
        (
            with(&jason),
            &bob,
            r#"header end-user: "bob" is not exactly "jason""#,
        ),
        (
            with(&jason),
            &two,
            r#"header end-user: none of "bob", "eve" is exactly "jason""#,
        ),
        (with(&exact("x", "1")), &bob, "header x: missing"),
        (
            with(&inverted(exact("end-user", "bob"))),
            &bob,
            r#"header end-user: "bob" is exactly "bob" (inverted)"#,
        ),
        (
            with(&missing_as_empty(exact("x", "1"))),
            &bob,
            r#"header x: missing, which counts as "", which is not exactly "1""#,
        ),
        (
            with(&header("end-user", HeaderMatch::Range { start: 1, end: 5 })),
            &bob,
            r#"header end-user: "bob" is not an integer in 1..5"#,
        ),
        (
            with(&header("end-user", HeaderMatch::Present(false))),
            &bob,
            "header end-user: present",
        ),
        (
            path(PathMatcher::SeparatedPrefix("/b".into())),
            &bob,
            "path: /a is not, and not below, /b",
        ),
    ];
    for (route, request, expected) in table {
        assert_eq!(why(&route, request), expected);
    }
    let mut route = RouteMatch::any();
    route.runtime_fraction = Some(FractionalPercent::per_hundred(5));
    assert_eq!(
        why(&route, &bob),
        "runtime fraction: the draw 7 is outside 5%"
    );
    route.runtime_fraction = None;
    route.query_parameters.push(QueryParameterMatcher {
        name: "k".into(),
        kind: QueryMatch::String(StringMatcher::prefix("1").ignoring_case()),
    });
    let expected = r#"query parameter k: "2" does not begin with "1" (ignoring case)"#;
    assert_eq!(why(&route, &bob), expected);
    route.query_parameters.clear();
    route.cookies.push(CookieMatcher {
        name: "c".into(),
        value: StringMatcher::exact("8"),
        invert_match: false,
    });
    assert_eq!(why(&route, &bob), r#"cookie c: "9" is not exactly "8""#);
}

#[test]
fn a_sensitive_value_is_not_shown() {
    let mut request = Request::get("/");
    let mut secret = HeaderValue::from_static("hunter2");
    secret.set_sensitive(true);
    request.headers.insert("authorization", secret);
    let sentence = why(&with(&exact("authorization", "x")), &request);
    assert_eq!(
        sentence,
        r#"header authorization: (sensitive) is not exactly "x""#
    );
}
