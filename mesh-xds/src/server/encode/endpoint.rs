//! `ClusterLoadAssignment`: endpoints, and names to look up.

use std::collections::HashSet;

use mesh_core::policy::{
    Address, ClusterLoadAssignment, DnsTarget, Endpoint, HealthStatus, Locality, LocalityEndpoints,
    Name,
};

use super::{Encoder, value::lb_metadata};
use crate::pb::{
    core::{
        self, Pipe, SocketAddress, address::Address as PbAddress, socket_address::PortSpecifier,
    },
    endpoint::{
        self, LbEndpoint, LocalityLbEndpoints, cluster_load_assignment::Policy,
        lb_endpoint::HostIdentifier,
    },
};

impl Encoder<'_> {
    /// The endpoints of a cluster whose `overprovisioning_factor` this is.
    pub(super) fn assignment(
        &mut self,
        cluster: &Name,
        assignment: &ClusterLoadAssignment,
        factor: u32,
    ) -> endpoint::ClusterLoadAssignment {
        let ClusterLoadAssignment { localities } = assignment;
        let mut seen = HashSet::new();
        let mut encoded: Vec<LocalityLbEndpoints> = Vec::with_capacity(localities.len());
        for of_locality in localities {
            let LocalityEndpoints {
                locality,
                priority,
                weight,
                endpoints,
            } = of_locality;
            let mut lb_endpoints = Vec::with_capacity(endpoints.len());
            for endpoint in endpoints {
                // gRPC rejects an address that comes twice, whatever its priority.
                if self.is_grpc() && !seen.insert(&endpoint.address) {
                    self.enter(&endpoint.origin);
                    self.lost("endpoints", format!("{} comes twice", endpoint.address));
                    continue;
                }
                lb_endpoints.extend(self.endpoint(endpoint));
            }
            let mut one = LocalityLbEndpoints {
                locality: Some(self.locality(locality)),
                lb_endpoints,
                load_balancing_weight: weight.filter(|weight| *weight > 0),
                priority: *priority,
            };
            if self.is_grpc() {
                // It has no locality without a weight, and none twice in a priority.
                let weight = one
                    .lb_endpoints
                    .iter()
                    .filter_map(|e| e.load_balancing_weight);
                let sum = weight.fold(0_u32, u32::saturating_add).max(1);
                one.load_balancing_weight.get_or_insert(sum);
                let same = |known: &&mut LocalityLbEndpoints| {
                    known.priority == one.priority && known.locality == one.locality
                };
                if let Some(known) = encoded.iter_mut().find(same) {
                    known.lb_endpoints.append(&mut one.lb_endpoints);
                    let both = [known.load_balancing_weight, one.load_balancing_weight];
                    let sum = both.into_iter().flatten().fold(0_u32, u32::saturating_add);
                    known.load_balancing_weight = Some(sum);
                    continue;
                }
            }
            encoded.push(one);
        }
        endpoint::ClusterLoadAssignment {
            cluster_name: cluster.to_string(),
            endpoints: encoded,
            policy: Some(Policy {
                overprovisioning_factor: Some(factor.max(1)),
            }),
        }
    }

    /// The same of a cluster by DNS, a locality for each name.
    pub(super) fn dns_assignment(
        &mut self,
        cluster: &Name,
        targets: &[DnsTarget],
        factor: u32,
    ) -> endpoint::ClusterLoadAssignment {
        let target = |target: &DnsTarget| {
            let DnsTarget {
                hostname,
                port,
                metadata,
                weight,
                locality,
                priority,
            } = target;
            let endpoint = endpoint::Endpoint {
                address: Some(socket(hostname.to_string(), *port)),
                hostname: String::new(),
            };
            LocalityLbEndpoints {
                locality: Some(self.locality(locality)),
                lb_endpoints: vec![LbEndpoint {
                    health_status: 0,
                    metadata: lb_metadata(metadata),
                    load_balancing_weight: Some(*weight),
                    host_identifier: Some(HostIdentifier::Endpoint(endpoint)),
                }],
                load_balancing_weight: None,
                priority: *priority,
            }
        };
        endpoint::ClusterLoadAssignment {
            cluster_name: cluster.to_string(),
            endpoints: targets.iter().map(target).collect(),
            policy: Some(Policy {
                overprovisioning_factor: Some(factor.max(1)),
            }),
        }
    }

    fn endpoint(&mut self, endpoint: &Endpoint) -> Option<LbEndpoint> {
        let Endpoint {
            address,
            hostname,
            metadata,
            weight,
            health_status,
            origin,
        } = endpoint;
        let address = match address {
            Address::Socket(address) => socket(address.ip().to_string(), address.port()),
            Address::Unix(path) => {
                let Some(path) = path.to_str().filter(|_| !self.is_grpc()) else {
                    self.enter(origin);
                    self.lost(
                        "endpoints",
                        format!("{address} cannot be said to this client"),
                    );
                    return None;
                };
                core::Address {
                    address: Some(PbAddress::Pipe(Pipe {
                        path: path.to_owned(),
                    })),
                }
            }
            _ => {
                self.enter(origin);
                return self.unknown("endpoints");
            }
        };
        Some(LbEndpoint {
            health_status: match health_status {
                HealthStatus::Healthy => core::HealthStatus::Healthy,
                HealthStatus::Degraded => core::HealthStatus::Degraded,
                HealthStatus::Unhealthy => core::HealthStatus::Unhealthy,
            }
            .into(),
            metadata: lb_metadata(metadata),
            load_balancing_weight: Some((*weight).max(1)),
            host_identifier: Some(HostIdentifier::Endpoint(endpoint::Endpoint {
                address: Some(address),
                hostname: hostname.to_string(),
            })),
        })
    }

    fn locality(&self, locality: &Locality) -> core::Locality {
        let Locality {
            region,
            zone,
            sub_zone,
        } = locality;
        core::Locality {
            region: region.to_string(),
            zone: zone.to_string(),
            sub_zone: sub_zone.to_string(),
        }
    }
}

pub(super) fn socket(address: String, port: u16) -> core::Address {
    core::Address {
        address: Some(PbAddress::SocketAddress(SocketAddress {
            protocol: 0,
            address,
            port_specifier: Some(PortSpecifier::PortValue(port.into())),
        })),
    }
}
