//! Where a bootstrap's text is from.

use std::{env, ffi::OsStr, io, path::PathBuf, time::Duration};

use tokio::time::{Instant, sleep};

use super::{Bootstrap, BootstrapError};

/// How long [`Bootstrap::from_env`] waits for a file: Istio's agent writes it after the process has
/// started.
pub(super) const FILE_WAIT: Duration = Duration::from_secs(30);

/// How often a missing file is looked for.
const LOOK: Duration = Duration::from_millis(100);

/// Where a bootstrap's text is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BootstrapSource {
    /// In a file.
    File(PathBuf),
    /// Here.
    Text(String),
}

impl BootstrapSource {
    /// `GRPC_XDS_BOOTSTRAP`, else `GRPC_XDS_BOOTSTRAP_CONFIG` (A27).
    pub fn from_env() -> Option<Self> {
        let file = env::var_os("GRPC_XDS_BOOTSTRAP");
        let text = env::var_os("GRPC_XDS_BOOTSTRAP_CONFIG");
        Self::from_vars(file.as_deref(), text.as_deref())
    }

    /// An empty variable is none.
    pub(super) fn from_vars(file: Option<&OsStr>, text: Option<&OsStr>) -> Option<Self> {
        if let Some(file) = file.filter(|v| !v.is_empty()) {
            return Some(Self::File(file.into()));
        }
        let text = text.filter(|v| !v.is_empty())?;
        Some(Self::Text(text.to_string_lossy().into_owned()))
    }

    /// Reads it. A file that is missing, or that is not whole yet, is waited for up to `wait`.
    ///
    /// # Errors
    /// When it cannot be used.
    pub async fn load(&self, wait: Duration) -> Result<Bootstrap, BootstrapError> {
        let path = match self {
            Self::Text(text) => return text.parse(),
            Self::File(path) => path,
        };
        let until = Instant::now() + wait;
        loop {
            let read = {
                let path = path.clone();
                tokio::task::spawn_blocking(move || std::fs::read_to_string(path)).await
            };
            let read = read.unwrap_or_else(|e| Err(io::Error::other(e)));
            let (late, result) = match read {
                Ok(text) => {
                    let result: Result<Bootstrap, _> = text.parse();
                    (matches!(&result, Err(BootstrapError::Json(_))), result)
                }
                Err(source) => (
                    source.kind() == io::ErrorKind::NotFound,
                    Err(BootstrapError::File {
                        path: path.clone(),
                        source,
                    }),
                ),
            };
            if !late || Instant::now() >= until {
                return result;
            }
            sleep(LOOK).await;
        }
    }
}
