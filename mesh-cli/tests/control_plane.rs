//! `mesh control-plane` as its users run it: a process of its own, whose directory is edited.

#![cfg(feature = "control-plane")]
#![cfg(test)]

use std::{fs, path::Path, process::Stdio};

use mesh_core::{Mesh, Seeded};
use mesh_http::Client;
use mesh_tests::{Dir, Server, document, get, within};
use mesh_xds::{XdsSource, bootstrap::Bootstrap};
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
};

/// A running one; killed on drop.
struct ControlPlane {
    process: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl ControlPlane {
    fn start(dir: &Dir, listen: &str) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_mesh"))
            .arg("control-plane")
            .arg(dir.path())
            .args(["--listen", listen, "--verbose"])
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, lines }
    }

    /// The next line that has `part`.
    async fn says(&mut self, part: &str) -> String {
        within(async {
            loop {
                let line = self.lines.next_line().await.unwrap();
                let line = line.unwrap_or_else(|| panic!("it ended, without {part}"));
                if line.contains(part) {
                    return line;
                }
            }
        })
        .await
    }
}

/// `host` on port 9080, with the versions that the servers are named by.
fn service(host: &str, servers: &[Server]) -> String {
    let endpoints = servers
        .iter()
        .zip(["v1", "v2", "v3"])
        .map(|(server, version)| {
            format!(
                "- address: 127.0.0.1\n  ports: {{http: {}}}\n  labels: {{version: {version}}}\n",
                server.address.port()
            )
        });
    let endpoints: String = endpoints.collect();
    let spec = format!(
        "hosts: [{host}]\nlocation: MESH_INTERNAL\nresolution: STATIC\n\
         ports: [{{number: 9080, name: http, protocol: HTTP}}]\nendpoints:\n{endpoints}"
    );
    document("ServiceEntry", "service", &spec)
}

/// How many of 400 requests each version answers.
async fn share(client: &Client, headers: &[(&str, &str)]) -> [usize; 3] {
    let mut counts = [0; 3];
    for _ in 0..400 {
        let url = "http://reviews.default.svc.cluster.local:9080/";
        let reply = get(client, url, headers).await;
        assert_eq!(reply.outcome(), (200, ""), "{}", reply.text);
        let version: usize = reply.by.trim_start_matches('v').parse().unwrap();
        counts[version - 1] += 1;
    }
    counts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_canary_is_driven_from_another_process() {
    let servers = [
        Server::start("v1").await,
        Server::start("v2").await,
        Server::start("v3").await,
    ];
    let dir = Dir::new();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/canary/mesh");
    let reviews = fs::read_to_string(shipped.join("reviews.yaml")).unwrap();
    dir.write("reviews.yaml", &reviews);
    dir.write(
        "service.yaml",
        &service("reviews.default.svc.cluster.local", &servers),
    );
    let mut control_plane = ControlPlane::start(&dir, "127.0.0.1:0");
    let line = control_plane.says("listening on ").await;
    let address = line.trim_start_matches("listening on ").to_owned();

    let mesh = Mesh::new();
    let source = XdsSource::new(Bootstrap::new(address.parse().unwrap(), "canary"));
    let source = source.with_target("reviews.default.svc.cluster.local:9080");
    let _xds = source.start(&mesh).await.unwrap();
    let client = Client::builder(&mesh).random(Seeded::new(1)).build();
    let connected = control_plane.says("connected").await;
    assert!(
        connected.starts_with("canary: connected (mesh"),
        "{connected}"
    );
    control_plane
        .says("canary: accepted RouteConfiguration@")
        .await;

    let [v1, v2, v3] = share(&client, &[]).await;
    assert!(
        (320..390).contains(&v1) && v2 > 10 && v3 == 0,
        "{v1} {v2} {v3}"
    );
    assert_eq!(share(&client, &[("end-user", "jason")]).await, [0, 0, 400]);

    // Edited live.
    dir.write(
        "reviews.yaml",
        &reviews
            .replace("weight: 90", "weight: 0")
            .replace("weight: 10", "weight: 100"),
    );
    control_plane.says("serving version 2").await;
    let moved = async { while share(&client, &[]).await[0] > 0 {} };
    within(moved).await;

    // A mistake changes nothing, and is told.
    dir.write("reviews.yaml", &reviews.replace("weight: 90", "wieght: 90"));
    let told = control_plane.says("NOT APPLIED").await;
    assert!(told.contains("reviews.yaml:"), "{told}");
    assert_eq!(share(&client, &[]).await[0], 0);

    // It is killed, and another takes its place with other weights.
    control_plane.process.kill().await.unwrap();
    assert_eq!(share(&client, &[]).await[0], 0);
    dir.write("reviews.yaml", &reviews);
    let mut control_plane = ControlPlane::start(&dir, &address);
    control_plane.says("connected").await;
    within(async { while share(&client, &[]).await[0] < 300 {} }).await;
}

#[tokio::test]
async fn what_cannot_be_loaded_is_not_served() {
    let dir = Dir::new();
    dir.write("broken.yaml", "kind: VirtualService\n");
    let output = Command::new(env!("CARGO_BIN_EXE_mesh"))
        .arg("control-plane")
        .arg(dir.path())
        .args(["--listen", "127.0.0.1:0"])
        .output();
    let output = within(output).await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.contains("broken.yaml"), "{errors}");
}
