//! `RouteMatch`, condition by condition. What is said of Envoy was observed on 1.40.

use http::Method;
use mesh_core::{
    policy::{
        CookieMatcher, FractionalPercent, HeaderMatch, HeaderMatcher, HeaderMatcherName,
        PathMatcher, QueryMatch, QueryParameterMatcher, Regex, RouteMatch, StringMatch,
        StringMatcher,
    },
    routing::matches,
};

use crate::{
    make::{exact, header, inverted, missing_as_empty, path, why, with},
    request::Request,
};

fn holds(route_match: &RouteMatch, request: &Request) -> bool {
    matches(route_match, &request.head(), 0).is_ok()
}

#[test]
fn paths_are_compared_without_query_and_fragment() {
    let cases = [
        (PathMatcher::Prefix("/api".into()), "/api", true),
        (PathMatcher::Prefix("/api".into()), "/apis?x", true),
        (PathMatcher::Prefix("/api".into()), "/Api", false),
        (PathMatcher::Prefix("/q?x".into()), "/q?x", false),
        (PathMatcher::Exact("/api".into()), "/api?x=1", true),
        (PathMatcher::Exact("/api".into()), "/api#f", true),
        (PathMatcher::Exact("/api".into()), "/api/", false),
        (
            PathMatcher::SeparatedPrefix("/api/dev".into()),
            "/api/dev",
            true,
        ),
        (
            PathMatcher::SeparatedPrefix("/api/dev".into()),
            "/api/dev/",
            true,
        ),
        (
            PathMatcher::SeparatedPrefix("/api/dev".into()),
            "/api/dev?x",
            true,
        ),
        (
            PathMatcher::SeparatedPrefix("/api/dev".into()),
            "/api/developer",
            false,
        ),
        (
            PathMatcher::Regex(Regex::try_new("/a.*").unwrap()),
            "/ab?c",
            true,
        ),
        (
            PathMatcher::Regex(Regex::try_new("/a").unwrap()),
            "/ab",
            false,
        ),
        (
            PathMatcher::Regex(Regex::try_new("/a").unwrap()),
            "/a?b",
            true,
        ),
    ];
    for (matcher, request, expected) in cases {
        let found = holds(&path(matcher.clone()), &Request::get(request));
        assert_eq!(found, expected, "{matcher:?} on {request}");
    }
}

#[test]
fn case_insensitive_paths_fold_ascii_except_in_a_regex() {
    let fold = |matcher| RouteMatch {
        case_sensitive: false,
        ..path(matcher)
    };
    let separated = fold(PathMatcher::SeparatedPrefix("/Api".into()));
    assert!(holds(&separated, &Request::get("/API/x")));
    assert!(!holds(&separated, &Request::get("/apis")));
    assert!(holds(
        &fold(PathMatcher::Exact("/Api".into())),
        &Request::get("/aPI")
    ));
    assert!(holds(
        &fold(PathMatcher::Prefix("/Api".into())),
        &Request::get("/apis")
    ));
    let regex = fold(PathMatcher::Regex(Regex::try_new("/a").unwrap()));
    assert!(!holds(&regex, &Request::get("/A")));
}

#[test]
fn a_request_without_a_path_matches_no_path_not_even_the_empty_prefix() {
    let mut connect = Request::get("");
    connect.method = Method::CONNECT;
    let any = path(PathMatcher::Prefix("".into()));
    assert_eq!(why(&any, &connect), "path: the request has none");
    assert!(holds(&any, &Request::get("/")));
}

#[test]
fn an_inverted_value_matcher_fails_on_a_missing_header() {
    let matcher = inverted(exact("x", "1"));
    assert!(!holds(&with(&matcher), &Request::get("/")));
    assert!(!holds(&with(&matcher), &Request::get("/").with("x", "1")));
    assert!(holds(&with(&matcher), &Request::get("/").with("x", "2")));
}

#[test]
fn a_missing_header_that_counts_as_empty_is_compared_and_inverted() {
    let empty = missing_as_empty(exact("x", ""));
    assert!(holds(&with(&empty), &Request::get("/")));
    assert!(!holds(&with(&inverted(empty)), &Request::get("/")));
    assert!(!holds(
        &with(&missing_as_empty(exact("x", "1"))),
        &Request::get("/")
    ));
    let range = missing_as_empty(header("x", HeaderMatch::Range { start: -5, end: 5 }));
    assert!(!holds(&with(&range), &Request::get("/")));
    assert!(holds(&with(&inverted(range)), &Request::get("/")));
}

#[test]
fn presence() {
    let absent = Request::get("/");
    let present = Request::get("/").with("x", "");
    let table = [
        // (present_match, invert, missing as empty): absent, present
        ((true, false, false), false, true),
        ((true, true, false), true, false),
        ((false, false, false), true, false),
        ((false, true, false), false, true),
        ((true, false, true), true, true),
        ((true, true, true), false, false),
        ((false, false, true), false, false),
        ((false, true, true), true, true),
    ];
    for ((wanted, invert, empty), on_absent, on_present) in table {
        let mut matcher = header("x", HeaderMatch::Present(wanted));
        matcher.invert_match = invert;
        matcher.treat_missing_header_as_empty = empty;
        assert_eq!(holds(&with(&matcher), &absent), on_absent, "{matcher:?}");
        assert_eq!(holds(&with(&matcher), &present), on_present, "{matcher:?}");
    }
}

#[test]
fn any_of_several_lines_matches_and_inversion_negates_that() {
    let two = Request::get("/").with("x", "1").with("x", "2");
    let joined = Request::get("/").with("x", "1,2");
    assert!(holds(&with(&exact("x", "2")), &two));
    assert!(!holds(&with(&exact("x", "1,2")), &two));
    assert!(holds(&with(&exact("x", "1,2")), &joined));
    assert!(!holds(&with(&inverted(exact("x", "2"))), &two));
    assert!(holds(&with(&inverted(exact("x", "3"))), &two));
    let range = header("x", HeaderMatch::Range { start: 2, end: 3 });
    assert!(holds(&with(&range), &two));
}

#[test]
fn a_range_is_half_open_and_reads_the_whole_value() {
    let range = with(&header("x", HeaderMatch::Range { start: -5, end: 5 }));
    for value in ["1", "+1", "-5", "01", "-0"] {
        assert!(
            holds(&range, &Request::get("/").with("x", value)),
            "{value}"
        );
    }
    for value in [
        "5",
        "0x1",
        "1.0",
        "",
        "--1",
        "1_0",
        "\u{a0}1",
        "99999999999999999999",
    ] {
        assert!(
            !holds(&range, &Request::get("/").with("x", value)),
            "{value}"
        );
    }
}

#[test]
fn strings() {
    let request = Request::get("/").with("x", "One-Two");
    let table = [
        (StringMatch::Exact("One-Two".into()), "ONE-TWO"),
        (StringMatch::Prefix("One".into()), "oNE"),
        (StringMatch::Suffix("Two".into()), "tWO"),
        (StringMatch::Contains("e-T".into()), "E-t"),
    ];
    for (same, other) in table {
        let kind = |text: &str| match &same {
            StringMatch::Exact(_) => StringMatch::Exact(text.into()),
            StringMatch::Prefix(_) => StringMatch::Prefix(text.into()),
            StringMatch::Suffix(_) => StringMatch::Suffix(text.into()),
            _ => StringMatch::Contains(text.into()),
        };
        let test = |matcher| holds(&with(&header("x", HeaderMatch::String(matcher))), &request);
        assert!(test(StringMatcher::new(same.clone())), "{same:?}");
        assert!(!test(StringMatcher::new(kind(other))), "{other}");
        assert!(
            test(StringMatcher::new(kind(other)).ignoring_case()),
            "{other}"
        );
        assert!(!test(
            StringMatcher::new(kind("One-Two-Three")).ignoring_case()
        ));
    }
    let empty = StringMatcher::new(StringMatch::Contains("".into()));
    assert!(empty.is_match(b"") && empty.is_match(b"x"));
    let regex = StringMatcher::regex(Regex::try_new("one.*").unwrap()).ignoring_case();
    assert!(!regex.is_match(b"One"), "a regex never folds");
}

#[test]
fn header_values_are_bytes() {
    let request = Request::get("/").with("user-agent", b"Mozilla \xe9 Safari/605");
    let safari = StringMatcher::regex(Regex::try_new(".*Safari.*").unwrap());
    assert!(holds(
        &with(&header("user-agent", HeaderMatch::String(safari))),
        &request
    ));
}

#[test]
fn pseudo_headers_and_host() {
    let mut request = Request::get("/a?b").to("Foo.com:80");
    request.method = Method::POST;
    for (name, same, other) in [
        (HeaderMatcherName::Method, "POST", "post"),
        (HeaderMatcherName::Authority, "Foo.com:80", "foo.com:80"),
        (
            HeaderMatcherName::Header(http::header::HOST),
            "Foo.com:80",
            "Foo.com",
        ),
        (HeaderMatcherName::Path, "/a?b", "/a"),
        (HeaderMatcherName::Scheme, "http", "https"),
    ] {
        let equals = |value: &str| {
            let value = HeaderMatch::String(StringMatcher::exact(value));
            with(&HeaderMatcher::new(name.clone(), value))
        };
        assert!(holds(&equals(same), &request), "{same}");
        assert!(!holds(&equals(other), &request), "{other}");
    }
}

/// Envoy sets `:scheme` from `x-forwarded-proto`.
#[test]
fn a_forwarded_proto_is_the_scheme() {
    let https = HeaderMatcher::new(
        HeaderMatcherName::Scheme,
        HeaderMatch::String(StringMatcher::exact("https")),
    );
    let request = Request::get("/");
    assert!(!holds(&with(&https), &request));
    assert!(holds(
        &with(&https),
        &request.with("x-forwarded-proto", "https")
    ));
}

#[test]
fn query_parameters_are_raw_and_the_first_counts() {
    let query = |kind| RouteMatch {
        query_parameters: vec![QueryParameterMatcher {
            name: "k".into(),
            kind,
        }],
        ..RouteMatch::any()
    };
    let one = query(QueryMatch::String(StringMatcher::exact("1")));
    for (target, expected) in [
        ("/?k=1", true),
        ("/?k=1=1", false),
        ("/?k=1&k=2", true),
        ("/?k=2&k=1", false),
        ("/?k=%31", false),
        ("/?&k=1", true),
        ("/?a=k=1", false),
        ("/?K=1", false),
        ("/", false),
    ] {
        assert_eq!(holds(&one, &Request::get(target)), expected, "{target}");
    }
    let empty = query(QueryMatch::String(StringMatcher::exact("")));
    for (target, expected) in [
        ("/?k", true),
        ("/?k=", true),
        ("/?a&k", true),
        ("/?a?k", false),
    ] {
        assert_eq!(holds(&empty, &Request::get(target)), expected, "{target}");
    }
    let raw = query(QueryMatch::String(StringMatcher::exact("a%20b+c")));
    assert!(holds(&raw, &Request::get("/?k=a%20b+c")));
    for (wanted, target, expected) in [
        (true, "/?k", true),
        (true, "/?j", false),
        (false, "/", true),
        (false, "/?k", false),
    ] {
        let found = holds(&query(QueryMatch::Present(wanted)), &Request::get(target));
        assert_eq!(found, expected, "{wanted} {target}");
    }
}

#[test]
fn cookies_of_all_lines_the_first_of_a_name_without_quotes() {
    let cookie = |invert_match| RouteMatch {
        cookies: vec![CookieMatcher {
            name: "a".into(),
            value: StringMatcher::exact("1"),
            invert_match,
        }],
        ..RouteMatch::any()
    };
    let table: [(&[&str], bool); 18] = [
        (&["a=1"], true),
        (&["a=1;b=2"], true),
        (&["b=1; a=1"], true),
        (&[";;a=1"], true),
        (&["b=1", "a=1"], true),
        (&["a=1; a=2"], true),
        (&["a=2; a=1"], false),
        (&["a=2", "a=1"], false),
        (&["a=\"1\""], true),
        (&["a=\"1"], false),
        (&["a=1\""], false),
        (&["a=1 ; b=1"], false),
        (&["a = 1"], false),
        (&["a= 1"], false),
        (&["A=1"], false),
        (&["a=1=2"], false),
        (&["b=x;\ta=1"], false),
        (&["a"], false),
    ];
    for (lines, expected) in table {
        let request = lines
            .iter()
            .fold(Request::get("/"), |r, line| r.with("cookie", line));
        assert_eq!(holds(&cookie(false), &request), expected, "{lines:?}");
        assert_eq!(holds(&cookie(true), &request), !expected, "{lines:?}");
    }
    assert!(
        holds(&cookie(true), &Request::get("/")),
        "absent and inverted"
    );
}

#[test]
fn grpc_is_told_by_content_type() {
    let grpc = RouteMatch {
        grpc: true,
        ..RouteMatch::any()
    };
    for (value, expected) in [
        ("application/grpc", true),
        ("application/grpc+proto", true),
        ("application/grpc-web", false),
        ("application/grpc;a", false),
        ("text/plain", false),
    ] {
        let request = Request::get("/").with("content-type", value);
        assert_eq!(holds(&grpc, &request), expected, "{value}");
    }
    assert!(!holds(&grpc, &Request::get("/")));
}

#[test]
fn the_runtime_fraction_is_drawn_from_the_request() {
    let route = RouteMatch {
        runtime_fraction: Some(FractionalPercent::per_hundred(30)),
        ..RouteMatch::any()
    };
    let request = Request::get("/");
    for (draw, expected) in [
        (0, true),
        (29, true),
        (30, false),
        (129, true),
        (199, false),
    ] {
        assert_eq!(
            matches(&route, &request.head(), draw).is_ok(),
            expected,
            "{draw}"
        );
    }
}
