//! The mesh's own client, on its own connections.

use std::net::SocketAddr;

use http::Uri;
use mesh_core::{Mesh, policy::HttpProtocol, telemetry::Counters};
use mesh_http::Client;
use tower::Service;

use super::{Caller, Protocol, caller::finish};
use crate::{Result, memory, policy::Scale};

/// The mesh's client under the policy of [`Scale`].
#[derive(Clone, Debug)]
pub struct InMesh {
    client: Client,
    uri: Uri,
}

impl InMesh {
    /// A client of `servers`, with retries armed or not.
    ///
    /// # Errors
    /// When the policy cannot be published.
    pub fn new(protocol: Protocol, servers: &[SocketAddr], retries: bool) -> Result<Self> {
        let scale = Scale {
            endpoints: servers.to_vec(),
            protocol: match protocol {
                Protocol::Http1 => HttpProtocol::Http1,
                Protocol::Http2 => HttpProtocol::Http2,
            },
            retries,
            ..Scale::default()
        };
        let mesh = Mesh::new();
        mesh.publish(scale.config()?)?;
        Ok(Self {
            client: Client::builder(&mesh).recorder(Counters::new()).build(),
            uri: scale.last(),
        })
    }
}

impl Caller for InMesh {
    async fn call(&mut self, _: usize) -> Result {
        let request = memory::request(self.uri.clone());
        finish(self.client.call(request).await?).await
    }
}
