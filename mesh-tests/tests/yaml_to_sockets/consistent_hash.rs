//! `loadBalancer.consistentHash`, by where requests arrive.

use std::collections::{BTreeMap, BTreeSet};

use mesh_tests::{Bed, Server, document, get, until, virtual_service};

const URL: &str = "http://a/";
const TABLES: [&str; 3] = [
    "",
    "ringHash: {minimumRingSize: 300}",
    "maglev: {tableSize: 251}",
];

async fn servers() -> Vec<Server> {
    let mut servers = Vec::new();
    for n in 0..4 {
        servers.push(Server::start(&format!("a{n}")).await);
    }
    servers
}

fn rule(key: &str, table: &str) -> String {
    let hash = format!("{{consistentHash: {{{key}, {table}}}}}");
    let policy = format!("host: a\ntrafficPolicy: {{loadBalancer: {hash}}}");
    document("DestinationRule", "a", &policy)
}

async fn hashing(key: &str, table: &str, servers: &[Server]) -> Bed {
    let addresses: Vec<_> = servers.iter().map(|s| s.address).collect();
    let bed = Bed::with(3, &addresses);
    bed.start(&rule(key, table)).await;
    bed
}

/// Who answers each of forty users.
async fn users(
    bed: &Bed,
    request: impl Fn(&str) -> (String, Vec<(&'static str, String)>),
) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for n in 0..40 {
        let user = format!("user{n}");
        let (url, headers) = request(&user);
        let headers: Vec<_> = headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
        let reply = get(&bed.client, &url, &headers).await;
        assert_eq!(reply.status, 200);
        assert_eq!(reply.header("set-cookie"), "");
        found.insert(user, reply.by);
    }
    found
}

#[tokio::test]
async fn a_hashed_request_keeps_to_its_endpoint() {
    let servers = servers().await;
    for table in TABLES {
        let header = |user: &str| (URL.to_owned(), vec![("x-user", user.to_owned())]);
        let query = |user: &str| (format!("{URL}?a=b&q={user}"), vec![]);
        let cookie = |user: &str| (URL.to_owned(), vec![("cookie", format!("c={user}"))]);
        let by_header = hashing("httpHeaderName: x-user", table, &servers).await;
        let first = users(&by_header, header).await;
        assert_eq!(users(&by_header, header).await, first);
        assert_eq!(
            first.values().collect::<BTreeSet<_>>().len(),
            4,
            "{first:?}"
        );
        // The same hash by another way, and another client: the same endpoint.
        let by_query = hashing("httpQueryParameterName: q", table, &servers).await;
        assert_eq!(users(&by_query, query).await, first);
        let by_cookie = hashing("httpCookie: {name: c}", table, &servers).await;
        assert_eq!(users(&by_cookie, cookie).await, first);

        let by_source = hashing("useSourceIp: true", table, &servers).await;
        let all = users(&by_source, header).await;
        assert_eq!(all.values().collect::<BTreeSet<_>>().len(), 1, "{all:?}");
        // Without what is hashed a request goes anywhere.
        let anywhere = users(&by_cookie, |_| (URL.to_owned(), vec![])).await;
        assert!(anywhere.values().collect::<BTreeSet<_>>().len() > 1);
    }
}

#[tokio::test]
async fn a_caller_without_the_cookie_gets_one_that_leads_back() {
    let servers = servers().await;
    for table in TABLES {
        let key =
            "httpCookie: {name: c, ttl: 60s, path: /p, attributes: [{name: SameSite, value: Lax}]}";
        let addresses: Vec<_> = servers.iter().map(|s| s.address).collect();
        let bed = Bed::with(3, &addresses);
        let route = virtual_service("a", "- route: [{destination: {host: a}}]");
        bed.start(&(rule(key, table) + &route)).await;
        let mut endpoints = BTreeSet::new();
        for _ in 0..20 {
            let made = bed.get(URL).await;
            let cookie = made.header("set-cookie");
            let (pair, attributes) = cookie.split_once("; ").unwrap();
            assert_eq!(attributes, "Max-Age=60; Path=/p; SameSite=Lax; HttpOnly");
            let again = get(&bed.client, URL, &[("cookie", pair)]).await;
            assert_eq!(
                (&again.by, again.header("set-cookie")),
                (&made.by, String::new())
            );
            endpoints.insert(made.by);
        }
        assert!(endpoints.len() > 1, "each caller has a cookie of its own");
    }
}

#[tokio::test]
async fn an_endpoint_that_leaves_moves_its_own_users() {
    let servers = servers().await;
    for table in TABLES {
        let addresses: Vec<_> = servers.iter().map(|s| s.address).collect();
        let bed = Bed::with(3, &addresses[..3]);
        let labels = [("version", "v1")].into_iter().collect();
        let last = bed.registry.register("a", 80, addresses[3], labels);
        bed.start(&rule("httpHeaderName: x-user", table)).await;
        let header = |user: &str| (URL.to_owned(), vec![("x-user", user.to_owned())]);
        let before = users(&bed, header).await;
        drop(last);
        until("it has left", || bed.cluster().endpoints().len() == 3).await;
        let after = users(&bed, header).await;
        assert!(after.values().all(|by| by != "a3"));
        let others = before.iter().filter(|(_, by)| *by != "a3");
        let moved = others.filter(|(user, by)| after[*user] != **by).count();
        // The tables of the others grow, which moves a few.
        assert!(moved <= 12, "{table}: {moved}");
    }
}
