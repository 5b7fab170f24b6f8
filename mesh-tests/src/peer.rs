//! Peers that are no good: they speak raw TCP.

use std::{
    net::{Ipv4Addr, SocketAddr, SocketAddrV4},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use socket2::{Domain, SockRef, Socket, Type};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// What a [`Peer`] does once it has read a request's head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Nothing, until the caller hangs up.
    Stall,
    /// Resets the connection.
    Reset,
    /// Closes the connection.
    Close,
    /// Writes this, and closes the connection.
    Write(&'static str),
    /// Writes this, and then nothing more until the caller hangs up.
    WriteAndStall(&'static str),
}

/// A listener whose every connection does the same.
#[derive(Debug)]
pub struct Peer {
    /// Where it listens.
    pub address: SocketAddr,
    open: Arc<AtomicUsize>,
    heads: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Peer {
    /// Listens on a port of its own.
    ///
    /// # Panics
    /// When there is none.
    pub async fn start(act: Act) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("a bound address");
        let open = Arc::new(AtomicUsize::new(0));
        let heads = Arc::new(AtomicUsize::new(0));
        let counts = (open.clone(), heads.clone());
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (open, heads) = counts.clone();
                open.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(async move {
                    // However it ends, it ends.
                    let _ = run(stream, act, &heads).await;
                    open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Self {
            address,
            open,
            heads,
            task,
        }
    }

    /// How many requests have reached it.
    pub fn hits(&self) -> usize {
        self.heads.load(Ordering::SeqCst)
    }

    /// How many connections it holds open.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn run(mut stream: TcpStream, act: Act, heads: &AtomicUsize) -> std::io::Result<()> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).await? == 0 {
            return Ok(());
        }
        head.push(byte[0]);
    }
    heads.fetch_add(1, Ordering::SeqCst);
    match act {
        Act::Stall => {}
        Act::Close => return Ok(()),
        Act::Reset => return SockRef::from(&stream).set_linger(Some(Duration::ZERO)),
        Act::Write(text) => {
            stream.write_all(text.as_bytes()).await?;
            return stream.shutdown().await;
        }
        Act::WriteAndStall(text) => stream.write_all(text.as_bytes()).await?,
    }
    while stream.read(&mut byte).await? > 0 {}
    Ok(())
}

/// A port that nobody listens on, and that nobody else gets: connects are refused.
#[derive(Debug)]
pub struct Closed {
    /// The address.
    pub address: SocketAddr,
    _port: Socket,
}

impl Closed {
    /// Takes a port.
    ///
    /// # Panics
    /// When there is none.
    #[expect(clippy::new_without_default, reason = "it takes a port")]
    pub fn new() -> Self {
        let (socket, address) = bound();
        Self {
            address,
            _port: socket,
        }
    }
}

/// A listener that accepts nothing and whose queue is full: connects hear nothing.
#[derive(Debug)]
pub struct Silent {
    /// The address.
    pub address: SocketAddr,
    _sockets: Vec<Socket>,
}

impl Silent {
    /// Takes a port, and fills its queue.
    ///
    /// # Panics
    /// When there is none.
    #[expect(clippy::new_without_default, reason = "it takes a port")]
    pub fn new() -> Self {
        let (listener, address) = bound();
        listener.listen(0).expect("it listens");
        let mut sockets = vec![listener];
        for _ in 0..4 {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
            socket.set_nonblocking(true).expect("it does not block");
            // In progress, some of them for ever.
            let _ = socket.connect(&address.into());
            sockets.push(socket);
        }
        Self {
            address,
            _sockets: sockets,
        }
    }
}

fn bound() -> (Socket, SocketAddr) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    let any = SocketAddr::from(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0));
    socket.bind(&any.into()).expect("a port");
    let address = socket.local_addr().expect("a bound address");
    (socket, address.as_socket().expect("an IP address"))
}
