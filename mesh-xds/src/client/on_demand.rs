//! Targets that are subscribed when they are called first.
//!
//! A request that no listener takes asks for the listener of `host:port`, as if that were a target, and
//! waits until it is in force, or known not to exist, or the control plane cannot be reached. From then
//! on it is subscribed like any target: calls find its listener and never come here again. What turned
//! out not to exist stays subscribed too, so that calling it again costs no wait, and comes to be when
//! the control plane sends it.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use mesh_core::{Asked, OnDemand, policy::Name};
use tokio::{
    sync::{oneshot, watch},
    time::timeout,
};

use super::{consumer::Progress, driver::Command, shared::Share};
use crate::bootstrap::Bootstrap;

/// Targets that were subscribed on demand: beyond this many, one that does not exist is forgotten, and
/// without one nothing more is subscribed.
pub(super) const MAX_TARGETS: usize = 10_000;

/// What a mesh asks.
#[derive(Debug)]
pub(super) struct Targets {
    /// The mesh holds this, so that it must not keep the source alive.
    pub(super) share: Weak<Share>,
    pub(super) bootstrap: Arc<Bootstrap>,
    pub(super) within: Duration,
    pub(super) progress: watch::Receiver<Progress>,
}

impl OnDemand for Targets {
    fn ask(&self, authority: &str, port: u16) -> Asked {
        let target = target(authority, port);
        let Some(share) = self.share.upgrade() else {
            return Box::pin(async { Err("the xDS source has ended".to_owned()) });
        };
        let listener = match self.bootstrap.client_listener(&target) {
            Ok((listener, host)) => Ok((Name::from(listener), Name::from(host))),
            Err(error) => Err(error.to_string()),
        };
        let (within, progress) = (self.within, self.progress.clone());
        Box::pin(async move {
            let (listener, host) = listener?;
            let (reply, answer) = oneshot::channel();
            share.send(Command::Ask(share.id, listener, host, reply));
            match timeout(within, answer).await {
                Ok(Ok(answer)) => answer.map_err(|why| format!("`{target}`: {why}")),
                Ok(Err(_)) => Err("the xDS client has ended with its runtime".to_owned()),
                Err(_) => {
                    let waiting = progress.borrow().waiting.join(", ");
                    Err(format!(
                        "`{target}` was not received within {} ms; waiting for: {waiting}",
                        within.as_millis()
                    ))
                }
            }
        })
    }
}

/// `host:port`, in lower case: hosts that differ in case are one.
fn target(authority: &str, port: u16) -> String {
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => host,
        _ => authority,
    };
    format!("{}:{port}", host.to_ascii_lowercase())
}
