//! Route configurations.

use mesh_core::policy::{
    Cors, FilterOverride, FractionalPercent, HeaderMutation, Name, Route, RouteConfiguration,
    RouteMatch, StringMatcher, TlsRequirement, VirtualHost,
};

use super::Draws;

/// A route configuration that Envoy accepts.
pub fn route_configuration(draws: &Draws) -> RouteConfiguration {
    let mut seen = Vec::new();
    let mut hosts = Vec::new();
    for _ in 0..draws.pick(&[1, 2, 3, 4]) {
        let mut domains = draws.several(&[1, 2, 3], Draws::domain);
        domains.retain(|domain| {
            let new = !seen.contains(&domain.to_ascii_lowercase());
            seen.push(domain.to_ascii_lowercase());
            new
        });
        if domains.is_empty() {
            continue;
        }
        let mut routes = draws.several(&[1, 2, 4, 6, 8], |d| {
            let mut route = Route::new(d.route_match(), d.action());
            route.name = d.pick(&["", "r1", "r2"]).into();
            route.headers = d.level(3);
            route.filters = d.cors(4);
            route
        });
        if draws.one_in(2) {
            routes.push(Route::new(RouteMatch::any(), draws.action()));
        }
        let mut host = VirtualHost::new(domains, routes);
        host.headers = draws.level(4);
        host.filters = draws.cors(8);
        host.include_request_attempt_count = draws.one_in(4);
        if draws.one_in(24) {
            host.require_tls = TlsRequirement::All;
        }
        hosts.push(host);
    }
    let mut config = RouteConfiguration::new("rc", hosts);
    config.ignore_port_in_host_matching = draws.one_in(2);
    config.headers = draws.level(4);
    config.most_specific_header_mutations_wins = draws.one_in(2);
    config
}

impl Draws {
    fn level(&self, one_in: usize) -> HeaderMutation {
        match self.one_in(one_in) {
            true => self.mutation(),
            false => HeaderMutation::default(),
        }
    }

    /// One in so many levels has a CORS policy.
    fn cors(&self, one_in: usize) -> Vec<FilterOverride> {
        if !self.one_in(one_in) {
            return Vec::new();
        }
        let text = |options: &[&'static str]| {
            let text = self.pick(options);
            (text != "-").then(|| Name::from(text))
        };
        let flag = || self.pick(&[None, None, Some(true), Some(false)]);
        let share = || {
            let all = self.pick(&[None, None, None, Some(0), Some(100)]);
            all.map(FractionalPercent::per_hundred)
        };
        let cors = Cors {
            allow_origin: self.several(&[0, 1, 1, 2], |d| {
                d.pick(&[
                    StringMatcher::exact("http://a.com"),
                    StringMatcher::exact("*"),
                    StringMatcher::prefix("http://b"),
                ])
            }),
            allow_methods: text(&["-", "GET,PUT", "*"]),
            allow_headers: text(&["-", "x-a", "*"]),
            expose_headers: text(&["-", "x-r"]),
            max_age: text(&["-", "60"]),
            allow_credentials: flag(),
            allow_private_network_access: flag(),
            forward_not_matching_preflights: flag(),
            filter_enabled: share(),
            shadow_enabled: share(),
        };
        vec![cors.into()]
    }

    fn domain(&self) -> Name {
        let host = self.host();
        match self.below(16) {
            0 | 1 => "*".into(),
            2..=4 => format!("*.{host}").into(),
            5 => format!("*{host}").into(),
            6..=8 => format!("{host}.*").into(),
            9 => format!("{host}:*").into(),
            10 => format!("{host}:80").into(),
            11 => self.pick(&["[::1]", "[::1]:80", "[::1]:*"]).into(),
            12 => host.to_ascii_uppercase().into(),
            _ => host.into(),
        }
    }
}
