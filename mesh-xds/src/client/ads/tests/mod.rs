//! The state machine against a simulated server, and rule by rule.

mod rules;
mod sequences;
mod server;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use mesh_core::{Seeded, policy::Name};

use super::*;

/// Bodies are `name=value`; `name!why` is broken, and `?` has no name that could be read.
#[derive(Debug)]
pub(super) struct Toy;

impl Decode for Toy {
    type Body = String;
    type Resource = String;

    fn name(&self, _: Kind, body: &String) -> Option<Name> {
        body.find(['=', '!']).map(|at| body[..at].into())
    }

    fn decode(&self, _: Kind, body: &String, _: &Name) -> Result<String, String> {
        match body.split_once('=') {
            Some((_, value)) => Ok(value.to_owned()),
            None => Err(format!("`{body}` is broken")),
        }
    }
}

pub(super) fn options(protocol: Protocol) -> Options {
    Options {
        protocol,
        servers: vec![server("primary")],
        wildcard: Vec::new(),
        fallback_on_reachability_only: false,
    }
}

pub(super) fn server(uri: &str) -> ServerOptions {
    ServerOptions {
        uri: uri.to_owned(),
        fail_on_data_errors: false,
        resource_timer_is_transient_error: false,
    }
}

/// An [`Ads`] and its time, driven by hand.
pub(super) struct Hand {
    pub(super) ads: Ads<Toy>,
    pub(super) now: Instant,
    nonce: u32,
}

impl Hand {
    pub(super) fn new(options: Options) -> Self {
        #[allow(clippy::disallowed_methods)] // Where the simulated time starts does not matter.
        let now = Instant::now();
        let random = Arc::new(Seeded::new(1));
        Self {
            ads: Ads::new(Toy, options, random, now),
            now,
            nonce: 0,
        }
    }

    /// Subscribed to EDS resources, with a stream.
    pub(super) fn subscribed(options: Options, names: &[&str]) -> Self {
        let mut hand = Self::new(options);
        for name in names {
            hand.subscribe(Kind::ClusterLoadAssignment, name);
        }
        hand.open(0);
        hand
    }

    pub(super) fn subscribe(&mut self, kind: Kind, name: &str) {
        self.ads.subscribe(kind, &name.into(), self.now);
    }

    pub(super) fn unsubscribe(&mut self, kind: Kind, name: &str) {
        self.ads.unsubscribe(kind, &name.into(), self.now);
    }

    pub(super) fn open(&mut self, link: usize) {
        assert_eq!(
            self.ads.poll_command(self.now),
            Some(Command::Connect(link))
        );
        self.ads.opened(link, self.now);
    }

    pub(super) fn close(&mut self, link: usize) {
        self.ads.closed(link, "connection refused", self.now);
    }

    pub(super) fn advance(&mut self, by: Duration) {
        self.now += by;
        self.ads.tick(self.now);
    }

    pub(super) fn requests(&mut self) -> Vec<Request> {
        std::iter::from_fn(|| self.ads.poll_request(0, self.now)).collect()
    }

    /// The only request there is.
    pub(super) fn request(&mut self) -> Request {
        let [request] = self.requests().try_into().expect("one request");
        request
    }

    /// A response; the nonce that it had.
    pub(super) fn respond(&mut self, kind: Kind, version: &str, bodies: &[&str]) -> String {
        self.respond_on(0, kind, version, bodies, &[])
    }

    pub(super) fn respond_on(
        &mut self,
        link: usize,
        kind: Kind,
        version: &str,
        bodies: &[&str],
        removed: &[&str],
    ) -> String {
        self.nonce += 1;
        let nonce = format!("n{}", self.nonce);
        let raw = |body: &&str| Raw {
            name: None,
            version: None,
            body: (*body).to_owned(),
        };
        let response = Response {
            type_url: kind.type_url(),
            version: version.into(),
            nonce: nonce.as_str().into(),
            resources: bodies.iter().map(raw).collect(),
            removed: removed.iter().map(|n| (*n).into()).collect(),
            errors: Vec::new(),
        };
        self.ads.received(link, response, self.now).unwrap();
        nonce
    }

    /// What a reader sees: the value, then what is wrong.
    pub(super) fn look(&self, kind: Kind, name: &str) -> (Option<&str>, Option<ProblemKind>) {
        let entry = self.ads.kinds[kind as usize].entries.get(name);
        let problem = entry.and_then(Entry::problem).or(self.ads.unreachable());
        match self.ads.state(kind, name) {
            State::Pending => (None, None),
            State::Absent => (None, Some(ProblemKind::DoesNotExist)),
            State::Ready(value) => (Some(value), problem.map(|p| p.kind)),
            State::Failed(problem) => (None, Some(problem.kind)),
        }
    }

    pub(super) fn changed(&mut self, kind: Kind) -> Vec<String> {
        let changes = self.ads.take_changes();
        changes.names[kind as usize]
            .iter()
            .map(|n| n.to_string())
            .collect()
    }
}
