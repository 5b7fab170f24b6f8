//! Which filter chain of a listener serves a connection.
//!
//! Envoy asks one criterion after the other, in a fixed order; each keeps only the chains that say
//! the most specific thing about the connection, and nothing goes back: a chain that lost to a more
//! specific one does not get its turn when that one fails a later criterion. So the chain to choose is
//! the greatest by its specificities, read as a word, if none of its criteria failed.
//!
//! It looks at every chain, which takes some 10 ns each; a connection costs a thousand times that.

use std::{fmt, net::IpAddr};

use crate::policy::{FilterChain, FilterChainMatch, Listener, TransportProtocol};

/// What is known of a connection when its filter chain is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Connection<'a> {
    /// The host dialled: a name or an IP address.
    pub host: &'a str,
    /// The port dialled.
    pub port: u16,
    /// The address dialled, if it is one or the host stands for one.
    pub address: Option<IpAddr>,
    /// The SNI that will be sent.
    pub server_name: Option<&'a str>,
    /// What the bytes will be.
    pub transport_protocol: TransportProtocol,
    /// The ALPN that will be offered, the caller's favourite first.
    pub application_protocols: &'a [&'a str],
}

/// The criteria, in the order in which they count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChainCriterion {
    /// `destination_port`
    DestinationPort,
    /// `prefix_ranges`: the longest prefix.
    PrefixRanges,
    /// `server_names`: a full name, then the longest suffix.
    ServerNames,
    /// `transport_protocol`
    TransportProtocol,
    /// `application_protocols`: the first of the caller's that any chain lists.
    ApplicationProtocols,
}

impl ChainCriterion {
    /// All, in order.
    pub const ALL: [Self; 5] = [
        Self::DestinationPort,
        Self::PrefixRanges,
        Self::ServerNames,
        Self::TransportProtocol,
        Self::ApplicationProtocols,
    ];

    /// How specific `matches` is about `connection`: 0 when it says nothing; `None` when it does not
    /// match.
    fn rank(self, matches: &FilterChainMatch, connection: &Connection<'_>) -> Option<usize> {
        match self {
            Self::DestinationPort => match matches.destination_port {
                Some(port) => (port == connection.port).then_some(1),
                None => Some(0),
            },
            Self::PrefixRanges => best(&matches.prefix_ranges, |range| {
                let contains = connection.address.is_some_and(|ip| range.contains(ip));
                contains.then(|| usize::from(range.prefix_len()))
            }),
            Self::ServerNames => best(&matches.server_names, |name| {
                name.rank(connection.server_name?)
            }),
            Self::TransportProtocol => match matches.transport_protocol {
                Some(protocol) => (protocol == connection.transport_protocol).then_some(1),
                None => Some(0),
            },
            Self::ApplicationProtocols => best(&matches.application_protocols, |protocol| {
                let offered = connection.application_protocols;
                let place = offered.iter().position(|p| **p == **protocol)?;
                Some(offered.len() - place)
            }),
        }
    }

    /// Envoy's name of the field.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DestinationPort => "destination_port",
            Self::PrefixRanges => "prefix_ranges",
            Self::ServerNames => "server_names",
            Self::TransportProtocol => "transport_protocol",
            Self::ApplicationProtocols => "application_protocols",
        }
    }
}

impl fmt::Display for ChainCriterion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The greatest rank of the values, which is above 0; 0 when there are no values.
fn best<T>(values: &[T], rank: impl Fn(&T) -> Option<usize>) -> Option<usize> {
    if values.is_empty() {
        return Some(0);
    }
    let greatest = values.iter().filter_map(rank).max()?;
    Some(greatest.saturating_add(1))
}

/// A chain's specificities in order; `None`, which is the least, for a criterion that fails.
fn word(matches: &FilterChainMatch, connection: &Connection<'_>) -> [Option<usize>; 5] {
    ChainCriterion::ALL.map(|criterion| criterion.rank(matches, connection))
}

/// The chain of `listener` for `connection`, with its place among
/// [`filter_chains`](Listener::filter_chains); the default chain's is behind the last.
pub fn find_filter_chain<'a>(
    listener: &'a Listener,
    connection: &Connection<'_>,
) -> Option<(usize, &'a FilterChain)> {
    let chains = &listener.filter_chains;
    let words = chains.iter().map(|c| word(&c.matches, connection));
    let greatest = words.enumerate().max_by_key(|(_, word)| *word);
    match greatest {
        Some((index, word)) if word.iter().all(Option::is_some) => Some((index, &chains[index])),
        _ => Some((chains.len(), listener.default_filter_chain.as_ref()?)),
    }
}

/// Why a chain was not chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChainOutcome {
    /// It was.
    Chosen,
    /// It does not match.
    Failed(ChainCriterion),
    /// Another says something more specific.
    LessSpecific(ChainCriterion),
    /// It is for connections that no other chain wants.
    NotNeeded,
}

/// What comes of each chain, the default one last. Agrees with [`find_filter_chain`].
pub fn explain_filter_chains(
    listener: &Listener,
    connection: &Connection<'_>,
) -> Vec<ChainOutcome> {
    let chains = &listener.filter_chains;
    let words: Vec<_> = chains
        .iter()
        .map(|c| word(&c.matches, connection))
        .collect();
    let chosen = find_filter_chain(listener, connection).map(|(index, _)| index);
    let mut left = vec![true; chains.len()];
    let mut outcomes = vec![ChainOutcome::Chosen; chains.len()];
    for (place, criterion) in ChainCriterion::ALL.into_iter().enumerate() {
        let ranks = words.iter().zip(&left).filter(|(_, left)| **left);
        let greatest = ranks.map(|(word, _)| word[place]).max().flatten();
        for ((word, left), outcome) in words.iter().zip(&mut left).zip(&mut outcomes) {
            if *left && (word[place].is_none() || word[place] != greatest) {
                *left = false;
                *outcome = match word[place] {
                    None => ChainOutcome::Failed(criterion),
                    Some(_) => ChainOutcome::LessSpecific(criterion),
                };
            }
        }
    }
    if listener.default_filter_chain.is_some() {
        outcomes.push(match chosen {
            Some(index) if index == chains.len() => ChainOutcome::Chosen,
            _ => ChainOutcome::NotNeeded,
        });
    }
    outcomes
}

/// Two chains that would serve the same connection, neither more specifically than the other: Envoy
/// rejects the listener.
pub(crate) fn overlapping(chains: &[FilterChain]) -> Option<(usize, usize)> {
    let pairs = (1..chains.len()).flat_map(|b| (0..b).map(move |a| (a, b)));
    pairs
        .into_iter()
        .find(|&(a, b)| overlap(&chains[a].matches, &chains[b].matches))
}

fn overlap(a: &FilterChainMatch, b: &FilterChainMatch) -> bool {
    fn share<T: PartialEq>(a: &[T], b: &[T]) -> bool {
        (a.is_empty() && b.is_empty()) || a.iter().any(|value| b.contains(value))
    }
    a.destination_port == b.destination_port
        && a.transport_protocol == b.transport_protocol
        && share(&a.prefix_ranges, &b.prefix_ranges)
        && share(&a.server_names, &b.server_names)
        && share(&a.application_protocols, &b.application_protocols)
}
