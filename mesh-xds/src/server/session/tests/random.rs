//! Any sequence of edits, subscriptions, answers and rejections ends with the client having what there
//! is, with routes that never lead to a cluster that the client was not sent.

use std::collections::{BTreeMap, BTreeSet};

use bolero::{TypeGenerator, check};

use super::*;

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

#[derive(Clone, Debug, TypeGenerator)]
enum Step {
    /// These clusters, all traffic to the first of them, an endpoint at this port.
    Publish(u8, u8),
    /// Takes a response.
    Next,
    /// Answers the oldest response that is not answered.
    Answer { accept: bool },
    /// A second passes.
    Wait,
}

/// A client that follows everything, as Envoy does.
#[derive(Default)]
struct Client {
    has: BTreeMap<Kind, BTreeMap<String, String>>,
    unanswered: Vec<Seen>,
    /// The cluster that its routes lead to, if it was there when they came.
    routed: Option<String>,
}

impl Client {
    fn take(&mut self, seen: Seen, protocol: Protocol) {
        let has = self.has.entry(seen.kind).or_default();
        let whole = matches!(seen.kind, Kind::Cluster | Kind::Listener);
        if protocol == Protocol::Sotw && whole {
            has.clear();
        }
        has.extend(seen.versions.iter().cloned());
        for name in &seen.removed {
            has.remove(&**name);
        }
        let pending = self
            .unanswered
            .iter()
            .filter(|other| other.kind == seen.kind);
        assert_eq!(pending.count(), 0, "one response of a type at a time");
        self.unanswered.push(seen);
    }

    fn names(&self, kind: Kind) -> BTreeSet<String> {
        let has = self.has.get(&kind).into_iter().flatten();
        has.map(|(name, _)| name.clone()).collect()
    }
}

fn run(protocol: Protocol, steps: &[Step]) {
    let mut bed = Bed::new(protocol);
    bed.publish(config("a", &["a"], 1));
    let mut client = Client::default();
    let all = match protocol {
        Protocol::Sotw => sotw,
        Protocol::Delta => |names: &[&str]| delta(names, &[]),
    };
    bed.ask(Kind::Cluster, "", None, all(&[]));
    bed.ask(Kind::ClusterLoadAssignment, "", None, all(&NAMES));
    bed.ask(Kind::Listener, "", None, all(&[]));
    bed.ask(Kind::RouteConfiguration, "", None, all(&["80"]));
    let mut routed = "a".to_owned();
    let settle = std::iter::repeat_n([Step::Next, Step::Answer { accept: true }], 40).flatten();
    for step in steps.iter().cloned().chain(settle) {
        match step {
            Step::Publish(clusters, port) => {
                let mut names = NAMES.iter().enumerate();
                let names: Vec<_> = names
                    .by_ref()
                    .filter(|(i, _)| clusters & (1 << i) != 0)
                    .map(|(_, name)| *name)
                    .collect();
                routed = (*names.first().unwrap_or(&"a")).to_owned();
                bed.publish(config(&routed, &names, u16::from(port) + 1));
            }
            Step::Next => {
                if let Some(seen) = bed.next() {
                    if seen.kind == Kind::RouteConfiguration && !seen.names.is_empty() {
                        let world = bed.world.clone().unwrap();
                        let there = world.all(Kind::Cluster).contains_key(&*routed);
                        client.routed = there.then(|| routed.clone());
                    }
                    client.take(seen, protocol);
                }
            }
            Step::Answer { accept } if !client.unanswered.is_empty() => {
                let seen = client.unanswered.remove(0);
                let names: &[&str] = match seen.kind {
                    Kind::ClusterLoadAssignment => &NAMES,
                    Kind::RouteConfiguration => &["80"],
                    _ => &[],
                };
                let body = match protocol {
                    Protocol::Sotw => sotw(names),
                    Protocol::Delta => delta(&[], &[]),
                };
                let error = (!accept).then_some("no");
                bed.ask(seen.kind, &seen.nonce, error, body);
            }
            Step::Answer { .. } => {}
            Step::Wait => bed.now += Duration::from_secs(1),
        }
        let world = bed.world.clone().unwrap();
        if let Some(routed) = &client.routed {
            let there = world.all(Kind::Cluster).contains_key(&**routed);
            let has = client.names(Kind::Cluster).contains(routed);
            assert!(has || !there, "routed to {routed}");
            if !there {
                client.routed = None;
            }
        }
    }
    let world = bed.world.clone().unwrap();
    for kind in Kind::ALL {
        let served = world.all(kind).iter();
        let served: BTreeMap<_, _> = served
            .map(|(name, resource)| (name.to_string(), resource.version.to_string()))
            .collect();
        let mut has = client.has.remove(&kind).unwrap_or_default();
        // In state of the world nothing says that endpoints are gone.
        has.retain(|name, _| protocol == Protocol::Delta || served.contains_key(name));
        assert_eq!(has, served, "{kind:?}");
    }
}

#[test]
fn any_sequence_ends_with_the_client_having_what_there_is() {
    check!()
        .with_type::<(bool, Vec<Step>)>()
        .for_each(|(is_delta, steps)| match is_delta {
            true => run(Protocol::Delta, steps),
            false => run(Protocol::Sotw, steps),
        });
}
