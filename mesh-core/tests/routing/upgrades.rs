//! Rules about upgrades cost the requests that ask for none nothing.

use std::sync::Arc;

use mesh_core::{
    policy::{
        HttpConnectionManager, Route, RouteConfiguration, RouteMatch, UpgradeConfig, VirtualHost,
    },
    routing::Router,
};

#[test]
fn a_list_of_upgrades_leaves_routes_plain() {
    let route = Route::to_cluster(RouteMatch::any(), "c");
    let config = RouteConfiguration::new("all", vec![VirtualHost::new(["*"], vec![route])]);
    let mut manager = HttpConnectionManager::new("all");
    manager.upgrades.push(UpgradeConfig {
        upgrade_type: "websocket".into(),
        enabled: true,
    });
    let router = Router::with_manager(Arc::new(config), &manager).unwrap();
    assert!(router.limits_upgrades());
    assert!(router.is_plain(Some((0, 0))) && router.is_plain(None));
}
