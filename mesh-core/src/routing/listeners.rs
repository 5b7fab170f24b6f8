//! The outbound listeners, found by what a caller dials.

use std::{collections::HashMap, net::IpAddr};

use foldhash::fast::FixedState;

use super::{
    filter_chain::{Connection, find_filter_chain, overlapping},
    host::{Domain, HostTable},
};
use crate::policy::{Direction, FilterChain, Listener, NetworkFilter, TcpProxy};

/// All outbound listeners, compiled.
#[derive(Debug, Default)]
pub(crate) struct Listeners {
    policies: Vec<Listener>,
    ports: HashMap<u16, HostTable, FixedState>,
    any_port: Option<HostTable>,
    /// By policy: the IP address that its names stand for.
    addresses: Vec<Option<IpAddr>>,
}

/// Why a listener cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ListenerError {
    /// Another listener of the port is for the host, too.
    #[error("host `{host}` is already one of listener `{first}`")]
    DuplicateHost {
        /// The host; `*` for all.
        host: String,
        /// Whose it is.
        first: String,
    },
    /// A `*` that is not the first or the last character.
    #[error("host `{0}`: `*` may only stand at one end")]
    Wildcard(String),
    /// Two chains would serve the same connection, neither more specifically than the other.
    #[error("filter chains {0} and {1} overlap")]
    OverlappingChains(usize, usize),
    /// No connection could be served.
    #[error("it has no filter chain")]
    NoChain,
    /// HTTP requests choose their listener by host and port, before anything else is known.
    #[error(
        "an HTTP filter chain that does not serve all plain-text HTTP requests of its port is not supported yet"
    )]
    PartialHttp,
    /// Hosts of more than 4 GiB.
    #[error("its hosts are too large")]
    TooLarge,
}

/// A host of a listener, for the table of its port.
type Entries<'a> = Vec<(Domain<'a>, u32)>;

impl Listeners {
    /// Compiles the outbound ones of `policies`; the place of the one that is wrong, otherwise.
    pub(crate) fn try_new(policies: &[Listener]) -> Result<Self, (usize, ListenerError)> {
        let mut by_port: HashMap<Option<u16>, Entries<'_>> = HashMap::new();
        let mut seen: HashMap<(Option<u16>, String), usize> = HashMap::new();
        let mut addresses = Vec::with_capacity(policies.len());
        for (index, listener) in policies.iter().enumerate() {
            validate_listener(listener).map_err(|error| (index, error))?;
            let place = u32::try_from(index).map_err(|_| (index, ListenerError::TooLarge))?;
            addresses.push(listener.hosts.iter().find_map(|h| h.parse().ok()));
            let hosts: Vec<&str> = match &listener.hosts[..] {
                [] => vec!["*"],
                hosts => hosts.iter().map(|h| &**h).collect(),
            };
            for host in hosts {
                let domain = Domain::parse(host)
                    .ok_or_else(|| (index, ListenerError::Wildcard(host.to_owned())))?;
                let key = (listener.port, host.to_ascii_lowercase());
                match seen.insert(key, index) {
                    // One listener may say a host twice.
                    Some(first) if first != index => {
                        let (host, first) = (host.to_owned(), policies[first].name.to_string());
                        return Err((index, ListenerError::DuplicateHost { host, first }));
                    }
                    _ => by_port
                        .entry(listener.port)
                        .or_default()
                        .push((domain, place)),
                }
            }
        }
        let mut any_port = None;
        let mut ports = HashMap::default();
        for (port, entries) in by_port {
            let first = entries.first().map_or(0, |(_, place)| *place as usize);
            let table = HostTable::new(&entries).ok_or((first, ListenerError::TooLarge))?;
            match port {
                Some(port) => _ = ports.insert(port, table),
                None => any_port = Some(table),
            }
        }
        Ok(Self {
            policies: policies.to_vec(),
            ports,
            any_port,
            addresses,
        })
    }

    pub(crate) fn policies(&self) -> &[Listener] {
        &self.policies
    }

    /// The listener for `host`, in its most specific form, on `port`, with the address that the host
    /// stands for there.
    pub(crate) fn find(&self, host: &str, port: u16) -> Option<(&Listener, Option<IpAddr>)> {
        let tables = [self.ports.get(&port), self.any_port.as_ref()];
        let index = tables.into_iter().flatten().find_map(|t| t.find(host))?;
        Some((
            self.policies.get(index)?,
            self.addresses.get(index).copied()?,
        ))
    }
}

/// Where a connection is led.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct TcpRoute<'a> {
    /// The listener.
    pub listener: &'a Listener,
    /// Its chain.
    pub chain: &'a FilterChain,
    /// The chain's filter.
    pub proxy: &'a TcpProxy,
}

/// Why a connection is led nowhere. All are flag NR.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoTcpRoute {
    /// Nothing listens there.
    #[error("no listener for `{host}` on port {port}")]
    NoListener {
        /// The host dialled.
        host: String,
        /// The port dialled.
        port: u16,
    },
    /// The listener wants no such connection (Envoy's `no_filter_chain_match`).
    #[error(
        "none of the {chains} filter chains of listener `{listener}` ({origin}) matches {}",
        .server_name.as_ref().map_or("no server name (SNI)".to_owned(), |n| format!("server name `{n}`"))
    )]
    NoFilterChain {
        /// The listener.
        listener: crate::policy::Name,
        /// How many it has.
        chains: usize,
        /// The SNI that was said.
        server_name: Option<String>,
        /// Where it was configured.
        origin: crate::policy::Origin,
    },
    /// What is there routes requests, not bytes.
    #[error("listener `{listener}` ({origin}) speaks HTTP: send requests there, not bytes")]
    Http {
        /// The listener.
        listener: crate::policy::Name,
        /// Where it was configured.
        origin: crate::policy::Origin,
    },
}

impl Listeners {
    pub(crate) fn tcp_route(
        &self,
        connection: &Connection<'_>,
    ) -> Result<TcpRoute<'_>, NoTcpRoute> {
        let found = self.find(connection.host, connection.port);
        let (listener, address) = found.ok_or_else(|| NoTcpRoute::NoListener {
            host: connection.host.to_owned(),
            port: connection.port,
        })?;
        let connection = Connection {
            address: connection.address.or(address),
            ..*connection
        };
        let (_, chain) =
            find_filter_chain(listener, &connection).ok_or_else(|| NoTcpRoute::NoFilterChain {
                listener: listener.name.clone(),
                chains: listener.filter_chains.len(),
                server_name: connection.server_name.map(str::to_owned),
                origin: listener.origin.clone(),
            })?;
        match &chain.filter {
            NetworkFilter::Tcp(proxy) => Ok(TcpRoute {
                listener,
                chain,
                proxy,
            }),
            NetworkFilter::Http(_) => Err(NoTcpRoute::Http {
                listener: listener.name.clone(),
                origin: listener.origin.clone(),
            }),
        }
    }
}

/// The chain for plain-text HTTP requests, as Envoy's HTTP inspector would mark them.
pub(crate) fn http_chain(listener: &Listener) -> Option<&FilterChain> {
    let request = Connection {
        port: listener.port.unwrap_or(0),
        application_protocols: &["http/1.1", "h2c"],
        ..Connection::default()
    };
    let (_, chain) = find_filter_chain(listener, &request)?;
    matches!(chain.filter, NetworkFilter::Http(_)).then_some(chain)
}

/// Whether a listener can be used, for itself: its filter chains, not the others of its port.
///
/// # Errors
/// Why it cannot.
pub fn validate_listener(listener: &Listener) -> Result<(), ListenerError> {
    if listener.chains().next().is_none() {
        return Err(ListenerError::NoChain);
    }
    if let Some((a, b)) = overlapping(&listener.filter_chains) {
        return Err(ListenerError::OverlappingChains(a, b));
    }
    let outbound = listener.direction == Direction::Outbound;
    let chosen = http_chain(listener);
    let http = |chain: &&FilterChain| matches!(chain.filter, NetworkFilter::Http(_));
    let reached = |chain: &FilterChain| chosen.is_some_and(|c| std::ptr::eq(c, chain));
    match listener.chains().filter(http).all(reached) {
        true => Ok(()),
        false if outbound => Err(ListenerError::PartialHttp),
        false => Ok(()),
    }
}
