//! One server: whether there is a stream, when to try again, and what was said on it.

use std::{
    collections::HashSet,
    collections::VecDeque,
    time::{Duration, Instant},
};

use mesh_core::{Random, policy::Name};

use super::message::KINDS;

/// gRPC's connection back-off: 1 s, growing by 1.6 to 2 min, give or take a fifth.
const BASE: Duration = Duration::from_secs(1);
const FACTOR: f64 = 1.6;
const CAP: Duration = Duration::from_secs(120);
const JITTER: f64 = 0.2;

/// A stream that lives so long without a response is no failure either: a delta server may have
/// nothing to say to a client that reconnects.
const PROVEN: Duration = Duration::from_secs(1);

/// A server of the bootstrap's list.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) phase: Phase,
    /// Tells streams apart: what belongs to an older one is void.
    pub(super) epoch: u64,
    /// The stream has had a response.
    pub(super) heard: bool,
    /// A request was sent on this stream.
    pub(super) greeted: bool,
    /// Why it cannot be reached, since the last response.
    pub(super) error: Option<String>,
    pub(super) watches: [Watch; KINDS],
    failures: u32,
    last_attempt: Option<Instant>,
    opened: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Not needed.
    Idle,
    /// To be connected at this time.
    Waiting(Instant),
    /// Being connected.
    Connecting,
    /// There is a stream.
    Open,
}

/// What was said of one type.
#[derive(Debug, Default)]
pub(super) struct Watch {
    /// Accepted whole; survives the stream (A27).
    pub(super) version: Name,
    /// Of the last response on this stream.
    pub(super) nonce: Name,
    /// Responses that are to be answered.
    pub(super) acks: VecDeque<Ack>,
    /// The first request was sent.
    pub(super) begun: bool,
    /// What the server was told is wanted.
    pub(super) sent: HashSet<Name>,
    /// Names whose subscription may differ from `sent`.
    pub(super) changed: Vec<Name>,
    /// No request for changes alone before this.
    pub(super) not_before: Option<Instant>,
}

#[derive(Debug)]
pub(super) struct Ack {
    pub(super) nonce: Name,
    /// A NACK's reason.
    pub(super) error: Option<String>,
}

impl Link {
    pub(super) fn new() -> Self {
        Self {
            phase: Phase::Idle,
            epoch: 0,
            heard: false,
            greeted: false,
            error: None,
            watches: std::array::from_fn(|_| Watch::default()),
            failures: 0,
            last_attempt: None,
            opened: None,
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    pub(super) fn connecting(&mut self, now: Instant) {
        self.phase = Phase::Connecting;
        self.last_attempt = Some(now);
    }

    pub(super) fn opened(&mut self, now: Instant) {
        self.reset();
        self.phase = Phase::Open;
        self.opened = Some(now);
    }

    /// When a stream without a response will do for the server to count as reachable.
    pub(super) fn proves_at(&self) -> Option<Instant> {
        self.error.as_ref()?;
        Some(self.opened? + PROVEN)
    }

    /// It can be reached.
    pub(super) fn prove(&mut self) {
        self.failures = 0;
        self.error = None;
    }

    /// A response has come: the server is well.
    pub(super) fn hear(&mut self) {
        self.heard = true;
        self.prove();
    }

    /// The stream, or the attempt at one, has ended. Without a response that is an error, which makes
    /// the next attempt wait. With one, the next is made at once (A57), but no more often than once
    /// in a base delay, for a server may answer and close again and again.
    pub(super) fn closed(&mut self, error: &str, now: Instant, random: &dyn Random) {
        let fair = JITTER * (2.0 * unit(random) - 1.0) + 1.0;
        let until = if self.heard {
            self.last_attempt
                .map_or(now, |last| last + BASE.mul_f64(fair))
        } else {
            self.error = Some(error.to_owned());
            let grown = BASE.as_secs_f64() * FACTOR.powi(self.failures.min(32).cast_signed());
            self.failures = self.failures.saturating_add(1);
            now + Duration::from_secs_f64(grown.min(CAP.as_secs_f64()) * fair)
        };
        self.reset();
        self.phase = Phase::Waiting(until.max(now));
    }

    /// Not needed any longer.
    pub(super) fn stop(&mut self) {
        self.reset();
        self.phase = Phase::Idle;
        self.prove();
    }

    fn reset(&mut self) {
        self.epoch += 1;
        self.heard = false;
        self.opened = None;
        self.greeted = false;
        for watch in &mut self.watches {
            *watch = Watch {
                version: watch.version.clone(),
                ..Watch::default()
            };
        }
    }
}

/// A draw from [0, 1).
fn unit(random: &dyn Random) -> f64 {
    (random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
}
