//! One stream to one control plane, as a task that is ended by dropping its owner.

use std::{
    error::Error,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures_core::Stream;
use http::uri::PathAndQuery;
use tokio::{
    sync::{Notify, mpsc},
    task::JoinHandle,
    time::timeout,
};
use tonic::{Status, client::Grpc};
use tonic_prost::ProstCodec;

use super::{
    ads::{Protocol, Request, Response},
    connect::{self, KeepAlive},
    secure::Security,
    wire::{self, Delta, Sotw, Wire},
};
use crate::{
    bootstrap::ServerUri,
    pb::{core::Node, protobuf::Any},
};

/// As gRPC's `MIN_CONNECT_TIMEOUT`.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);

/// A larger message ends the stream. A mesh's clusters and endpoints come in one message each.
const MAX_MESSAGE: usize = 64 << 20;

/// What a stream says of itself.
#[derive(Debug)]
pub(super) enum LinkEvent {
    Opened,
    Received(Response<Any>),
    Closed(String),
}

/// Which stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct LinkId {
    pub(super) authority: usize,
    pub(super) link: usize,
}

/// What a stream needs.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) uri: ServerUri,
    /// `None` for plain text.
    pub(super) security: Option<Arc<Security>>,
    pub(super) node: Arc<Node>,
    pub(super) protocol: Protocol,
    pub(super) keep_alive: KeepAlive,
}

/// A stream, or an attempt at one.
#[derive(Debug)]
pub(super) struct Link {
    requests: mpsc::Sender<Request>,
    task: JoinHandle<()>,
    /// Tells its events from those of a stream before it.
    pub(super) generation: u64,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Where events go: to the task of the client, at its pace.
pub(super) type Events = mpsc::Sender<(LinkId, u64, LinkEvent)>;

impl Link {
    /// Connects. `space` is notified whenever a request was taken.
    pub(super) fn start(
        target: Target,
        id: LinkId,
        generation: u64,
        events: Events,
        space: Arc<Notify>,
    ) -> Self {
        let (sender, receiver) = mpsc::channel(1);
        let requests = Requests { receiver, space };
        let task = tokio::spawn(async move {
            let events = Reporter {
                events,
                id,
                generation,
            };
            let error = match target.protocol {
                Protocol::Sotw => run::<Sotw>(target, requests, &events).await,
                Protocol::Delta => run::<Delta>(target, requests, &events).await,
            };
            events.say(LinkEvent::Closed(error)).await;
        });
        Self {
            requests: sender,
            task,
            generation,
        }
    }

    /// Whether a request would be taken now.
    pub(super) fn has_space(&self) -> bool {
        self.requests.capacity() > 0
    }

    pub(super) fn send(&self, request: Request) {
        // There is space, unless the stream has ended, which its event tells.
        let _ = self.requests.try_send(request);
    }
}

struct Reporter {
    events: Events,
    id: LinkId,
    generation: u64,
}

impl Reporter {
    async fn say(&self, event: LinkEvent) {
        // Nobody listens when the client is being dropped.
        let _ = self.events.send((self.id, self.generation, event)).await;
    }
}

/// What the stream sends; made only when it can be sent.
struct Requests {
    receiver: mpsc::Receiver<Request>,
    space: Arc<Notify>,
}

impl Requests {
    fn encoded<W: Wire>(self, node: Arc<Node>) -> Encoded<W> {
        Encoded {
            requests: self,
            node,
            wire: std::marker::PhantomData,
        }
    }
}

struct Encoded<W> {
    requests: Requests,
    node: Arc<Node>,
    wire: std::marker::PhantomData<fn() -> W>,
}

impl<W: Wire> Stream for Encoded<W> {
    type Item = W::Request;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<W::Request>> {
        let next = self.requests.receiver.poll_recv(cx);
        next.map(|request| {
            self.requests.space.notify_one();
            Some(W::request(request?, &self.node))
        })
    }
}

/// Connects, and exchanges messages until the stream ends; returns why.
async fn run<W: Wire>(target: Target, requests: Requests, events: &Reporter) -> String {
    let connecting = connect::connect(&target.uri, target.security.as_deref(), target.keep_alive);
    let (service, mut driver) = match timeout(CONNECT_TIMEOUT, connecting).await {
        Ok(Ok(connected)) => connected,
        Ok(Err(error)) => return error,
        Err(_) => return format!("no connection within {} s", CONNECT_TIMEOUT.as_secs()),
    };
    events.say(LinkEvent::Opened).await;
    let exchange = exchange::<W>(&target, service, requests, events);
    let mut exchange = pin!(exchange);
    tokio::select! {
        biased;
        error = &mut exchange => error,
        ended = &mut driver => match ended {
            // What had arrived before is still to be read.
            Ok(()) => exchange.await,
            Err(error) => chain(&error),
        },
    }
}

async fn exchange<W: Wire>(
    target: &Target,
    service: connect::Http2,
    requests: Requests,
    events: &Reporter,
) -> String {
    let scheme = if target.security.is_some() {
        "https"
    } else {
        "http"
    };
    let origin = http::Uri::builder()
        .scheme(scheme)
        .authority(target.uri.authority())
        .path_and_query("/")
        .build();
    let (Ok(origin), Ok(path)) = (origin, PathAndQuery::from_maybe_shared(wire::path::<W>()))
    else {
        return "its address is no URL's authority".to_owned();
    };
    let mut grpc = Grpc::with_origin(service, origin).max_decoding_message_size(MAX_MESSAGE);
    let codec = ProstCodec::<W::Request, W::Response>::default();
    let requests = requests.encoded::<W>(target.node.clone());
    let mut requests = tonic::Request::new(requests);
    if let Some(security) = &target.security {
        let proofs = match security.authorization().await {
            Ok(proofs) => proofs,
            Err(error) => return error,
        };
        let metadata = requests.metadata_mut();
        for proof in proofs {
            metadata.append("authorization", proof);
        }
    }
    let mut responses = match grpc.streaming(requests, path, codec).await {
        Ok(response) => response.into_inner(),
        Err(status) => return text(&status),
    };
    loop {
        match responses.message().await {
            Ok(Some(message)) => events.say(LinkEvent::Received(W::response(message))).await,
            Ok(None) => return "the server has ended the stream".to_owned(),
            Err(status) => return text(&status),
        }
    }
}

fn text(status: &Status) -> String {
    match status.source() {
        Some(source) => chain(source),
        None => format!("{:?}: {}", status.code(), status.message()),
    }
}

/// An error with its causes.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
