//! The filter chains of a port whose bytes are TLS, as istiod's
//! `buildSidecarOutboundTLSFilterChainOpts`: chosen by SNI, which the caller of a connection says.

use mesh_core::policy::{CidrRange, FilterChain, FilterChainMatch, ServerName};

use super::{
    services::{Port, Service},
    tcp::{Subnets, Tcp},
    virtual_services::Candidate,
};

/// One for each match that applies; where none does, everything goes to the service.
pub(super) fn chains<'a>(
    tcp: &mut Tcp<'a, '_>,
    service: &Service,
    port: &Port,
    rules: &[&'a Candidate<'a>],
) -> Vec<FilterChain> {
    let mut chains = Vec::new();
    let mut taken = Subnets::default();
    for rule in rules {
        for route in &rule.spec.tls {
            for entry in &route.matches {
                if !tcp.applies(entry, port.number) {
                    continue;
                }
                let subnets: Vec<Option<CidrRange>> = match &entry.destination_subnets[..] {
                    [] => vec![None],
                    subnets => subnets.iter().copied().map(Some).collect(),
                };
                // What an earlier match has is left out, name by name.
                for name in &entry.sni_hosts {
                    let Ok(server_name) = ServerName::try_new(name) else {
                        continue;
                    };
                    let mut matches = FilterChainMatch::default();
                    matches.server_names = vec![server_name];
                    let free = subnets
                        .iter()
                        .copied()
                        .filter(|subnet| taken.claim_one(name, *subnet, &entry.at, &mut tcp.notes));
                    let free: Vec<_> = free.collect();
                    matches.prefix_ranges = free.iter().copied().flatten().collect();
                    if !free.is_empty() {
                        chains.push(tcp.chain(rule, route, port, matches));
                    }
                }
            }
        }
    }
    if chains.is_empty() {
        chains.push(tcp.default_chain(service, port));
    }
    chains
}
