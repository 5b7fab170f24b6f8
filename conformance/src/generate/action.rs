//! Route actions and header mutations.

use http::{HeaderName, HeaderValue, StatusCode};
use mesh_core::policy::{
    AppendAction, ClusterNotFoundCode, ClusterSpecifier, DirectResponse, Formatter, ForwardAction,
    HashPolicy, HashPolicyKind, HeaderMutation, HeaderValueOption, HostRewrite, Name, PathRewrite,
    Redirect, RedirectPath, Regex, RouteAction, WeightedCluster, WeightedClusters,
};

use super::{
    Draws,
    matching::{HEADERS, X_A, X_B, X_C},
};

/// The header whose number replaces a weighted draw: Envoy's own draws cannot be chosen.
pub(super) const DRAW: HeaderName = HeaderName::from_static("x-draw");
/// The header that names a cluster.
pub(super) const CLUSTER: HeaderName = HeaderName::from_static("x-cluster");

/// Patterns, and substitutions whose groups they have.
const REWRITES: &[(&str, &str)] = &[
    ("^/a", "/new"),
    ("a", "x"),
    ("/([a-z]+)/([0-9]+)", "/\\2/\\1"),
    ("/([^/]*)", "/\\1\\1"),
    ("^.*$", "/all"),
    ("b*", "y"),
    ("(?i)A", "\\0\\0"),
    ("/$", "/end"),
    ("nothing", "never"),
];

const RESPONSE_HEADERS: [HeaderName; 3] = [
    HeaderName::from_static("x-r"),
    HeaderName::from_static("x-s"),
    HeaderName::from_static("x-t"),
];

impl Draws {
    pub(super) fn action(&self) -> RouteAction {
        match self.below(12) {
            0 | 1 => RouteAction::Redirect(Box::new(self.redirect())),
            2 => RouteAction::DirectResponse(DirectResponse {
                status: self.pick(&[
                    StatusCode::OK,
                    StatusCode::CREATED,
                    StatusCode::NOT_FOUND,
                    StatusCode::BAD_GATEWAY,
                ]),
                body: self.pick(&["", "said", "50% of it\n"]).into(),
            }),
            _ => self.forward().into(),
        }
    }

    fn forward(&self) -> ForwardAction {
        let mut action = ForwardAction::to(match self.below(8) {
            0 => ClusterSpecifier::ClusterHeader(CLUSTER),
            1..=3 => self.weighted(),
            _ => ClusterSpecifier::Cluster(self.cluster()),
        });
        if action.cluster.weighted().is_some_and(|w| w.use_hash_policy) {
            action.hash_policy = self.hash_policies();
        }
        action.cluster_not_found = self.pick(&[
            ClusterNotFoundCode::ServiceUnavailable,
            ClusterNotFoundCode::NotFound,
            ClusterNotFoundCode::InternalServerError,
        ]);
        if self.one_in(3) {
            action.path_rewrite = Some(match self.one_in(2) {
                true => PathRewrite::Prefix(self.pick(&["/", "/x", "/x/", "", "/%20"]).into()),
                false => {
                    let (pattern, substitution) = self.rewrite();
                    PathRewrite::Regex {
                        pattern,
                        substitution,
                    }
                }
            });
        }
        if self.one_in(4) {
            action.append_x_forwarded_host = self.one_in(2);
            action.host_rewrite = Some(match self.below(4) {
                3 => HostRewrite::PathRegex {
                    pattern: self.regex(&["^/([a-z0-9]*).*$"]),
                    substitution: self.pick(&["\\1.com", "p-\\1"]).into(),
                },
                0 => HostRewrite::Literal(HeaderValue::from_static("rewritten.com")),
                1 => HostRewrite::Auto,
                // Not of a header whose lines Envoy makes one of.
                _ => HostRewrite::Header(self.pick(&[X_A, X_B, X_C])),
            });
        }
        action
    }

    fn cluster(&self) -> Name {
        self.pick(&["a", "a", "a", "b", "b", "b", "c", "c", "missing"])
            .into()
    }

    fn weighted(&self) -> ClusterSpecifier {
        let clusters = self.several(&[1, 2, 3], |d| {
            let mut cluster = WeightedCluster::new(d.cluster(), d.pick(&[0, 1, 30, 70, 1000]));
            if d.one_in(3) {
                cluster.headers = d.mutation();
            }
            let host = HeaderValue::from_static("weighted.com");
            cluster.host_rewrite_literal = d.one_in(4).then_some(host);
            cluster
        });
        match WeightedClusters::try_new(clusters) {
            Ok(mut weighted) => {
                weighted.header_name = Some(DRAW);
                // Every request has the header, so that Envoy never draws.
                weighted.use_hash_policy = self.one_in(3);
                if weighted.use_hash_policy {
                    weighted.header_name = None;
                }
                ClusterSpecifier::Weighted(weighted)
            }
            // All weights are 0, which Envoy rejects too.
            Err(_) => ClusterSpecifier::Cluster(self.cluster()),
        }
    }

    fn hash_policies(&self) -> Vec<HashPolicy> {
        let header = |name, regex_rewrite| HashPolicyKind::Header {
            name,
            regex_rewrite,
        };
        let mut policies = self.several(&[0, 1, 2], |d| HashPolicy {
            kind: match d.below(5) {
                0 => header(d.pick(&[X_A, X_B, X_C]), None),
                1 => header(X_A, Some((d.regex(&["^([a-z]).*$"]), "\\1".into()))),
                2 => HashPolicyKind::QueryParameter(d.pick(&["k", "a"]).into()),
                3 => HashPolicyKind::SourceIp,
                _ => HashPolicyKind::Cookie {
                    name: d.pick(&["a", "b"]).into(),
                    ttl: None,
                    path: "".into(),
                    attributes: Vec::new(),
                },
            },
            terminal: d.one_in(3),
        });
        policies.push(HashPolicy {
            kind: header(DRAW, None),
            terminal: false,
        });
        policies
    }

    fn rewrite(&self) -> (Regex, Name) {
        let (pattern, substitution) = self.pick(REWRITES);
        (self.regex(&[pattern]), substitution.into())
    }

    fn redirect(&self) -> Redirect {
        let path = match self.below(5) {
            0 => Some(RedirectPath::Path(
                self.pick(&["/to", "/to?q=1", "/", "to"]).into(),
            )),
            1 => Some(RedirectPath::Prefix(
                self.pick(&["/p", "/", "", "p"]).into(),
            )),
            2 => {
                let (pattern, substitution) = self.rewrite();
                Some(RedirectPath::Regex {
                    pattern,
                    substitution,
                })
            }
            _ => None,
        };
        Redirect {
            scheme: self
                .pick(&[None, None, Some("https"), Some("http")])
                .map(Name::from),
            host: self
                .pick(&[None, None, Some("to.com"), Some("to.com:81")])
                .map(Name::from),
            port: self.pick(&[None, None, Some(80), Some(443), Some(8080)]),
            strip_port: false,
            path,
            response_code: self.pick(&[
                None,
                Some(StatusCode::FOUND),
                Some(StatusCode::SEE_OTHER),
                Some(StatusCode::TEMPORARY_REDIRECT),
                Some(StatusCode::PERMANENT_REDIRECT),
                Some(StatusCode::MOVED_PERMANENTLY),
            ]),
            strip_query: self.one_in(3),
        }
    }

    fn value_of_header(&self) -> Formatter {
        let text = self.pick(&[
            "v1",
            "v2",
            "v3",
            "",
            "50%%",
            "a",
            "v1",
            "v2",
            "%REQ(x-a)%",
            "[%REQ(x-b?x-c):3%]",
            "%REQ(:path)%",
            "%REQ(:authority):4%",
            "%REQ(:method)%-%REQ(:scheme)%",
            "%PROTOCOL%",
            "%ROUTE_NAME%",
            "%UPSTREAM_CLUSTER%",
            "%RESPONSE_FLAGS%",
            "%RESPONSE_CODE%",
            "%RESP(x-r)%",
            "%RESP(x-t?x-s)%%%",
            "%HOSTNAME%",
            "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
        ]);
        Formatter::try_new(text).unwrap_or_else(|e| panic!("{e}"))
    }

    /// The changes of one level.
    pub(super) fn mutation(&self) -> HeaderMutation {
        let option = |d: &Self, names: &[HeaderName]| HeaderValueOption {
            name: d.pick(names),
            value: d.value_of_header(),
            action: d.pick(&[
                AppendAction::AppendIfExistsOrAdd,
                AppendAction::AddIfAbsent,
                AppendAction::OverwriteIfExistsOrAdd,
                AppendAction::OverwriteIfExists,
            ]),
            keep_empty_value: d.one_in(4),
        };
        HeaderMutation {
            request_remove: self.several(&[0, 0, 1], |d| d.pick(&HEADERS)),
            request_add: self.several(&[0, 1, 2, 3], |d| option(d, &HEADERS)),
            response_remove: self.several(&[0, 0, 1], |d| d.pick(&RESPONSE_HEADERS)),
            response_add: self.several(&[0, 1, 2], |d| option(d, &RESPONSE_HEADERS)),
        }
    }
}
