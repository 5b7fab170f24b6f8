//! One stream as a task: messages in, messages out, at the client's pace.

use std::{
    future::pending,
    marker::PhantomData,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures_core::Stream as Messages;
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, sleep_until},
};
use tonic::{Request, Response, Status, Streaming, server::StreamingService};

use super::{
    serve::Shared,
    session::Session,
    status::{Entry, Stream},
    wire::{self, Wire},
};
use crate::server::world::World;

/// Answers the streams of one connection.
pub(super) struct Service<W> {
    pub(super) shared: Arc<Shared>,
    pub(super) stream: Stream,
    pub(super) wire: PhantomData<fn() -> W>,
}

/// What is sent; made only when it can be sent.
pub(super) struct Outgoing<R>(mpsc::Receiver<Result<R, Status>>);

impl<R> Messages for Outgoing<R> {
    type Item = Result<R, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(cx)
    }
}

impl<W: Wire> StreamingService<W::Request> for Service<W> {
    type Response = W::Response;
    type ResponseStream = Outgoing<W::Response>;
    type Future =
        Pin<Box<dyn Future<Output = Result<Response<Self::ResponseStream>, Status>> + Send>>;

    fn call(&mut self, request: Request<Streaming<W::Request>>) -> Self::Future {
        let (sender, receiver) = mpsc::channel(1);
        let shared = self.shared.clone();
        let stream = self.stream;
        tokio::spawn(run::<W>(shared, stream, request.into_inner(), sender));
        Box::pin(async { Ok(Response::new(Outgoing(receiver))) })
    }
}

/// Serves one stream until either side ends it.
async fn run<W: Wire>(
    shared: Arc<Shared>,
    stream: Stream,
    mut requests: Streaming<W::Request>,
    responses: mpsc::Sender<Result<W::Response, Status>>,
) {
    let mut stop = shared.stop.subscribe();
    let mut first = tokio::select! {
        first = requests.message() => match first {
            Ok(Some(first)) => first,
            // A stream that says nothing.
            _ => return,
        },
        () = responses.closed() => return,
        _ = stop.wait_for(|stop| *stop) => return,
    };
    let node = W::node(&mut first).map(wire::node).unwrap_or_default();
    let view = shared.views.view(&node);
    let worlds = view.subscribe();
    let mut entry = Entry::new(shared.registry.clone(), view, node, stream);
    let mut driver = Driver::<W> {
        session: Session::new(W::PROTOCOL),
        requests,
        responses,
        worlds,
        stop,
    };
    if let Err(status) = driver.exchange(first, &entry).await {
        entry.ends(status.message());
        // The client may be gone.
        let _ = driver.responses.send(Err(status)).await;
    }
}

enum Event<R> {
    /// `None`: the client has ended the stream.
    Request(Option<R>),
    World,
    Nothing,
}

struct Driver<W: Wire> {
    session: Session,
    requests: Streaming<W::Request>,
    responses: mpsc::Sender<Result<W::Response, Status>>,
    worlds: watch::Receiver<Option<Arc<World>>>,
    stop: watch::Receiver<bool>,
}

impl<W: Wire> Driver<W> {
    /// An error is to be told to the client.
    async fn exchange(&mut self, first: W::Request, entry: &Entry) -> Result<(), Status> {
        self.take(first, entry)?;
        self.see();
        let mut due = None;
        loop {
            if due.is_none() {
                due = self.session.next(Instant::now().into_std());
                entry.update(&self.session);
            }
            let timeout = self.session.next_timeout();
            let is_due = due.is_some();
            let timeout = async {
                match timeout {
                    Some(at) => sleep_until(at.into()).await,
                    None => pending().await,
                }
            };
            let event = tokio::select! {
                request = self.requests.message() => Event::Request(request?),
                permit = self.responses.reserve(), if is_due => match (permit, due.take()) {
                    (Ok(permit), Some(response)) => {
                        permit.send(Ok(W::response(response)));
                        Event::Nothing
                    }
                    _ => Event::Request(None),
                },
                () = self.responses.closed() => Event::Request(None),
                changed = self.worlds.changed() => match changed {
                    Ok(()) => Event::World,
                    Err(_) => return Err(Status::unavailable("the view is gone")),
                },
                () = timeout => Event::Nothing,
                _ = self.stop.wait_for(|stop| *stop) => {
                    return Err(Status::unavailable("the control plane shuts down"));
                }
            };
            match event {
                Event::Request(Some(request)) => self.take(request, entry)?,
                Event::Request(None) => return Ok(()),
                Event::World => self.see(),
                Event::Nothing => {}
            }
        }
    }

    fn take(&mut self, request: W::Request, entry: &Entry) -> Result<(), Status> {
        let verdict = self.session.request(W::request(request));
        let verdict = verdict.map_err(|why| Status::resource_exhausted(why.to_string()))?;
        if let Some(verdict) = verdict {
            entry.verdict(verdict);
        }
        Ok(())
    }

    fn see(&mut self) {
        if let Some(world) = self.worlds.borrow_and_update().clone() {
            self.session.set_world(world);
        }
    }
}
