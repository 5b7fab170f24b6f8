//! The server side: a layer for any service, a drain, and a listener.
//!
//! ```text
//!  Listener ─accept─▶ (TLS and peer identity will go here) ─▶ protocol ─▶ hyper ─▶ ServerLayer ─▶ service
//!                                                                            │          │
//!                                                                            └── Drain ─┘
//! ```
//!
//! [`ServerLayer`] serves alone around an axum `Router`, a tonic or a hyper service; [`serve`] runs a
//! service on a [`Listener`] and ends gracefully; with the feature `axum` the listener also goes into
//! `axum::serve`. All three share a [`Drain`].
//!
//! ```no_run
//! use std::{sync::Arc, time::Duration};
//!
//! use mesh_core::telemetry::NoRecorder;
//! use mesh_http::server::{Drain, Listener, ServerLayer, serve};
//! use tower_layer::Layer;
//!
//! # async fn run<S>(service: S, terminated: impl Future<Output = ()> + Send + 'static) -> std::io::Result<()>
//! # where
//! #     S: tower_service::Service<
//! #             http::Request<hyper::body::Incoming>,
//! #             Response = http::Response<String>,
//! #             Error = std::convert::Infallible,
//! #         > + Clone + Send + 'static,
//! #     S::Future: Send,
//! # {
//! let drain = Drain::new();
//! let layer = ServerLayer::new(NoRecorder).with_drain(drain.clone());
//! let listener = Listener::bind("0.0.0.0:8080").await?;
//! let server = tokio::spawn(serve(listener, layer.layer(service), drain.clone()).into_future());
//! terminated.await; // SIGTERM, say
//! drain.start(Duration::from_secs(25));
//! server.await?;
//! # Ok(())
//! # }
//! ```

mod body;
mod connection;
mod deadline;
mod drain;
mod exchange;
mod future;
mod layer;
mod listener;
mod serve;
mod sniff;

pub use self::{
    body::ServerBody,
    deadline::{DeadlineExceeded, deadline, format_grpc_timeout, parse_grpc_timeout},
    drain::{Drain, InFlight},
    future::ResponseFuture,
    layer::{Server, ServerLayer},
    listener::{Listener, PeerAddr},
    serve::{Drained, Serve, serve},
};
