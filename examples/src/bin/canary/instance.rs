//! One instance of a service: a server on a port of its own that can be killed and revived.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::{
    Router,
    extract::{Request, State},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use http::StatusCode;
use mesh_http::server::{Drain, Listener, ServerLayer, serve};
use tokio::{
    net::{TcpListener, TcpSocket},
    task::JoinHandle,
};
use tower::Layer;

use crate::tally::Tally;

/// What an instance's server does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Health {
    /// It answers.
    #[default]
    Up,
    /// Its port is closed and its connections are cut.
    Refuses,
    /// It answers everything with 503.
    Answers503,
}

impl Health {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Up => "answers",
            Self::Refuses => "refuses",
            Self::Answers503 => "answers 503",
        }
    }
}

/// A server of the demo.
#[derive(Debug)]
pub(crate) struct Instance {
    pub(crate) name: String,
    pub(crate) service: &'static str,
    /// `""` for a service without versions.
    pub(crate) version: &'static str,
    pub(crate) address: SocketAddr,
    health: Health,
    app: Router,
    tally: Tally,
    fails: Arc<AtomicBool>,
    server: Option<JoinHandle<()>>,
    /// Bound and not listening: nobody else takes the port while the server is down.
    _port: Option<TcpSocket>,
}

impl Instance {
    /// Starts a server of `app` on a free loopback port.
    pub(crate) async fn start(
        name: String,
        (service, version): (&'static str, &'static str),
        app: Router,
        tally: &Tally,
    ) -> io::Result<Self> {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let reserved = bind(any)?;
        let address = reserved.local_addr()?;
        let fails = Arc::new(AtomicBool::new(false));
        let mut instance = Self {
            name,
            service,
            version,
            address,
            health: Health::Up,
            app: app.layer(middleware::from_fn_with_state(fails.clone(), fail)),
            tally: tally.clone(),
            fails,
            server: None,
            // Sharing a bound port is Linux's; elsewhere the port is free while the server is down.
            _port: cfg!(target_os = "linux").then_some(reserved),
        };
        instance.listen()?;
        Ok(instance)
    }

    pub(crate) const fn health(&self) -> Health {
        self.health
    }

    /// Kills or revives the server; returns when it is so.
    pub(crate) async fn set(&mut self, health: Health) -> io::Result<()> {
        self.fails
            .store(health == Health::Answers503, Ordering::Relaxed);
        if health == Health::Refuses {
            if let Some(server) = self.server.take() {
                server.abort();
                // Cancelled, as asked for: its connections are closed by now.
                let _ = server.await;
            }
        } else if self.server.is_none() {
            self.listen()?;
        }
        self.health = health;
        Ok(())
    }

    fn listen(&mut self) -> io::Result<()> {
        let listener: TcpListener = bind(self.address)?.listen(1024)?;
        let drain = Drain::new();
        let layer = ServerLayer::new(Arc::new(self.tally.clone())).with_drain(drain.clone());
        let server = serve(
            Listener::from(listener),
            layer.layer(self.app.clone()),
            drain,
        );
        self.server = Some(tokio::spawn(async move {
            server.await;
        }));
        Ok(())
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        if let Some(server) = &self.server {
            server.abort();
        }
    }
}

fn bind(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

async fn fail(State(fails): State<Arc<AtomicBool>>, request: Request, next: Next) -> Response {
    if fails.load(Ordering::Relaxed) {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    next.run(request).await
}
