//! Rewrites and redirects; each `Location` below is what Envoy 1.40 answered.

use mesh_core::{
    policy::{
        PathMatcher, PathRewrite, Redirect, RedirectPath, Regex, TlsRequirement, VirtualHost,
    },
    routing::{redirect_location, rewrite_path, tls_redirect},
};

use crate::request::Request;

fn prefix(path: &str) -> PathMatcher {
    PathMatcher::Prefix(path.into())
}

fn regex(pattern: &str) -> Regex {
    Regex::try_new(pattern).unwrap()
}

#[test]
fn the_matched_part_is_replaced_and_the_query_kept() {
    let rewrite = |matcher: &PathMatcher, to: &str, path| {
        rewrite_path(matcher, &PathRewrite::Prefix(to.into()), path)
    };
    let old = prefix("/old");
    assert_eq!(rewrite(&old, "/new", "/old/x?q=1").unwrap(), "/new/x?q=1");
    assert_eq!(
        rewrite(&old, "/new", "/OLD").unwrap(),
        "/new",
        "case-insensitive match"
    );
    assert_eq!(rewrite(&prefix("/rw"), "/", "/rw/a").unwrap(), "//a");
    let separated = PathMatcher::SeparatedPrefix("/old".into());
    assert_eq!(rewrite(&separated, "/new", "/old/x").unwrap(), "/new/x");
    for whole in [
        PathMatcher::Exact("/old".into()),
        PathMatcher::Regex(regex("/o.*")),
    ] {
        assert_eq!(rewrite(&whole, "/new", "/old?q=1").unwrap(), "/new?q=1");
    }
    assert_eq!(rewrite(&old, "", "/old/x"), None, "empty is unset");
    assert_eq!(rewrite(&old, "/new", "/"), None, "not what was matched");
}

#[test]
fn a_regex_rewrite_replaces_every_match_before_the_query() {
    let rewrite = |pattern, substitution: &str, path| {
        let rewrite = PathRewrite::Regex {
            pattern: regex(pattern),
            substitution: substitution.into(),
        };
        rewrite_path(&prefix("/"), &rewrite, path).unwrap()
    };
    assert_eq!(rewrite("l(.)", r"<\1\0>", "/ol/ol?ol=1"), "/o</l/>ol?ol=1");
    assert_eq!(rewrite("x*", "-", "/axb?q"), "-/-a-b-?q");
    assert_eq!(rewrite("z", "-", "/a#f"), "/a#f");
}

#[test]
fn location_keeps_or_drops_the_port() {
    let https = Redirect {
        scheme: Some("https".into()),
        ..Redirect::default()
    };
    let port = |port| Redirect {
        port: Some(port),
        ..Redirect::default()
    };
    let host = Redirect {
        host: Some("o.com".into()),
        ..Redirect::default()
    };
    let both = |port| Redirect {
        port: Some(port),
        ..https.clone()
    };
    let with_port = Redirect {
        port: Some(90),
        ..host.clone()
    };
    let strip = Redirect {
        strip_port: true,
        ..https.clone()
    };
    for (redirect, authority, expected) in [
        (&https, "h", "https://h/p?q=1"),
        (&https, "h:80", "https://h/p?q=1"),
        (&https, "h:8080", "https://h:8080/p?q=1"),
        (&https, "h:443", "https://h:443/p?q=1"),
        (&https, "[::1]:80", "https://[::1]/p?q=1"),
        (&https, "[::1]", "https://[::1]/p?q=1"),
        (&both(443), "h:8080", "https://h:443/p?q=1"),
        (&both(8443), "h:80", "https://h:8443/p?q=1"),
        (&port(80), "h:99", "http://h:80/p?q=1"),
        (&port(443), "h", "http://h:443/p?q=1"),
        (&host, "h:99", "http://o.com/p?q=1"),
        (&with_port, "h:1", "http://o.com:90/p?q=1"),
        (&strip, "h:8080", "https://h/p?q=1"),
        (&strip, "[::1]:8080", "https://[::1]/p?q=1"),
        (&Redirect::default(), "h:80", "http://h:80/p?q=1"),
        (&Redirect::default(), "h", "http://h/p?q=1"),
    ] {
        let request = Request::get("/p?q=1").to(authority);
        let location = redirect_location(redirect, &prefix("/"), &request.head());
        assert_eq!(location, expected);
    }
}

#[test]
fn the_old_scheme_is_that_of_x_forwarded_proto() {
    let location = |redirect: &Redirect, authority, proto| {
        let request = Request::get("/")
            .to(authority)
            .with("x-forwarded-proto", proto);
        redirect_location(redirect, &prefix("/"), &request.head())
    };
    let https = Redirect {
        scheme: Some("https".into()),
        ..Redirect::default()
    };
    assert_eq!(location(&https, "h:80", "https"), "https://h:80/");
    assert_eq!(location(&https, "h:443", "https"), "https://h:443/");
    assert_eq!(
        location(&Redirect::default(), "h:80", "https"),
        "https://h:80/"
    );
    assert_eq!(
        location(&Redirect::default(), "h:80", "ftp"),
        "http://h:80/"
    );
}

#[test]
fn location_paths() {
    let path = |to: &str, strip_query| Redirect {
        path: Some(RedirectPath::Path(to.into())),
        strip_query,
        ..Redirect::default()
    };
    let replace = |to: &str, strip_query| Redirect {
        path: Some(RedirectPath::Prefix(to.into())),
        strip_query,
        ..Redirect::default()
    };
    let strip = Redirect {
        strip_query: true,
        ..Redirect::default()
    };
    let pattern = Redirect {
        path: Some(RedirectPath::Regex {
            pattern: regex("l(.)"),
            substitution: r"\1l".into(),
        }),
        ..Redirect::default()
    };
    for (redirect, expected) in [
        (path("/n", false), "/n?q=1"),
        (path("/n", true), "/n"),
        (path("n", false), "/n?q=1"),
        (path("/n?z=1", false), "/n?z=1"),
        (path("/n?z=1", true), "/n?z=1"),
        (replace("/new", false), "/new/x?q=1"),
        (replace("/new", true), "/new/x"),
        (replace("/new?x=1", false), "/new?x=1/x?q=1"),
        (replace("/new?x=1", true), "/new"),
        (replace("", false), "/old/x?q=1"),
        (replace("new", false), "/new/x?q=1"),
        (strip, "/old/x"),
        (pattern, "/odl/x?q=1"),
    ] {
        let request = Request::get("/old/x?q=1").to("h");
        let location = redirect_location(&redirect, &prefix("/old"), &request.head());
        assert_eq!(location, format!("http://h{expected}"), "{redirect:?}");
    }
}

#[test]
fn a_virtual_host_may_demand_tls() {
    let mut host = VirtualHost::new(["*"], Vec::new());
    let mut request = Request::get("/a?b").to("h:80");
    assert_eq!(tls_redirect(&host, &request.head()), None);
    host.require_tls = TlsRequirement::All;
    assert_eq!(
        tls_redirect(&host, &request.head()).unwrap(),
        "https://h:80/a?b"
    );
    request.scheme = "https";
    assert_eq!(tls_redirect(&host, &request.head()), None);
}
