//! The servers that are called: plain hyper, in a process of their own, so that the client's CPU
//! time and allocations are the client's alone.

use std::{
    convert::Infallible,
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use tokio::net::TcpListener;

use super::{REPLY, SERVERS};
use crate::{Result, measure};

/// The servers' process; killed on drop.
#[derive(Debug)]
pub struct Server {
    process: Child,
    /// Where they listen.
    pub addresses: Vec<SocketAddr>,
}

impl Server {
    /// Starts `program` with `--serve`, which must lead it to [`serve`].
    ///
    /// # Errors
    /// When it does not start or names no addresses.
    pub fn start(program: &Path) -> Result<Self> {
        let mut process = Command::new(program)
            .arg("--serve")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = process.stdout.take();
        let mut server = Self {
            process,
            addresses: Vec::new(),
        };
        let mut line = String::new();
        BufReader::new(stdout.ok_or("the server has no output")?).read_line(&mut line)?;
        for address in line.split_whitespace() {
            server.addresses.push(address.parse()?);
        }
        if server.addresses.len() == SERVERS {
            Ok(server)
        } else {
            Err("the server's process named no addresses".into())
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Already ended is as good as killed.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Serves until standard input closes, which it does when the parent ends, however it ends.
///
/// # Errors
/// When no socket can be bound.
pub fn serve() -> Result {
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    measure::pin(1);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut addresses = Vec::new();
        let mut servers = tokio::task::JoinSet::new();
        for _ in 0..SERVERS {
            let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
            addresses.push(listener.local_addr()?.to_string());
            servers.spawn(accept(listener));
        }
        println!("{}", addresses.join(" "));
        while servers.join_next().await.is_some() {}
        Ok(())
    })
}

async fn accept(listener: TcpListener) {
    while let Ok((socket, _)) = listener.accept().await {
        let _ = socket.set_nodelay(true);
        tokio::spawn(async move {
            // A client that closes its connection is no error of the benchmark.
            let _ = auto::Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(socket), service_fn(reply))
                .await;
        });
    }
}

async fn reply(_: Request<Incoming>) -> std::result::Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::new(Full::new(Bytes::from_static(REPLY))))
}
