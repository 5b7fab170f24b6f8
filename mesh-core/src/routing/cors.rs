//! The CORS filter: what browsers are told about who may read a response.

use http::{
    HeaderMap, HeaderName, HeaderValue, Method,
    header::{
        ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS,
        ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS,
        ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD,
        ORIGIN,
    },
};

use super::RequestHead;
use crate::policy::{Cors, Name};

const REQUEST_PRIVATE_NETWORK: HeaderName =
    HeaderName::from_static("access-control-request-private-network");
const ALLOW_PRIVATE_NETWORK: HeaderName =
    HeaderName::from_static("access-control-allow-private-network");

/// What the CORS filter makes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CorsDecision {
    /// Nothing.
    Pass,
    /// A preflight: 200 with these headers, without asking the upstream.
    Preflight(HeaderMap),
    /// The request goes on, and its response gets these headers.
    Respond(HeaderMap),
}

/// Decides by the policies of all levels, the most specific first, as Envoy's `CorsFilter` does;
/// `draw` is the request's one random value.
pub fn cors<P: AsRef<Cors>>(policies: &[P], head: &RequestHead<'_>, draw: u64) -> CorsDecision {
    let Some(first) = policies.first().map(AsRef::as_ref) else {
        return CorsDecision::Pass;
    };
    // Only looking at the origin (`shadow_enabled`) changes nothing.
    if !first.filter_enabled.is_none_or(|f| f.contains(draw)) {
        return CorsDecision::Pass;
    }
    let origin = head.headers.get(ORIGIN).filter(|o| !o.is_empty());
    let Some(origin) = origin else {
        return CorsDecision::Pass;
    };
    let policies = Policies(policies);
    let allowed = policies.allow(origin.as_bytes());
    let value = |name: &HeaderName| head.headers.get(name).filter(|v| !v.is_empty());
    let asked = value(&ACCESS_CONTROL_REQUEST_METHOD);
    let (&Method::OPTIONS, Some(method)) = (head.method, asked) else {
        return match allowed {
            true => CorsDecision::Respond(policies.response(origin)),
            false => CorsDecision::Pass,
        };
    };
    let forward = policies.one(|p| p.forward_not_matching_preflights);
    if !allowed && forward.unwrap_or(true) {
        return CorsDecision::Pass;
    }
    let mut headers = HeaderMap::new();
    if allowed {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    }
    if policies.allow_credentials() {
        headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, TRUE);
    }
    policies.answer(
        &mut headers,
        ACCESS_CONTROL_ALLOW_METHODS,
        |p| &p.allow_methods,
        Some(method),
    );
    policies.answer(
        &mut headers,
        ACCESS_CONTROL_ALLOW_HEADERS,
        |p| &p.allow_headers,
        Some(value(&ACCESS_CONTROL_REQUEST_HEADERS).unwrap_or(&EMPTY)),
    );
    policies.answer(&mut headers, ACCESS_CONTROL_MAX_AGE, |p| &p.max_age, None);
    let private = policies.one(|p| p.allow_private_network_access);
    if private == Some(true)
        && value(&REQUEST_PRIVATE_NETWORK).is_some_and(|v| v.as_bytes() == b"true")
    {
        headers.insert(ALLOW_PRIVATE_NETWORK, TRUE);
    }
    if allowed {
        // What a response is told, its own preflight's is too.
        respond(&mut headers, &policies.response(origin));
    }
    CorsDecision::Preflight(headers)
}

static EMPTY: HeaderValue = HeaderValue::from_static("");
const TRUE: HeaderValue = HeaderValue::from_static("true");

/// Puts what the filter says into a response, over what the upstream said.
pub fn respond(headers: &mut HeaderMap, cors: &HeaderMap) {
    for (name, value) in cors {
        // A map that holds 32,768 headers takes no more.
        let _ = headers.try_insert(name, value.clone());
    }
}

struct Policies<'a, P>(&'a [P]);

impl<P: AsRef<Cors>> Policies<'_, P> {
    /// What the most specific level that says anything says.
    fn one<T>(&self, field: impl Fn(&Cors) -> Option<T>) -> Option<T> {
        self.0.iter().find_map(|policy| field(policy.as_ref()))
    }

    fn allow(&self, origin: &[u8]) -> bool {
        let lists = self.0.iter().map(|policy| &policy.as_ref().allow_origin);
        let list = lists.into_iter().find(|list| !list.is_empty());
        list.is_some_and(|list| {
            list.iter()
                .any(|matcher| matcher.is_match(b"*") || matcher.is_match(origin))
        })
    }

    fn allow_credentials(&self) -> bool {
        self.one(|p| p.allow_credentials) == Some(true)
    }

    fn response(&self, origin: &HeaderValue) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        if self.allow_credentials() {
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, TRUE);
        }
        self.answer(
            &mut headers,
            ACCESS_CONTROL_EXPOSE_HEADERS,
            |p| &p.expose_headers,
            None,
        );
        headers
    }

    /// The configured text, or for `*` what was asked for.
    fn answer(
        &self,
        headers: &mut HeaderMap,
        name: HeaderName,
        field: impl Fn(&Cors) -> &Option<Name>,
        asked: Option<&HeaderValue>,
    ) {
        let mut texts = self.0.iter().map(|p| field(p.as_ref()).as_deref());
        let text = texts.find_map(|text| text.filter(|t| !t.is_empty()));
        let value = match (text, asked) {
            (None, _) => return,
            (Some("*"), Some(asked)) => Ok(asked.clone()),
            (Some(text), _) => HeaderValue::from_str(text),
        };
        // What is no header value is refused where it is configured.
        if let Ok(value) = value {
            headers.insert(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::policy::{FractionalPercent, StringMatcher};

    fn policy(origin: &str) -> Cors {
        Cors {
            allow_origin: vec![StringMatcher::exact(origin)],
            allow_methods: Some("GET".into()),
            ..Cors::default()
        }
    }

    fn ask(policies: &[Cors], method: Method, lines: &[(&'static str, &str)]) -> CorsDecision {
        let headers = lines
            .iter()
            .map(|(n, v)| (HeaderName::from_static(n), v.parse().unwrap()))
            .collect();
        let head = RequestHead {
            method: &method,
            scheme: "http",
            authority: "h",
            path: "/",
            headers: &headers,
            source: "",
        };
        let policies: Vec<_> = policies.iter().cloned().map(Arc::new).collect();
        cors(&policies, &head, 7)
    }

    const PREFLIGHT: [(&str, &str); 3] = [
        ("origin", "http://a"),
        ("access-control-request-method", "PUT"),
        ("access-control-request-headers", "x-a,x-b"),
    ];

    fn preflight(policies: &[Cors]) -> Option<HeaderMap> {
        match ask(policies, Method::OPTIONS, &PREFLIGHT) {
            CorsDecision::Preflight(headers) => Some(headers),
            _ => None,
        }
    }

    #[test]
    fn a_preflight_is_answered_without_the_upstream() {
        let answer = preflight(&[policy("http://a")]).unwrap();
        assert_eq!(answer["access-control-allow-origin"], "http://a");
        assert_eq!(answer["access-control-allow-methods"], "GET");
        assert!(!answer.contains_key("access-control-allow-headers"));
        let mut all = policy("*");
        all.allow_methods = Some("*".into());
        all.allow_headers = Some("*".into());
        all.max_age = Some("60".into());
        all.allow_credentials = Some(true);
        let answer = preflight(&[all]).unwrap();
        assert_eq!(answer["access-control-allow-origin"], "http://a");
        assert_eq!(answer["access-control-allow-methods"], "PUT");
        assert_eq!(answer["access-control-allow-headers"], "x-a,x-b");
        assert_eq!(answer["access-control-max-age"], "60");
        assert_eq!(answer["access-control-allow-credentials"], "true");
    }

    #[test]
    fn another_origins_preflight_goes_upstream_unless_told_otherwise() {
        let mut other = policy("http://b");
        assert_eq!(preflight(&[other.clone()]), None);
        other.forward_not_matching_preflights = Some(false);
        let answer = preflight(&[other]).unwrap();
        assert!(!answer.contains_key("access-control-allow-origin"));
    }

    #[test]
    fn a_simple_requests_response_is_marked() {
        let mut p = policy("http://a");
        p.expose_headers = Some("x-e".into());
        let simple = [("origin", "http://a")];
        let CorsDecision::Respond(headers) = ask(&[p.clone()], Method::GET, &simple) else {
            panic!("not marked");
        };
        assert_eq!(headers["access-control-expose-headers"], "x-e");
        assert_eq!(ask(&[p.clone()], Method::GET, &[]), CorsDecision::Pass);
        // OPTIONS that asks for no method is no preflight.
        let asked = ask(&[p.clone()], Method::OPTIONS, &simple);
        assert!(matches!(asked, CorsDecision::Respond(_)));
        p.filter_enabled = Some(FractionalPercent::per_hundred(0));
        assert_eq!(ask(&[p], Method::GET, &simple), CorsDecision::Pass);
    }

    #[test]
    fn what_the_route_leaves_open_its_host_decides() {
        let mut route = policy("http://a");
        route.allow_methods = None;
        let mut host = policy("http://b");
        host.allow_credentials = Some(true);
        let answer = preflight(&[route, host]).unwrap();
        assert_eq!(answer["access-control-allow-methods"], "GET");
        assert_eq!(answer["access-control-allow-credentials"], "true");
    }
}
