//! State of the world.

use super::*;
use Kind::{
    Cluster as Cds, ClusterLoadAssignment as Eds, Listener as Lds, RouteConfiguration as Rds,
};

/// As Envoy begins: all clusters, their endpoints, all listeners, their routes.
fn begun() -> Bed {
    let mut bed = Bed::new(Protocol::Sotw);
    bed.publish(config("a", &["a", "b"], 1));
    bed.sotw(Cds, "", &[]);
    assert_eq!(bed.accept(Cds, &[]).names, ["a", "b"]);
    bed.sotw(Eds, "", &["a", "b"]);
    assert_eq!(bed.accept(Eds, &["a", "b"]).names, ["a", "b"]);
    bed.sotw(Lds, "", &[]);
    assert_eq!(bed.accept(Lds, &[]).names, ["outbound_80"]);
    bed.sotw(Rds, "", &["80"]);
    assert_eq!(bed.accept(Rds, &["80"]).names, ["80"]);
    assert_eq!(bed.next(), None);
    bed
}

#[test]
fn nobody_is_answered_before_there_is_a_configuration() {
    let mut bed = Bed::new(Protocol::Sotw);
    bed.sotw(Cds, "", &[]);
    assert_eq!(bed.next(), None);
    bed.publish(config("a", &[], 1));
    assert_eq!(bed.next().unwrap().names, [""; 0]);
}

#[test]
fn an_equal_configuration_is_no_news() {
    let mut bed = begun();
    bed.publish(config("a", &["a", "b"], 1));
    assert_eq!(bed.next(), None);
}

#[test]
fn what_has_changed_is_sent_alone_where_it_may_be() {
    let mut bed = begun();
    let mut changed = config("a", &["a", "b"], 1);
    let endpoint = Endpoint::new("127.0.0.1:2".parse::<Address>().unwrap());
    let assignment = Arc::new([endpoint].into_iter().collect());
    changed.assignments.insert("b".into(), assignment);
    bed.publish(changed);
    assert_eq!(bed.accept(Eds, &["a", "b"]).names, ["b"]);
    assert_eq!(bed.next(), None);
}

#[test]
fn new_clusters_come_before_the_routes_to_them_and_old_ones_go_after() {
    let mut bed = begun();
    bed.publish(config("c", &["b", "c"], 1));
    // Nothing is taken away yet.
    assert_eq!(bed.accept(Cds, &[]).names, ["a", "b", "c"]);
    assert_eq!(bed.next(), None, "routes wait for the endpoints of `c`");
    bed.sotw(Eds, "2", &["a", "b", "c"]);
    assert_eq!(bed.accept(Eds, &["a", "b", "c"]).names, ["c"]);
    let routes = bed.next().unwrap();
    assert_eq!(
        (routes.kind, &routes.names[..]),
        (Rds, &["80".to_owned()][..])
    );
    assert_eq!(bed.next(), None, "the routes were not accepted yet");
    bed.sotw(Rds, &routes.nonce, &["80"]);
    assert_eq!(bed.accept(Cds, &[]).names, ["b", "c"]);
    assert_eq!(bed.next(), None);
}

#[test]
fn routes_do_not_wait_for_ever_for_endpoints_that_nobody_asks_for() {
    let mut bed = begun();
    bed.publish(config("c", &["a", "b", "c"], 1));
    assert_eq!(bed.accept(Cds, &[]).names, ["a", "b", "c"]);
    assert_eq!(bed.next(), None);
    assert!(
        bed.session
            .next_timeout()
            .is_some_and(|at| at <= bed.now + LONG)
    );
    bed.now += LONG;
    assert_eq!(bed.accept(Rds, &["80"]).names, ["80"]);
}

#[test]
fn a_changed_clusters_endpoints_are_sent_again_for_envoy_waits_for_them() {
    let mut bed = begun();
    let mut changed = config("a", &["a", "b"], 1);
    let slower = Arc::make_mut(&mut changed.clusters[0]);
    slower.connect_timeout = Duration::from_secs(9);
    bed.publish(changed);
    assert_eq!(bed.accept(Cds, &[]).names, ["a", "b"]);
    assert_eq!(bed.accept(Eds, &["a", "b"]).names, ["a"]);
    assert_eq!(bed.next(), None);
}

#[test]
fn a_rejection_is_kept_and_nothing_is_sent_again_until_something_changes() {
    let mut bed = begun();
    bed.publish(config("b", &["a", "b"], 1));
    let routes = bed.next().unwrap();
    let verdict = bed.ask(Rds, &routes.nonce, Some("no such thing"), sotw(&["80"]));
    let why = "no such thing".to_owned();
    let type_url = Rds.type_url();
    assert_eq!(verdict, Some(Verdict::Rejected { type_url, why }));
    assert_eq!(bed.next(), None);
    let of_routes = |bed: &Bed| {
        let mut status = bed.session.status().into_iter();
        status.find(|of| of.type_url == Rds.type_url()).unwrap()
    };
    assert_eq!(of_routes(&bed).rejected.as_deref(), Some("no such thing"));
    assert_ne!(of_routes(&bed).accepted.as_deref(), Some(&*routes.version));
    bed.publish(config("a", &["a", "b"], 1));
    bed.accept(Rds, &["80"]);
    assert_eq!(of_routes(&bed).rejected, None);
}

#[test]
fn a_client_that_does_not_answer_is_sent_no_more_than_one_response() {
    let mut bed = begun();
    bed.publish(config("b", &["a", "b"], 1));
    let first = bed.next().unwrap();
    for port in 2..50 {
        bed.publish(config("a", &["a", "b"], port));
        if let Some(endpoints) = bed.next() {
            assert_eq!((port, endpoints.kind), (2, Eds));
        }
    }
    bed.sotw(Rds, &first.nonce, &["80"]);
    assert_eq!(
        bed.next(),
        None,
        "endpoints were not answered, and come first"
    );
}

#[test]
fn stale_requests_change_nothing() {
    let mut bed = begun();
    bed.publish(config("b", &["a", "b"], 1));
    let routes = bed.next().unwrap();
    assert_eq!(bed.sotw(Rds, "1", &["other"]), None);
    assert!(bed.sotw(Rds, &routes.nonce, &["80"]).is_some());
    assert_eq!(bed.next(), None);
}

#[test]
fn who_named_something_and_names_nothing_wants_nothing() {
    let mut bed = Bed::new(Protocol::Sotw);
    bed.publish(config("a", &["a", "b"], 1));
    bed.sotw(Cds, "", &["a"]);
    let first = bed.accept(Cds, &["a"]);
    assert_eq!(first.names, ["a"]);
    bed.sotw(Cds, &first.nonce, &[]);
    assert_eq!(bed.accept(Cds, &[]).names, [""; 0]);
    bed.publish(config("b", &["b"], 1));
    assert_eq!(bed.next(), None);
}

#[test]
fn gone_is_what_a_named_cluster_is_not_among() {
    let mut bed = Bed::new(Protocol::Sotw);
    bed.publish(config("a", &["a", "b"], 1));
    bed.sotw(Cds, "", &["a", "b", "none"]);
    assert_eq!(bed.accept(Cds, &["a", "b", "none"]).names, ["a", "b"]);
    bed.publish(config("a", &["a", "none"], 1));
    assert_eq!(
        bed.accept(Cds, &["a", "b", "none"]).names,
        ["a", "b", "none"]
    );
    assert_eq!(bed.accept(Cds, &["a", "b", "none"]).names, ["a", "none"]);
    assert_eq!(bed.next(), None);
}

#[test]
fn targets_have_a_listener_and_routes_of_their_name() {
    let mut bed = Bed::new(Protocol::Sotw);
    bed.publish(config("a", &["a"], 1));
    bed.sotw(Lds, "", &["x.com:80", "x.com:81"]);
    assert_eq!(
        bed.accept(Lds, &["x.com:80", "x.com:81"]).names,
        ["x.com:80"]
    );
    bed.sotw(Rds, "", &["x.com:80"]);
    let first = bed.accept(Rds, &["x.com:80"]);
    assert_eq!(first.names, ["x.com:80"]);
    bed.publish(config("b", &["a", "b"], 1));
    assert_eq!(bed.accept(Rds, &["x.com:80"]).names, ["x.com:80"]);
    assert_eq!(bed.next(), None);
}

#[test]
fn types_that_are_not_served_are_answered_with_nothing() {
    let mut bed = begun();
    let request = |n: usize| Request {
        type_url: format!("type.googleapis.com/some.Type{n}"),
        nonce: String::new(),
        error: None,
        body: sotw(&["x"]),
    };
    bed.session.request(request(0)).unwrap();
    let response = bed.session.next(bed.now).unwrap();
    assert_eq!((response.resources.len(), &*response.nonce), (0, "5"));
    assert_eq!(bed.next(), None);
    let mut many = (1..100).map(|n| bed.session.request(request(n)));
    assert!(many.any(|result| result.is_err()));
}
