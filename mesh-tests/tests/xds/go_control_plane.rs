//! go-control-plane as the server, in both protocols.

use std::{path::PathBuf, process::Stdio};

use mesh_tests::{
    resources::{broken_cluster, service},
    within,
};
use mesh_xds::{client::Protocol, pb::protobuf::Any};
use prost::Message;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

use super::*;

/// `MESH_TEST_GO_CONTROL_PLANE`, else what `cargo xtask peers` built.
fn binary() -> PathBuf {
    let built = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../target/peers/go-control-plane"
    );
    let path = std::env::var_os("MESH_TEST_GO_CONTROL_PLANE").map_or(built.into(), PathBuf::from);
    assert!(
        path.is_file(),
        "no go-control-plane at {}: `cargo xtask peers` builds it",
        path.display()
    );
    path
}

/// A running one; killed on drop.
struct GoControlPlane {
    _process: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    address: String,
}

impl GoControlPlane {
    async fn start(address: &str) -> Self {
        let mut process = Command::new(binary())
            .arg(address)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let input = process.stdin.take().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut started = Self {
            _process: process,
            input,
            output,
            address: String::new(),
        };
        started.address = started.next("listening ").await;
        started
    }

    /// What follows `start` in the next line that begins so.
    async fn next(&mut self, start: &str) -> String {
        within(async {
            loop {
                let line = self.output.next_line().await.unwrap();
                let line = line.expect("go-control-plane has ended");
                if let Some(rest) = line.strip_prefix(start) {
                    return rest.to_owned();
                }
            }
        })
        .await
    }

    async fn set(&mut self, version: &str, resources: &[Vec<Any>]) {
        let texts = resources.iter().flatten();
        let texts: Vec<_> = texts.map(|any| base64(&any.encode_to_vec())).collect();
        let list = texts.join("\",\"");
        let line = format!("{{\"version\":\"{version}\",\"resources\":[\"{list}\"]}}\n");
        self.input.write_all(line.as_bytes()).await.unwrap();
        assert_eq!(self.next("set ").await, version);
    }

    fn source(&self, protocol: Protocol) -> XdsSource {
        let bootstrap = Bootstrap::new(self.address.parse().unwrap(), "test");
        let source = XdsSource::new(bootstrap).with_protocol(protocol);
        let source = source.with_target("a:80").with_target("b:80");
        source.with_start_timeout(LONG)
    }
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let mut group = [0; 3];
        group[..chunk.len()].copy_from_slice(chunk);
        let bits = u32::from_be_bytes([0, group[0], group[1], group[2]]);
        for i in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * i)) as usize & 63];
            text.push(if i <= chunk.len() {
                char::from(digit)
            } else {
                '='
            });
        }
    }
    text
}

async fn follows(protocol: Protocol) {
    let servers = servers(["one", "two", "three"]).await;
    let services = |a: usize, b: usize| {
        let addresses = [[servers[a].address], [servers[b].address]];
        [service("a", &addresses[0]), service("b", &addresses[1])]
    };
    let mut go = GoControlPlane::start("127.0.0.1:0").await;
    go.set("1", &services(0, 0)).await;
    let mesh = Mesh::new();
    let xds = go.source(protocol).start(&mesh).await.unwrap();
    let client = Client::new(&mesh);
    assert_eq!(
        (&*who(&client, "a").await, &*who(&client, "b").await),
        ("one", "one")
    );

    // Endpoints change, and nothing else does.
    let version = mesh.load().version();
    go.set("2", &services(1, 0)).await;
    eventually(|| async { who(&client, "a").await == "two" }).await;
    assert_eq!(mesh.load().version(), version);

    // One cluster is broken: it is rejected by name, and its sibling goes on.
    let mut broken = services(1, 1);
    broken[0][2] = broken_cluster("a");
    go.set("3", &broken).await;
    let nack = go
        .next("nack type.googleapis.com/envoy.config.cluster.v3.Cluster ")
        .await;
    assert!(nack.contains("`a`: lb_policy"), "{nack}");
    eventually(|| async { who(&client, "b").await == "two" }).await;
    assert_eq!(who(&client, "a").await, "two");
    go.set("4", &services(2, 1)).await;
    eventually(|| async { who(&client, "a").await == "three" }).await;

    // It is killed, and comes back with what it had at first.
    let address = go.address.clone();
    drop(go);
    mesh_tests::until("that is a named error", || {
        let error = mesh.status().last_error.unwrap_or_default();
        error.contains("control plane unreachable")
    })
    .await;
    assert_eq!(who(&client, "a").await, "three");
    let mut go = GoControlPlane::start(&address).await;
    go.set("1", &services(0, 0)).await;
    eventually(|| async { who(&client, "a").await == "one" }).await;
    eventually(|| async { mesh.status().last_error.is_none() }).await;

    // A service goes: what was asked for by name stays (A88). Another comes while nobody looked.
    let [a, _] = services(0, 0);
    go.set("5", &[a, service("c", &[servers[2].address])]).await;
    let _c = xds.subscribe("c:80", LONG).await.unwrap();
    assert_eq!(who(&client, "c").await, "three");
    assert_eq!(who(&client, "b").await, "one");
}

#[tokio::test]
async fn go_control_plane_is_followed_in_state_of_the_world() {
    follows(Protocol::Sotw).await;
}

#[tokio::test]
async fn go_control_plane_is_followed_in_delta() {
    follows(Protocol::Delta).await;
}
