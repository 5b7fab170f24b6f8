use super::*;

/// An instance on 10.0.0.1:80, and what else it has.
fn entry(service: &str, rest: &str) -> String {
    format!(
        r#"{{"Node": {{"Node": "n", "Address": "10.0.0.1"}},
            "Service": {{"ID": "a", "Service": "a", "Port": 80{service}}}{rest}}}"#
    )
}

fn read(entries: &[String]) -> Result<Instances, String> {
    instances(format!("[{}]", entries.join(",")).as_bytes(), false)
}

fn one(service: &str, rest: &str) -> Endpoint {
    let read = read(&[entry(service, rest)]).unwrap();
    let mut endpoints = read.assignment.endpoints();
    let one = endpoints.next().unwrap().clone();
    assert_eq!(endpoints.next(), None);
    one
}

#[test]
fn tags_and_meta_are_labels() {
    let labels = |service: &str| one(service, "").metadata.to_string();
    assert_eq!(labels(""), "");
    assert_eq!(labels(r#", "Tags": null, "Meta": null"#), "");
    let tags = r#", "Tags": ["version=v1", "canary", "a=b=c", "zone=tag"]"#;
    assert_eq!(labels(tags), "a=b=c,canary=true,version=v1,zone=tag");
    // Meta says it best, and a value better than the tag alone, in any order.
    let both = r#", "Tags": ["canary=no", "canary", "zone=tag"], "Meta": {"zone": "meta"}"#;
    assert_eq!(labels(both), "canary=no,zone=meta");
}

#[test]
fn tags_that_can_be_in_a_host_name_are_known() {
    let tags = r#", "Tags": ["canary", "version=v1", "urlprefix-/a", "B_2"]"#;
    let instances = read(&[entry(tags, "")]).unwrap();
    let tags: Vec<&str> = instances.tags.iter().map(|t| &**t).collect();
    assert_eq!(tags, ["B_2", "canary"]);
    assert_eq!(instances.tagged("canary").len(), 1);
    assert_eq!(instances.tagged("other").len(), 0);
}

#[test]
fn checks_are_health_and_choose_the_weight() {
    use HealthStatus::{Healthy, Unhealthy};
    let weights = r#", "Weights": {"Passing": 10, "Warning": 2}"#;
    let checks = |states: &[&str]| {
        let checks = states.iter().map(|s| format!(r#"{{"Status": "{s}"}}"#));
        let checks: Vec<_> = checks.collect();
        format!(r#", "Checks": [{}]"#, checks.join(","))
    };
    for (states, health, weight) in [
        (&[][..], Healthy, 10),
        (&["passing", "passing"], Healthy, 10),
        (&["passing", "warning"], Healthy, 2),
        (&["critical", "warning"], Unhealthy, 10),
        (&["something new"], Unhealthy, 10),
    ] {
        let endpoint = one(weights, &checks(states));
        let seen = (endpoint.health_status, endpoint.weight);
        assert_eq!(seen, (health, weight), "{states:?}");
    }
    let none = one("", &checks(&["warning"]));
    assert_eq!((none.health_status, none.weight), (Healthy, 1));
    // A weight of 0 takes out.
    let zero = r#", "Weights": {"Passing": 1, "Warning": 0}"#;
    let zero = one(zero, &checks(&["warning"]));
    assert_eq!((zero.health_status, zero.weight), (Unhealthy, 1));
    let large = one(r#", "Weights": {"Passing": 99999999, "Warning": 1}"#, "");
    assert_eq!(large.weight, 65_535);

    let warned = format!("[{}]", entry("", &checks(&["warning"])));
    let only_passing = instances(warned.as_bytes(), true).unwrap();
    let endpoint = only_passing.assignment.endpoints().next().unwrap();
    assert_eq!(endpoint.health_status, Unhealthy);
}

#[test]
fn the_address_is_the_services_else_the_nodes() {
    let address = |service: &str| one(service, "").address.to_string();
    assert_eq!(address(""), "10.0.0.1:80");
    assert_eq!(address(r#", "Address": """#), "10.0.0.1:80");
    assert_eq!(address(r#", "Address": "10.0.0.2""#), "10.0.0.2:80");
    assert_eq!(address(r#", "Address": "::1""#), "[::1]:80");
}

#[test]
fn localities_are_the_services_else_the_nodes() {
    let place = |service: &str, rest: &str| {
        let read = read(&[entry(service, rest)]).unwrap();
        let locality = read.assignment.localities[0].locality.clone();
        format!("{}/{}", locality.region, locality.zone)
    };
    let own = r#", "Locality": {"Region": "r", "Zone": "z"}"#;
    assert_eq!(place(own, ""), "r/z");
    assert_eq!(place(r#", "Locality": null"#, ""), "/");
    let node = r#"{"Node": {"Address": "10.0.0.1", "Locality": {"Region": "n"}},
                   "Service": {"ID": "a", "Port": 80}}"#;
    let read = read(&[node.to_owned()]).unwrap();
    assert_eq!(&*read.assignment.localities[0].locality.region, "n");
}

#[test]
fn what_is_no_endpoint_is_told() {
    let entries = [
        r#"{"Service": {"ID": "named", "Address": "db.example.com", "Port": 80}}"#.to_owned(),
        r#"{"Service": {"ID": "portless", "Address": "10.0.0.1"}}"#.to_owned(),
        r#"{"Service": {"ID": "twice", "Address": "10.0.0.1", "Port": 80}}"#.to_owned(),
        entry("", ""),
    ];
    let read = read(&entries).unwrap();
    assert_eq!(read.assignment.len(), 1);
    assert_eq!(
        read.notes,
        [
            "instance `named` has the address `db.example.com`, which is no IP: it is no endpoint",
            "instance `portless` has no port: it is no endpoint",
            "instance `twice` has the address of another, 10.0.0.1:80",
        ]
    );
}

#[test]
fn the_order_of_an_answer_means_nothing() {
    let (a, b) = (
        entry("", ""),
        r#"{"Service": {"ID": "b", "Address": "10.0.0.2", "Port": 80}}"#.to_owned(),
    );
    let forth = read(&[a.clone(), b.clone()]).unwrap();
    assert_eq!(forth, read(&[b, a]).unwrap());
}

#[test]
fn garbage_is_refused_by_its_place() {
    for (answer, why) in [
        ("", "is no JSON"),
        ("{}", "is no list of instances"),
        ("[1]", "at [0].Service: is missing"),
        (r#"[{"Service": []}]"#, "at [0].Service: is no object"),
        (
            r#"[{"Service": {"Port": 65536}}]"#,
            "at [0].Service.Port: is no port",
        ),
        (
            r#"[{"Service": {"Tags": [1]}}]"#,
            "at [0].Service.Tags: is no list of texts",
        ),
        (
            r#"[{"Service": {"Meta": {"a": 1}}}]"#,
            "at [0].Service.Meta.a: is no text",
        ),
        (
            r#"[{"Service": {"Weights": {}}}]"#,
            "at [0].Service.Weights.Passing: is no number",
        ),
        (
            r#"[{"Service": {"Address": 1}}]"#,
            "at [0].Service.Address: is no text",
        ),
        (
            r#"[{"Service": {}, "Checks": [{}]}]"#,
            "at [0].Checks[0].Status: is missing",
        ),
    ] {
        let error = instances(answer.as_bytes(), false).unwrap_err();
        assert!(error.contains(why), "{answer}: {error}");
    }
    assert!(services(b"[]").unwrap_err().contains("no object"));
    let names = services(br#"{"b": [], "a": ["tag"]}"#).unwrap();
    assert_eq!(names.len(), 2);
}

#[test]
fn no_answer_panics() {
    bolero::check!().for_each(|bytes: &[u8]| {
        // Whatever it is, it is an answer or an error.
        let _ = (instances(bytes, false), services(bytes));
    });
    // Every cut of a right answer is refused.
    let whole = format!("[{}]", entry(r#", "Tags": ["a"], "Meta": {"b": "c"}"#, ""));
    for end in 0..whole.len() {
        assert!(instances(&whole.as_bytes()[..end], false).is_err());
    }
}
