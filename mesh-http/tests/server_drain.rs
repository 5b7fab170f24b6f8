//! A drain under load, on real sockets: no request is lost.

#[path = "server_support/wire.rs"]
mod wire;

use std::{
    convert::Infallible,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use hyper::body::Incoming;
use mesh_core::telemetry::{Counters, Side};
use mesh_http::server::{Drain, Drained, Listener, ServerLayer, serve};
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Sleep, sleep, timeout},
};
use tower::{Layer, service_fn};
use wire::{BoxError, Client, Failed};

const CLIENTS: usize = 16;
const REQUESTS: usize = 200;

struct Running {
    addr: SocketAddr,
    drain: Drain,
    counters: Arc<Counters>,
    served: watch::Receiver<usize>,
    server: JoinHandle<Drained>,
}

async fn start() -> Running {
    let listener = Listener::bind("127.0.0.1:0").await.expect("a free port");
    let addr = listener.local_addr().expect("bound");
    let (count, served) = watch::channel(0);
    let service = service_fn(move |_: Request<Incoming>| {
        let count = count.clone();
        async move {
            count.send_modify(|n| *n += 1);
            Ok::<_, Infallible>(Response::new(TwoParts::default()))
        }
    });
    let drain = Drain::new();
    let counters = Arc::new(Counters::new());
    let layer = ServerLayer::new(counters.clone()).with_drain(drain.clone());
    let serve = serve(listener, layer.layer(service), drain.clone());
    // Longer than any of the clients is ever between two requests.
    let serve = serve.with_lame_duck(Duration::from_secs(2));
    Running {
        addr,
        drain,
        counters,
        served,
        server: tokio::spawn(serve.into_future()),
    }
}

/// A body in two parts with a pause between: being cut would be seen.
#[derive(Default)]
struct TwoParts {
    pause: Option<Pin<Box<Sleep>>>,
    ended: bool,
}

impl Body for TwoParts {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let part = match &mut self.pause {
            None => {
                self.pause = Some(Box::pin(sleep(Duration::from_millis(1))));
                "first "
            }
            Some(pause) => {
                ready!(pause.as_mut().poll(cx));
                self.ended = true;
                "second"
            }
        };
        Poll::Ready(Some(Ok(Frame::data(Bytes::from(part)))))
    }
}

/// Sends requests one after the other, first to the one server until that says good-bye, then to the
/// other; at least [`REQUESTS`]. Returns how many were answered.
async fn client(http2: bool, [leaving, staying]: [SocketAddr; 2]) -> Result<usize, BoxError> {
    let connect = async |addr| match http2 {
        true => Client::http2(addr).await,
        false => Client::http1(addr).await,
    };
    let (mut connection, mut connections) = (connect(leaving).await?, 1);
    let mut done = 0;
    while done < REQUESTS || connections < 2 {
        let reconnect = match connection.read("/").await {
            Ok((200, close, body)) if body == "first second" => {
                done += 1;
                close
            }
            // Found closed (HTTP/2: by GOAWAY) before the request was sent.
            Err(Failed::NotSent) => true,
            Ok(other) => return Err(format!("{other:?}").into()),
            Err(Failed::Sent(error)) => return Err(error),
        };
        if reconnect {
            connection = connect(staying).await?;
            connections += 1;
        }
    }
    assert_eq!(connections, 2, "one to each server");
    Ok(done)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drain_under_load_loses_no_request() {
    let mut leaving = start().await;
    let staying = start().await;
    let clients: Vec<_> = (0..CLIENTS)
        .map(|n| tokio::spawn(client(n % 2 == 0, [leaving.addr, staying.addr])))
        .collect();
    let enough = CLIENTS * REQUESTS / 4;
    leaving.served.wait_for(|n| *n >= enough).await.unwrap();
    leaving.drain.start(Duration::from_secs(60));
    assert_eq!(leaving.drain.wait_idle().await, 0);
    let drained = timeout(Duration::from_secs(30), leaving.server)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(drained.cut, 0);

    let mut done = 0;
    for client in clients {
        done += client.await.unwrap().unwrap();
    }
    let count = |running: &Counters| {
        assert_eq!(running.active(Side::Server), 0);
        running.responses(Side::Server, 2)
    };
    let (first, second) = (count(&leaving.counters), count(&staying.counters));
    // Nor was any served twice: what was sent again had not been looked at.
    assert_eq!(first + second, done as u64);
    assert!(first >= enough as u64 && second > 0, "{first} and {second}");
    staying.server.abort();
}
