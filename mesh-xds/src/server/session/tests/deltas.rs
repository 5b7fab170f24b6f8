//! Delta.

use super::*;
use Kind::{
    Cluster as Cds, ClusterLoadAssignment as Eds, Listener as Lds, RouteConfiguration as Rds,
};

fn begun() -> Bed {
    let mut bed = Bed::new(Protocol::Delta);
    bed.publish(config("a", &["a", "b"], 1));
    bed.delta(Cds, &[], &[]);
    assert_eq!(bed.accept(Cds, &[]).names, ["a", "b"]);
    bed.delta(Eds, &["a", "b"], &[]);
    assert_eq!(bed.accept(Eds, &[]).names, ["a", "b"]);
    bed.delta(Lds, &[], &[]);
    assert_eq!(bed.accept(Lds, &[]).names, ["outbound_80"]);
    bed.delta(Rds, &["80"], &[]);
    assert_eq!(bed.accept(Rds, &[]).names, ["80"]);
    assert_eq!(bed.next(), None);
    bed
}

#[test]
fn only_what_has_changed_is_sent_and_removals_come_last() {
    let mut bed = begun();
    bed.publish(config("c", &["b", "c"], 1));
    let clusters = bed.accept(Cds, &[]);
    assert_eq!((clusters.names, clusters.removed), (texts(&["c"]), vec![]));
    assert_eq!(bed.next(), None);
    bed.delta(Eds, &["c"], &[]);
    assert_eq!(bed.accept(Eds, &[]).names, ["c"]);
    assert_eq!(bed.accept(Rds, &[]).names, ["80"]);
    // The client drops its endpoints with the cluster.
    let mut removed = [bed.accept_any(), bed.accept_any()];
    removed.sort();
    assert_eq!(removed, [(Cds, texts(&["a"])), (Eds, texts(&["a"]))]);
    assert_eq!(bed.next(), None);
}

impl Bed {
    fn accept_any(&mut self) -> (Kind, Vec<String>) {
        let seen = self.next().expect("a response is due");
        assert_eq!(seen.names, [""; 0]);
        self.ask(seen.kind, &seen.nonce, None, delta(&[], &[]));
        let removed = seen.removed.iter().map(ToString::to_string);
        (seen.kind, removed.collect())
    }
}

#[test]
fn what_the_client_has_from_another_stream_is_not_sent_again() {
    let before = {
        let mut bed = Bed::new(Protocol::Delta);
        bed.publish(config("a", &["a", "b", "old"], 1));
        bed.delta(Cds, &[], &[]);
        bed.accept(Cds, &[]).versions
    };
    let mut bed = Bed::new(Protocol::Delta);
    let mut changed = config("a", &["a", "b"], 1);
    Arc::make_mut(&mut changed.clusters[0]).connect_timeout = Duration::from_secs(9);
    bed.publish(changed);
    let body = Body::Delta {
        subscribe: Vec::new(),
        unsubscribe: Vec::new(),
        versions: before.into_iter().collect(),
    };
    bed.ask(Cds, "", None, body);
    assert_eq!(bed.accept(Cds, &[]).names, ["a"]);
    assert_eq!(bed.accept_any(), (Cds, texts(&["old"])));
    assert_eq!(bed.next(), None);
}

#[test]
fn what_is_not_there_is_said_to_be_removed_once() {
    let mut bed = Bed::new(Protocol::Delta);
    bed.publish(config("a", &["a"], 1));
    bed.delta(Cds, &["a", "none"], &[]);
    let first = bed.accept(Cds, &[]);
    assert_eq!(
        (first.names, first.removed),
        (texts(&["a"]), vec!["none".into()])
    );
    bed.publish(config("a", &["a", "b"], 1));
    assert_eq!(bed.next(), None);
    bed.publish(config("a", &["a", "none"], 1));
    assert_eq!(bed.accept(Cds, &[]).names, ["none"]);
}

#[test]
fn who_subscribes_again_is_sent_it_again() {
    let mut bed = begun();
    bed.delta(Eds, &["a"], &[]);
    assert_eq!(bed.accept(Eds, &[]).names, ["a"]);
    bed.delta(Eds, &[], &["b"]);
    bed.publish(config("a", &["a", "b"], 2));
    assert_eq!(bed.accept(Eds, &[]).names, ["a"]);
    // A wildcard covers what is no more wanted by name.
    bed.delta(Cds, &["b"], &[]);
    bed.accept(Cds, &[]);
    bed.delta(Cds, &[], &["b"]);
    assert_eq!(bed.accept(Cds, &[]).names, ["b"]);
    bed.delta(Cds, &[], &["*"]);
    bed.publish(config("a", &["a", "b", "c"], 2));
    assert_eq!(bed.next(), None);
}

#[test]
fn names_are_bounded() {
    let mut bed = begun();
    let names = (0..=super::super::MAX_NAMES).map(|n| n.to_string());
    let request = Request {
        type_url: Eds.type_url(),
        nonce: String::new(),
        error: None,
        body: Body::Delta {
            subscribe: names.collect(),
            unsubscribe: Vec::new(),
            versions: Default::default(),
        },
    };
    assert!(bed.session.request(request).is_err());
}

#[test]
fn a_large_answer_comes_in_parts() {
    let names: Vec<_> = (0..20_000).map(|n| format!("cluster-{n:05}")).collect();
    let names: Vec<_> = names.iter().map(|n| &**n).collect();
    let mut bed = Bed::new(Protocol::Delta);
    bed.publish(config("a", &names, 1));
    bed.delta(Cds, &[], &[]);
    let mut sent = Vec::new();
    let mut responses = 0;
    while let Some(seen) = bed.next() {
        sent.extend(seen.names);
        responses += 1;
        bed.ask(Cds, &seen.nonce, None, delta(&[], &[]));
    }
    assert!(responses > 2, "{responses}");
    assert_eq!(sent, names);
}
