//! What is asked next: what is due, as far as connections go.

use std::time::Duration;

use tokio::time::Instant;

use super::{Flight, Key, SETTLE, Watch, Watched};
use crate::catalog::{api::Ask, fetch, sink::Sink};

/// When there are more questions than connections, each is asked about this often.
pub(super) const ROTATION: Duration = Duration::from_secs(15);

impl<S: Sink> Watch<S> {
    /// Sends out what is due; when to look again, unless something lands before.
    pub(super) fn launch(&mut self) -> Instant {
        let now = Instant::now();
        let settled = self.dirty.map(|since| since + SETTLE);
        let idle = settled.unwrap_or(now + Duration::from_secs(3600));
        while let Some((due, _)) = self.queue.first() {
            if *due > now {
                return idle.min(*due);
            }
            if let Some(at) = self.outage.closed(now) {
                return at.map_or(idle, |at| idle.min(at));
            }
            if self.flights.len() >= self.settings.connections && !self.make_room(now) {
                return idle;
            }
            if let Some((_, key)) = self.queue.pop_first() {
                self.ask(key, now);
            }
        }
        idle
    }

    /// Ends the question that waits longest, if it does not end soon anyway.
    fn make_room(&mut self, now: Instant) -> bool {
        let longest = self.flights.iter().max_by_key(|(_, flight)| flight.until);
        let Some((&id, _)) = longest.filter(|(_, flight)| flight.until > now + ROTATION) else {
            return false;
        };
        if let Some(flight) = self.flights.remove(&id) {
            flight.task.abort();
            self.queue.insert((now, flight.key));
        }
        true
    }

    fn ask(&mut self, key: Key, now: Instant) {
        let Some(watched) = self.watched(&key) else {
            return;
        };
        let (index, hash) = (watched.query.index(), watched.hash);
        // One that finds out whether the catalogue is back must not wait there.
        let is_probe = self.outage.is_on();
        let index = if is_probe { 0 } else { index };
        let hold = if index == 0 {
            Duration::ZERO
        } else {
            self.hold()
        };
        let ask = Ask {
            path: fetch::path(key.as_ref()),
            index,
            hold,
        };
        let (settings, idle) = (self.settings.clone(), self.idle.pop());
        let is_list = key.is_none();
        let task = self
            .tasks
            .spawn(fetch::fetch(settings, idle, ask, is_list, hash));
        if is_probe {
            self.outage.probe(task.id());
        }
        let until = now + hold;
        self.flights.insert(task.id(), Flight { key, task, until });
    }

    fn questions(&self) -> usize {
        self.services.len() + usize::from(self.settings.everything)
    }

    pub(super) fn takes_turns(&self) -> bool {
        self.questions() > self.settings.connections
    }

    pub(super) fn hold(&self) -> Duration {
        let wait = self.settings.wait;
        if !self.takes_turns() {
            return wait;
        }
        let share = self.settings.connections as f64 / self.questions() as f64;
        wait.min(ROTATION.mul_f64(share))
    }

    fn watched(&mut self, key: &Key) -> Option<&mut Watched> {
        match key {
            Some(name) => self.services.get_mut(name),
            None => Some(&mut self.list),
        }
    }
}
