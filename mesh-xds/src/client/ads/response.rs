//! What a response changes, and whether it is accepted.

use std::{collections::HashSet, fmt::Write, time::Instant};

use mesh_core::policy::Name;

use super::{
    Ads, Decode, Held, Kind, ProblemKind, Protocol, Raw, Response,
    link::{Ack, Phase},
};

/// More resources of one type than this are refused.
const MAX_RESOURCES: usize = 200_000;

/// A server that does not read so many answers is given up.
const MAX_ACKS: usize = 1_000;

/// A rejection says no more than this.
const MAX_ERROR: usize = 4_096;

impl<D: Decode> Ads<D> {
    /// A message from the server.
    ///
    /// # Errors
    /// When the stream must be ended; [`closed`](Self::closed) was called.
    pub(crate) fn received(
        &mut self,
        link: usize,
        response: Response<D::Body>,
        now: Instant,
    ) -> Result<(), String> {
        if self.links[link].phase != Phase::Open {
            return Ok(());
        }
        self.now = now;
        self.found(link, now);
        let Some(kind) = Kind::from_type_url(&response.type_url) else {
            // Neither accepted nor rejected (A27).
            tracing::warn!(type_url = %response.type_url, "a control plane sent an unknown type");
            return Ok(());
        };
        if !self.links[link].watches[kind as usize].begun {
            tracing::warn!(?kind, "a control plane sent what was not asked for");
            return Ok(());
        }
        let Response { version, nonce, .. } = &response;
        let (version, nonce) = (version.clone(), nonce.clone());
        let total = response.resources.len();
        let errors = self.apply(link, kind, response);
        let error = (!errors.is_empty()).then(|| message(&errors, total));
        let watch = &mut self.links[link].watches[kind as usize];
        if error.is_none() {
            watch.version = version;
        }
        watch.nonce = nonce.clone();
        if self.options.protocol == Protocol::Sotw {
            // The answer to the latest stands for those before it.
            watch.acks.clear();
        }
        watch.acks.push_back(Ack { nonce, error });
        if watch.acks.len() > MAX_ACKS {
            let error = "the server does not read what it is sent".to_owned();
            self.closed(link, &error, now);
            return Err(error);
        }
        Ok(())
    }

    /// Takes what is good (A46); returns what is not.
    fn apply(&mut self, link: usize, kind: Kind, response: Response<D::Body>) -> Vec<String> {
        let mut errors = Vec::new();
        let mut seen = HashSet::new();
        let mut nameless = false;
        for mut raw in response.resources {
            let version = raw
                .version
                .take()
                .unwrap_or_else(|| response.version.clone());
            let name = raw
                .name
                .take()
                .or_else(|| self.decoder.name(kind, &raw.body));
            let Some(name) = name.filter(|n| !n.is_empty()) else {
                nameless = true;
                errors.push(match self.decoder.decode(kind, &raw.body, &version) {
                    Ok(_) => "a resource has no name".to_owned(),
                    Err(error) => error,
                });
                continue;
            };
            if !seen.insert(name.clone()) {
                errors.push(format!("`{name}` is there twice"));
                continue;
            }
            if let Err(error) = self.update(link, kind, &name, &version, raw) {
                errors.push(error);
            }
        }
        let drop = self.options.servers[link].fail_on_data_errors;
        for error in response.errors {
            let message = format!("the control plane says: {}", error.message);
            let gone = drop && error.is_final();
            self.fail(kind, &error.name, ProblemKind::ServerError, message, gone);
        }
        match self.options.protocol {
            Protocol::Delta => {
                for name in response.removed {
                    self.deleted(link, kind, &name);
                }
            }
            // What cannot be read might be what seems to be missing.
            Protocol::Sotw if kind.is_whole() && !nameless => {
                let state = &self.kinds[kind as usize];
                let is_cached = |entry: &super::Entry<D>| {
                    entry.held.is_some() || state.wildcard && entry.users == 0
                };
                let missing = state
                    .entries
                    .iter()
                    .filter(|(name, entry)| is_cached(entry) && !seen.contains(*name));
                for name in missing.map(|(name, _)| name.clone()).collect::<Vec<_>>() {
                    self.deleted(link, kind, &name);
                }
            }
            Protocol::Sotw => {}
        }
        let state = &mut self.kinds[kind as usize];
        if state.wildcard && !state.answered {
            state.answered = true;
            self.changes.general = true;
        }
        errors
    }

    fn update(
        &mut self,
        link: usize,
        kind: Kind,
        name: &Name,
        version: &Name,
        raw: Raw<D::Body>,
    ) -> Result<(), String> {
        let state = &mut self.kinds[kind as usize];
        let count = state.entries.len();
        let entry = match state.entries.get_mut(name) {
            Some(entry) => entry,
            None if !state.wildcard => {
                // Nobody wants it, but what is wrong with it still counts (A46).
                return self.decoder.decode(kind, &raw.body, version).map(drop);
            }
            None if count >= MAX_RESOURCES => {
                return Err(format!("`{name}`: there are {count} resources already"));
            }
            None => state.entries.entry(name.clone()).or_default(),
        };
        if let Some(held) = entry.held.as_mut().filter(|held| held.body == raw.body) {
            held.version = version.clone();
            held.link = link;
            entry.deadline = None;
            if entry.problem.take().is_some() {
                self.changes.names[kind as usize].push(name.clone());
            }
            return Ok(());
        }
        let (is_news, result) = match self.decoder.decode(kind, &raw.body, version) {
            Ok(resource) => {
                entry.held = Some(Held {
                    resource,
                    body: raw.body,
                    version: version.clone(),
                    link,
                    at: self.now,
                });
                entry.rejected = None;
                entry.problem = None;
                entry.deadline = None;
                (true, Ok(()))
            }
            Err(error) => {
                let drop = self.options.servers[link].fail_on_data_errors;
                entry.rejected = Some((version.clone(), self.now));
                (
                    entry.fail(ProblemKind::Rejected, error.clone(), drop),
                    Err(error),
                )
            }
        };
        if is_news {
            self.changes.names[kind as usize].push(name.clone());
        }
        result
    }

    /// The server says that there is no such resource (any longer).
    fn deleted(&mut self, link: usize, kind: Kind, name: &Name) {
        let state = &mut self.kinds[kind as usize];
        if state.wildcard && state.entries.get(name).is_some_and(|e| e.users == 0) {
            // Only the wildcard brought it, and takes it away again.
            state.entries.remove(name);
            self.changes.names[kind as usize].push(name.clone());
            return;
        }
        let is_saved = state.entries.get(name).is_some_and(super::Entry::is_saved);
        let drop = self.options.servers[link].fail_on_data_errors || is_saved;
        let message = "the control plane has deleted it".to_owned();
        self.fail(kind, name, ProblemKind::DoesNotExist, message, drop);
    }

    fn fail(&mut self, kind: Kind, name: &Name, what: ProblemKind, message: String, drop: bool) {
        let entry = self.kinds[kind as usize].entries.get_mut(name);
        if entry.is_some_and(|entry| entry.fail(what, message, drop)) {
            self.changes.names[kind as usize].push(name.clone());
        }
    }
}

/// All that is wrong with a response, within a bound.
fn message(errors: &[String], total: usize) -> String {
    let mut text = format!("{} of {total} resources rejected", errors.len());
    for (i, error) in errors.iter().enumerate() {
        if text.len() + error.len() > MAX_ERROR && i > 0 {
            // Writing to a string does not fail.
            let _ = write!(text, "; and {} more", errors.len() - i);
            break;
        }
        let sign = if i == 0 { ':' } else { ';' };
        let _ = write!(
            text,
            "{sign} {}",
            error.chars().take(MAX_ERROR).collect::<String>()
        );
    }
    text
}
