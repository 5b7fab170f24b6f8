//! The way of requests whose route does more than forward them: filters, mirrors, redirects that are
//! followed, header values with operators.

use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri, header, request::Parts};
use mesh_core::{
    Flag,
    policy::{InternalRedirectPolicy, RouteAction},
    resilience::ORIGINAL_URL,
    routing::{self, Facts, Redirects},
};

use super::{
    Route, facts,
    filters::{self, Ended},
    find::{Chain, Found, Other, find},
    finish_changed, forward,
};
use crate::{
    Body, Error, Replay,
    body::TimeLimits,
    call::{Call, Deadline, DeadlineKind, Exchange, Step, Target, now},
    connections::without_userinfo,
    layer::{discard, head, max_stream_duration},
    mirror,
    replay::written_length,
};

/// Where a request goes, and its one draw.
pub(super) struct Special {
    pub(super) found: Found,
    pub(super) draw: u64,
}

impl<S: Step + 'static> Route<S> {
    pub(super) async fn special(&self, first: Special, call: &mut Call) -> Result<(), Error> {
        let inherited = call.deadline();
        let mut redirects = Redirects::default();
        let mut next = first;
        loop {
            match self.pass(next, &mut redirects, call).await? {
                Passed::Done(result) => return result,
                Passed::Redirected(special) => {
                    restart(call, inherited);
                    next = *special;
                }
            }
        }
    }

    /// Once through the filters and what is below.
    async fn pass(
        &self,
        Special { found, draw }: Special,
        redirects: &mut Redirects,
        call: &mut Call,
    ) -> Result<Passed, Error> {
        let chain = found.chain();
        let router = chain.router();
        let formats = router.formats_requests() || router.formats_responses();
        let request = call.request()?;
        let mut facts = formats.then(|| Box::new(facts::of_request(call, request, &found)));
        let mut cors = None;
        if router.limits_upgrades() && refuses_upgrade(&found, request) {
            let response = filters::upgrade_refused(request);
            respond(response, facts.as_deref_mut(), call);
            return self.done(&chain, facts, cors, Ok(()), Kind::LocalReply, call);
        }
        if let Found::Forward(target) = &found
            && let Some(action) = target.action()
            && let Some(max) = max_stream_duration(&action.timeouts, call)
            && let Some(at) = call.ledger.started.checked_add(max)
        {
            // The stream's own limit counts what filters wait for, too.
            call.limit(at, DeadlineKind::MaxStreamDuration);
        }
        let known = facts.as_deref();
        let ended = filters::on_request(chain.filters(), draw, known, call, &mut cors).await;
        if let Some(ended) = ended? {
            let kind = match &ended {
                Ended::LocalReply(_) => Kind::LocalReply,
                Ended::Preflight(_) => Kind::Preflight,
            };
            let (Ended::LocalReply(response) | Ended::Preflight(response)) = ended;
            respond(response, facts.as_deref_mut(), call);
            return self.done(&chain, facts, cors, Ok(()), kind, call);
        }
        let target = match found {
            Found::Forward(target) => target,
            Found::Other(other) => {
                let Other { answer, .. } = *other;
                if let (Err(_), Some(facts)) = (&answer, &mut facts) {
                    facts::keep_request(facts, call.request()?);
                }
                let result = answer.map(|response| respond(response, facts.as_deref_mut(), call));
                if let Some(facts) = &mut facts {
                    facts::redirected(facts, &chain);
                }
                return self.done(&chain, facts, cors, result, Kind::LocalReply, call);
            }
        };
        if let Err(error) = forward(target.clone(), call, facts.as_deref()) {
            return self.done(&chain, facts, cors, Err(error), Kind::LocalReply, call);
        }
        if let Some(facts) = &mut facts {
            facts::keep_request(facts, call.request()?);
        }
        self.mirror(&target, draw, facts.as_deref(), call)?;
        let policy = target.action().and_then(|a| a.internal_redirect.clone());
        let kept = policy.as_ref().map(|_| Kept::of(call, self.replay_limit));
        let kept = kept.transpose()?;
        let result = self.inner.call(call).await;
        if let (Ok(()), Some(policy), Some(kept)) = (&result, policy, kept)
            && let Some(special) = follow(&policy, kept, &chain, &target, redirects, call)
        {
            return Ok(Passed::Redirected(Box::new(special)));
        }
        if let Some(facts) = &mut facts {
            let flags = match &result {
                Err(error) => error.flags(),
                Ok(()) => Vec::from_iter(flag_of(call)),
            };
            facts::add_response(facts, call, flags);
            let response = call.response();
            facts.response_code = response.map_or(0, |r| r.status().as_u16());
        }
        let result = finish_changed(result, call, facts.as_deref());
        self.done(&chain, facts, cors, result, Kind::Upstream, call)
    }

    /// The responses' side: the route's header changes, where they have not been made, and the filters.
    fn done(
        &self,
        chain: &Chain,
        mut facts: Option<Box<Facts>>,
        cors: Option<HeaderMap>,
        result: Result<(), Error>,
        kind: Kind,
        call: &mut Call,
    ) -> Result<Passed, Error> {
        if let (Some(facts), Kind::LocalReply) = (&mut facts, kind) {
            facts.response_flags = match &result {
                Err(error) => error.flags(),
                Ok(()) => Vec::from_iter(flag_of(call)),
            };
        }
        let levels = chain.levels().filter(|_| kind == Kind::LocalReply);
        if let (Ok(()), Exchange::Response(response)) = (&result, &mut call.exchange) {
            if let Some(levels) = levels {
                levels.mutate_response(response.headers_mut(), facts.as_deref());
            }
            if let Some(facts) = &mut facts
                && kind != Kind::Preflight
            {
                facts.response_code = response.status().as_u16();
            }
            let headers = response.headers_mut();
            filters::on_response(chain.filters(), headers, facts.as_deref(), cors.as_ref());
        }
        Ok(Passed::Done(result.map_err(|error| {
            let error = match levels {
                Some(levels) => error.with_reply_headers(levels),
                None => error,
            };
            error.with_reply_changes(filters::on_error(chain.filters(), cors.as_ref()), facts)
        })))
    }

    /// Prepares the copies of a request; they are sent once an endpoint is picked for the original.
    fn mirror(
        &self,
        target: &Target,
        draw: u64,
        facts: Option<&Facts>,
        call: &mut Call,
    ) -> Result<(), Error> {
        let RouteAction::Forward(action) = &target.route().action else {
            return Ok(());
        };
        let config = target.router().config();
        let mirrors = routing::mirrors(config, target.virtual_host(), action);
        if mirrors.is_empty() || *call.request()?.method() == Method::CONNECT {
            return Ok(());
        }
        // What will not be sent, since its time is up, is not copied.
        if call.deadline().is_some_and(|d| d.at <= now()) {
            return Ok(());
        }
        let copies = mirror::copies(mirrors, target, draw, facts, call.request()?);
        if !copies.is_empty() {
            let launcher = self.mirrors.launcher(self.inner.clone());
            let pending = mirror::Pending::new(copies, self.replay_limit, launcher, call)?;
            call.extras_mut().mirrors = Some(pending);
        }
        Ok(())
    }
}

/// Whose answer a request gets.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The upstream's; the route's header changes are made.
    Upstream,
    /// The mesh's own.
    LocalReply,
    /// The CORS filter's: Envoy makes no header changes in it, and does not know its status.
    Preflight,
}

enum Passed {
    Done(Result<(), Error>),
    Redirected(Box<Special>),
}

/// Puts a reply of the mesh's own in the request's place, whose headers its own may be made of.
fn respond(response: Response<Body>, facts: Option<&mut Facts>, call: &mut Call) {
    if let (Some(facts), Ok(request)) = (facts, call.request()) {
        facts::keep_request(facts, request);
    }
    call.respond(response);
}

fn flag_of(call: &Call) -> Option<Flag> {
    call.response()?.extensions().get().copied()
}

/// A route says which upgrades it forwards, beside the connection manager. What answers by itself is
/// asked after the latter, and what has no route is not asked at all: it is a 404, as in Envoy.
fn refuses_upgrade(found: &Found, request: &Request<Body>) -> bool {
    let chain = found.chain();
    let config = chain.router().config();
    let route = chain
        .route
        .and_then(|(host, route)| config.virtual_hosts.get(host)?.routes.get(route));
    let own = match (route.map(|route| &route.action), found) {
        (Some(RouteAction::Forward(action)), _) => &action.upgrades[..],
        (None, Found::Other(other)) if other.answer.is_err() => return false,
        _ => &[],
    };
    let manager = &chain.router().manager().upgrades;
    routing::refused_upgrade(manager, own, request.headers()).is_some()
}

/// A request as it was sent, to be sent elsewhere.
struct Kept {
    parts: Parts,
    replay: Replay,
    /// How much of the body is sent, where that is known before.
    length: Option<u64>,
}

impl Kept {
    fn of(call: &mut Call, limit: usize) -> Result<Self, Error> {
        let length = written_length(call);
        let (parts, body) = call.take_request()?.into_parts();
        let replay = body.into_replay(limit);
        // The first body of a replay is always there.
        let body = replay.body().unwrap_or_default();
        call.exchange = Exchange::Request(Request::from_parts(parts.clone(), body));
        Ok(Self {
            parts,
            replay,
            length,
        })
    }
}

/// The way of a redirected request, when the policy lets the mesh follow its response's `location`.
/// Whatever stands against it leaves the response as it is.
fn follow(
    policy: &InternalRedirectPolicy,
    kept: Kept,
    chain: &Chain,
    from: &Target,
    redirects: &mut Redirects,
    call: &mut Call,
) -> Option<Special> {
    let response = call.response()?;
    let old = Request::from_parts(kept.parts, Body::empty());
    let old_head = head(&old);
    let https = old_head.scheme() == "https";
    let status = response.status();
    let target = redirects.target(policy, status, response.headers(), https);
    let target = target
        .inspect_err(|why| tracing::debug!(%why, "a redirect is not followed"))
        .ok()?;
    // The upload must be done, and still be there.
    if !kept.replay.is_complete(kept.length) {
        tracing::debug!("a redirect is not followed: the request's body is not kept");
        return None;
    }
    let scheme = if https { "https" } else { "http" };
    let url = format!("{scheme}://{}{}", old_head.authority, old_head.path);
    let mut body = kept.replay.body()?;
    let original = HeaderValue::try_from(url).ok()?;
    let mut request = old;
    let headers = request.headers_mut();
    routing::copy_headers(policy, response.headers(), headers);
    let authority = without_userinfo(target.authority()?);
    headers.insert(header::HOST, HeaderValue::from_str(authority).ok()?);
    headers.insert(ORIGINAL_URL, original);
    *request.uri_mut() = moved(request.uri(), &target)?;
    if routing::becomes_get(status, request.method()) {
        *request.method_mut() = Method::GET;
        request.headers_mut().remove(header::CONTENT_LENGTH);
        body = Body::empty();
    }
    let draw = call.env().random.next_u64();
    let source = &call.env().source.hashed;
    let snapshot = chain.snapshot.clone();
    let found = find(snapshot, Some(chain.router), &request, draw, source).ok()?;
    let (host, index) = found.chain().route?;
    let to = &chain.router().config().virtual_hosts[host].routes[index].name;
    redirects
        .take(policy, &from.route().name, to, https, &target)
        .inspect_err(|why| tracing::debug!(%why, "a redirect is not followed"))
        .ok()?;
    tracing::debug!(location = %target, "following a redirect");
    *request.body_mut() = body;
    let redirected = Exchange::Request(request);
    if let Exchange::Response(response) = std::mem::replace(&mut call.exchange, redirected) {
        discard(response);
    }
    Some(Special { found, draw })
}

/// The request's URI with another authority and path. The scheme stays: it says how this process
/// reaches the mesh, not what the redirect names.
fn moved(from: &Uri, to: &Uri) -> Option<Uri> {
    let mut parts = from.clone().into_parts();
    parts.path_and_query = to.path_and_query().cloned();
    if parts.authority.is_some() {
        parts.authority = to.authority().cloned();
    }
    Uri::from_parts(parts).ok()
}

/// A redirected request begins anew, as a stream of its own does in Envoy; only the caller's deadline
/// stays, and to telemetry it is one request.
fn restart(call: &mut Call, inherited: Option<Deadline>) {
    call.ledger.discard_attempt();
    call.ledger.destination = None;
    call.ledger.attempts = 0;
    call.ledger.attempt_started = now();
    call.ledger.limits = TimeLimits::none();
    call.ledger.limits.deadline = inherited;
    call.retrying = None;
}
