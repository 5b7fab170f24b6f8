//! TLS to control planes (A65), from files that may change.
//!
//! The files are read anew for every connection, off the runtime's threads, so that none is used that
//! is older than `refresh_interval` or than a connection: there is one connection to a control plane,
//! and it stays. When they cannot be used (a rotation half done, a file that is gone for a moment), what
//! was read last is used once more.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::ring,
        pki_types::{
            CertificateDer, PrivateKeyDer, ServerName,
            pem::{self, PemObject},
        },
    },
};
use tonic::metadata::{Ascii, MetadataValue};

use super::token::TokenFile;
use crate::bootstrap::{CallCreds, ChannelCreds, Server, ServerAddress, ServerUri, TlsCreds};

/// How the connections to one control plane are secured.
#[derive(Debug)]
pub(super) struct Security {
    creds: TlsCreds,
    tokens: Vec<TokenFile>,
    /// What was read last and could be used.
    last: Mutex<Option<Arc<ClientConfig>>>,
}

impl Security {
    /// `None` for plain text.
    pub(super) fn of(server: &Server) -> Option<Arc<Self>> {
        let creds = match &server.channel_creds {
            ChannelCreds::Insecure => return None,
            ChannelCreds::Tls(creds) => creds.clone(),
            ChannelCreds::GoogleDefault => TlsCreds::default(),
        };
        let tokens = server.call_creds.iter();
        Some(Arc::new(Self {
            creds,
            tokens: tokens
                .map(|CallCreds::JwtTokenFile(path)| TokenFile::new(path.clone()))
                .collect(),
            last: Mutex::default(),
        }))
    }

    /// The `authorization` of a call, for each of the call credentials.
    pub(super) async fn authorization(&self) -> Result<Vec<MetadataValue<Ascii>>, String> {
        let mut all = Vec::with_capacity(self.tokens.len());
        for token in &self.tokens {
            all.push(token.authorization().await?);
        }
        Ok(all)
    }

    /// Secures a connection, or says why not.
    pub(super) async fn secure<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        uri: &ServerUri,
        stream: S,
    ) -> Result<TlsStream<S>, String> {
        let name = match uri.address() {
            ServerAddress::Tcp { host, .. } => host.as_str(),
            ServerAddress::Unix(_) => "localhost",
        };
        let name = ServerName::try_from(name.to_owned())
            .map_err(|_| format!("TLS: `{name}` is no name that a certificate can have"))?;
        let connector = TlsConnector::from(self.config().await?);
        let secured = connector.connect(name, stream).await;
        let secured = secured.map_err(|error| format!("TLS: {error}"))?;
        match secured.get_ref().1.alpn_protocol() {
            Some(b"h2") => Ok(secured),
            _ => Err("TLS: the server has not agreed to speak HTTP/2 (ALPN)".to_owned()),
        }
    }

    async fn config(&self) -> Result<Arc<ClientConfig>, String> {
        let creds = self.creds.clone();
        let read = tokio::task::spawn_blocking(move || read(&creds)).await;
        let read = read.unwrap_or_else(|error| Err(error.to_string()));
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match (read, &*last) {
            (Ok(config), _) => {
                let config = Arc::new(config);
                *last = Some(config.clone());
                Ok(config)
            }
            (Err(error), Some(last)) => {
                tracing::warn!(%error, "xDS: the credentials that were read before stay in use");
                Ok(last.clone())
            }
            (Err(error), None) => Err(format!("TLS: {error}")),
        }
    }
}

/// Reads all files.
fn read(creds: &TlsCreds) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    match &creds.ca_certificate_file {
        Some(path) => {
            for certificate in certificates(path)? {
                roots.add(certificate).map_err(|e| in_file(path, e))?;
            }
        }
        None => {
            let loaded = rustls_native_certs::load_native_certs();
            // Some that rustls does not read are no reason to trust none.
            roots.add_parsable_certificates(loaded.certs);
            if roots.is_empty() {
                let errors: Vec<_> = loaded.errors.iter().map(ToString::to_string).collect();
                return Err(format!(
                    "the system has no certificate authorities {}",
                    errors.join("; ")
                ));
            }
        }
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?
        .with_root_certificates(roots);
    let mut config = match &creds.identity {
        None => builder.with_no_client_auth(),
        Some((certificate, key_file)) => {
            let chain = certificates(certificate)?;
            let key = PrivateKeyDer::from_pem_file(key_file).map_err(|e| in_file(key_file, e))?;
            let config = builder.with_client_auth_cert(chain, key);
            config.map_err(|e| in_file(certificate, e))?
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(config)
}

fn certificates(path: &PathBuf) -> Result<Vec<CertificateDer<'static>>, String> {
    let read = CertificateDer::pem_file_iter(path).map_err(|e| in_file(path, e))?;
    let all: Result<Vec<_>, pem::Error> = read.collect();
    let all = all.map_err(|e| in_file(path, e))?;
    match all.is_empty() {
        true => Err(in_file(path, "holds no certificate")),
        false => Ok(all),
    }
}

fn in_file(path: &Path, error: impl std::fmt::Display) -> String {
    format!("{}: {error}", path.display())
}
