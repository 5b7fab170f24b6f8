//! The protocol against clients that are simulated.

mod deltas;
mod random;
mod whole;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use mesh_core::{
    Config, Mesh,
    policy::{
        Address, Cluster, Endpoint, Listener, Name, Route, RouteConfiguration, RouteMatch,
        VirtualHost,
    },
};

use super::{Body, Request, Response, Session, Verdict};
use crate::{
    client::{Kind, Protocol},
    server::{view::Dialect, world::World},
};

/// A session, and the mesh whose configuration it serves.
struct Bed {
    mesh: Mesh,
    world: Option<Arc<World>>,
    session: Session,
    now: Instant,
}

/// A mesh that sends everything on port 80 to `routed`, has these clusters, and an endpoint at this
/// port in each.
fn config(routed: &str, clusters: &[&str], port: u16) -> Config {
    let route = Route::to_cluster(RouteMatch::any(), routed);
    let routes = RouteConfiguration::new("80", vec![VirtualHost::new(["*"], vec![route])]);
    let mut config = Config::default().listener(Listener::outbound(Some(80), "80"));
    config.routes.push(Arc::new(routes));
    for name in clusters {
        let address: Address = format!("127.0.0.1:{port}").parse().unwrap();
        config = config.cluster(Cluster::new(*name), [Endpoint::new(address)]);
    }
    config
}

impl Bed {
    fn new(protocol: Protocol) -> Self {
        Self {
            mesh: Mesh::new(),
            world: None,
            session: Session::new(protocol),
            now: tokio::time::Instant::now().into_std(),
        }
    }

    /// Another configuration comes into force.
    fn publish(&mut self, config: Config) {
        self.mesh.publish(config).unwrap();
        let world = World::of(self.mesh.load(), Dialect::Mesh, self.world.as_deref());
        self.world = Some(Arc::new(world));
        self.session.set_world(self.world.clone().unwrap());
    }

    fn sotw(&mut self, kind: Kind, nonce: &str, names: &[&str]) -> Option<Verdict> {
        self.ask(kind, nonce, None, sotw(names))
    }

    fn delta(&mut self, kind: Kind, subscribe: &[&str], unsubscribe: &[&str]) {
        let verdict = self.ask(kind, "", None, delta(subscribe, unsubscribe));
        assert_eq!(verdict, None);
    }

    fn ask(&mut self, kind: Kind, nonce: &str, error: Option<&str>, body: Body) -> Option<Verdict> {
        let request = Request {
            type_url: kind.type_url(),
            nonce: nonce.to_owned(),
            error: error.map(str::to_owned),
            body,
        };
        self.session.request(request).unwrap()
    }

    /// The next response.
    fn next(&mut self) -> Option<Seen> {
        self.session.next(self.now).map(Seen::of)
    }

    /// The next response, which is of this type, accepted at once with the same names.
    #[track_caller]
    fn accept(&mut self, kind: Kind, names: &[&str]) -> Seen {
        let seen = self.next().expect("a response is due");
        assert_eq!(seen.kind, kind);
        let body = match self.session.protocol {
            Protocol::Sotw => sotw(names),
            Protocol::Delta => delta(&[], &[]),
        };
        let verdict = self.ask(kind, &seen.nonce, None, body);
        assert!(matches!(verdict, Some(Verdict::Accepted { .. })));
        seen
    }
}

fn texts(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

fn sotw(names: &[&str]) -> Body {
    Body::Sotw {
        names: texts(names),
    }
}

fn delta(subscribe: &[&str], unsubscribe: &[&str]) -> Body {
    Body::Delta {
        subscribe: texts(subscribe),
        unsubscribe: texts(unsubscribe),
        versions: Default::default(),
    }
}

/// A response in short.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    kind: Kind,
    version: String,
    nonce: String,
    names: Vec<String>,
    versions: Vec<(String, String)>,
    removed: Vec<Name>,
}

impl Seen {
    fn of(response: Response) -> Self {
        let resources = response.resources.iter();
        Self {
            kind: Kind::from_type_url(&response.type_url).unwrap(),
            version: response.version,
            nonce: response.nonce,
            names: resources
                .clone()
                .map(|(name, _)| name.to_string())
                .collect(),
            versions: resources
                .map(|(name, r)| (name.to_string(), r.version.to_string()))
                .collect(),
            removed: response.removed,
        }
    }
}

const LONG: Duration = Duration::from_secs(6);
