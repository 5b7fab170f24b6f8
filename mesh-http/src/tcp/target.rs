//! What is dialled.

use std::{convert::Infallible, fmt, net::IpAddr, str::FromStr, sync::Arc};

use http::{Uri, uri::Authority};
use mesh_core::{policy::TransportProtocol, routing::Connection};

use crate::Error;

/// What a caller dials: a host, a port, and what else listeners may choose by.
///
/// From a text, `host:port` or `tcp://host:port`; IPv6 addresses stand in brackets.
///
/// ```
/// let target: mesh_http::tcp::Target = "mongo.prod:27017".parse()?;
/// assert_eq!((target.host(), target.port()), ("mongo.prod", 27017));
/// # Ok::<(), mesh_http::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    host: Arc<str>,
    port: u16,
    address: Option<IpAddr>,
    server_name: Option<Arc<str>>,
    transport_protocol: TransportProtocol,
    application_protocols: Vec<Arc<str>>,
}

impl Target {
    /// A host and a port; the host is a name or an IP address without brackets.
    pub fn new(host: impl Into<Arc<str>>, port: u16) -> Self {
        let host = host.into();
        let address = host.parse().ok();
        Self {
            // In the one way that listeners write it, too.
            host: address.map_or(host, |ip: IpAddr| ip.to_string().into()),
            port,
            address,
            server_name: None,
            transport_protocol: TransportProtocol::RawBuffer,
            application_protocols: Vec::new(),
        }
    }

    /// The SNI of the TLS that the caller will speak on the stream: it chooses among filter chains
    /// by `server_names` and `transport_protocol: tls`. The mesh itself encrypts nothing.
    #[must_use]
    pub fn with_server_name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.server_name = Some(name.into());
        self.with_transport_protocol(TransportProtocol::Tls)
    }

    /// What the bytes will be, where listeners choose by it; raw unless a server name was given.
    #[must_use]
    pub const fn with_transport_protocol(mut self, protocol: TransportProtocol) -> Self {
        self.transport_protocol = protocol;
        self
    }

    /// The ALPN that the caller will offer, the favourite first: it chooses by
    /// `application_protocols`.
    #[must_use]
    pub fn with_application_protocols<P: Into<Arc<str>>>(
        mut self,
        protocols: impl IntoIterator<Item = P>,
    ) -> Self {
        self.application_protocols = protocols.into_iter().map(Into::into).collect();
        self
    }

    /// The host.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// What a listener sees of it.
    pub(super) fn with_connection<R>(&self, then: impl FnOnce(&Connection<'_>) -> R) -> R {
        let protocols: Vec<&str> = self.application_protocols.iter().map(|p| &**p).collect();
        then(&Connection {
            host: &self.host,
            port: self.port,
            address: self.address,
            server_name: self.server_name.as_deref(),
            transport_protocol: self.transport_protocol,
            application_protocols: &protocols,
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

impl FromStr for Target {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let invalid = || Error::invalid(format!("`{text}` is no host:port"));
        let authority = text.strip_prefix("tcp://").unwrap_or(text);
        let authority: Authority = authority.parse().map_err(|_| invalid())?;
        of(&authority).ok_or_else(invalid)
    }
}

/// Without user information, and with a port.
fn of(authority: &Authority) -> Option<Target> {
    let port = authority.port_u16()?;
    let host = authority.host();
    let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    let fine = !authority.as_str().contains('@') && !host.is_empty();
    fine.then(|| Target::new(bare.unwrap_or(host), port))
}

impl TryFrom<&str> for Target {
    type Error = Error;

    fn try_from(text: &str) -> Result<Self, Error> {
        text.parse()
    }
}

/// A host and a port.
impl From<(&str, u16)> for Target {
    fn from((host, port): (&str, u16)) -> Self {
        Self::new(host, port)
    }
}

impl TryFrom<String> for Target {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

/// As connectors of other libraries are called; the URI needs a port.
impl TryFrom<Uri> for Target {
    type Error = Error;

    fn try_from(uri: Uri) -> Result<Self, Error> {
        let target = uri.authority().and_then(of);
        target.ok_or_else(|| Error::invalid(format!("`{uri}` names no host and port")))
    }
}

impl From<Infallible> for Error {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_and_written() {
        for (text, host, port) in [
            ("mongo.prod:27017", "mongo.prod", 27017),
            ("tcp://mongo:1", "mongo", 1),
            ("10.0.0.7:80", "10.0.0.7", 80),
            ("[2001:DB8::0:1]:80", "2001:db8::1", 80),
        ] {
            let target: Target = text.parse().unwrap();
            assert_eq!((target.host(), target.port()), (host, port));
            assert_eq!(target.to_string().parse::<Target>().unwrap(), target);
        }
        for text in [
            "",
            "mongo",
            ":80",
            "mongo:",
            "mongo:99999",
            "a@b:1",
            "http://a:1",
            "a:1/x",
        ] {
            assert!(text.parse::<Target>().is_err(), "{text}");
        }
        let uri: Uri = "http://mongo:27017/x".parse().unwrap();
        assert_eq!(Target::try_from(uri).unwrap(), Target::new("mongo", 27017));
    }
}
