//! Which connections of a listener are treated alike, and as what.

use std::{fmt, net::IpAddr, str::FromStr};

use super::{HttpConnectionManager, Name, TcpProxy};

/// `envoy.config.listener.v3.FilterChain`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterChain {
    /// Its name, for people; may be empty.
    pub name: Name,
    /// Which connections it serves; the default serves all that no other chain wants more.
    pub matches: FilterChainMatch,
    /// What it does with them: its terminal filter.
    pub filter: NetworkFilter,
}

/// A terminal network filter.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NetworkFilter {
    /// Requests are routed.
    Http(HttpConnectionManager),
    /// Bytes are passed on.
    Tcp(TcpProxy),
}

/// `envoy.config.listener.v3.FilterChainMatch`: the criteria that are known to a caller. Those about
/// a connection's source come with inbound policy; who translates into this rejects them.
///
/// An empty criterion says nothing. [`find_filter_chain`](crate::routing::find_filter_chain) has the
/// order in which they count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FilterChainMatch {
    /// The port dialled.
    pub destination_port: Option<u16>,
    /// The address dialled is in one of them.
    pub prefix_ranges: Vec<CidrRange>,
    /// SNI: full names, and `*.` before a suffix.
    pub server_names: Vec<ServerName>,
    /// `tls` or `raw_buffer`.
    pub transport_protocol: Option<TransportProtocol>,
    /// ALPN.
    pub application_protocols: Vec<Name>,
}

/// What lies between the bytes and TCP, as far as a listener can see it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TransportProtocol {
    /// `raw_buffer`: nothing.
    #[default]
    RawBuffer,
    /// `tls`
    Tls,
}

impl TransportProtocol {
    /// Envoy's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RawBuffer => "raw_buffer",
            Self::Tls => "tls",
        }
    }
}

/// `envoy.config.core.v3.CidrRange`, without bits behind the prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CidrRange {
    address: IpAddr,
    prefix_len: u8,
}

/// A range that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither an IP address nor address/length")]
pub struct CidrError(String);

impl CidrRange {
    /// Bits behind the prefix are dropped, as Envoy does.
    ///
    /// # Errors
    /// When `prefix_len` is above 32 for IPv4, or 128 for IPv6.
    pub fn try_new(address: IpAddr, prefix_len: u8) -> Result<Self, CidrError> {
        let address = match address {
            IpAddr::V4(ip) if prefix_len <= 32 => {
                let mask = u32::MAX.checked_shl(32 - u32::from(prefix_len));
                IpAddr::V4((u32::from(ip) & mask.unwrap_or(0)).into())
            }
            IpAddr::V6(ip) if prefix_len <= 128 => {
                let mask = u128::MAX.checked_shl(128 - u32::from(prefix_len));
                IpAddr::V6((u128::from(ip) & mask.unwrap_or(0)).into())
            }
            _ => return Err(CidrError(format!("{address}/{prefix_len}"))),
        };
        Ok(Self {
            address,
            prefix_len,
        })
    }

    /// How many bits are compared.
    pub const fn prefix_len(self) -> u8 {
        self.prefix_len
    }

    /// Whether `ip` is in it. An IPv4 address is in no IPv6 range, and the other way round.
    pub fn contains(self, ip: IpAddr) -> bool {
        Self::try_new(ip, self.prefix_len).is_ok_and(|range| range.address == self.address)
            && ip.is_ipv4() == self.address.is_ipv4()
    }
}

impl FromStr for CidrRange {
    type Err = CidrError;

    /// An address alone is a range of one.
    fn from_str(s: &str) -> Result<Self, CidrError> {
        let invalid = || CidrError(s.to_owned());
        let (address, length) = match s.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (s, None),
        };
        let address: IpAddr = address.parse().map_err(|_| invalid())?;
        let length = match length {
            Some(length) => length.parse().map_err(|_| invalid())?,
            None if address.is_ipv4() => 32,
            None => 128,
        };
        Self::try_new(address, length).map_err(|_| invalid())
    }
}

impl fmt::Display for CidrRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix_len)
    }
}

/// An entry of `FilterChainMatch.server_names`, in lower case.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServerName(Name);

/// A server name with a `*` where Envoy takes none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}`: a server name is full, or `*.` and a suffix")]
pub struct ServerNameError(String);

impl ServerName {
    /// # Errors
    /// When it is empty or has a `*` elsewhere than in a leading `*.`: Envoy supports no partial
    /// wildcards.
    pub fn try_new(name: &str) -> Result<Self, ServerNameError> {
        let fixed = name.strip_prefix("*.").unwrap_or(name);
        if fixed.is_empty() || fixed.contains('*') {
            return Err(ServerNameError(name.to_owned()));
        }
        Ok(Self(name.to_ascii_lowercase().into()))
    }

    /// As written, in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// How specifically it names `name`: more is more; `None` when it does not. Any number of labels
    /// may stand for the `*`, but not none.
    pub(crate) fn rank(&self, name: &str) -> Option<usize> {
        let Some(suffix) = self.0.strip_prefix('*') else {
            return name.eq_ignore_ascii_case(&self.0).then_some(usize::MAX);
        };
        let start = name.len().checked_sub(suffix.len()).filter(|n| *n > 0)?;
        name.as_bytes()[start..]
            .eq_ignore_ascii_case(suffix.as_bytes())
            .then_some(suffix.len())
    }
}

impl fmt::Display for ServerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FilterChain {
    /// A chain for every connection.
    pub fn new(filter: NetworkFilter) -> Self {
        Self {
            name: Name::from(""),
            matches: FilterChainMatch::default(),
            filter,
        }
    }
}

impl From<HttpConnectionManager> for NetworkFilter {
    fn from(http: HttpConnectionManager) -> Self {
        Self::Http(http)
    }
}

impl From<TcpProxy> for NetworkFilter {
    fn from(tcp: TcpProxy) -> Self {
        Self::Tcp(tcp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_drop_their_host_bits_and_keep_families_apart() {
        let range: CidrRange = "10.1.2.3/8".parse().unwrap();
        assert_eq!(range.to_string(), "10.0.0.0/8");
        assert!(range.contains("10.255.0.1".parse().unwrap()));
        assert!(!range.contains("11.0.0.1".parse().unwrap()));
        let all: CidrRange = "::/0".parse().unwrap();
        assert!(all.contains("::1".parse().unwrap()));
        assert!(!all.contains("10.0.0.1".parse().unwrap()));
        let one: CidrRange = "::1".parse().unwrap();
        assert_eq!(one.prefix_len(), 128);
        for bad in [
            "",
            "10.0.0.0/33",
            "::/129",
            "10.0.0.0/",
            "a/8",
            "10.0.0.0/-1",
        ] {
            assert!(bad.parse::<CidrRange>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_wildcard_names_any_depth_but_not_its_own_suffix() {
        let rank = |pattern: &str, name| ServerName::try_new(pattern).unwrap().rank(name);
        assert_eq!(rank("A.com", "a.COM"), Some(usize::MAX));
        assert_eq!(rank("*.com", "b.a.com"), Some(4));
        assert_eq!(rank("*.a.com", "b.a.com"), Some(6));
        assert_eq!(rank("*.a.com", "a.com"), None);
        assert_eq!(rank("*.a.com", ".a.com"), None);
        assert_eq!(rank("*.a.com", "b.xa.com"), None);
        for bad in ["", "*", "*.", "a.*", "*a.com", "*.*.com"] {
            assert!(ServerName::try_new(bad).is_err(), "{bad}");
        }
    }
}
