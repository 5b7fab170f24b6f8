//! What a route can do besides forwarding, each beside the same request on a route that only forwards.

use std::{future::poll_fn, sync::Arc};

use http::{HeaderName, HeaderValue, Request, StatusCode, Uri};
use http_body_util::BodyExt;
use mesh_core::{
    Mesh,
    policy::{
        Abort, AppendAction, ClusterSpecifier, Cors, DirectResponse, Fault, Formatter,
        ForwardAction, FractionalPercent, HashPolicy, HashPolicyKind, HeaderValueOption,
        HostRewrite, InternalRedirectPolicy, PathRewrite, Redirect, Regex, RequestMirror, Route,
        RouteAction, StringMatcher,
    },
    telemetry::Counters,
};
use mesh_http::{Client, layer::Connector};
use tower::Service;

use crate::{
    Result,
    memory::{AtOnce, Body, request},
    policy::{Scale, USER},
};

/// The client stack over a service that answers at once.
pub type Stack = Client<Connector<AtOnce>>;

/// One of them.
#[derive(Clone, Debug)]
pub struct Action {
    /// What the route does.
    pub name: &'static str,
    /// Allocations that it may add to a request on a route that only forwards; below 0 where it
    /// answers without an upstream.
    pub allocations: f64,
    edit: fn(&mut Route) -> Result,
    /// What the request says for it.
    header: Option<(HeaderName, &'static str)>,
    status: StatusCode,
}

impl Action {
    const fn new(name: &'static str, allocations: f64, edit: fn(&mut Route) -> Result) -> Self {
        Self {
            name,
            allocations,
            edit,
            header: None,
            status: StatusCode::OK,
        }
    }

    fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.header = Some((HeaderName::from_static(name), value));
        self
    }

    /// The same request, but for the name of its header, on a route that only forwards.
    #[must_use]
    pub fn plain(&self) -> Self {
        let mut plain = Self::new("forwarding", 0.0, |_| Ok(()));
        let header = self.header.as_ref();
        plain.header = header.map(|(_, value)| (HeaderName::from_static("x-plain"), *value));
        plain
    }

    /// The stack whose called route does this.
    ///
    /// # Errors
    /// When the policy cannot be published.
    pub fn stack(&self) -> Result<Stack> {
        let mut config = Scale::default().config()?;
        let routes = Arc::make_mut(&mut config.routes[0])
            .virtual_hosts
            .last_mut();
        let route = routes.and_then(|host| host.routes.last_mut());
        (self.edit)(route.ok_or("there is no route")?)?;
        let mesh = Mesh::new();
        mesh.publish(config)?;
        let builder = Client::builder(&mesh).recorder(Counters::new());
        Ok(builder.connector(AtOnce))
    }

    /// Sends `count` requests one after the other, and reads each answer to its end.
    ///
    /// # Errors
    /// The stack's own, and another status than this action's.
    pub async fn drive(&self, stack: &mut Stack, uri: &Uri, count: u32) -> Result {
        for _ in 0..count {
            let mut request = request(uri.clone());
            if let Some((name, value)) = &self.header {
                let value = HeaderValue::from_static(value);
                request.headers_mut().insert(name, value);
            }
            poll_fn(|cx| Service::<Request<Body>>::poll_ready(stack, cx)).await?;
            let response = stack.call(request).await?;
            if response.status() != self.status {
                return Err(format!("{}: {}", self.name, response.status()).into());
            }
            let mut body = response.into_body();
            while let Some(frame) = body.frame().await {
                frame?;
            }
        }
        Ok(())
    }
}

/// All of them.
pub fn all() -> Vec<Action> {
    let mut redirect = Action::new("redirect", 8.0, |route| {
        route.action = RouteAction::Redirect(Box::new(Redirect {
            response_code: Some(StatusCode::FOUND),
            host: Some("other.example.com".into()),
            ..Redirect::default()
        }));
        Ok(())
    });
    redirect.status = StatusCode::FOUND;
    vec![
        Action::new("a request and a response header set", 4.0, |route| {
            set_headers(route, "a literal")
        }),
        Action::new("the same with an operator", 19.0, |route| {
            set_headers(route, "by %REQ(user-agent)%")
        }),
        Action::new("host rewritten", 4.0, |route| {
            forward(route, |action| {
                let host = HeaderValue::from_static("other.example.com");
                action.host_rewrite = Some(HostRewrite::Literal(host));
                Ok(())
            })
        }),
        Action::new("path prefix rewritten", 8.0, |route| {
            forward(route, |action| {
                action.path_rewrite = Some(PathRewrite::Prefix("/new/".into()));
                Ok(())
            })
        }),
        Action::new("path rewritten by a regular expression", 8.0, |route| {
            forward(route, |action| {
                action.path_rewrite = Some(PathRewrite::Regex {
                    pattern: Regex::try_new("^/reviews/([0-9]+)$")?,
                    substitution: r"/r/\1".into(),
                });
                Ok(())
            })
        }),
        Action::new("weighted by a header", 1.0, |route| {
            forward(route, |action| {
                if let ClusterSpecifier::Weighted(weighted) = &mut action.cluster {
                    weighted.header_name = Some(HeaderName::from_static("x-draw"));
                }
                Ok(())
            })
        })
        .header("x-draw", "7"),
        Action::new("hash policy", 1.0, |route| {
            forward(route, |action| {
                action.hash_policy = vec![HashPolicy {
                    kind: HashPolicyKind::Header {
                        name: USER,
                        regex_rewrite: None,
                    },
                    terminal: false,
                }];
                Ok(())
            })
        }),
        Action::new("CORS, a simple request", 8.0, |route| {
            let cors = Cors {
                allow_origin: vec![StringMatcher::exact("https://a.example.com")],
                expose_headers: Some("x-a".into()),
                ..Cors::default()
            };
            route.filters.push(cors.into());
            Ok(())
        })
        .header("origin", "https://a.example.com"),
        Action::new("fault at 0 %", 2.0, |route| {
            let fault = Fault {
                abort: Some(Abort {
                    http_status: StatusCode::SERVICE_UNAVAILABLE,
                    percentage: FractionalPercent::per_hundred(0),
                }),
                ..Fault::default()
            };
            route.filters.push(fault.into());
            Ok(())
        }),
        Action::new("mirror, none drawn", 4.0, |route| {
            forward(route, |action| {
                action.mirrors = vec![RequestMirror {
                    fraction: FractionalPercent::per_million(0),
                    ..RequestMirror::to("v2")
                }];
                Ok(())
            })
        }),
        Action::new("internal redirects allowed", 8.0, |route| {
            forward(route, |action| {
                let policy = InternalRedirectPolicy::default();
                action.internal_redirect = Some(Arc::new(policy));
                Ok(())
            })
        }),
        Action::new("a control header", 8.0, |_| Ok(())).header("x-envoy-max-retries", "1"),
        redirect,
        Action::new("direct response", 6.0, |route| {
            route.action = RouteAction::DirectResponse(DirectResponse {
                status: StatusCode::OK,
                body: "ok".into(),
            });
            Ok(())
        }),
    ]
}

fn forward(route: &mut Route, edit: impl FnOnce(&mut ForwardAction) -> Result) -> Result {
    match &mut route.action {
        RouteAction::Forward(action) => edit(action),
        _ => Err("the route does not forward".into()),
    }
}

fn set_headers(route: &mut Route, value: &str) -> Result {
    let name = HeaderName::from_static("x-set");
    let action = AppendAction::OverwriteIfExistsOrAdd;
    let option = HeaderValueOption::formatted(name, Formatter::try_new(value)?, action);
    route.headers.request_add.push(option.clone());
    route.headers.response_add.push(option);
    Ok(())
}
