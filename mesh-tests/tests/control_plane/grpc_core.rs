//! gRPC's C core, in Python, as client: `xds:///host:port`.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, process::Stdio};

use mesh_tests::{Dir, within};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

use super::{any_port, serve, service, split};

const HOST: &str = "echo.default.svc.cluster.local";
const PEER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/grpc-core/peer.py");

/// `MESH_TEST_GRPC_PYTHON`, else what `cargo xtask peers` installed.
fn python() -> PathBuf {
    let installed = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../target/peers/grpcio-1.85.3/bin/python"
    );
    let path = std::env::var_os("MESH_TEST_GRPC_PYTHON").map_or(installed.into(), PathBuf::from);
    assert!(
        path.exists(),
        "no Python with grpcio at {}: `cargo xtask peers` installs it",
        path.display()
    );
    path
}

/// A running peer; killed on drop.
struct Peer {
    _process: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Peer {
    fn start(args: &[&str], bootstrap: &str) -> Self {
        let mut process = Command::new(python())
            .arg(PEER)
            .args(args)
            .env("GRPC_XDS_BOOTSTRAP_CONFIG", bootstrap)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Self {
            input: process.stdin.take().unwrap(),
            output: BufReader::new(process.stdout.take().unwrap()).lines(),
            _process: process,
        }
    }

    async fn line(&mut self) -> String {
        let line = within(self.output.next_line()).await.unwrap();
        line.expect("the peer has ended")
    }

    /// A client of `HOST`, whose control plane this is.
    fn client(control_plane: SocketAddr) -> Self {
        let bootstrap = format!(
            r#"{{"xds_servers": [{{"server_uri": "{control_plane}", "channel_creds": [{{"type": "insecure"}}], "server_features": ["xds_v3"]}}], "node": {{"id": "python"}}}}"#
        );
        Self::start(&["call", &format!("xds:///{HOST}:50051")], &bootstrap)
    }

    /// Calls; how often each answered.
    async fn calls(&mut self, what: &str) -> BTreeMap<String, u32> {
        self.input
            .write_all(format!("{what}\n").as_bytes())
            .await
            .unwrap();
        let line = self.line().await;
        let answers = line.trim_matches(['{', '}']).split(", ");
        let answer = |text: &str| {
            let (name, count) = text.rsplit_once(": ").unwrap();
            (name.trim_matches('"').to_owned(), count.parse().unwrap())
        };
        answers.map(answer).collect()
    }

    /// Calls until the answers are these.
    async fn until(&mut self, what: &str, wanted: &[(&str, u32)]) {
        let wanted: BTreeMap<_, _> = wanted.iter().map(|(n, c)| ((*n).to_owned(), *c)).collect();
        let mut last = BTreeMap::new();
        for _ in 0..2_000 {
            last = self.calls(what).await;
            let served = last.keys().all(|name| ["one", "two"].contains(&&**name));
            assert!(served, "a call failed: {last:?}");
            if last == wanted {
                return;
            }
        }
        panic!("{last:?}, not {wanted:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn grpc_core_follows_the_yaml() {
    let mut servers = Peer::start(&["serve", "one", "two"], "");
    let ports = [servers.line().await, servers.line().await];
    let [one, two] = ports.map(|port| port.parse().unwrap());
    let dir = Dir::new();
    let service = service(HOST, 50051, "GRPC", &[("v1", one), ("v2", two)]);
    dir.write("service.yaml", &service);
    dir.write("split.yaml", &split(HOST, 100, 0));
    let (serving, mesh, address) = serve(&dir, any_port()).await;

    let mut client = Peer::client(address);
    client.until("20", &[("one", 20)]).await;
    assert_eq!(
        client.calls("5 x-user tester").await,
        [("two".to_owned(), 5)].into()
    );
    // Edited live.
    dir.write("split.yaml", &split(HOST, 0, 100));
    client.until("20", &[("two", 20)]).await;
    dir.write("split.yaml", &split(HOST, 50, 50));
    // The batch in which the edit arrived is of both weights: the one after it counts.
    loop {
        let answers = client.calls("20").await;
        if answers.contains_key("one") {
            break;
        }
        assert_eq!(answers.get("two"), Some(&20), "{answers:?}");
    }
    let answers = client.calls("200").await;
    let share = answers.get("one").copied().unwrap_or_default();
    assert!((50..150).contains(&share), "{share} of 200");

    mesh_tests::until("all accepted", || {
        let status = serving.status();
        let [node] = &status.nodes[..] else {
            return false;
        };
        assert!(
            node.types.iter().all(|of| of.rejected.is_none()),
            "{node:?}"
        );
        node.node.id == "python"
            && node.types.len() == 4
            && node.synchronized == Some(mesh.status().version)
    })
    .await;

    // Without a control plane, calls go on; a new one at the same place is found again.
    serving.shutdown().await;
    client.until("20 x-user tester", &[("two", 20)]).await;
    dir.write("split.yaml", &split(HOST, 100, 0));
    let (_serving, _mesh, _) = serve(&dir, address).await;
    client.until("20", &[("one", 20)]).await;
}
