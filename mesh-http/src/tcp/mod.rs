//! Connections for raw bytes, for what is no HTTP: databases, queues, a protocol of your own.
//!
//! ```text
//!  connect("mongo.prod:27017") ─▶ listener, filter chain ─▶ weights ─▶ breaker ─▶ pick ─▶ socket
//!                                 (once)                    └── each of max_connect_attempts ──┘
//! ```
//!
//! A [`Connector`] leads a connection through the same snapshot, clusters, breakers and health as
//! [`Client`](crate::Client) leads requests. What comes back is a [`Stream`], to read from and write
//! to: bytes are not looked into, and one stream is one connection to one endpoint. That endpoint
//! counts it as in flight until it ends.
//!
//! A failed connect is fed to outlier detection, and so is a made one; what happens on the stream
//! later is not, as in Envoy, for nobody knows what the bytes mean.
//!
//! ```
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use mesh_core::{Config, Mesh, policy::*};
//! use tokio::io::{AsyncReadExt, AsyncWriteExt};
//!
//! let mesh = Mesh::new();
//! mesh.publish(
//!     Config::default()
//!         .listener(Listener::outbound_tcp(["mongo.prod"], Some(27017), TcpProxy::to_cluster("mongo")))
//!         .cluster(Cluster::new("mongo"), [Endpoint::new("127.0.0.1:27017".parse::<Address>()?)]),
//! )?;
//! let connector = mesh_http::tcp::Connector::new(&mesh);
//! let mut stream = connector.connect("mongo.prod:27017").await?;
//! stream.write_all(b"ping").await?;
//! let reply = stream.read_u8().await?;
//! # let _ = reply;
//! # Ok(()) }
//! ```

mod connect;
mod connector;
mod limits;
mod session;
mod stream;
mod target;

pub use self::{
    connector::{Connecting, Connector, ConnectorBuilder},
    stream::Stream,
    target::Target,
};
