//! How a process finds its control planes: gRPC's bootstrap.
//!
//! ```text
//!  GRPC_XDS_BOOTSTRAP (file), GRPC_XDS_BOOTSTRAP_CONFIG (text) ──load──▶ json ──read──▶ Bootstrap
//!                                                                 code ────────────────────▲
//! ```
//!
//! Fields are those of gRFC A27, with A30, A47, A53, A65, A71, A81, A88, A95 and A97. What is known is
//! checked; what is not is ignored, as gRPC demands, and listed in [`Bootstrap::ignored`].

mod creds;
mod json;
mod load;
mod node;
mod read;
mod server_uri;
mod target;

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, fmt, io, path::PathBuf, sync::Arc};

pub use self::{
    creds::{CallCreds, CertificateProvider, ChannelCreds, TlsCreds},
    load::BootstrapSource,
    node::Node,
    server_uri::{ServerAddress, ServerUri},
    target::TargetError,
};

/// Where the control planes are, and who asks them.
///
/// ```
/// use mesh_xds::bootstrap::Bootstrap;
///
/// let bootstrap: Bootstrap = r#"{
///     "xds_servers": [{"server_uri": "127.0.0.1:18000", "channel_creds": [{"type": "insecure"}]}],
///     "node": {"id": "cart-1", "metadata": {"NAMESPACE": "prod"}},
///     "colour": "green"
/// }"#.parse()?;
/// assert_eq!(bootstrap.servers[0].uri.to_string(), "127.0.0.1:18000");
/// assert_eq!(bootstrap.ignored()[0].field, "colour");
/// # Ok::<(), mesh_xds::bootstrap::BootstrapError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bootstrap {
    /// `xds_servers`, the preferred first; never empty.
    pub servers: Vec<Server>,
    /// `node`: what the control planes learn of this process.
    pub node: Node,
    /// `authorities`: other control planes, by the authority of `xdstp:` names.
    pub authorities: BTreeMap<Arc<str>, Authority>,
    /// `certificate_providers`, by instance name.
    pub certificate_providers: BTreeMap<Arc<str>, CertificateProvider>,
    /// `client_default_listener_resource_name_template`. Default `%s`.
    pub client_listener_template: String,
    /// `server_listener_resource_name_template`; servers cannot be configured without it.
    pub server_listener_template: Option<String>,
    ignored: Vec<Ignored>,
}

/// An entry of `xds_servers`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// `server_uri`.
    pub uri: ServerUri,
    /// The first of `channel_creds` that is supported.
    pub channel_creds: ChannelCreds,
    /// All of `call_creds` that are supported.
    pub call_creds: Vec<CallCreds>,
    /// `server_features`.
    pub features: ServerFeatures,
}

/// `server_features` that change what the client does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerFeatures {
    /// `ignore_resource_deletion` (A53). What it asks for is the default since A88.
    pub ignore_resource_deletion: bool,
    /// `fail_on_data_errors` (A88): a resource that is deleted or rejected is no longer used.
    pub fail_on_data_errors: bool,
    /// `resource_timer_is_transient_error` (A88): waits 30 s for a resource, not 15 s, and then says
    /// that it timed out, not that it does not exist.
    pub resource_timer_is_transient_error: bool,
    /// `trusted_xds_server` (A81): routes may rewrite the authority.
    pub trusted_xds_server: bool,
}

/// An entry of `authorities` (A47).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// `xds_servers`; empty means those of the bootstrap.
    pub servers: Vec<Server>,
    /// `client_listener_resource_name_template`.
    pub client_listener_template: String,
    /// `fallback_on_reachability_only` (A95): falls back although everything asked for is known.
    pub fallback_on_reachability_only: bool,
}

/// A field that has no effect.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ignored {
    /// The field, as `xds_servers[0].colour`.
    pub field: String,
    /// Why.
    pub why: &'static str,
}

impl fmt::Display for Ignored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.why)
    }
}

/// A bootstrap that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BootstrapError {
    /// Neither environment variable is set.
    #[error("neither GRPC_XDS_BOOTSTRAP (a file) nor GRPC_XDS_BOOTSTRAP_CONFIG (its text) is set")]
    NotSet,
    /// The file cannot be read, or did not come in time.
    #[error("bootstrap file {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is no JSON.
    #[error("bootstrap: {0}")]
    Json(String),
    /// A field has no meaning.
    #[error("bootstrap: {field}: {message}")]
    Field {
        /// The field, as `xds_servers[0].server_uri`.
        field: String,
        /// What is wrong with it.
        message: String,
    },
}

impl Bootstrap {
    /// One control plane, and a node that has an id only. In plain text, unless the address begins with
    /// `https://`.
    pub fn new(server: ServerUri, node_id: impl Into<String>) -> Self {
        Self {
            servers: vec![Server::new(server)],
            node: Node::new(node_id),
            authorities: BTreeMap::new(),
            certificate_providers: BTreeMap::new(),
            client_listener_template: "%s".to_owned(),
            server_listener_template: None,
            ignored: Vec::new(),
        }
    }

    /// What the environment asks for (A27): the file that `GRPC_XDS_BOOTSTRAP` names, which may come
    /// up to 30 s late, else the text in `GRPC_XDS_BOOTSTRAP_CONFIG`.
    ///
    /// # Errors
    /// When there is none, or it cannot be used.
    pub async fn from_env() -> Result<Self, BootstrapError> {
        BootstrapSource::from_env()
            .ok_or(BootstrapError::NotSet)?
            .load(load::FILE_WAIT)
            .await
    }

    /// Fields that have no effect: unknown ones, and those that this build does not support.
    pub fn ignored(&self) -> &[Ignored] {
        &self.ignored
    }

    /// The control planes of `authority`, the preferred first; `None` is the one of names without
    /// an authority.
    pub fn servers_of(&self, authority: Option<&str>) -> Option<&[Server]> {
        let Some(name) = authority else {
            return Some(&self.servers);
        };
        let authority = self.authorities.get(name)?;
        Some(match authority.servers.is_empty() {
            true => &self.servers,
            false => &authority.servers,
        })
    }
}

impl Server {
    /// A control plane without features: in plain text, or, when its address begins with `https://`,
    /// by TLS and the system's certificate authorities.
    pub fn new(uri: ServerUri) -> Self {
        let channel_creds = match uri.is_secure() {
            Some(true) => ChannelCreds::Tls(TlsCreds::default()),
            _ => ChannelCreds::Insecure,
        };
        Self {
            uri,
            channel_creds,
            call_creds: Vec::new(),
            features: ServerFeatures {
                ignore_resource_deletion: false,
                fail_on_data_errors: false,
                resource_timer_is_transient_error: false,
                trusted_xds_server: false,
            },
        }
    }

    /// Secured by TLS.
    #[must_use]
    pub fn with_tls(mut self, creds: TlsCreds) -> Self {
        self.channel_creds = ChannelCreds::Tls(creds);
        self
    }

    /// Proves calls by the JWT in this file (A97), which is read for each. It is sent over TLS only.
    #[must_use]
    pub fn with_jwt_token_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.call_creds.push(CallCreds::JwtTokenFile(path.into()));
        self
    }
}

impl std::str::FromStr for Bootstrap {
    type Err = BootstrapError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        read::read(text)
    }
}
