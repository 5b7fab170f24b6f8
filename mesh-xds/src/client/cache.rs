//! A file with the last good resources, for a start without a control plane.
//!
//! ```text
//!  resources ──1 s after a change──▶ file.tmp ──rename──▶ file ──start──▶ Ads, until a server answers
//! ```
//!
//! The file holds `envoy.service.discovery.v3.Resource` messages, each after its length; the first names
//! the control planes that they are from, and those of others are not used.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use mesh_core::policy::Name;
use prost::Message;
use tokio::task::{JoinHandle, spawn_blocking};

use super::{
    ads::{Kind, Saved},
    authorities::Authorities,
};
use crate::{
    bootstrap::Bootstrap,
    pb::{discovery::Resource, protobuf::Any},
};

/// Changes are written once so long has passed since the first of them.
const WAIT: Duration = Duration::from_secs(1);

/// Of the first message.
const TITLE: &str = "mesh-xds resources, 1";

/// Larger files are not read.
const MAX_FILE: u64 = 1 << 30;

/// The file of one client.
pub(super) struct Cache {
    path: PathBuf,
    servers: String,
    write_at: Option<Instant>,
    writing: Option<JoinHandle<io::Result<()>>>,
    /// Why the file could not be used, for people.
    pub(super) problem: Option<String>,
}

impl Cache {
    /// Reads the file, and gives its resources to those who may need them.
    pub(super) async fn open(
        path: PathBuf,
        bootstrap: &Bootstrap,
        authorities: &mut Authorities,
        now: Instant,
    ) -> Self {
        let servers: Vec<_> = bootstrap
            .servers
            .iter()
            .map(|s| s.uri.to_string())
            .collect();
        let mut cache = Self {
            servers: servers.join(","),
            path,
            write_at: None,
            writing: None,
            problem: None,
        };
        let (path, servers) = (cache.path.clone(), cache.servers.clone());
        let read = spawn_blocking(move || read(&path, &servers)).await;
        match read.unwrap_or_else(|error| Err(error.to_string())) {
            Ok(resources) => authorities.save_for_later(resources, now),
            Err(error) => cache.fail("is not used", &error),
        }
        cache
    }

    pub(super) fn note_change(&mut self, now: Instant) {
        self.write_at.get_or_insert(now + WAIT);
    }

    pub(super) const fn write_at(&self) -> Option<Instant> {
        self.write_at
    }

    /// Writes what is due, on a thread that may wait for the disk.
    pub(super) async fn write(&mut self, authorities: &Authorities, now: Instant) {
        if self.write_at.is_none_or(|at| at > now) {
            return;
        }
        if let Some(writing) = self.writing.take() {
            if !writing.is_finished() {
                self.writing = Some(writing);
                self.write_at = Some(now + WAIT);
                return;
            }
            match writing.await {
                Ok(Ok(())) => self.problem = None,
                Ok(Err(error)) => self.fail("is not written", &error.to_string()),
                Err(error) => self.fail("is not written", &error.to_string()),
            }
        }
        self.write_at = None;
        let mut file = Vec::new();
        let title = Resource {
            name: TITLE.to_owned(),
            version: self.servers.clone(),
            ..Resource::default()
        };
        let mut some = false;
        for resource in std::iter::once(title).chain(authorities.held().inspect(|_| some = true)) {
            // A vector has room for everything.
            let _ = resource.encode_length_delimited(&mut file);
        }
        if some {
            let path = self.path.clone();
            self.writing = Some(spawn_blocking(move || replace(&path, &file)));
        }
    }

    fn fail(&mut self, what: &str, why: &str) {
        let problem = format!("the cache {} {what}: {why}", self.path.display());
        tracing::warn!("xDS: {problem}");
        self.problem = Some(problem);
    }
}

/// A file is whole or what it was before.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut aside = path.as_os_str().to_owned();
    aside.push(".tmp");
    fs::write(&aside, bytes)?;
    fs::rename(&aside, path)
}

/// By kind; none when there is no file.
fn read(path: &Path, servers: &str) -> Result<Saved<Any>, String> {
    let mut saved = Saved::default();
    let bytes = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(saved),
        Ok(file) if file.len() > MAX_FILE => {
            return Err(format!("is larger than {MAX_FILE} bytes"));
        }
        _ => fs::read(path).map_err(|error| error.to_string())?,
    };
    let mut rest = &bytes[..];
    let mut next = || match rest.is_empty() {
        true => Ok(None),
        false => Resource::decode_length_delimited(&mut rest)
            .map(Some)
            .map_err(|error| error.to_string()),
    };
    match next()? {
        Some(title) if title.name != TITLE => return Err("is no such file".to_owned()),
        Some(title) if title.version != servers => {
            return Err(format!("is of other control planes ({})", title.version));
        }
        Some(_) => {}
        None => return Err("is empty".to_owned()),
    }
    while let Some(resource) = next()? {
        let body = resource.resource.unwrap_or_default();
        if let Some(kind) = Kind::from_type_url(&body.type_url) {
            let (name, version): (Name, Name) = (resource.name.into(), resource.version.into());
            saved[kind as usize].insert(name, (version, body));
        }
    }
    Ok(saved)
}
