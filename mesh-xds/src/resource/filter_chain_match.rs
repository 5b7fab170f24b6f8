//! `FilterChainMatch`: the criteria that a caller in the process knows.

use mesh_core::policy::{CidrRange, FilterChainMatch, Name, ServerName, TransportProtocol};

use super::{matcher::list, report::At, value::required_text};
use crate::pb::{core, listener};

pub(super) fn filter_chain_match(
    at: &At<'_>,
    pb: &listener::FilterChainMatch,
) -> Option<FilterChainMatch> {
    let mut matches = FilterChainMatch::default();
    if let Some(port) = pb.destination_port {
        let number = u16::try_from(port).ok().filter(|port| *port > 0);
        let number = number.ok_or_else(|| format!("{port} is no port"));
        matches.destination_port = Some(at.field("destination_port").ok(number)?);
    }
    matches.prefix_ranges = list(&at.field("prefix_ranges"), &pb.prefix_ranges, range);
    matches.server_names = list(&at.field("server_names"), &pb.server_names, |at, name| {
        at.ok(ServerName::try_new(name))
    });
    matches.transport_protocol = match &*pb.transport_protocol {
        "" => None,
        "raw_buffer" => Some(TransportProtocol::RawBuffer),
        "tls" => Some(TransportProtocol::Tls),
        other => {
            at.field("transport_protocol")
                .fail(format!("`{other}` is neither raw_buffer nor tls"));
            None
        }
    };
    let protocols = pb.application_protocols.iter();
    matches.application_protocols = protocols.map(|p| Name::from(p.as_str())).collect();
    Some(matches)
}

fn range(at: &At<'_>, pb: &core::CidrRange) -> Option<CidrRange> {
    let address_at = at.field("address_prefix");
    let prefix = required_text(&address_at, &pb.address_prefix)?;
    let address = prefix
        .parse()
        .map_err(|_| format!("`{prefix}` is no IP address"));
    let address = address_at.ok(address)?;
    // Without a length, Envoy compares nothing.
    let length = pb.prefix_len.unwrap_or(0);
    let at = at.field("prefix_len");
    let length = u8::try_from(length).map_err(|_| format!("{length} is no prefix length"));
    let length = at.ok(length)?;
    at.ok(CidrRange::try_new(address, length))
}
