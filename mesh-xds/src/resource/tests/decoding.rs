//! Bytes as they come from a control plane.

use std::sync::Arc;

use prost::{Message, Name};

use crate::{
    pb::{self, cluster::Cluster, protobuf::Any},
    resource::{Accepted, Rejected, Resource, decode},
};

fn any<M: Message + Name>(pb: &M) -> Any {
    Any {
        type_url: format!("type.googleapis.com/{}", M::full_name()),
        value: pb.encode_to_vec(),
    }
}

fn version() -> Arc<str> {
    "7".into()
}

fn cluster(name: &str, timeout: i64) -> Cluster {
    Cluster {
        name: name.to_owned(),
        connect_timeout: Some(pb::protobuf::Duration {
            seconds: timeout,
            nanos: 0,
        }),
        ..Cluster::default()
    }
}

/// gRFC A46.
#[test]
fn a_bad_resource_is_rejected_by_name_while_its_siblings_apply() {
    let response = [
        any(&cluster("good", 1)),
        any(&cluster("bad", -1)),
        any(&cluster("fine", 2)),
    ];
    let (good, bad): (Vec<_>, Vec<_>) = response
        .iter()
        .map(|any| decode(any, &version()))
        .partition(Result::is_ok);
    let names: Vec<_> = good.iter().flatten().map(|a| &*a.name).collect();
    assert_eq!(names, ["good", "fine"]);
    let bad: Vec<_> = bad
        .into_iter()
        .filter_map(Result::err)
        .map(|r| r.to_string())
        .collect();
    assert_eq!(bad, ["`bad`: connect_timeout: is no duration"]);
}

#[test]
fn routes_that_cannot_be_compiled_are_rejected_by_name() {
    let host = |name: &str| pb::route::VirtualHost {
        name: name.to_owned(),
        domains: vec!["a.example".to_owned()],
        ..Default::default()
    };
    let routes = pb::route::RouteConfiguration {
        name: "80".to_owned(),
        virtual_hosts: vec![host("one"), host("two")],
        ..Default::default()
    };
    let rejected = decode(&any(&routes), &version()).unwrap_err().to_string();
    assert!(rejected.starts_with("`80`: "), "{rejected}");
    assert!(rejected.contains("domain `a.example`"), "{rejected}");
}

#[test]
fn a_resource_knows_where_it_is_from() {
    let Accepted { resource, .. } = decode(&any(&cluster("a", 1)), &version()).unwrap();
    let Resource::Cluster(cluster) = resource else {
        panic!("{resource:?}");
    };
    assert_eq!(cluster.policy.origin.to_string(), "Cluster/a@7");
}

#[test]
fn what_is_unsupported_is_listed_and_what_changes_the_meaning_is_rejected() {
    let mut bytes = cluster("a", 1).encode_to_vec();
    // Cluster.alt_stat_name, health_checks, a field of the future, and one in a nested message.
    prost::encoding::string::encode(28, &"b".to_owned(), &mut bytes);
    prost::encoding::string::encode(8, &String::new(), &mut bytes);
    prost::encoding::string::encode(9999, &"?".to_owned(), &mut bytes);
    let nested = vec![0x0a, 0x02, 0x30, 0x01]; // CircuitBreakers.thresholds[0].track_remaining
    prost::encoding::bytes::encode(10, &nested, &mut bytes);
    let type_url = any(&Cluster::default()).type_url;
    let accepted = decode(
        &Any {
            type_url: type_url.clone(),
            value: bytes.clone(),
        },
        &version(),
    );
    let ignored: Vec<_> = accepted
        .unwrap()
        .ignored
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        ignored,
        [
            "alt_stat_name: statistics",
            "health_checks: is not supported (active health checking)",
            "field 9999 of envoy.config.cluster.v3.Cluster is not known",
            "circuit_breakers.thresholds[0].track_remaining: statistics",
        ]
    );

    prost::encoding::string::encode(43, &String::new(), &mut bytes);
    let value = bytes;
    let Rejected { name, problems } = decode(&Any { type_url, value }, &version()).unwrap_err();
    assert_eq!(&*name, "a");
    assert_eq!(
        problems[0].to_string(),
        "transport_socket_matches: is not supported (TLS is not supported yet)"
    );
}

#[test]
fn what_would_weaken_security_is_rejected() {
    let host = pb::route::VirtualHost {
        name: "h".to_owned(),
        domains: vec!["h".to_owned()],
        require_tls: pb::route::virtual_host::TlsRequirementType::ExternalOnly.into(),
        ..pb::route::VirtualHost::default()
    };
    let error = decode(&any(&host), &version()).unwrap_err();
    let message = "`h`: require_tls: EXTERNAL_ONLY is not supported";
    assert_eq!(error.to_string(), message);
}

/// Envoy takes them; no subset that a route can ask for has them.
#[test]
fn an_endpoints_values_that_are_no_strings_are_listed() {
    use pb::{core, endpoint, protobuf};
    let values = [
        ("count", protobuf::value::Kind::NumberValue(1.0)),
        ("version", protobuf::value::Kind::StringValue("v1".into())),
    ];
    let fields = values.map(|(key, kind)| (key.to_owned(), protobuf::Value { kind: Some(kind) }));
    let metadata = core::Metadata {
        filter_metadata: [(
            "envoy.lb".to_owned(),
            protobuf::Struct {
                fields: fields.into_iter().collect(),
            },
        )]
        .into_iter()
        .collect(),
    };
    let address = core::SocketAddress {
        address: "10.0.0.1".to_owned(),
        port_specifier: Some(core::socket_address::PortSpecifier::PortValue(80)),
        ..core::SocketAddress::default()
    };
    let endpoint = endpoint::Endpoint {
        address: Some(core::Address {
            address: Some(core::address::Address::SocketAddress(address)),
        }),
        ..endpoint::Endpoint::default()
    };
    let assignment = endpoint::ClusterLoadAssignment {
        cluster_name: "a".to_owned(),
        endpoints: vec![endpoint::LocalityLbEndpoints {
            lb_endpoints: vec![endpoint::LbEndpoint {
                metadata: Some(metadata),
                host_identifier: Some(endpoint::lb_endpoint::HostIdentifier::Endpoint(endpoint)),
                ..endpoint::LbEndpoint::default()
            }],
            ..endpoint::LocalityLbEndpoints::default()
        }],
        ..endpoint::ClusterLoadAssignment::default()
    };
    let Accepted {
        resource, ignored, ..
    } = decode(&any(&assignment), &version()).unwrap();
    let ignored: Vec<_> = ignored.iter().map(ToString::to_string).collect();
    let place = "endpoints[0].lb_endpoints[0].metadata.filter_metadata[envoy.lb][count]";
    assert_eq!(ignored, [format!("{place}: only strings are compared")]);
    let Resource::ClusterLoadAssignment(found) = resource else {
        panic!("{resource:?}");
    };
    let metadata = &found.endpoints.localities[0].endpoints[0].metadata;
    assert_eq!(metadata.iter().collect::<Vec<_>>().len(), 1);
}

#[test]
fn an_unknown_value_of_an_enum_is_rejected() {
    let mut pb = cluster("a", 1);
    pb.lb_policy = 99;
    let error = decode(&any(&pb), &version()).unwrap_err();
    assert_eq!(error.to_string(), "`a`: lb_policy: unknown value 99");
}

#[test]
fn garbage_is_rejected_and_nothing_panics() {
    bolero::check!().for_each(|bytes: &[u8]| {
        for type_url in [
            "a/envoy.config.listener.v3.Listener",
            "a/envoy.config.route.v3.RouteConfiguration",
            "a/envoy.config.route.v3.VirtualHost",
            "a/envoy.config.cluster.v3.Cluster",
            "a/envoy.config.endpoint.v3.ClusterLoadAssignment",
            "a/unknown.Type",
        ] {
            let any = Any {
                type_url: type_url.to_owned(),
                value: bytes.to_vec(),
            };
            let _ = decode(&any, &version());
        }
    });
}
