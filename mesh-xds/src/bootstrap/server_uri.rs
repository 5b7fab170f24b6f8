//! Where a control plane listens, in every form that gRPC's targets take, and as a URL.

use std::{fmt, path::PathBuf, str::FromStr};

/// `server_uri`: `host:port`, `dns:///host:port`, `ipv4:`, `ipv6:`, `unix:path`, `unix:///path`,
/// `http://host:port`, `https://host:port`.
///
/// ```
/// use mesh_xds::bootstrap::{ServerAddress, ServerUri};
///
/// let uri: ServerUri = "dns:///istiod.istio-system.svc:15010".parse()?;
/// assert_eq!(uri.address(), &ServerAddress::Tcp {
///     host: "istiod.istio-system.svc".into(),
///     port: 15010,
/// });
/// assert!("xds:///istiod".parse::<ServerUri>().is_err());
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ServerUri {
    text: String,
    address: ServerAddress,
}

/// What to connect to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ServerAddress {
    /// A name or an IP address, and a port.
    Tcp {
        /// The host, without the brackets of an IPv6 address.
        host: String,
        /// The port.
        port: u16,
    },
    /// A Unix socket.
    Unix(PathBuf),
}

/// What gRPC takes for a name without a port.
const DEFAULT_PORT: u16 = 443;

impl ServerUri {
    /// What to connect to.
    pub const fn address(&self) -> &ServerAddress {
        &self.address
    }

    /// Whether it says that connections are secured (`https`) or not (`http`).
    pub fn is_secure(&self) -> Option<bool> {
        match self.text.split_once("://")?.0 {
            "https" => Some(true),
            "http" => Some(false),
            _ => None,
        }
    }

    /// The `:authority` of calls.
    pub fn authority(&self) -> String {
        match &self.address {
            ServerAddress::Tcp { host, port } if host.contains(':') => format!("[{host}]:{port}"),
            ServerAddress::Tcp { host, port } => format!("{host}:{port}"),
            ServerAddress::Unix(_) => "localhost".to_owned(),
        }
    }
}

impl fmt::Display for ServerUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for ServerUri {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let address = address(text).map_err(|why| format!("`{text}`: {why}"))?;
        let text = text.to_owned();
        Ok(Self { text, address })
    }
}

fn address(text: &str) -> Result<ServerAddress, String> {
    let Some((scheme, rest)) = text.split_once(':') else {
        return tcp(text, DEFAULT_PORT);
    };
    match scheme {
        "http" | "https" => {
            let rest = rest.strip_prefix("//").ok_or("a URL has `//`")?;
            let host = rest.strip_suffix('/').unwrap_or(rest);
            if host.contains('/') {
                return Err("a control plane's URL has no path".to_owned());
            }
            tcp(host, if scheme == "http" { 80 } else { DEFAULT_PORT })
        }
        "unix" => {
            let path = rest.strip_prefix("//").unwrap_or(rest);
            match path.is_empty() || rest.starts_with("//") && !path.starts_with('/') {
                true => Err("expected unix:path or unix:///absolute/path".to_owned()),
                false => Ok(ServerAddress::Unix(path.into())),
            }
        }
        "dns" | "passthrough" => match rest.strip_prefix("//") {
            None => tcp(rest, DEFAULT_PORT),
            Some(rest) => match rest.split_once('/') {
                Some(("", host)) => tcp(host, DEFAULT_PORT),
                Some(_) => Err("a name server of its own is not supported".to_owned()),
                None => Err(format!("expected {scheme}:///host:port")),
            },
        },
        "ipv4" | "ipv6" => {
            let address: std::net::SocketAddr = rest
                .parse()
                .map_err(|_| format!("expected {scheme}:address:port, one address only"))?;
            Ok(ServerAddress::Tcp {
                host: address.ip().to_string(),
                port: address.port(),
            })
        }
        _ if rest.starts_with("//") || matches!(scheme, "xds" | "vsock" | "unix-abstract") => {
            Err(format!("the scheme `{scheme}` is not supported"))
        }
        _ => tcp(text, DEFAULT_PORT),
    }
}

fn tcp(text: &str, default: u16) -> Result<ServerAddress, String> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').ok_or("`[` without `]`")?;
            host.parse::<std::net::Ipv6Addr>()
                .map_err(|_| format!("`{host}` is no IPv6 address"))?;
            match port.strip_prefix(':') {
                Some(port) => (host, Some(port)),
                None if port.is_empty() => (host, None),
                None => return Err(format!("expected a port, not `{port}`")),
            }
        }
        None => match text.split_once(':') {
            Some((_, port)) if port.contains(':') => {
                return Err("an IPv6 address needs brackets".to_owned());
            }
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let is_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    if host.is_empty() || !host.chars().all(is_host) {
        return Err(format!("`{host}` is no host"));
    }
    let port = match port {
        Some(port) => port
            .parse()
            .ok()
            .filter(|p| *p != 0)
            .ok_or_else(|| format!("`{port}` is no port"))?,
        None => default,
    };
    Ok(ServerAddress::Tcp {
        host: host.to_owned(),
        port,
    })
}
