//! Our names and numbers are Envoy's: resources that we make bytes of are read by a real Envoy, which
//! shows them as JSON; and of that JSON we make the same bytes.

use std::{env, fs};

use mesh_conformance::{Result, envoy::Envoy};
use mesh_xds::{
    EnvoySource,
    pb::{
        discovery::DiscoveryResponse,
        http_connection_manager::{HttpConnectionManager, http_connection_manager::RouteSpecifier},
        listener::{Listener, filter::ConfigType},
        protobuf::Any,
        route::RouteConfiguration,
    },
};
use prost::{Message, Name};
use serde_json::{Value, json};

/// Every message that static resources lead to, with every field that is read.
const SEED: &str = include_str!("../../mesh-xds/src/resource/tests/seeds/static.yaml");

const ROUTES: &str = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration";
const LISTENER: &str = "type.googleapis.com/envoy.config.listener.v3.Listener";
const CLUSTER: &str = "type.googleapis.com/envoy.config.cluster.v3.Cluster";

/// The connection manager of the seed's listener.
fn manager(listener: &Any) -> Result<HttpConnectionManager> {
    let listener = Listener::decode(&*listener.value)?;
    let filter = listener.filter_chains[0].filters[0].config_type.as_ref();
    let Some(ConfigType::TypedConfig(any)) = filter else {
        return Err("no connection manager".into());
    };
    Ok(HttpConnectionManager::decode(&*any.value)?)
}

fn response(type_url: &str, resources: Vec<Any>) -> Vec<u8> {
    DiscoveryResponse {
        version_info: "1".to_owned(),
        type_url: type_url.to_owned(),
        resources,
        ..DiscoveryResponse::default()
    }
    .encode_to_vec()
}

/// Resources of Envoy's dump, as we read them.
fn read_back(dump: &Value, list: &str, name: &str) -> Result<Vec<Any>> {
    let configs = dump["configs"].as_array().into_iter().flatten();
    let lists = configs
        .filter_map(|config| config[list].as_array())
        .flatten();
    let resources: Vec<_> = lists.map(|entry| entry[name].clone()).collect();
    let text = json!({ "resources": resources }).to_string();
    Ok(EnvoySource::encode("dump.json", &text)?)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn envoy_reads_our_bytes() -> Result {
    let resources = EnvoySource::encode("static.yaml", SEED)?;
    let (clusters, listeners): (Vec<_>, Vec<_>) = resources
        .into_iter()
        .partition(|any| any.type_url == CLUSTER);
    let Some(RouteSpecifier::RouteConfig(routes)) = manager(&listeners[0])?.route_specifier else {
        return Err("no routes".into());
    };
    let routes = Any {
        type_url: ROUTES.to_owned(),
        value: routes.encode_to_vec(),
    };
    assert_eq!(
        ROUTES.rsplit_once('/').map(|(_, n)| n),
        Some(&*RouteConfiguration::full_name())
    );

    let directory = env::temp_dir().join(format!("mesh-bytes-{}", std::process::id()));
    fs::create_dir_all(&directory)?;
    let file = |name: &str| directory.join(name).to_string_lossy().into_owned();
    fs::write(file("clusters.pb"), response(CLUSTER, clusters.clone()))?;
    fs::write(file("routes.pb"), response(ROUTES, vec![routes.clone()]))?;
    fs::write(
        file("listeners.pb"),
        response(LISTENER, vec![listeners[1].clone()]),
    )?;
    let source = |name| json!({"path_config_source": {"path": file(name)}});
    let extension = |name: &str, kind: &str| {
        let url = format!("type.googleapis.com/envoy.extensions.filters.http.{name}.v3.{kind}");
        json!({"name": format!("envoy.filters.http.{name}"), "typed_config": {"@type": url}})
    };
    let envoy = Envoy::run(json!({
        "node": {"id": "bytes", "cluster": "bytes"},
        "dynamic_resources": {
            "cds_config": source("clusters.pb"),
            "lds_config": source("listeners.pb"),
        },
        "static_resources": {"listeners": [{
            "name": "out",
            "address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}},
            "filter_chains": [{"filters": [{
                "name": "envoy.filters.network.http_connection_manager",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
                    "stat_prefix": "out",
                    "rds": {"route_config_name": "routes", "config_source": source("routes.pb")},
                    "http_filters": [
                        extension("fault", "HTTPFault"),
                        extension("cors", "Cors"),
                        extension("header_mutation", "HeaderMutation"),
                        extension("router", "Router"),
                    ],
                },
            }]}],
        }]},
    }))
    .await?;
    let dump = envoy.config_dump().await?;
    assert_eq!(
        read_back(&dump, "dynamic_route_configs", "route_config")?,
        [routes]
    );
    let mut back = read_back(&dump, "dynamic_active_clusters", "cluster")?;
    let mut sent = clusters;
    let by_bytes = |any: &Any| any.value.clone();
    back.sort_by_key(by_bytes);
    sent.sort_by_key(by_bytes);
    assert_eq!(back, sent);
    let configs = dump["configs"].as_array().into_iter().flatten();
    let mut dynamic = configs.filter_map(|config| config["dynamic_listeners"].as_array());
    let dynamic = dynamic.next().ok_or("no listeners")?;
    // Without a `stat_prefix`, which we do not read, Envoy does not use it; it shows what it has read.
    let read = &dynamic[0]["error_state"]["failed_configuration"];
    let shown = json!({"resources": [read]});
    let back = EnvoySource::encode("dump.json", &shown.to_string())?;
    assert_eq!(back, listeners[1..]);
    fs::remove_dir_all(&directory)?;
    Ok(())
}
