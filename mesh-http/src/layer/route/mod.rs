//! Finds a request's route, does what the route says before anything is sent, and changes the
//! response's headers on the way back.
//!
//! ```text
//! find ─▶ plain route ─▶ prepare ─▶ inner ─▶ response headers
//!    └──▶ any other ───▶ filters ─▶ prepare ─▶ mirrors ─▶ inner ─▶ follow a redirect? ─▶ filters, back
//! ```
//!
//! Which of the two a route takes is known when its configuration is compiled
//! ([`Router::is_plain`](mesh_core::routing::Router::is_plain)), so a plain one pays one branch for
//! all that it does not use.

mod facts;
mod filters;
mod find;
mod prepare;
mod special;

use std::sync::Arc;

use http::header;
use mesh_core::{
    Flag, Mesh,
    resilience::{ControlHeaders, strip_control_headers},
    routing::{Facts, MutationLevels, add_cookies, request_hash},
};
use tokio::time::timeout_at;

pub(crate) use self::prepare::rewrite_host;
use self::{
    find::{Found, Other, find},
    prepare::prepare,
    special::Special,
};
use super::{dialled, expired, head, root_path};
use crate::{
    Error,
    call::{Call, DeadlineKind, Destination, Exchange, Step, Target},
    mirror::MirrorTasks,
};

/// Routes by the current snapshot of a [`Mesh`]; what it learns steers the layers below.
#[derive(Clone, Debug)]
pub struct RouteLayer {
    mesh: Mesh,
    replay_limit: usize,
}

impl RouteLayer {
    /// Routes as `mesh` says.
    pub fn new(mesh: &Mesh) -> Self {
        Self {
            mesh: mesh.clone(),
            replay_limit: super::RetryLayer::REPLAY_LIMIT,
        }
    }

    /// Keeps up to `bytes` of a streamed body for mirrors and internal redirects. A longer one is sent
    /// on, but neither copied nor redirected.
    #[must_use]
    pub const fn replay_limit(mut self, bytes: usize) -> Self {
        self.replay_limit = bytes;
        self
    }
}

/// See [`RouteLayer`]. It owns the tasks that send mirrored requests: they end when it is dropped.
#[derive(Debug)]
pub struct Route<S> {
    mesh: Mesh,
    replay_limit: usize,
    mirrors: MirrorTasks,
    inner: Arc<S>,
}

super::step_layer!(RouteLayer => Route, |layer, inner| Route {
    mesh: layer.mesh.clone(),
    replay_limit: layer.replay_limit,
    mirrors: MirrorTasks::default(),
    inner: Arc::new(inner),
});

impl<S: Step + 'static> Step for Route<S> {
    async fn call(&self, call: &mut Call) -> Result<(), Error> {
        let next = match begin(&self.mesh, call) {
            Ok(next) => next,
            // Boxed and out of the way: only requests that nothing takes come here.
            Err(error) if error.flag() == Flag::NoRoute => {
                Box::pin(on_demand(&self.mesh, call, error)).await?
            }
            Err(error) => return Err(error),
        };
        match next {
            Next::Answered => Ok(()),
            Next::Forward => finish(self.inner.call(call).await, call),
            // Boxed, so that the state of plain requests stays small.
            Next::Special(special) => Box::pin(self.special(*special, call)).await,
        }
    }
}

/// What a route wants done with a request.
enum Next {
    /// Nothing: the response is there.
    Answered,
    Forward,
    Special(Box<Special>),
}

/// Asks the mesh's source for the listener of a request that none takes, waits for it, and tries once
/// more.
#[cold]
async fn on_demand(mesh: &Mesh, call: &mut Call, error: Error) -> Result<Next, Error> {
    let asked = {
        let (_, dialled) = dialled(call.request()?)?;
        match mesh.load().outbound(dialled) {
            // It is known, and has no route.
            Some(_) => None,
            None => mesh.ask(dialled.host, dialled.port),
        }
    };
    let Some(asked) = asked else {
        return Err(error);
    };
    let answer = match call.deadline() {
        None => asked.await,
        Some(deadline) => match timeout_at(deadline.at.into(), asked).await {
            Ok(answer) => answer,
            Err(_) => return Err(expired(deadline.kind)),
        },
    };
    match answer {
        Ok(()) => begin(mesh, call),
        Err(why) => Err(Error::no_route(why)),
    }
}

fn begin(mesh: &Mesh, call: &mut Call) -> Result<Next, Error> {
    let draw = call.env().random.next_u64();
    let external_callers = call.env().external_callers;
    let request = call.exchange.request_mut()?;
    root_path(request.uri_mut());
    if external_callers {
        strip_control_headers(request.headers_mut());
    }
    let source = &call.ledger.env.source.hashed;
    let found = find(mesh.load(), None, request, draw, source)?;
    let router = match &found {
        Found::Forward(target) => target.router(),
        Found::Other(other) => other.chain.router(),
    };
    // Most control planes list upgrades for all, and few requests ask for one.
    let upgrades = router.limits_upgrades() && request.headers().contains_key(header::UPGRADE);
    match found {
        found if upgrades => Ok(Next::Special(Box::new(Special { found, draw }))),
        Found::Forward(target) if target.is_plain() => {
            forward(target, call, None)?;
            Ok(Next::Forward)
        }
        Found::Other(other) if other.chain.is_plain() => {
            answered(*other, call)?;
            Ok(Next::Answered)
        }
        found => Ok(Next::Special(Box::new(Special { found, draw }))),
    }
}

/// What goes nowhere is answered by the mesh itself, with the route's header changes.
fn answered(Other { chain, answer }: Other, call: &mut Call) -> Result<(), Error> {
    let levels = chain.levels();
    match (answer, levels) {
        (Ok(mut response), levels) => {
            if let Some(levels) = levels {
                levels.mutate_response(response.headers_mut(), None);
            }
            call.respond(response);
            Ok(())
        }
        (Err(error), Some(levels)) => Err(error.with_reply_headers(levels)),
        (Err(error), None) => Err(error),
    }
}

/// Makes the request what its route sends.
fn forward(target: Target, call: &mut Call, facts: Option<&Facts>) -> Result<(), Error> {
    let request = call.request_mut()?;
    prepare(&target, request, facts)?;
    if let Some(control) = ControlHeaders::take(request.headers_mut()) {
        call.extras_mut().set_control(*control, &target);
    }
    if target.action().is_some_and(|a| !a.hash_policy.is_empty()) {
        hash(&target, call)?;
    }
    call.ledger.destination = Some(Destination::Routed(target));
    Ok(())
}

/// Hashes the request, where its cluster's balancer asks for it. As in Envoy, no other balancer makes
/// the caller a cookie.
fn hash(target: &Target, call: &mut Call) -> Result<(), Error> {
    let cluster = &target.snapshot.clusters()[target.cluster as usize];
    let Some(action) = target.action() else {
        return Ok(());
    };
    if !cluster.policy().lb_policy.uses_hash() {
        return Ok(());
    }
    let draw = call.env().random.next_u64();
    let mut head = head(call.request()?);
    head.source = &call.ledger.env.source.hashed;
    let made = request_hash(&action.hash_policy, &head, Some(draw));
    let extras = call.extras_mut();
    extras.hash = made.hash;
    extras.set_cookies = made.set_cookies;
    Ok(())
}

/// The response header changes; a failure's reply has them too.
#[inline]
fn finish(result: Result<(), Error>, call: &mut Call) -> Result<(), Error> {
    let changes = |target: &Target| target.changes_headers();
    let target = call.ledger.destination.as_ref().and_then(|d| d.target());
    if !target.is_some_and(changes) && call.extras().is_none() {
        return result;
    }
    finish_changed(result, call, None)
}

/// What [`finish`] does when there is anything to do.
fn finish_changed(
    mut result: Result<(), Error>,
    call: &mut Call,
    facts: Option<&Facts>,
) -> Result<(), Error> {
    let extras = call.retrying.as_mut().and_then(|r| r.extras.as_mut());
    if let Some(extras) = extras {
        // It holds for the body of the attempt that is answered, too.
        if let Some(at) = extras.stream_ends {
            let limits = &mut call.ledger.limits;
            limits.lower(at, DeadlineKind::AttemptStreamDuration);
            limits.of_body = true;
        }
        result = result.map_err(|error| extras.answer_of(error));
        if let Exchange::Response(response) = &mut call.exchange {
            let cookies = std::mem::take(&mut extras.set_cookies);
            add_cookies(response.headers_mut(), &cookies);
        }
    }
    let Some(target) = call.ledger.destination.as_ref().and_then(|d| d.target()) else {
        return result;
    };
    let levels = levels(target);
    if !levels.change_responses() {
        return result;
    }
    if let Exchange::Response(response) = &mut call.exchange {
        levels.mutate_response(response.headers_mut(), facts);
    }
    result.map_err(|error| error.with_reply_headers(levels))
}

/// The header changes of a target, in the order they apply.
fn levels(target: &Target) -> MutationLevels<'_> {
    MutationLevels::new(
        target.router().config(),
        target.virtual_host(),
        target.route(),
        target.weighted(),
    )
}
