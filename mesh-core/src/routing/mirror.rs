//! Which copies of a request are sent, and what differs in them.

use super::rewrite::split_port;
use crate::policy::{ForwardAction, MirrorCluster, RequestMirror, RouteConfiguration, VirtualHost};

use super::RequestHead;

/// The mirrors of a route: its own, else its virtual host's, else the configuration's.
#[inline]
pub fn mirrors<'a>(
    config: &'a RouteConfiguration,
    virtual_host: &'a VirtualHost,
    action: &'a ForwardAction,
) -> &'a [RequestMirror] {
    if !action.mirrors.is_empty() {
        &action.mirrors
    } else if !virtual_host.mirrors.is_empty() {
        &virtual_host.mirrors
    } else {
        &config.mirrors
    }
}

/// The cluster that gets a copy of this request; `None` when the draw, which is the request's one,
/// spares it, or when the header that should name the cluster is absent.
pub fn mirror_cluster<'a>(
    mirror: &'a RequestMirror,
    head: &RequestHead<'a>,
    draw: u64,
) -> Option<&'a str> {
    if !mirror.fraction.contains(draw) {
        return None;
    }
    match &mirror.cluster {
        MirrorCluster::Cluster(name) => Some(name),
        MirrorCluster::ClusterHeader(header) => std::str::from_utf8(head.header(header)?).ok(),
    }
}

/// The host of a copy: `-shadow` before the port.
pub fn shadow_host(authority: &str) -> String {
    let (host, port) = split_port(authority);
    format!("{host}-shadow{port}")
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, Method};

    use super::*;
    use crate::policy::{ClusterSpecifier, FractionalPercent};

    /// Observed on Envoy 1.40.
    #[test]
    fn the_suffix_stands_before_the_port() {
        for (host, shadow) in [
            ("h.com", "h.com-shadow"),
            ("abc.com:81", "abc.com-shadow:81"),
            ("[::1]:81", "[::1]-shadow:81"),
            ("[::1]", "[::1]-shadow"),
        ] {
            assert_eq!(shadow_host(host), shadow);
        }
    }

    #[test]
    fn the_most_specific_list_replaces_the_others() {
        let mut config = RouteConfiguration::new("rc", Vec::new());
        let mut host = VirtualHost::new(["*"], Vec::new());
        let mut action = ForwardAction::to(ClusterSpecifier::Cluster("a".into()));
        assert!(mirrors(&config, &host, &action).is_empty());
        config.mirrors = vec![RequestMirror::to("config")];
        assert_eq!(mirrors(&config, &host, &action), config.mirrors);
        host.mirrors = vec![RequestMirror::to("host")];
        assert_eq!(mirrors(&config, &host, &action), host.mirrors);
        action.mirrors = vec![RequestMirror::to("route")];
        assert_eq!(mirrors(&config, &host, &action), action.mirrors);
    }

    #[test]
    fn fraction_and_header_decide() {
        let mut headers = HeaderMap::new();
        let ask = |mirror: &RequestMirror, headers: &HeaderMap, draw| {
            let head = RequestHead {
                method: &Method::GET,
                scheme: "http",
                authority: "h",
                path: "/",
                headers,
                source: "",
            };
            mirror_cluster(mirror, &head, draw).map(str::to_owned)
        };
        let mut mirror = RequestMirror::to("b");
        mirror.fraction = FractionalPercent::per_hundred(30);
        assert_eq!(ask(&mirror, &headers, 129).as_deref(), Some("b"));
        assert_eq!(ask(&mirror, &headers, 130), None);
        mirror.cluster = MirrorCluster::ClusterHeader("x-c".parse().unwrap());
        assert_eq!(ask(&mirror, &headers, 0), None);
        headers.insert("x-c", HeaderValue::from_static("c"));
        assert_eq!(ask(&mirror, &headers, 0).as_deref(), Some("c"));
    }
}
