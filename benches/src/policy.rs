//! The policy that the mesh runs under in every benchmark: virtual hosts, routes with exact and
//! prefix paths, a header match that is tried and fails, and a 90/10 split over two clusters.

use http::{HeaderName, Uri};
use mesh_core::{
    Config,
    policy::{
        Address, Cluster, Endpoint, ForwardAction, HeaderMatcher, HttpProtocol, OutlierDetection,
        PathMatcher, RetryOn, RetryPolicy, Route, RouteAction, RouteConfiguration, RouteMatch,
        Timeouts, VirtualHost,
    },
};
use std::{net::SocketAddr, time::Duration};

use crate::Result;

/// The header that the first route of every virtual host asks for.
pub const USER: HeaderName = HeaderName::from_static("end-user");

/// How large the policy is, and what is switched on.
#[derive(Clone, Debug)]
pub struct Scale {
    /// Routes of the virtual host that is called; at least 2.
    pub routes: usize,
    /// Virtual hosts; the last one is called.
    pub hosts: usize,
    /// Endpoints, half of them in each cluster.
    pub endpoints: Vec<SocketAddr>,
    /// Arms two retries.
    pub retries: bool,
    /// Sets a timeout for the whole exchange.
    pub timeout: Option<Duration>,
    /// What the clusters speak.
    pub protocol: HttpProtocol,
}

impl Default for Scale {
    fn default() -> Self {
        Self {
            routes: 10,
            hosts: 10,
            endpoints: addresses(10),
            retries: false,
            timeout: None,
            protocol: HttpProtocol::Http1,
        }
    }
}

/// Addresses that nothing listens on.
pub fn addresses(count: usize) -> Vec<SocketAddr> {
    (0..count)
        .map(|i| SocketAddr::from(([10, 0, (i >> 8) as u8, i as u8], 80 + (i >> 16) as u16)))
        .collect()
}

impl Scale {
    /// The policy.
    ///
    /// # Errors
    /// When the model refuses it.
    pub fn config(&self) -> Result<Config> {
        let hosts = (0..self.hosts)
            .map(|i| {
                let routes = if i + 1 == self.hosts { self.routes } else { 2 };
                Ok(VirtualHost::new([host(i)], self.host_routes(routes)?))
            })
            .collect::<Result<_>>()?;
        // The cluster that gets 90 % has the larger half.
        let (v1, v2) = self.endpoints.split_at(self.endpoints.len().div_ceil(2));
        Ok(Config::default()
            .routing(RouteConfiguration::new("outbound", hosts))
            .cluster(self.cluster("v1"), endpoints(v1))
            .cluster(self.cluster("v2"), endpoints(v2)))
    }

    /// A URI for the last virtual host and its last route: what a search from the front finds last.
    pub fn last(&self) -> Uri {
        uri(self.hosts - 1, "/reviews/1")
    }

    /// A URI for every virtual host if there are many, else for every route, in no simple order:
    /// what it costs when no policy is in the processor's caches.
    pub fn spread(&self) -> Vec<Uri> {
        // A prime larger than either count, so that the walk visits all.
        const STRIDE: usize = 7919;
        if self.hosts > self.routes {
            (0..self.hosts)
                .map(|i| uri(i * STRIDE % self.hosts, "/reviews/1"))
                .collect()
        } else {
            let paths = self.routes.saturating_sub(2).max(1);
            (0..paths)
                .map(|i| uri(self.hosts - 1, &format!("{}1", path(i * STRIDE % paths))))
                .collect()
        }
    }

    /// `count` routes: the last but one has the header match, the last takes what is left.
    fn host_routes(&self, count: usize) -> Result<Vec<Route>> {
        let mut routes = Vec::with_capacity(count);
        for i in 0..count.saturating_sub(2) {
            let path = path(i);
            let path = if path.ends_with('/') {
                PathMatcher::Prefix(path.into())
            } else {
                PathMatcher::Exact(format!("{path}1").into())
            };
            routes.push(self.split(RouteMatch::new(path))?);
        }
        let jason = HeaderMatcher::exact(USER, "jason");
        routes.push(Route::to_cluster(
            RouteMatch::any().with_header(jason),
            "v2",
        ));
        routes.push(self.split(RouteMatch::any())?);
        Ok(routes)
    }

    fn split(&self, matches: RouteMatch) -> Result<Route> {
        let mut route = Route::split(matches, [("v1", 90), ("v2", 10)])?;
        if let RouteAction::Forward(action) = &mut route.action {
            self.limit(action);
        }
        Ok(route)
    }

    fn limit(&self, action: &mut ForwardAction) {
        action.timeouts = Timeouts {
            timeout: self.timeout,
            ..Timeouts::default()
        };
        action.retry_policy = self.retries.then(|| {
            RetryPolicy::new(RetryOn::SERVER_ERROR.or(RetryOn::CONNECT_FAILURE), 2).into()
        });
    }

    fn cluster(&self, name: &str) -> Cluster {
        Cluster::new(name)
            .with_outlier_detection(OutlierDetection::default())
            .with_protocol(self.protocol)
    }
}

fn endpoints(addresses: &[SocketAddr]) -> impl Iterator<Item = Endpoint> {
    addresses.iter().map(|a| Endpoint::new(Address::from(*a)))
}

fn host(i: usize) -> String {
    format!("svc-{i}.example.com")
}

/// The path of route `i`, exact ones and prefixes in turn.
fn path(i: usize) -> String {
    format!(
        "/api/{i}{}",
        if i.is_multiple_of(2) { "/" } else { "/list" }
    )
}

fn uri(i: usize, path: &str) -> Uri {
    Uri::builder()
        .scheme("http")
        .authority(host(i))
        .path_and_query(path)
        .build()
        .expect("a name and a path made of letters, digits and dashes")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn spread_visits_everything() {
        let many_hosts = Scale {
            hosts: 1000,
            ..Scale::default()
        };
        let uris: HashSet<_> = many_hosts.spread().into_iter().collect();
        assert_eq!(uris.len(), 1000);
        let many_routes = Scale {
            routes: 1000,
            ..Scale::default()
        };
        let uris: HashSet<_> = many_routes.spread().into_iter().collect();
        assert_eq!(uris.len(), 998);
    }

    #[test]
    fn the_policy_is_as_large_as_asked() {
        let scale = Scale {
            routes: 100,
            hosts: 20,
            endpoints: addresses(7),
            ..Scale::default()
        };
        let config = scale.config().unwrap();
        let hosts = &config.routes[0].virtual_hosts;
        assert_eq!(hosts.len(), 20);
        assert_eq!(hosts[19].routes.len(), 100);
        assert_eq!(config.assignments["v1"].len(), 4);
        assert_eq!(config.assignments["v2"].len(), 3);
        let distinct: HashSet<_> = addresses(10_000).into_iter().collect();
        assert_eq!(distinct.len(), 10_000);
    }
}
