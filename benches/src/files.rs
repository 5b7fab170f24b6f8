//! Istio YAML as large as it is asked for.

use std::{
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

/// A directory of YAML files that goes when it is dropped.
#[derive(Debug)]
pub struct Directory(PathBuf);

impl Directory {
    /// An empty one.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new() -> io::Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("mesh-benches-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path)?;
        Ok(Self(path))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Writes the documents of `rules` into `files` files.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn write(&self, rules: &[String], files: usize) -> io::Result<()> {
        let each = rules.len().div_ceil(files.max(1)).max(1);
        for (i, rules) in rules.chunks(each).enumerate() {
            fs::write(self.file(i), rules.concat())?;
        }
        Ok(())
    }

    /// The file at `index`.
    pub fn file(&self, index: usize) -> PathBuf {
        self.0.join(format!("rules-{index:05}.yaml"))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // What is left behind is in the system's temporary directory.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn document(kind: &str, name: &str, spec: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1\nkind: {kind}\nmetadata:\n  name: {name}\n  namespace: \
         default\nspec:\n{spec}---\n"
    )
}

/// A `VirtualService` of two routes (a user pinned by a header, and a split) and its
/// `DestinationRule` with two subsets, for each of `count` services.
pub fn canaries(count: usize) -> Vec<String> {
    (0..count).map(canary).collect()
}

/// The rules of one service; see [`canaries`].
pub fn canary(index: usize) -> String {
    let host = format!("s{index}");
    let rule = format!(
        "  hosts:\n  - {host}\n  http:\n  - name: pinned\n    match:\n    - headers:\n        \
         end-user:\n          exact: jason\n    route:\n    - destination:\n        host: {host}\n    \
         \x20   subset: v2\n  - name: split\n    timeout: 2s\n    route:\n    - destination:\n        \
         host: {host}\n        subset: v1\n      weight: 90\n    - destination:\n        host: \
         {host}\n        subset: v2\n      weight: 10\n"
    );
    let subsets = format!(
        "  host: {host}\n  trafficPolicy:\n    outlierDetection:\n      consecutive5xxErrors: 3\n  \
         subsets:\n  - name: v1\n    labels:\n      version: v1\n  - name: v2\n    labels:\n      \
         version: v2\n"
    );
    document("VirtualService", &host, &rule) + &document("DestinationRule", &host, &subsets)
}

/// `count` services, each on a port of its own, with an endpoint that a selector finds.
pub fn services(count: usize) -> Vec<String> {
    (0..count)
        .map(|i| {
            let service = format!(
                "  hosts: [s{i}.example.com]\n  ports: [{{number: {}, protocol: HTTP}}]\n  \
                 resolution: STATIC\n  workloadSelector: {{labels: {{app: s{i}}}}}\n",
                1000 + i % 60_000
            );
            let workload = format!("  address: 10.0.0.1\n  labels: {{app: s{i}}}\n");
            let rule = format!(
                "  hosts: [s{i}.example.com]\n  http: [{{route: [{{destination: {{host: \
                 s{i}.example.com}}}}]}}]\n"
            );
            let name = format!("s{i}");
            document("ServiceEntry", &name, &service)
                + &document("WorkloadEntry", &name, &workload)
                + &document("VirtualService", &name, &rule)
        })
        .collect()
}

/// `count` services with a TCP port, all of one number, each of which gets a listener.
pub fn tcp_services(count: usize) -> Vec<String> {
    (0..count)
        .map(|i| {
            let service = format!(
                "  hosts: [t{i}.example.com]\n  addresses: [10.{}.{}.1]\n  ports: [{{number: 9000, \
                 protocol: TCP}}]\n  resolution: STATIC\n  endpoints: [{{address: 10.0.0.1}}]\n",
                i / 256,
                i % 256
            );
            document("ServiceEntry", &format!("t{i}"), &service)
        })
        .collect()
}

/// `count` Services with an EndpointSlice and an `HTTPRoute` each, which also send to another namespace
/// that grants it, and as many routes of one Service.
pub fn gateway_routes(count: usize) -> Vec<String> {
    const API: &str = "apiVersion: gateway.networking.k8s.io/v1";
    let service = |name: &str, namespace: &str| {
        format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: {namespace}}}\nspec: \
             {{ports: [{{name: http, port: 80}}]}}\n---\napiVersion: \
             discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {{name: {name}-1, namespace: \
             {namespace}, labels: {{kubernetes.io/service-name: {name}}}}}\naddressType: IPv4\nports: \
             [{{name: http, port: 8080}}]\nendpoints: [{{addresses: [10.0.0.1]}}]\n---\n"
        )
    };
    let each = |i: usize| {
        let name = format!("s{i}");
        let route = |name: &str, parent: &str, path: &str| {
            format!(
                "{API}\nkind: HTTPRoute\nmetadata: {{name: {name}, namespace: default}}\nspec: \
                 {{parentRefs: [{{group: '', kind: Service, name: {parent}}}], rules: [{{matches: \
                 [{{path: {{value: {path}}}}}], backendRefs: [{{name: s{i}, port: 80}}, {{name: \
                 s{i}, namespace: far, port: 80}}]}}]}}\n---\n"
            )
        };
        let grant = format!(
            "{API}\nkind: ReferenceGrant\nmetadata: {{name: {name}, namespace: far}}\nspec: {{from: \
             [{{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: default}}], to: \
             [{{group: '', kind: Service, name: {name}}}]}}\n---\n"
        );
        service(&name, "default")
            + &service(&name, "far")
            + &route(&name, &name, "/")
            + &route(&format!("shared-{i}"), "shared", &format!("/{i}"))
            + &grant
    };
    std::iter::once(service("shared", "default"))
        .chain((0..count).map(each))
        .collect()
}

/// `count` services under as many wildcard hosts, of rules for routes and for destinations.
pub fn wildcards(count: usize) -> Vec<String> {
    (0..count)
        .map(|i| {
            let service = format!(
                "  hosts: [a.w{i}.com]\n  ports: [{{number: 80, protocol: HTTP}}]\n  resolution: \
                 STATIC\n"
            );
            let rule = format!(
                "  hosts: [\"*.w{i}.com\"]\n  http: [{{directResponse: {{status: 200}}}}]\n"
            );
            let policy = format!("  host: \"*.w{i}.com\"\n");
            let name = format!("w{i}");
            document("ServiceEntry", &name, &service)
                + &document("VirtualService", &name, &rule)
                + &document("DestinationRule", &name, &policy)
        })
        .collect()
}

/// One rule with `count` hosts, one with `count` routes, and a `DestinationRule` with as many subsets.
/// Every host of a rule has all its routes, so that both at once would be a product.
pub fn large_rules(count: usize) -> Vec<String> {
    let mut hosts = String::from("  hosts:\n");
    let mut routes = String::from("  http:\n");
    let mut subsets = String::from("  host: s\n  subsets:\n");
    for i in 0..count {
        let _ = writeln!(hosts, "  - h{i}.example.com");
        let _ = writeln!(
            routes,
            "  - match: [{{uri: {{exact: /{i}}}}}]\n    route: [{{destination: {{host: s, subset: \
             v{i}}}}}]"
        );
        let _ = writeln!(subsets, "  - name: v{i}\n    labels: {{version: v{i}}}");
    }
    hosts += "  http: [{directResponse: {status: 200}}]\n";
    vec![
        document("VirtualService", "hosts", &hosts),
        document(
            "VirtualService",
            "routes",
            &format!("  hosts: [s]\n{routes}"),
        ),
        document("DestinationRule", "large", &subsets),
    ]
}
