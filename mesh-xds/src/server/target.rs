//! The listener and routes that a client asks for by `host:port`, as gRPC does (A27): of the listener of
//! that port, the virtual host that serves that host.

use mesh_core::{
    Snapshot,
    policy::{HttpConnectionManager, Name, NetworkFilter, RouteConfiguration},
    routing::Dialled,
};

/// The port of a target that has none.
const DEFAULT_PORT: u16 = 80;

/// What a target leads to.
#[derive(Debug)]
pub(crate) struct Target {
    /// Its routes are those of the target's name.
    pub(crate) manager: HttpConnectionManager,
    /// With one virtual host.
    pub(crate) routes: RouteConfiguration,
}

/// `None`: nothing serves requests for it.
pub(crate) fn find(snapshot: &Snapshot, name: &Name) -> Option<Target> {
    let (host, port) = match name.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() => (host, port.parse().ok()?),
        _ => (&**name, DEFAULT_PORT),
    };
    // Connections to a host of its own are no requests.
    if let Some((listener, _)) = snapshot.listener(host, port)
        && !listener
            .chains()
            .any(|c| matches!(c.filter, NetworkFilter::Http(_)))
    {
        return None;
    }
    let (_, router) = snapshot.outbound(Dialled { host, port })?;
    let config = router.config();
    let mut manager = router.manager().clone();
    manager.route_config = name.clone();
    let mut host_of = config
        .virtual_hosts
        .get(router.virtual_host(name)?)?
        .clone();
    // gRPC compares with the target as it is, port included.
    host_of.domains = vec![name.clone()];
    if host != &**name {
        host_of.domains.push(host.into());
    }
    let mut routes = RouteConfiguration::clone(config);
    routes.name = name.clone();
    routes.virtual_hosts = vec![host_of];
    routes.ignore_port_in_host_matching = false;
    Some(Target { manager, routes })
}
