//! A tonic server whose answers are scripted, behind the mesh's own server stack.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex},
};

use mesh_core::telemetry::NoRecorder;
use mesh_http::{
    Context,
    server::{Drain, Listener, ServerLayer, serve},
};
use tokio::{sync::mpsc, task::JoinHandle};
use tokio_stream::{Stream, wrappers::ReceiverStream};
use tonic::{Request, Response, Status, metadata::MetadataMap, service::Routes};
use tonic_health::pb::{
    HealthCheckRequest, HealthCheckResponse,
    health_server::{Health, HealthServer},
};
use tower::Layer;

/// What a server does with a call.
pub(crate) enum Act {
    Answer,
    Fail(Status),
    /// Nothing: it never answers.
    Stall,
}

/// What a server saw of a call.
pub(crate) struct Call {
    pub(crate) metadata: MetadataMap,
    /// Whether the handler's task has a deadline.
    pub(crate) deadline: bool,
}

pub(crate) type Messages = mpsc::Sender<Result<HealthCheckResponse, Status>>;

#[derive(Clone, Default)]
struct Script {
    acts: Arc<Mutex<VecDeque<Act>>>,
    calls: Arc<Mutex<Vec<Call>>>,
    watchers: Arc<Mutex<Vec<Messages>>>,
    name: &'static str,
}

/// A running server. Dropping it cuts its connections.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    script: Script,
    task: JoinHandle<()>,
}

impl Server {
    /// Answers with `served-by: name`.
    pub(crate) async fn start(name: &'static str) -> Self {
        let script = Script {
            name,
            ..Script::default()
        };
        let routes = Routes::new(HealthServer::new(script.clone()));
        let listener = Listener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = ServerLayer::new(NoRecorder).layer(routes.prepare());
        let task = tokio::spawn(async move {
            serve(listener, service, Drain::new()).await;
        });
        Self {
            address,
            script,
            task,
        }
    }

    /// What it does with the next calls; after those it answers.
    pub(crate) fn script(&self, acts: impl IntoIterator<Item = Act>) {
        self.script.acts.lock().unwrap().extend(acts);
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.script.calls.lock().unwrap())
    }

    /// The streams that are open.
    pub(crate) fn watchers(&self) -> Vec<Messages> {
        self.script.watchers.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Script {
    async fn play<T>(&self, request: &Request<T>) -> Result<(), Status> {
        self.calls.lock().unwrap().push(Call {
            metadata: request.metadata().clone(),
            deadline: Context::current().is_some_and(|c| c.deadline().is_some()),
        });
        let act = self.acts.lock().unwrap().pop_front();
        match act.unwrap_or(Act::Answer) {
            Act::Answer => Ok(()),
            Act::Fail(status) => Err(status),
            Act::Stall => std::future::pending().await,
        }
    }

    fn response<T>(&self, message: T) -> Response<T> {
        let mut response = Response::new(message);
        let metadata = response.metadata_mut();
        metadata.insert("served-by", self.name.parse().unwrap());
        response
    }
}

#[async_trait::async_trait]
impl Health for Script {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        self.play(&request).await?;
        Ok(self.response(HealthCheckResponse::default()))
    }

    type WatchStream = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        self.play(&request).await?;
        let (messages, stream) = mpsc::channel(4);
        self.watchers.lock().unwrap().push(messages);
        Ok(self.response(Box::pin(ReceiverStream::new(stream))))
    }
}
