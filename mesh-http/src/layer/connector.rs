//! A transport of the user's own in place of [`Connections`](super::Connections).

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use mesh_core::cluster::Endpoint;
use tower_service::Service;

use super::foreign;
use crate::{
    Body, BoxError, Error,
    call::{Call, Step},
};

/// One attempt, as a transport gets it: what to send and where.
#[derive(Debug)]
pub struct Outbound {
    /// The endpoint picked.
    pub endpoint: Arc<Endpoint>,
    /// The request; its URI names the service, not the endpoint.
    pub request: Request<Body>,
}

/// Hands each attempt to a tower service: for tests, simulations and other transports.
#[derive(Clone, Debug)]
pub struct Connector<S>(S);

impl<S> Connector<S> {
    /// Calls a clone of `service` for each attempt, once it is ready.
    pub const fn new(service: S) -> Self {
        Self(service)
    }
}

impl<S, RB> Step for Connector<S>
where
    S: Service<Outbound, Response = Response<RB>> + Clone + Send + Sync,
    S::Future: Send,
    S::Error: Into<BoxError>,
    RB: http_body::Body<Data = Bytes> + Send + 'static,
    RB::Error: Into<BoxError>,
{
    async fn call(&self, call: &mut Call) -> Result<(), Error> {
        let Some(endpoint) = call.endpoint().cloned() else {
            return Err(Error::invalid(
                "no endpoint was picked: put a connector below a BalanceLayer",
            ));
        };
        let mut service = self.0.clone();
        std::future::poll_fn(|cx| service.poll_ready(cx))
            .await
            .map_err(|e| foreign(e.into(), false))?;
        let request = call.take_request()?;
        match service.call(Outbound { endpoint, request }).await {
            Ok(response) => {
                call.respond(response.map(Body::new));
                Ok(())
            }
            Err(error) => Err(foreign(error.into(), true)),
        }
    }
}
