//! Any sequence of events, with what must hold after each, and where it must lead in the end.

use std::collections::{BTreeMap, BTreeSet};

use bolero::{TypeGenerator, check};

use super::{
    server::{Stream, World},
    *,
};

#[derive(Clone, Copy, Debug, TypeGenerator)]
enum Event {
    Subscribe(u8, u8),
    Unsubscribe(u8, u8),
    Set(u8, u8, u8),
    Break(u8, u8),
    Delete(u8, u8),
    /// The server tells of changes.
    Push(u8),
    /// Requests reach the server.
    Carry(u8),
    /// Responses reach the client.
    Deliver(u8),
    /// Connections and subscriptions go on.
    Connect,
    Refuse,
    Disconnect,
    Restart(u8),
    Wait(u16),
    /// What no server should send.
    Garbage(u8, u8),
}

struct Simulation {
    hand: Hand,
    protocol: Protocol,
    wildcard: Vec<Kind>,
    world: World,
    stream: Option<Stream>,
    wanted: BTreeMap<(Kind, String), u32>,
    /// What was ready, and must stay so.
    good: BTreeSet<(Kind, String)>,
}

impl Simulation {
    fn new(protocol: Protocol, wildcard: &[Kind]) -> Self {
        let mut options = options(protocol);
        options.wildcard = wildcard.to_vec();
        Self {
            hand: Hand::new(options),
            protocol,
            wildcard: wildcard.to_vec(),
            world: World::default(),
            stream: None,
            wanted: BTreeMap::new(),
            good: BTreeSet::new(),
        }
    }

    fn run(&mut self, event: Event) {
        let kind = |k: u8| Kind::ALL[usize::from(k) % KINDS];
        let name = |n: u8| format!("r{}", n % 4);
        match event {
            Event::Subscribe(k, n) => {
                self.hand.subscribe(kind(k), &name(n));
                *self.wanted.entry((kind(k), name(n))).or_default() += 1;
            }
            Event::Unsubscribe(k, n) => {
                let key = (kind(k), name(n));
                if let Some(count) = self.wanted.get_mut(&key) {
                    self.hand.unsubscribe(kind(k), &name(n));
                    *count -= 1;
                    if *count == 0 {
                        self.wanted.remove(&key);
                        self.good.remove(&key);
                    }
                }
            }
            Event::Set(k, n, v) => {
                let body = format!("{}={v}", name(n));
                self.world.set(kind(k), &name(n), Some(body));
            }
            Event::Break(k, n) => {
                let body = format!("{}!", name(n));
                self.world.set(kind(k), &name(n), Some(body));
            }
            Event::Delete(k, n) => self.world.set(kind(k), &name(n), None),
            Event::Push(k) => {
                if let Some(stream) = &mut self.stream {
                    stream.push(kind(k), &self.world);
                }
            }
            Event::Carry(n) => self.carry(n),
            Event::Deliver(n) => self.deliver(n),
            Event::Connect => self.connect(true),
            Event::Refuse => self.connect(false),
            Event::Disconnect => self.disconnect(),
            Event::Restart(v) => {
                // With another state, and numbers that mean nothing to the old one.
                self.disconnect();
                self.world.version += u64::from(v);
            }
            Event::Wait(ms) => self.hand.advance(Duration::from_millis(ms.into())),
            Event::Garbage(k, n) => {
                let bodies: &[&str] = match n % 3 {
                    0 => &["?"],
                    1 => &["x!", "x!"],
                    _ => &["=1", "x!"],
                };
                if let Some(stream) = &mut self.stream {
                    let named = |body: &&str| Raw {
                        // Delta's resources have a name of their own, true or not.
                        name: Toy.name(kind(k), &(*body).to_owned()),
                        version: None,
                        body: (*body).to_owned(),
                    };
                    let raw = bodies.iter().map(named).collect();
                    let version = self.world.version.to_string();
                    stream.send(kind(k), &version, raw, Vec::new());
                }
            }
        }
        self.check();
    }

    fn connect(&mut self, accept: bool) {
        if self.hand.ads.poll_command(self.hand.now).is_some() {
            if accept {
                self.hand.ads.opened(0, self.hand.now);
                self.stream = Some(Stream::new(self.protocol));
            } else {
                self.hand.close(0);
            }
        }
    }

    fn disconnect(&mut self) {
        if self.stream.take().is_some() {
            self.hand.close(0);
        }
    }

    fn carry(&mut self, most: u8) {
        let Some(stream) = &mut self.stream else {
            assert!(
                self.hand.requests().is_empty(),
                "without a stream nothing is said"
            );
            return;
        };
        for _ in 0..most {
            match self.hand.ads.poll_request(0, self.hand.now) {
                Some(request) => stream.receive(request, &self.world),
                None => break,
            }
        }
    }

    fn deliver(&mut self, most: u8) {
        for _ in 0..most {
            let Some(response) = self.stream.as_mut().and_then(|s| s.queue.pop_front()) else {
                break;
            };
            self.hand.ads.received(0, response, self.hand.now).unwrap();
        }
    }

    /// The last good resource stays for as long as it is wanted.
    fn check(&mut self) {
        for (kind, name) in self.wanted.keys() {
            let ready = matches!(self.hand.ads.state(*kind, name), State::Ready(..));
            let key = (*kind, name.clone());
            assert!(ready || !self.good.contains(&key), "{key:?} was ready");
            if ready {
                self.good.insert(key);
            }
        }
        for kind in Kind::ALL {
            assert!(self.hand.ads.entries(kind).count() <= 6);
        }
    }

    /// An honest server, and time.
    fn settle(&mut self) {
        // Garbage may have made it send less than there is.
        self.world.version += 1;
        for _ in 0..60 {
            if self.stream.is_none() {
                self.connect(true);
            }
            self.carry(u8::MAX);
            for kind in Kind::ALL {
                if let Some(stream) = &mut self.stream {
                    stream.push(kind, &self.world);
                }
            }
            self.deliver(u8::MAX);
            self.carry(u8::MAX);
            self.hand.advance(Duration::from_secs(5));
            self.check();
        }
    }

    fn check_end(&self) {
        let ads = &self.hand.ads;
        for (kind, name) in self.wanted.keys() {
            let seen = self.hand.look(*kind, name);
            match self.world.bodies[*kind as usize].get(name) {
                Some((_, body)) if body.contains('=') => {
                    let value = body.split_once('=').unwrap().1;
                    assert_eq!(seen, (Some(value), None), "{kind:?} {name}");
                }
                Some(_) => assert_eq!(seen.1, Some(ProblemKind::Rejected), "{kind:?} {name}"),
                // Answered, one way or the other.
                None => assert_ne!(seen, (None, None), "{kind:?} {name}"),
            }
        }
        for kind in Kind::ALL {
            let wildcard = self.wildcard.contains(&kind);
            let bodies = &self.world.bodies[kind as usize];
            for (name, entry) in ads.entries(kind).filter(|(name, _)| &***name != "x") {
                let wanted = self.wanted.contains_key(&(kind, name.to_string()));
                let there = wildcard && bodies.contains_key(&**name);
                assert!(
                    wanted || there,
                    "{kind:?} {name} is left over: {:?}",
                    entry.held()
                );
            }
            if wildcard {
                for (name, (_, body)) in bodies.iter().filter(|(_, (_, b))| b.contains('=')) {
                    let value = body.split_once('=').unwrap().1;
                    assert_eq!(self.hand.look(kind, name).0, Some(value), "{kind:?} {name}");
                }
            }
        }
        assert!(ads.unreachable().is_none());
        // Nothing is left to do.
        assert_eq!(ads.next_timeout(self.hand.now), None);
    }
}

fn any_sequence(protocol: Protocol, wildcard: &[Kind]) {
    let events = check!().with_type::<Vec<Event>>().with_max_len(4_096);
    events
        .with_test_time(Duration::from_secs(2))
        .for_each(|events| {
            let mut simulation = Simulation::new(protocol, wildcard);
            for event in events {
                simulation.run(*event);
            }
            simulation.settle();
            simulation.check_end();
        });
}

#[test]
fn any_sequence_in_state_of_the_world() {
    any_sequence(Protocol::Sotw, &[]);
}

#[test]
fn any_sequence_in_delta() {
    any_sequence(Protocol::Delta, &[]);
}

#[test]
fn any_sequence_with_wildcards_in_state_of_the_world() {
    any_sequence(Protocol::Sotw, &[Kind::Listener, Kind::Cluster]);
}

#[test]
fn any_sequence_with_wildcards_in_delta() {
    any_sequence(Protocol::Delta, &[Kind::Listener, Kind::Cluster]);
}
