//! A protocol that is no HTTP, through the mesh: connections split over two versions of a server, a
//! refused endpoint passed over, and why one connection went where it did.

use std::{collections::BTreeMap, net::SocketAddr};

use mesh_core::{
    Config, Mesh,
    policy::{Cluster, Endpoint, Listener, TcpProxy},
};
use mesh_http::{BoxError, tcp::Connector};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let (v1, v2) = (server("v1").await?, server("v2").await?);
    // Bound and dropped again: nobody listens there.
    let gone = TcpListener::bind("127.0.0.1:0").await?.local_addr()?;

    let proxy = TcpProxy::split([("store-v1", 80), ("store-v2", 20)])?
        .with_max_connect_attempts(3.try_into()?);
    let mesh = Mesh::new();
    mesh.publish(
        Config::default()
            .listener(Listener::outbound_tcp(["store"], Some(7000), proxy))
            .cluster(Cluster::new("store-v1"), [v1, gone].map(Endpoint::new))
            .cluster(Cluster::new("store-v2"), [Endpoint::new(v2)]),
    )?;

    let connector = Connector::new(&mesh);
    let mut counts = BTreeMap::new();
    for _ in 0..1000 {
        let mut stream = connector.connect("store:7000").await?;
        stream.write_all(b"version?").await?;
        stream.shutdown().await?;
        let mut reply = String::new();
        stream.read_to_string(&mut reply).await?;
        *counts.entry(reply).or_insert(0) += 1;
    }
    println!("{counts:?}");
    println!("{}", connector.explain("store:7000")?);
    Ok(())
}

/// Answers the end of what it is told with its version.
async fn server(version: &'static str) -> Result<SocketAddr, BoxError> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((mut io, _)) = listener.accept().await {
            tokio::spawn(async move {
                // A caller that goes away is no concern of the server's.
                let _ = io.read_to_end(&mut Vec::new()).await;
                let _ = io.write_all(version.as_bytes()).await;
            });
        }
    });
    Ok(address)
}
