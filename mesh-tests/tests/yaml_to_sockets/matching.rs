//! Every condition of an `HTTPMatchRequest`: whether a request meets it is seen by who answers.

use http::{Method, Request};
use mesh_http::Body;
use mesh_tests::{Bed, Reply, Server, virtual_service, within};
use tower::ServiceExt;

/// A request in one line, as `GET http://shop/ name: value, name: value`.
fn request(line: &str) -> Request<Body> {
    let mut words = line.splitn(3, ' ');
    let method: Method = words.next().unwrap().parse().unwrap();
    let mut request = Request::builder().method(method).uri(words.next().unwrap());
    for header in words.next().unwrap_or_default().split(", ") {
        if let Some((name, value)) = header.split_once(": ") {
            request = request.header(name, value);
        }
    }
    request.body(Body::empty()).unwrap()
}

/// Each condition, requests that meet it, and requests that do not.
const CONDITIONS: &[(&str, &[&str], &[&str])] = &[
    (
        "uri: {exact: /buy}",
        &["GET http://shop/buy", "GET http://shop/buy?n=1"],
        &["GET http://shop/buy/", "GET http://shop/BUY"],
    ),
    (
        // A prefix of bytes, not of segments.
        "uri: {prefix: /buy}",
        &["GET http://shop/buy", "GET http://shop/buying/it"],
        &["GET http://shop/", "GET http://shop/Buy"],
    ),
    (
        // The whole path, without the query.
        "uri: {regex: '/item/[0-9]+'}",
        &["GET http://shop/item/12", "GET http://shop/item/1?a=b"],
        &["GET http://shop/item/x", "GET http://shop/item/12/more"],
    ),
    (
        "uri: {prefix: /Buy}, ignoreUriCase: true",
        &["GET http://shop/BUY/it", "GET http://shop/buy"],
        &["GET http://shop/sell"],
    ),
    (
        "method: {exact: PUT}",
        &["PUT http://shop/"],
        &["GET http://shop/", "POST http://shop/"],
    ),
    ("scheme: {exact: http}", &["GET http://shop/"], &[]),
    ("scheme: {exact: https}", &[], &["GET http://shop/"]),
    (
        // With the port that the client sent.
        "authority: {regex: 'shop(:80)?'}",
        &["GET http://shop/", "GET http://shop:80/"],
        &["GET http://shop.default/"],
    ),
    (
        "headers: {user: {exact: jason}, tier: {prefix: gold}}",
        &["GET http://shop/ user: jason, tier: gold-plus"],
        &[
            "GET http://shop/ user: jason",
            "GET http://shop/ user: Jason, tier: gold",
        ],
    ),
    (
        // Any line of that name (Envoy from 1.39 on; before, lines were joined).
        "headers: {user: {exact: b}}",
        &["GET http://shop/ user: a, user: b"],
        &["GET http://shop/ user: a,b"],
    ),
    (
        "headers: {user: {}}",
        &["GET http://shop/ user: anyone"],
        &["GET http://shop/"],
    ),
    (
        "withoutHeaders: {user: {exact: jason}}",
        &["GET http://shop/", "GET http://shop/ user: anna"],
        &["GET http://shop/ user: jason"],
    ),
    (
        // An absent header counts as an empty one, and that matches the regex.
        "withoutHeaders: {user: {regex: '.*'}}",
        &[],
        &["GET http://shop/", "GET http://shop/ user: anna"],
    ),
    (
        "withoutHeaders: {user: {}}",
        &["GET http://shop/"],
        &["GET http://shop/ user: anna"],
    ),
    (
        "queryParams: {page: {exact: '2'}, sort: {prefix: pri}}",
        &["GET http://shop/?sort=price&page=2"],
        &[
            "GET http://shop/?page=2",
            "GET http://shop/?page=3&sort=price",
        ],
    ),
    (
        "queryParams: {id: {regex: '[0-9]+'}, debug: {}}",
        &["GET http://shop/?id=17&debug=1"],
        &["GET http://shop/?id=17", "GET http://shop/?id=x&debug=1"],
    ),
    ("port: 80", &["GET http://shop/"], &["GET http://shop:81/"]),
    ("sourceLabels: {app: web}", &["GET http://shop/"], &[]),
    ("sourceLabels: {app: other}", &[], &["GET http://shop/"]),
    ("sourceNamespace: default", &["GET http://shop/"], &[]),
    ("sourceNamespace: other", &[], &["GET http://shop/"]),
    (
        // All of one entry; any of several.
        "method: {exact: PUT}, uri: {prefix: /a}}, {uri: {exact: /b}",
        &["PUT http://shop/a", "GET http://shop/b"],
        &["GET http://shop/a", "PUT http://shop/c"],
    ),
];

#[tokio::test]
async fn each_condition_by_who_answers() {
    let (met, unmet) = (Server::start("met").await, Server::start("unmet").await);
    let mut bed = Bed::new(1);
    for port in [80, 81] {
        bed.add("shop", port, "v1", met.address);
        bed.add("met", port, "v1", met.address);
        bed.add("unmet", port, "v1", unmet.address);
    }
    let labels = [("app", "web")].into_iter().collect();
    let source = bed.source().with_labels(labels);
    for (condition, meeting, failing) in CONDITIONS {
        let rule = format!("- match: [{{{condition}}}]\n  route: [{{destination: {{host: met}}}}]");
        let otherwise = "- route: [{destination: {host: unmet}}]";
        bed.publish(
            &source,
            &virtual_service("shop", &format!("{rule}\n{otherwise}")),
        );
        for (requests, by) in [(meeting, "met"), (failing, "unmet")] {
            for line in *requests {
                let sent = bed.client.clone().oneshot(request(line));
                let reply = within(async { Reply::of(sent.await).await }).await;
                assert_eq!((reply.status, &*reply.by), (200, by), "{condition}: {line}");
            }
        }
        // The same rule alone: what it does not take, nobody does.
        let is_static = condition.starts_with("source") || condition.starts_with("port");
        if is_static {
            continue;
        }
        bed.publish(&source, &virtual_service("shop", &rule));
        for line in *failing {
            let sent = bed.client.clone().oneshot(request(line));
            let reply = within(async { Reply::of(sent.await).await }).await;
            assert_eq!(reply.outcome(), (404, "NR"), "{condition}: {line}");
            assert!(!reply.was_sent);
        }
    }
}

/// Conditions that the client as a whole does not meet take their rule away; without any rule left,
/// the service is reached as if there were no VirtualService.
#[tokio::test]
async fn a_rule_for_others_leaves_the_service_as_it_is() {
    let (shop, met) = (Server::start("shop").await, Server::start("met").await);
    let mut bed = Bed::new(1);
    bed.add("shop", 80, "v1", shop.address);
    bed.add("met", 80, "v1", met.address);
    for condition in [
        "sourceLabels: {app: other}",
        "sourceNamespace: other",
        "gateways: [ingress]",
        "port: 81",
    ] {
        let rule = format!("- match: [{{{condition}}}]\n  route: [{{destination: {{host: met}}}}]");
        bed.publish(&bed.source(), &virtual_service("shop", &rule));
        assert_eq!(bed.get("http://shop/").await.by, "shop", "{condition}");
    }
}
