//! The conformance suite's Services: `echo-v1`, `echo-v2` and `echo-v3`, a server each, and `echo`,
//! which is the first two.

use http::{Method, Request};
use mesh_core::{ConditionType, Reason};
use mesh_http::Body;
use mesh_tests::{Bed, Reply, Seen, Server, within};
use mesh_xds::Loaded;
use tower::ServiceExt;

/// The namespace of the Services, and of the client unless a test says another.
pub(crate) const NAMESPACE: &str = "gateway-conformance-mesh";

/// The servers and a mesh between.
pub(crate) struct Echo {
    bed: Bed,
    servers: Vec<Server>,
}

impl Echo {
    /// Three servers.
    pub(crate) async fn new() -> Self {
        let mut servers = Vec::new();
        for name in ["echo-v1", "echo-v2", "echo-v3"] {
            servers.push(Server::start(name).await);
        }
        Self {
            bed: Bed::new(1),
            servers,
        }
    }

    /// Another server in the place of `echo-v3`.
    pub(crate) fn with_v3(mut self, server: Server) -> Self {
        self.servers[2] = server;
        self
    }

    /// The server of `name`.
    pub(crate) fn server(&self, name: &str) -> &Server {
        match name {
            "echo-v1" => &self.servers[0],
            "echo-v2" => &self.servers[1],
            _ => &self.servers[2],
        }
    }

    /// The Services and their EndpointSlices.
    pub(crate) fn services(&self) -> String {
        let [v1, v2, v3] = &self.servers[..] else {
            unreachable!("there are three");
        };
        service(NAMESPACE, "echo", &[v1, v2])
            + &service(NAMESPACE, "echo-v1", &[v1])
            + &service(NAMESPACE, "echo-v2", &[v2])
            + &service(NAMESPACE, "echo-v3", &[v3])
    }

    /// Loads and publishes the Services and `yaml`, as a client in `namespace` sees them.
    pub(crate) fn apply_in(&self, namespace: &str, yaml: &str) -> Loaded {
        self.publish(namespace, &(self.services() + yaml))
    }

    /// As [`apply`](Self::apply), with other Services.
    pub(crate) fn apply_with(&self, yaml: &str, edit: impl FnOnce(String) -> String) -> Loaded {
        self.publish(NAMESPACE, &(edit(self.services()) + yaml))
    }

    fn publish(&self, namespace: &str, yaml: &str) -> Loaded {
        let source = self.bed.source().with_namespace(namespace);
        self.bed.dir.write("mesh.yaml", yaml);
        let loaded = source.load().unwrap_or_else(|error| panic!("{error}"));
        let published = self.bed.mesh.publish(loaded.config.clone());
        published.unwrap_or_else(|error| panic!("{error}"));
        loaded
    }

    /// As [`apply_in`](Self::apply_in) the Services' own namespace.
    pub(crate) fn apply(&self, yaml: &str) -> Loaded {
        self.apply_in(NAMESPACE, yaml)
    }

    /// Sends a request, written as `GET http://echo/ name: value; name: value`; without a host it
    /// is for `echo`.
    pub(crate) async fn send(&self, line: &str) -> Reply {
        let sent = self.bed.client.clone().oneshot(request(line));
        within(async { Reply::of(sent.await).await }).await
    }

    /// Sends requests, and expects of each a status, or 200 and the server that answers.
    pub(crate) async fn expect(&self, cases: &[(&str, &str)]) {
        for (line, expected) in cases {
            let reply = self.send(line).await;
            match expected.parse::<u16>() {
                Ok(status) => assert_eq!((reply.status, &*reply.by), (status, ""), "{line}"),
                Err(_) => assert_eq!((reply.status, &*reply.by), (200, *expected), "{line}"),
            }
        }
    }

    /// Sends a request that must reach `server`; what that saw.
    pub(crate) async fn seen_by(&self, server: &str, line: &str) -> Seen {
        let reply = self.send(line).await;
        assert_eq!((reply.status, &*reply.by), (200, server), "{line}");
        self.server(server).last()
    }

    /// How `count` requests fall to the three servers, in per cent.
    pub(crate) async fn shares(&self, line: &str, count: u32) -> [f64; 3] {
        let mut shares = [0.0; 3];
        for _ in 0..count {
            let reply = self.send(line).await;
            let server = ["echo-v1", "echo-v2", "echo-v3"]
                .iter()
                .position(|n| **n == *reply.by);
            let server = server.unwrap_or_else(|| panic!("{reply:?}"));
            shares[server] += 100.0 / f64::from(count);
        }
        shares
    }
}

fn service(namespace: &str, name: &str, servers: &[&Server]) -> String {
    let mut text = format!(
        "apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  selector: {{app: echo}}
  ports:
  - {{name: http, port: 80, appProtocol: http, targetPort: 8080}}
  - {{name: http-alt, port: 8080, appProtocol: http}}
  - {{name: https, port: 443, targetPort: 8443}}
  - {{name: tcp, port: 9090}}
  - {{name: grpc, port: 7070, appProtocol: kubernetes.io/h2c}}
---
"
    );
    for (i, server) in servers.iter().enumerate() {
        let (ip, port) = (server.address.ip(), server.address.port());
        text += &format!(
            "apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: {name}-{i}, namespace: {namespace}, labels: {{kubernetes.io/service-name: {name}}}}}
addressType: IPv4
ports: [{{name: http, port: {port}}}, {{name: http-alt, port: {port}}}, {{name: grpc, port: {port}}}]
endpoints: [{{addresses: [{ip}]}}]
---
"
        );
    }
    text
}

/// An HTTPRoute of `echo`, port 80, with these rules.
pub(crate) fn http_route(name: &str, rules: &str) -> String {
    route(
        "HTTPRoute",
        name,
        "{group: \"\", kind: Service, name: echo, port: 80}",
        rules,
    )
}

/// A route of the Services' namespace.
pub(crate) fn route(kind: &str, name: &str, parent: &str, rules: &str) -> String {
    let rules: String = rules.lines().map(|l| format!("  {l}\n")).collect();
    format!(
        "apiVersion: gateway.networking.k8s.io/v1
kind: {kind}
metadata: {{name: {name}, namespace: {NAMESPACE}}}
spec:
  parentRefs: [{parent}]
  rules:
{rules}---
"
    )
}

fn request(line: &str) -> Request<Body> {
    let mut words = line.splitn(3, ' ');
    let method: Method = words.next().unwrap().parse().unwrap();
    let url = words.next().unwrap();
    let url = match url.starts_with('/') {
        true => format!("http://echo{url}"),
        false => url.to_owned(),
    };
    let mut request = Request::builder().method(method).uri(url);
    for header in words.next().unwrap_or_default().split("; ") {
        if let Some((name, value)) = header.split_once(": ") {
            request = request.header(name, value);
        }
    }
    request.body(Body::empty()).unwrap()
}

/// The status and reason of a condition of the only parent of a route.
pub(crate) fn condition(loaded: &Loaded, name: &str, kind: ConditionType) -> (bool, Reason) {
    let route = loaded.routes.iter().find(|r| *r.name == *name);
    let route = route.unwrap_or_else(|| panic!("no `{name}` in {:?}", loaded.routes));
    assert_eq!(route.parents.len(), 1);
    let condition = route.condition(kind).expect("it has the condition");
    (condition.status, condition.reason)
}

/// The values of a header of a request, joined as one line would have them.
pub(crate) fn joined(seen: &Seen, name: &str) -> String {
    let lines = seen.headers.get_all(name).iter();
    let lines: Vec<&str> = lines.map(|v| v.to_str().unwrap()).collect();
    lines.join(",")
}
