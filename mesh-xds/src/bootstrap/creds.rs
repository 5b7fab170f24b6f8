//! Credentials for the control plane, and where certificates of the data plane come from.

use std::{path::PathBuf, time::Duration};

use serde_json::Value;

use super::{
    BootstrapError,
    json::{Field, Object},
};

/// How a connection to a control plane is secured.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ChannelCreds {
    /// `insecure`: plain text.
    Insecure,
    /// `tls` (A65).
    Tls(TlsCreds),
    /// `google_default`: TLS by the system's certificate authorities. Google's own tokens are not made:
    /// a control plane that asks for them refuses the calls, which is a named error.
    GoogleDefault,
}

/// Files for TLS (A65). They are read anew for every connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct TlsCreds {
    /// `ca_certificate_file`: whom to trust, as PEM. Default: the system's certificate authorities.
    pub ca_certificate_file: Option<PathBuf>,
    /// `certificate_file` and `private_key_file`: who this process is, as PEM. Default: nobody.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// `refresh_interval`: the age that files in use must not exceed when a connection is made. Default
    /// 10 min; they are younger.
    pub refresh_interval: Duration,
}

impl Default for TlsCreds {
    fn default() -> Self {
        Self {
            ca_certificate_file: None,
            identity: None,
            refresh_interval: REFRESH,
        }
    }
}

impl TlsCreds {
    /// Trusts the certificate authorities in this file, and no others.
    #[must_use]
    pub fn with_ca_certificate_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.ca_certificate_file = Some(path.into());
        self
    }

    /// Shows this certificate to the control plane.
    #[must_use]
    pub fn with_identity(
        mut self,
        certificate_file: impl Into<PathBuf>,
        private_key_file: impl Into<PathBuf>,
    ) -> Self {
        self.identity = Some((certificate_file.into(), private_key_file.into()));
        self
    }
}

/// `refresh_interval` (A65, A29).
const REFRESH: Duration = Duration::from_secs(600);

/// What proves each call.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CallCreds {
    /// `jwt_token_file` (A97): the token in this file. Sent over secured connections only.
    JwtTokenFile(PathBuf),
}

/// An entry of `certificate_providers` (A29).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CertificateProvider {
    /// `file_watcher`: files that are read again and again.
    FileWatcher {
        /// `certificate_file`, with `private_key_file`.
        identity: Option<(PathBuf, PathBuf)>,
        /// `ca_certificate_file`.
        ca_certificate_file: Option<PathBuf>,
        /// `refresh_interval`. Default 10 min.
        refresh_interval: Duration,
    },
    /// A plugin that this build does not have; only a resource that names it is rejected.
    Unknown {
        /// `plugin_name`.
        plugin_name: String,
        /// `config`.
        config: Value,
    },
}

/// The first entry that is supported (A27).
pub(super) fn channel_creds(field: &Field<'_>) -> Result<ChannelCreds, BootstrapError> {
    let mut refused = Vec::new();
    for entry in field.items()? {
        let mut object = entry.object()?;
        let kind = object.required("type")?.text()?;
        let config = object.take("config");
        match kind {
            "insecure" => {
                if let Some(config) = config {
                    config.ignored("insecure credentials have no configuration");
                }
                return Ok(ChannelCreds::Insecure);
            }
            "tls" => {
                let mut creds = TlsCreds::default();
                if let Some(config) = config {
                    let mut files = config.object()?;
                    creds.identity = identity(&config, &mut files)?;
                    let ca = files.text("ca_certificate_file")?;
                    creds.ca_certificate_file = ca.map(PathBuf::from);
                    if let Some(interval) = files.take("refresh_interval") {
                        creds.refresh_interval = duration(&interval)?;
                    }
                }
                return Ok(ChannelCreds::Tls(creds));
            }
            "google_default" => {
                if let Some(config) = config {
                    config.ignored("google_default credentials have no configuration");
                }
                entry.ignored("Google's tokens are not made; its TLS is used");
                return Ok(ChannelCreds::GoogleDefault);
            }
            other => {
                entry.ignored("these credentials are not supported by this build");
                refused.push(format!("`{other}`"));
            }
        }
    }
    Err(field.error(match refused.is_empty() {
        true => "is empty".to_owned(),
        false => format!(
            "holds {}; this build supports `insecure`, `tls` and `google_default`",
            refused.join(", ")
        ),
    }))
}

/// All entries that are supported; a mistake in one of them is an error (A97).
pub(super) fn call_creds(
    field: &Field<'_>,
    channel_creds: &ChannelCreds,
) -> Result<Vec<CallCreds>, BootstrapError> {
    let mut all = Vec::new();
    for entry in field.items()? {
        let mut object = entry.object()?;
        let kind = object.required("type")?.text()?;
        match kind {
            "jwt_token_file" => {
                let mut config = object.required("config")?.object()?;
                let path = config.required("jwt_token_file")?;
                if path.text()?.is_empty() {
                    return Err(path.error("is empty"));
                }
                all.push(CallCreds::JwtTokenFile(path.text()?.into()));
                if *channel_creds == ChannelCreds::Insecure {
                    entry.ignored("a token is not sent over an insecure connection");
                }
            }
            _ => {
                object.take("config");
                entry.ignored("these credentials are not supported");
            }
        }
    }
    Ok(all)
}

pub(super) fn certificate_provider(
    field: &Field<'_>,
) -> Result<CertificateProvider, BootstrapError> {
    let mut object = field.object()?;
    let plugin_name = object.required("plugin_name")?.text()?;
    let config = object.take("config");
    if plugin_name != "file_watcher" {
        field.ignored("this plugin is not supported; resources that name it are rejected");
        return Ok(CertificateProvider::Unknown {
            plugin_name: plugin_name.to_owned(),
            config: config.map_or(Value::Null, |c| c.value.clone()),
        });
    }
    let Some(config) = config else {
        return Err(field.error("file_watcher needs a config"));
    };
    let mut files = config.object()?;
    let identity = identity(&config, &mut files)?;
    let ca_certificate_file = files.text("ca_certificate_file")?.map(PathBuf::from);
    let refresh_interval = match files.take("refresh_interval") {
        Some(interval) => duration(&interval)?,
        None => REFRESH,
    };
    if identity.is_none() && ca_certificate_file.is_none() {
        return Err(config.error("names neither a certificate nor a CA"));
    }
    Ok(CertificateProvider::FileWatcher {
        identity,
        ca_certificate_file,
        refresh_interval,
    })
}

/// Certificate and key: both or neither.
fn identity(
    config: &Field<'_>,
    files: &mut Object<'_>,
) -> Result<Option<(PathBuf, PathBuf)>, BootstrapError> {
    let certificate = files.text("certificate_file")?;
    let key = files.text("private_key_file")?;
    match (certificate, key) {
        (Some(certificate), Some(key)) => Ok(Some((certificate.into(), key.into()))),
        (None, None) => Ok(None),
        _ => Err(config.error("certificate_file and private_key_file need each other")),
    }
}

/// A `google.protobuf.Duration` in JSON: `"1.5s"`.
fn duration(field: &Field<'_>) -> Result<Duration, BootstrapError> {
    let text = field.text()?;
    let seconds = text.strip_suffix('s').and_then(|s| s.parse::<f64>().ok());
    seconds
        .and_then(|s| Duration::try_from_secs_f64(s).ok())
        .filter(|d| !d.is_zero())
        .ok_or_else(|| field.error(format!("`{text}` is no duration such as \"600s\"")))
}
