//! Control planes that fail: nothing is lost on the data path while it is warm.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use mesh_tests::{
    resources::{any, cluster, endpoints, service},
    until,
};
use mesh_xds::{
    client::{KeepAlive, XdsError},
    pb::protobuf::Any,
};

use super::*;

/// Calls `host` again and again.
struct Calls {
    made: Arc<AtomicUsize>,
    failed: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<()>,
}

impl Calls {
    fn start(client: &Client, host: &'static str) -> Self {
        let client = client.clone();
        let (made, failed) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let stop = Arc::new(AtomicBool::new(false));
        let shared = (made.clone(), failed.clone(), stop.clone());
        let task = tokio::spawn(async move {
            let (made, failed, stop) = shared;
            while !stop.load(Ordering::SeqCst) {
                let reply = get(&client, &format!("http://{host}/"), &[]).await;
                made.fetch_add(1, Ordering::SeqCst);
                failed.fetch_add(usize::from(reply.status != 200), Ordering::SeqCst);
            }
        });
        Self {
            made,
            failed,
            stop,
            task,
        }
    }

    async fn more(&self) {
        let before = self.made.load(Ordering::SeqCst);
        until("calls go on", || {
            self.made.load(Ordering::SeqCst) > before + 20
        })
        .await;
    }

    async fn none_failed(self) {
        self.stop.store(true, Ordering::SeqCst);
        self.task.await.unwrap();
        assert_eq!(self.failed.load(Ordering::SeqCst), 0);
    }
}

#[tokio::test]
async fn killed_and_restarted_with_older_state() {
    let servers = servers(["one", "two"]).await;
    let old = service("a", &[servers[0].address]);
    let mut control_plane = ControlPlane::start(old.clone()).await;
    let (mesh, client, xds) = joined(&control_plane, &["a:80"]).await;
    control_plane.put([endpoints("a", &[servers[1].address])]);
    until("the second endpoint", || {
        servers[1].hits() > 0 || {
            tokio::spawn({
                let client = client.clone();
                async move { who(&client, "a").await }
            });
            false
        }
    })
    .await;
    let calls = Calls::start(&client, "a");
    control_plane.kill().await;
    until("that is a named error", || {
        let error = mesh.status().last_error.unwrap_or_default();
        error.starts_with("control plane unreachable: 127.0.0.1:")
    })
    .await;
    calls.more().await;
    let status = xds.status().await;
    assert!(!status.servers[0].connected && status.servers[0].error.is_some());

    control_plane.replace(old);
    control_plane.revive().await;
    let hits = servers[0].hits();
    until("the older state is in force", || servers[0].hits() > hits).await;
    until("the error is over", || mesh.status().last_error.is_none()).await;
    calls.none_failed().await;
}

#[tokio::test]
async fn unreachable_from_the_start_is_a_named_error() {
    let mut control_plane = ControlPlane::start([]).await;
    control_plane.kill().await;
    let mesh = Mesh::new();
    let source = source(&control_plane).with_target("a:80");
    let source = source.with_start_timeout(Duration::from_millis(300));
    let error = source.start(&mesh).await.unwrap_err();
    assert!(matches!(error, XdsError::Unreachable(_)), "{error:?}");
    let expected = format!(
        "control plane unreachable: {}: Connection refused",
        control_plane.address
    );
    assert!(error.to_string().starts_with(&expected), "{error}");
    assert!(mesh.status().last_error.unwrap().starts_with(&expected));
    // It comes late: a source that does not insist gets there.
    let late = super::source(&control_plane).with_target("a:80");
    let xds = late.start_in_background(&mesh).unwrap();
    let servers = servers(["a"]).await;
    control_plane.put(service("a", &[servers[0].address]));
    control_plane.revive().await;
    xds.ready(LONG).await.unwrap();
    assert_eq!(who(&Client::new(&mesh), "a").await, "a");
}

#[tokio::test]
async fn flapping_every_10_ms() {
    let servers = servers(["a"]).await;
    let mut control_plane = ControlPlane::start(service("a", &[servers[0].address])).await;
    let (_mesh, client, _xds) = joined(&control_plane, &["a:80"]).await;
    let calls = Calls::start(&client, "a");
    control_plane.flap(Some(Duration::from_millis(10)));
    control_plane.revive().await;
    let before = control_plane.requests().len();
    tokio::time::sleep(Duration::from_secs(3)).await;
    // About one attempt in a second, of four first requests each.
    let made = control_plane.requests().len() - before;
    assert!(made <= 40, "{made} requests in 3 s");
    control_plane.flap(None);
    let other = Server::start("b").await;
    control_plane.put([endpoints("a", &[other.address])]);
    until("it recovers", || other.hits() > 0).await;
    calls.none_failed().await;
}

#[tokio::test]
async fn garbage_and_contradictions() {
    let servers = servers(["a"]).await;
    let control_plane = ControlPlane::start(service("a", &[servers[0].address])).await;
    let (_mesh, client, _xds) = joined(&control_plane, &["a:80"]).await;
    let calls = Calls::start(&client, "a");
    let listener = "type.googleapis.com/envoy.config.listener.v3.Listener";
    let bytes = |name: &str, tail: &[u8]| {
        let name_field = [
            &[10, u8::try_from(name.len()).unwrap()][..],
            name.as_bytes(),
        ];
        [name_field.concat(), tail.to_vec()].concat()
    };
    let garbage = |value: Vec<u8>| Any {
        type_url: listener.to_owned(),
        value,
    };
    // Broken bytes under the name of what is in use, and a listener that leads to another kind.
    control_plane.put([garbage(bytes("a:80", &[0xff, 0xff, 0xff]))]);
    until("the rejection", || !control_plane.rejections().is_empty()).await;
    control_plane.put([garbage(bytes("a:80", &[]))]);
    until("another", || control_plane.rejections().len() > 1).await;
    calls.more().await;
    calls.none_failed().await;
}

#[tokio::test]
async fn a_connection_that_is_half_open_is_given_up() {
    let servers = servers(["a"]).await;
    let mut control_plane = ControlPlane::start([]).await;
    control_plane.stall(true);
    control_plane.revive().await;
    let mesh = Mesh::new();
    let source = source(&control_plane).with_target("a:80");
    let xds = source
        .with_keep_alive(KeepAlive {
            interval: Duration::from_millis(200),
            timeout: Duration::from_millis(200),
        })
        .start_in_background(&mesh)
        .unwrap();
    until("that is an error", || {
        let error = mesh.status().last_error.unwrap_or_default();
        error.contains("unreachable") && error.contains("keep-alive timed out")
    })
    .await;
    control_plane.stall(false);
    control_plane.put(service("a", &[servers[0].address]));
    xds.ready(LONG).await.unwrap();
    assert_eq!(who(&Client::new(&mesh), "a").await, "a");
}

/// A service comes and goes; each time its new endpoints are reached, and nothing is left over.
#[tokio::test]
async fn remove_and_add_again() {
    let servers = servers(["one", "two"]).await;
    let control_plane = ControlPlane::start(service("a", &[servers[0].address])).await;
    let (mesh, client, _xds) = joined(&control_plane, &[]).await;
    let keep: Vec<Any> = vec![
        mesh_tests::resources::socket_listener("web", 80, "web"),
        mesh_tests::resources::routes("web", "*", &[("b", 1)]),
    ];
    for round in 0..200 {
        let server = &servers[round % 2];
        let mut with = keep.clone();
        with.extend([cluster("b"), endpoints("b", &[server.address])]);
        control_plane.replace(with);
        eventually(|| async { who(&client, "b").await == ["one", "two"][round % 2] }).await;
        control_plane.replace([
            keep[0].clone(),
            any(&mesh_xds::pb::route::RouteConfiguration {
                name: "web".to_owned(),
                ..Default::default()
            }),
        ]);
        until("it is gone", || mesh.load().clusters().is_empty()).await;
    }
}
