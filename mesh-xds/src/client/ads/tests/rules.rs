//! Rule by rule. The number of the gRFC is in each test's name; `docs/xds.md` has the table.

use super::*;

const EDS: Kind = Kind::ClusterLoadAssignment;
const CDS: Kind = Kind::Cluster;

fn names(request: &Request) -> Vec<&str> {
    match &request.body {
        RequestBody::Sotw { names, .. } => {
            let mut names: Vec<_> = names.iter().map(|n| &**n).collect();
            names.sort_unstable();
            names
        }
        RequestBody::Delta { subscribe, .. } => subscribe.iter().map(|n| &**n).collect(),
    }
}

fn version(request: &Request) -> &str {
    match &request.body {
        RequestBody::Sotw { version, .. } => version,
        RequestBody::Delta { .. } => panic!("delta has no version"),
    }
}

#[test]
fn a27_node_once_and_version_and_nonce() {
    let mut hand = Hand::subscribed(options(Protocol::Sotw), &["a"]);
    hand.subscribe(CDS, "c");
    let [cds, eds] = hand.requests().try_into().unwrap();
    // The node is in the first only; each type has its names, and neither version nor nonce.
    assert!(cds.first && !eds.first);
    assert_eq!((names(&cds), names(&eds)), (vec!["c"], vec!["a"]));
    assert_eq!((version(&eds), &*eds.nonce), ("", ""));

    let nonce = hand.respond(EDS, "7", &["a=1"]);
    let ack = hand.request();
    assert_eq!(
        (version(&ack), &*ack.nonce, &ack.error),
        ("7", &*nonce, &None)
    );
    assert_eq!(hand.look(EDS, "a"), (Some("1"), None));

    // A new stream: the version survives, the nonce does not, the node is said again.
    hand.close(0);
    hand.advance(Duration::from_secs(2));
    hand.open(0);
    let [cds, eds] = hand.requests().try_into().unwrap();
    assert!(cds.first);
    assert_eq!((version(&eds), &*eds.nonce), ("7", ""));
}

#[test]
fn a27_no_names_are_sent_only_after_some() {
    let mut hand = Hand::subscribed(options(Protocol::Sotw), &["a"]);
    assert_eq!(names(&hand.request()), ["a"]);
    hand.unsubscribe(EDS, "a");
    hand.advance(Duration::from_secs(1));
    assert!(names(&hand.request()).is_empty());
    // On a new stream an empty list would mean everything.
    hand.close(0);
    hand.advance(Duration::from_secs(2));
    hand.open(0);
    assert!(hand.requests().is_empty());
}

#[test]
fn a27_absence_deletes_listeners_and_clusters_only() {
    let mut hand = Hand::subscribed(options(Protocol::Sotw), &["a", "b"]);
    hand.subscribe(CDS, "a");
    hand.subscribe(CDS, "b");
    hand.requests();
    for kind in [EDS, CDS] {
        hand.respond(kind, "1", &["a=1", "b=1"]);
        hand.respond(kind, "2", &["a=2"]);
    }
    assert_eq!(hand.look(EDS, "b"), (Some("1"), None));
    assert_eq!(
        hand.look(CDS, "b"),
        (Some("1"), Some(ProblemKind::DoesNotExist))
    );
    // It is back, as it was: the trouble is over.
    hand.ads.take_changes();
    hand.respond(CDS, "3", &["a=2", "b=1"]);
    assert_eq!(hand.look(CDS, "b"), (Some("1"), None));
    assert_eq!(hand.changed(CDS), ["b"]);
}

#[test]
fn a27_what_nobody_asked_for_is_not_kept_but_counts() {
    let mut hand = Hand::subscribed(options(Protocol::Sotw), &["a"]);
    hand.request();
    hand.respond(EDS, "1", &["a=1", "other=1"]);
    assert_eq!(hand.request().error, None);
    assert_eq!(hand.ads.entries(EDS).count(), 1);
    hand.respond(EDS, "2", &["a=1", "other!"]);
    assert!(hand.request().error.unwrap().contains("`other!` is broken"));
}

#[test]
fn a27_unknown_types_are_neither_accepted_nor_rejected() {
    let mut hand = Hand::subscribed(options(Protocol::Sotw), &["a"]);
    hand.request();
    let response = Response {
        type_url: "type.googleapis.com/envoy.config.Unknown".to_owned(),
        version: "1".into(),
        nonce: "n".into(),
        resources: Vec::new(),
        removed: Vec::new(),
        errors: Vec::new(),
    };
    hand.ads.received(0, response, hand.now).unwrap();
    assert!(hand.requests().is_empty());
    // Nor what was never asked for.
    hand.respond(Kind::Listener, "1", &["l=1"]);
    assert!(hand.requests().is_empty());
}

#[test]
fn a27_an_unchanged_push_is_no_news() {
    let mut hand = Hand::subscribed(options(Protocol::Sotw), &["a", "b"]);
    hand.requests();
    hand.respond(EDS, "1", &["a=1", "b=1"]);
    assert_eq!(hand.changed(EDS).len(), 2);
    let nonce = hand.respond(EDS, "2", &["a=1", "b=2"]);
    assert_eq!(hand.changed(EDS), ["b"]);
    let ack = hand.request();
    assert_eq!((version(&ack), &*ack.nonce), ("2", &*nonce));
}

#[test]
fn a46_valid_siblings_apply_and_the_rejection_names_all_that_is_broken() {
    let mut hand = Hand::subscribed(options(Protocol::Sotw), &["a", "b", "c"]);
    hand.requests();
    hand.respond(EDS, "1", &["a=1", "b=1"]);
    hand.requests();
    hand.ads.take_changes();
    let nonce = hand.respond(EDS, "2", &["a=2", "b!", "c!", "?"]);
    let nack = hand.request();
    assert_eq!((version(&nack), &*nack.nonce), ("1", &*nonce));
    assert_eq!(
        nack.error.unwrap(),
        "3 of 4 resources rejected: `b!` is broken; `c!` is broken; `?` is broken"
    );
    assert_eq!(hand.look(EDS, "a"), (Some("2"), None));
    assert_eq!(
        hand.look(EDS, "b"),
        (Some("1"), Some(ProblemKind::Rejected))
    );
    assert_eq!(hand.look(EDS, "c"), (None, Some(ProblemKind::Rejected)));
    assert_eq!(hand.changed(EDS), ["a", "b", "c"]);
    // The same again is rejected again, and no news.
    hand.respond(EDS, "3", &["a=2", "b!", "c!"]);
    assert!(hand.request().error.is_some());
    assert!(hand.changed(EDS).is_empty());
    // Good again.
    hand.respond(EDS, "4", &["a=2", "b=3", "c=1"]);
    assert_eq!(version(&hand.request()), "4");
    assert_eq!(hand.look(EDS, "b"), (Some("3"), None));
}

#[test]
fn a46_what_cannot_be_read_may_be_what_seems_to_be_missing() {
    let mut hand = Hand::new(options(Protocol::Sotw));
    hand.subscribe(CDS, "a");
    hand.open(0);
    hand.request();
    hand.respond(CDS, "1", &["a=1"]);
    hand.respond(CDS, "2", &["?"]);
    assert_eq!(hand.look(CDS, "a"), (Some("1"), None));
}

#[test]
fn a_rejection_is_bounded_and_says_what_it_leaves_out() {
    let mut hand = Hand::subscribed(options(Protocol::Sotw), &["a"]);
    hand.request();
    let bodies: Vec<String> = (0..1_000).map(|i| format!("cluster-{i}!")).collect();
    let bodies: Vec<&str> = bodies.iter().map(|b| &**b).collect();
    hand.respond(EDS, "1", &bodies);
    let error = hand.request().error.unwrap();
    assert!(error.starts_with("1000 of 1000 resources rejected: `cluster-0!`"));
    assert!(error.len() < 5_000 && error.contains("; and "), "{error}");
}

/// istiod does not read the names of a rejection.
#[test]
fn a_change_of_subscription_is_told_apart_from_a_rejection() {
    let mut hand = Hand::subscribed(options(Protocol::Sotw), &["a"]);
    hand.request();
    let nonce = hand.respond(EDS, "1", &["a!"]);
    hand.subscribe(EDS, "b");
    hand.advance(Duration::from_millis(10));
    let [nack, change] = hand.requests().try_into().unwrap();
    assert_eq!((names(&nack), nack.error.is_some()), (vec!["a"], true));
    assert_eq!((names(&change), &change.error), (vec!["a", "b"], &None));
    assert_eq!(&*change.nonce, &*nonce);
}

#[test]
fn a57_the_timer_starts_with_the_request_and_stops_with_the_stream() {
    let mut hand = Hand::new(options(Protocol::Sotw));
    hand.subscribe(EDS, "a");
    assert_eq!(hand.ads.poll_command(hand.now), Some(Command::Connect(0)));
    // However long connecting takes.
    hand.advance(Duration::from_secs(600));
    hand.ads.opened(0, hand.now);
    hand.advance(Duration::from_secs(600));
    assert_eq!(hand.look(EDS, "a"), (None, None));
    hand.request();
    hand.advance(Duration::from_secs(14));
    assert_eq!(hand.look(EDS, "a"), (None, None));
    // The stream is lost: all begins again, for what is not known.
    hand.respond(EDS, "1", &[]);
    hand.requests();
    hand.close(0);
    hand.advance(Duration::from_secs(20));
    assert_eq!(hand.look(EDS, "a"), (None, None));
    hand.open(0);
    hand.request();
    assert_eq!(
        hand.ads.next_timeout(hand.now),
        Some(hand.now + Duration::from_secs(15))
    );
    hand.advance(Duration::from_secs(15));
    assert_eq!(hand.look(EDS, "a"), (None, Some(ProblemKind::DoesNotExist)));
    let State::Failed(problem) = hand.ads.state(EDS, "a") else {
        panic!()
    };
    assert_eq!(problem.to_string(), "primary did not send it within 15 s");
    assert_eq!(hand.changed(EDS), ["a"]);
    // Late is better than never.
    hand.respond(EDS, "2", &["a=1"]);
    assert_eq!(hand.look(EDS, "a"), (Some("1"), None));
}

#[test]
fn a57_a_stream_that_ends_unread_is_an_error_and_waits_longer_each_time() {
    let mut hand = Hand::subscribed(options(Protocol::Sotw), &["a"]);
    let mut bounds = [1.0, 1.6, 2.56].into_iter();
    let mut expected = 1.0_f64;
    for _ in 0..14 {
        hand.close(0);
        assert_eq!(hand.look(EDS, "a"), (None, Some(ProblemKind::Unreachable)));
        assert_eq!(
            hand.ads.unreachable().unwrap().to_string(),
            "control plane unreachable: primary: connection refused"
        );
        let wait = (hand.ads.next_timeout(hand.now).unwrap() - hand.now).as_secs_f64();
        assert!(
            wait >= expected * 0.8 && wait <= expected * 1.2,
            "{wait} for {expected}"
        );
        if let Some(bound) = bounds.next() {
            assert!((expected - bound).abs() < 1e-9);
        }
        expected = (expected * 1.6).min(120.0);
        assert_eq!(hand.ads.poll_command(hand.now), None);
        hand.advance(Duration::from_secs_f64(wait));
        hand.open(0);
    }
    // A response ends that.
    hand.request();
    hand.respond(EDS, "1", &["a=1"]);
    assert!(hand.ads.unreachable().is_none());
    hand.close(0);
    assert!(hand.ads.unreachable().is_none());
    hand.advance(Duration::from_secs(2));
    hand.open(0);
    hand.close(0);
    assert_eq!(
        hand.look(EDS, "a"),
        (Some("1"), Some(ProblemKind::Unreachable))
    );
    let wait = (hand.ads.next_timeout(hand.now).unwrap() - hand.now).as_secs_f64();
    assert!(wait <= 1.2, "{wait}");
}

#[test]
fn a57_a_stream_that_was_read_is_replaced_at_once_but_not_for_ever() {
    let mut hand = Hand::subscribed(options(Protocol::Sotw), &["a"]);
    hand.request();
    hand.respond(EDS, "1", &["a=1"]);
    hand.advance(Duration::from_secs(1800));
    hand.close(0);
    hand.open(0);
    // A server that answers and closes, again and again.
    let start = hand.now;
    for _ in 0..10 {
        hand.request();
        hand.respond(EDS, "1", &["a=1"]);
        hand.close(0);
        if let Some(at) = hand.ads.next_timeout(hand.now) {
            hand.advance(at.saturating_duration_since(hand.now));
        }
        hand.open(0);
    }
    assert!(
        hand.now - start >= Duration::from_secs(8),
        "{:?}",
        hand.now - start
    );
}

/// A delta server has nothing to say to a client that has everything.
#[test]
fn a_silent_stream_is_no_error() {
    let mut hand = Hand::subscribed(options(Protocol::Delta), &["a"]);
    hand.close(0);
    assert!(hand.ads.unreachable().is_some());
    hand.advance(Duration::from_secs(2));
    hand.open(0);
    hand.request();
    hand.ads.take_changes();
    hand.advance(Duration::from_secs(1));
    assert!(hand.ads.unreachable().is_none() && hand.ads.take_changes().general);
}

/// A88's table: resources that are cached, and such that are not.
#[test]
fn a88_data_errors_keep_what_was_good() {
    let mut hand = Hand::new(options(Protocol::Sotw));
    hand.subscribe(CDS, "a");
    hand.open(0);
    hand.request();
    hand.respond(CDS, "1", &["a=1"]);
    for (bodies, expected) in [
        (&["a!"][..], ProblemKind::Rejected),
        (&[], ProblemKind::DoesNotExist),
    ] {
        hand.respond(CDS, "2", bodies);
        assert_eq!(hand.look(CDS, "a"), (Some("1"), Some(expected)));
    }
}

#[test]
fn a88_fail_on_data_errors_drops_what_was_good() {
    let mut options = options(Protocol::Sotw);
    options.servers[0].fail_on_data_errors = true;
    let mut hand = Hand::new(options);
    hand.subscribe(CDS, "a");
    hand.open(0);
    hand.request();
    for (bodies, expected) in [
        (&["a!"][..], ProblemKind::Rejected),
        (&[], ProblemKind::DoesNotExist),
    ] {
        hand.respond(CDS, "1", &["a=1"]);
        assert_eq!(hand.look(CDS, "a"), (Some("1"), None));
        hand.respond(CDS, "2", bodies);
        assert_eq!(hand.look(CDS, "a"), (None, Some(expected)));
    }
    // Losing the server is no data error.
    hand.respond(CDS, "3", &["a=3"]);
    hand.close(0);
    hand.advance(Duration::from_secs(2));
    hand.open(0);
    hand.close(0);
    assert_eq!(
        hand.look(CDS, "a"),
        (Some("3"), Some(ProblemKind::Unreachable))
    );
}

#[test]
fn a88_errors_by_resource_end_the_wait() {
    for (fail, code, kept) in [
        (false, 5, true),
        (true, 5, false),
        (true, 7, false),
        (true, 14, true),
    ] {
        let mut options = options(Protocol::Delta);
        options.servers[0].fail_on_data_errors = fail;
        let mut hand = Hand::subscribed(options, &["a", "b"]);
        hand.requests();
        hand.respond(EDS, "1", &["a=1"]);
        let error = |name: &str| ResourceError {
            name: name.into(),
            code,
            message: "no".to_owned(),
        };
        let response = Response {
            type_url: EDS.type_url(),
            version: "2".into(),
            nonce: "n".into(),
            resources: Vec::new(),
            removed: Vec::new(),
            errors: vec![error("a"), error("b"), error("stranger")],
        };
        hand.ads.received(0, response, hand.now).unwrap();
        let a = hand.look(EDS, "a");
        assert_eq!(a, (kept.then_some("1"), Some(ProblemKind::ServerError)));
        assert_eq!(hand.look(EDS, "b"), (None, Some(ProblemKind::ServerError)));
        // It is no rejection.
        assert!(hand.requests().iter().all(|r| r.error.is_none()));
    }
}

#[test]
fn a88_a_timer_that_is_transient_takes_30_s() {
    let mut options = options(Protocol::Sotw);
    options.servers[0].resource_timer_is_transient_error = true;
    let mut hand = Hand::subscribed(options, &["a"]);
    hand.request();
    hand.advance(Duration::from_secs(29));
    assert_eq!(hand.look(EDS, "a"), (None, None));
    hand.advance(Duration::from_secs(1));
    assert_eq!(hand.look(EDS, "a"), (None, Some(ProblemKind::Timeout)));
}

fn two_servers(protocol: Protocol) -> Options {
    let mut options = options(protocol);
    options.servers.push(server("backup"));
    options
}

#[test]
fn a71_falls_back_only_while_something_is_missing_and_returns() {
    let mut hand = Hand::subscribed(two_servers(Protocol::Sotw), &["a"]);
    hand.request();
    hand.respond(EDS, "1", &["a=1"]);
    // Everything is known: no need for the other.
    hand.close(0);
    hand.advance(Duration::from_secs(2));
    hand.open(0);
    hand.close(0);
    assert_eq!(
        hand.look(EDS, "a"),
        (Some("1"), Some(ProblemKind::Unreachable))
    );
    // Something new is wanted.
    hand.subscribe(EDS, "b");
    assert_eq!(hand.look(EDS, "b"), (None, None));
    hand.open(1);
    let asked = hand.ads.poll_request(1, hand.now).unwrap();
    // What the other server sent means nothing here.
    assert_eq!((version(&asked), names(&asked)), ("", vec!["a", "b"]));
    hand.respond_on(1, EDS, "90", &["a=9", "b=9"], &[]);
    assert_eq!(hand.look(EDS, "a"), (Some("9"), None));
    assert_eq!(hand.look(EDS, "b"), (Some("9"), None));
    // The preferred one is tried again and again; its first response closes the other.
    hand.advance(Duration::from_secs(3));
    hand.open(0);
    assert_eq!(hand.ads.poll_command(hand.now), None);
    let asked = hand.ads.poll_request(0, hand.now).unwrap();
    assert_eq!((version(&asked), names(&asked)), ("", vec!["a", "b"]));
    hand.respond(EDS, "2", &["a=2"]);
    assert_eq!(hand.ads.poll_command(hand.now), Some(Command::Close(1)));
    // What was under way from it is discarded.
    hand.respond_on(1, EDS, "91", &["a=91"], &[]);
    assert_eq!(hand.look(EDS, "a"), (Some("2"), None));
    assert_eq!(hand.look(EDS, "b"), (Some("9"), None));
}

#[test]
fn a71_an_error_is_told_when_all_servers_have_failed() {
    let mut hand = Hand::subscribed(two_servers(Protocol::Delta), &["a"]);
    hand.close(0);
    assert_eq!(hand.look(EDS, "a"), (None, None));
    hand.open(1);
    hand.ads.closed(1, "no route", hand.now);
    assert_eq!(hand.look(EDS, "a"), (None, Some(ProblemKind::Unreachable)));
    assert_eq!(
        hand.ads.unreachable().unwrap().to_string(),
        "control plane unreachable: primary: connection refused; backup: no route"
    );
}

#[test]
fn a95_falls_back_although_nothing_is_missing() {
    let mut options = two_servers(Protocol::Sotw);
    options.fallback_on_reachability_only = true;
    let mut hand = Hand::subscribed(options, &["a"]);
    hand.request();
    hand.respond(EDS, "1", &["a=1"]);
    hand.close(0);
    hand.advance(Duration::from_secs(2));
    hand.open(0);
    hand.close(0);
    hand.open(1);
}

#[test]
fn delta_subscribes_once_and_says_what_it_has_on_a_new_stream() {
    let mut hand = Hand::subscribed(options(Protocol::Delta), &["a"]);
    let first = hand.request();
    assert_eq!((names(&first), &*first.nonce), (vec!["a"], ""));
    let nonce = hand.respond_on(0, EDS, "s1", &["a=1"], &[]);
    hand.subscribe(EDS, "b");
    hand.advance(Duration::from_millis(10));
    let [ack, change] = hand.requests().try_into().unwrap();
    // An answer says nothing else.
    assert_eq!((names(&ack), &*ack.nonce), (vec![], &*nonce));
    assert_eq!((names(&change), &*change.nonce), (vec!["b"], ""));
    hand.respond_on(0, EDS, "s2", &["b!"], &[]);
    assert!(hand.request().error.is_some());

    hand.close(0);
    hand.advance(Duration::from_secs(2));
    hand.open(0);
    let RequestBody::Delta {
        subscribe,
        initial_versions,
        ..
    } = hand.request().body
    else {
        panic!()
    };
    assert_eq!(subscribe.len(), 2);
    assert_eq!(initial_versions, [("a".into(), "s1".into())]);
}

#[test]
fn delta_removal_is_told_of_any_type() {
    let mut hand = Hand::subscribed(options(Protocol::Delta), &["a", "b"]);
    hand.requests();
    hand.respond_on(0, EDS, "1", &["a=1"], &["b"]);
    // No need to wait for what does not exist.
    assert_eq!(hand.look(EDS, "b"), (None, Some(ProblemKind::DoesNotExist)));
    hand.respond_on(0, EDS, "2", &[], &["a"]);
    assert_eq!(
        hand.look(EDS, "a"),
        (Some("1"), Some(ProblemKind::DoesNotExist))
    );
}

#[test]
fn delta_a_client_whose_answers_are_not_read_gives_up() {
    let mut hand = Hand::subscribed(options(Protocol::Delta), &["a"]);
    hand.requests();
    for i in 0..1_000 {
        hand.respond_on(0, EDS, "1", &[&format!("a={i}")], &[]);
    }
    let response = Response {
        type_url: EDS.type_url(),
        version: "1".into(),
        nonce: "n".into(),
        resources: Vec::new(),
        removed: Vec::new(),
        errors: Vec::new(),
    };
    let error = hand.ads.received(0, response, hand.now).unwrap_err();
    assert_eq!(error, "the server does not read what it is sent");
    assert_eq!(hand.look(EDS, "a").0, Some("999"));
}

#[test]
fn a_wildcard_brings_and_takes_away() {
    for protocol in [Protocol::Sotw, Protocol::Delta] {
        let mut options = options(protocol);
        options.wildcard = vec![CDS];
        let mut hand = Hand::new(options);
        hand.open(0);
        assert!(names(&hand.request()).is_empty() && hand.ads.is_waiting(CDS));
        hand.respond(CDS, "1", &["a=1", "b=1"]);
        assert!(!hand.ads.is_waiting(CDS));
        assert_eq!(hand.look(CDS, "a"), (Some("1"), None));
        assert_eq!(hand.look(CDS, "z"), (None, Some(ProblemKind::DoesNotExist)));
        hand.ads.take_changes();
        match protocol {
            Protocol::Sotw => hand.respond(CDS, "2", &["b=1"]),
            Protocol::Delta => hand.respond_on(0, CDS, "2", &[], &["a"]),
        };
        assert_eq!(hand.changed(CDS), ["a"]);
        assert_eq!(hand.ads.entries(CDS).count(), 1);
    }
}

#[test]
fn a_wildcard_that_is_not_answered_is_not_waited_for() {
    let mut options = options(Protocol::Sotw);
    options.wildcard = vec![CDS];
    let mut hand = Hand::new(options);
    hand.open(0);
    hand.request();
    hand.advance(Duration::from_secs(15));
    assert!(!hand.ads.is_waiting(CDS) && hand.ads.take_changes().general);
}

/// What is dropped and wanted again before the server certainly knows is still here.
#[test]
fn a_name_that_comes_back_is_there_at_once() {
    for protocol in [Protocol::Sotw, Protocol::Delta] {
        let mut hand = Hand::subscribed(options(protocol), &["a", "b"]);
        hand.requests();
        hand.respond(EDS, "1", &["a=1", "b=1"]);
        hand.requests();
        hand.unsubscribe(EDS, "a");
        hand.subscribe(EDS, "a");
        hand.advance(Duration::from_secs(1));
        assert!(hand.requests().is_empty(), "nothing has changed");
        hand.unsubscribe(EDS, "a");
        hand.advance(Duration::from_secs(1));
        hand.request();
        hand.subscribe(EDS, "a");
        assert_eq!(hand.look(EDS, "a"), (Some("1"), None));
        // And is gone in the end.
        hand.unsubscribe(EDS, "a");
        hand.advance(Duration::from_secs(15));
        hand.requests();
        hand.advance(Duration::from_secs(15));
        assert_eq!(hand.ads.entries(EDS).count(), 1);
    }
}

/// Ten thousand subscriptions, one after the other, while the stream takes whatever comes.
#[test]
fn ten_thousand_subscriptions_take_ten_requests() {
    for protocol in [Protocol::Sotw, Protocol::Delta] {
        let mut hand = Hand::new(options(protocol));
        let mut requests = 0;
        let mut said = 0;
        for i in 0..10_000 {
            hand.subscribe(EDS, &format!("cluster-{i}"));
            if i == 0 {
                hand.open(0);
            }
            hand.advance(Duration::from_micros(10));
            let new = hand.requests();
            requests += new.len();
            said += new.iter().map(|r| names(r).len()).sum::<usize>();
        }
        hand.advance(Duration::from_secs(1));
        let last = hand.requests();
        requests += last.len();
        said += last.iter().map(|r| names(r).len()).sum::<usize>();
        assert!(requests <= 10, "{requests} requests");
        assert!(said <= 30_000, "{said} names");
    }
}

fn saved(kind: Kind, bodies: &[&str]) -> super::super::Saved<String> {
    let mut saved = super::super::Saved::<String>::default();
    for body in bodies {
        let name = Toy.name(kind, &(*body).to_owned()).unwrap_or_default();
        saved[kind as usize].insert(name, ("old".into(), (*body).to_owned()));
    }
    saved
}

#[test]
fn what_was_saved_is_used_while_no_server_answers() {
    let eds = Kind::ClusterLoadAssignment;
    let mut hand = Hand::new(options(Protocol::Sotw));
    let now = hand.now;
    hand.ads
        .save_for_later(saved(eds, &["a=1", "b=1", "c!", "d=1"]), now);
    for name in ["a", "c", "e"] {
        hand.subscribe(eds, name);
    }
    assert_eq!(hand.look(eds, "a"), (None, None));
    assert_eq!(hand.ads.poll_command(now), Some(Command::Connect(0)));
    hand.close(0);
    let unreachable = Some(ProblemKind::Unreachable);
    assert_eq!(hand.look(eds, "a"), (Some("1"), unreachable));
    // Broken, or not saved.
    assert_eq!(hand.look(eds, "c"), (None, unreachable));
    assert_eq!(hand.look(eds, "e"), (None, unreachable));
    // What is wanted later, too.
    hand.subscribe(eds, "b");
    assert_eq!(hand.look(eds, "b"), (Some("1"), unreachable));
    let changed = hand.changed(eds);
    assert!(
        ["a", "b"]
            .iter()
            .all(|name| changed.contains(&(*name).to_owned()))
    );

    // A server is back: it confirms one, and does not know the other.
    hand.advance(Duration::from_secs(2));
    hand.open(0);
    let RequestBody::Sotw { version, mut names } = hand.request().body else {
        panic!("state of the world");
    };
    names.sort();
    assert_eq!((&*version, names.concat()), ("", "abce".to_owned()));
    hand.respond(eds, "new", &["a=2"]);
    assert_eq!(hand.look(eds, "a"), (Some("2"), None));
    assert_eq!(hand.look(eds, "b"), (Some("1"), None));
    hand.subscribe(eds, "d");
    assert_eq!(hand.look(eds, "d"), (None, None));
    hand.advance(Duration::from_secs(15));
    assert_eq!(hand.look(eds, "b"), (None, Some(ProblemKind::DoesNotExist)));
    assert_eq!(hand.look(eds, "a"), (Some("2"), None));
}

#[test]
fn what_was_saved_is_used_after_5_s_of_silence_and_for_wildcards() {
    let with = |wildcard: Vec<Kind>| Options {
        wildcard,
        ..options(Protocol::Delta)
    };
    let mut hand = Hand::new(with(vec![Kind::Cluster]));
    let now = hand.now;
    hand.ads
        .save_for_later(saved(Kind::Cluster, &["a=1", "b=1"]), now);
    hand.open(0);
    hand.requests();
    hand.advance(Duration::from_millis(4999));
    assert!(hand.ads.is_waiting(Kind::Cluster));
    assert_eq!(
        hand.ads.next_timeout(hand.now),
        Some(now + Duration::from_secs(5))
    );
    hand.advance(Duration::from_millis(1));
    assert!(!hand.ads.is_waiting(Kind::Cluster));
    assert_eq!(hand.look(Kind::Cluster, "a"), (Some("1"), None));
    hand.respond_on(0, Kind::Cluster, "2", &["a=2"], &["b"]);
    assert_eq!(hand.look(Kind::Cluster, "a"), (Some("2"), None));
    assert_eq!(
        hand.look(Kind::Cluster, "b"),
        (None, Some(ProblemKind::DoesNotExist))
    );
}

/// Dropped, wanted again, and dropped once more when the stream that was told of the first has ended.
#[test]
fn what_is_dropped_between_streams_leaves_nothing_behind() {
    let eds = Kind::ClusterLoadAssignment;
    let mut hand = Hand::subscribed(options(Protocol::Sotw), &["a", "b"]);
    hand.requests();
    hand.respond(eds, "1", &["b=1"]);
    hand.unsubscribe(eds, "a");
    hand.advance(Duration::from_secs(1));
    hand.requests();
    hand.subscribe(eds, "a");
    hand.advance(Duration::from_secs(1));
    hand.requests();
    hand.close(0);
    hand.unsubscribe(eds, "a");
    hand.advance(Duration::from_secs(60));
    assert_eq!(hand.ads.entries(eds).count(), 1);
}
