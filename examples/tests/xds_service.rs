//! The service of `examples/kubernetes` under a control plane of the project's own: no cluster needed.

#![cfg(test)]

use std::{path::PathBuf, process::Stdio};

use mesh_core::Mesh;
use mesh_xds::{FileSource, server::ControlPlane};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    process::{Child, Command},
};

const UPSTREAM: &str = "reviews.mesh-demo.svc.cluster.local:8080";

/// The example's program, and where it listens. Killed on drop.
async fn service(name: &str, vars: &[(&str, &str)]) -> (Child, String) {
    let mut process = Command::new(env!("CARGO_BIN_EXE_xds_service"))
        .env("NAME", name)
        .env("LISTEN", "127.0.0.1:0")
        .envs(vars.iter().copied())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let line = lines.next_line().await.unwrap().expect("it listens");
    let address = line.strip_prefix("listening on ").unwrap().to_owned();
    (process, address)
}

async fn get(address: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = b"GET / HTTP/1.1\r\nhost: front\r\nconnection: close\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn the_service_of_the_kubernetes_example_follows_a_control_plane() {
    let (v1, v2) = (
        service("reviews-v1", &[]).await,
        service("reviews-v2", &[]).await,
    );
    let endpoint = |address: &str, version: &str| {
        let (ip, port) = address.rsplit_once(':').unwrap();
        format!("  - {{address: {ip}, ports: {{http: {port}}}, labels: {{version: {version}}}}}\n")
    };
    let registry = format!(
        "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\n\
         metadata: {{name: reviews, namespace: mesh-demo}}\nspec:\n  \
         hosts: [reviews.mesh-demo.svc.cluster.local]\n  \
         ports: [{{number: 8080, name: http, protocol: HTTP}}]\n  resolution: STATIC\n  endpoints:\n{}{}",
        endpoint(&v1.1, "v1"),
        endpoint(&v2.1, "v2"),
    );
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("xds_service");
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::write(dir.join("services.yaml"), registry).unwrap();
    let routes = include_str!("../kubernetes/routes.yaml");
    std::fs::write(dir.join("routes.yaml"), routes).unwrap();
    let mesh = Mesh::new();
    FileSource::new(&dir)
        .with_namespace("mesh-demo")
        .start(&mesh)
        .await
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let plane = listener.local_addr().unwrap();
    let _serving = ControlPlane::new(&mesh).serve(listener);

    let bootstrap = format!(
        r#"{{"xds_servers": [{{"server_uri": "{plane}", "channel_creds": [{{"type": "insecure"}}]}}],
            "node": {{"id": "front"}}}}"#
    );
    let vars = [
        ("UPSTREAM", UPSTREAM),
        ("GRPC_XDS_BOOTSTRAP_CONFIG", &*bootstrap),
    ];
    let (_front, address) = service("front", &vars).await;
    // It starts without waiting, so that its first answers may be errors, which say why.
    let joined = async { while !get(&address).await.contains("200 OK") {} };
    let bound = std::time::Duration::from_secs(20);
    tokio::time::timeout(bound, joined).await.expect("it joins");
    let mut answers = Vec::new();
    for _ in 0..200 {
        answers.push(get(&address).await);
    }
    let by = |version: &str| {
        let whole = format!("front -> {version}");
        answers
            .iter()
            .filter(|answer| answer.contains(&whole))
            .count()
    };
    // 90 to 10: one in a thousand million runs has fewer than 150 or more than 199 of the first.
    let (first, second) = (by("reviews-v1"), by("reviews-v2"));
    assert_eq!(first + second, 200, "{answers:?}");
    assert!((150..200).contains(&first), "{first} to {second}");
}
