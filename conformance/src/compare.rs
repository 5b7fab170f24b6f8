//! Many cases at once: one Envoy with a listener for each route configuration, one mesh for each.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use mesh_core::policy::{HttpConnectionManager, RouteConfiguration};
use serde_json::{Value, json};
use tokio::{task::JoinSet, time::timeout};

use crate::{
    Result,
    answer::Answer,
    ask, differences,
    envoy::{Envoy, Rejected},
    translate::{managed_resources, route_configuration, trust_callers},
    upstream::Upstreams,
    wire::Message,
};

/// A route configuration and the requests to ask it.
#[derive(Clone, Debug)]
pub struct Case {
    /// The configuration.
    pub routes: RouteConfiguration,
    /// Each is asked by itself.
    pub requests: Vec<Message>,
}

/// A request that the two answer differently.
#[derive(Clone, Debug)]
pub struct Disagreement {
    /// The configuration.
    pub routes: RouteConfiguration,
    /// The request.
    pub request: Message,
    /// Envoy's answer, or its rejection of the configuration.
    pub envoy: String,
    /// The mesh's.
    pub mesh: String,
}

/// What is the same for all cases.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The filters and upgrades.
    pub manager: HttpConnectionManager,
    /// How many attempts each request makes at the upstreams, when some may come after the answer.
    pub attempts: Option<usize>,
    /// Envoy trusts its callers' control headers, as the mesh trusts the application's.
    pub trusted: bool,
    /// The policy is published to the mesh as it is, not read from Envoy's JSON.
    pub published: bool,
}

impl Default for Setup {
    /// The default filters.
    fn default() -> Self {
        Self {
            manager: HttpConnectionManager::new("rc"),
            attempts: None,
            trusted: false,
            published: false,
        }
    }
}

/// Asks both sides all of `cases`.
///
/// # Errors
/// When a configuration has no translation, or an Envoy cannot be run.
pub async fn disagreements(
    upstreams: &Arc<Upstreams>,
    cases: &[Case],
) -> Result<Vec<Disagreement>> {
    disagreements_with(upstreams, cases, &Setup::default()).await
}

/// The same in another setup.
///
/// # Errors
/// When a configuration has no translation, or an Envoy cannot be run.
pub async fn disagreements_with(
    upstreams: &Arc<Upstreams>,
    cases: &[Case],
    setup: &Setup,
) -> Result<Vec<Disagreement>> {
    let clusters = upstreams.clusters();
    let names: Vec<_> = (0..cases.len()).map(|index| index.to_string()).collect();
    let listeners = names
        .iter()
        .map(|n| &**n)
        .zip(cases.iter().map(|c| &c.routes))
        .map(|(name, routes)| {
            let mut manager = setup.manager.clone();
            manager.route_config = routes.name.clone();
            (name, routes, manager)
        });
    let mut resources = managed_resources(listeners, clusters.iter().map(|(c, e)| (c, e)))?;
    if setup.trusted {
        trust_callers(&mut resources);
    }
    let envoy = match Envoy::start(resources).await {
        Ok(envoy) => envoy,
        Err(error) => {
            return rejected(upstreams, cases, setup, &*error.downcast::<Rejected>()?).await;
        }
    };
    let mut tasks = JoinSet::new();
    for (name, case) in names.iter().zip(cases) {
        let address = envoy.address(name)?;
        let (upstreams, case, clusters) = (upstreams.clone(), case.clone(), clusters.clone());
        let setup = setup.clone();
        tasks.spawn(async move {
            let mut manager = setup.manager.clone();
            manager.route_config = case.routes.name.clone();
            let client = match setup.published {
                true => ask::client_with(&case.routes, &manager, &clusters),
                false => ask::client(&case.routes, &clusters),
            };
            let client = client.map_err(|e| e.to_string());
            let number = || {
                let number = number();
                if let Some(attempts) = setup.attempts {
                    upstreams.expect(&number, attempts);
                }
                number
            };
            let mut found = Vec::new();
            for request in &case.requests {
                let mut envoy = bounded(ask::envoy(address, &number(), request, &upstreams)).await;
                if let (true, Ok(answer)) = (setup.trusted, &mut envoy) {
                    // It tells the upstream that its caller is trusted.
                    for attempt in &mut answer.upstream {
                        attempt
                            .headers
                            .retain(|(name, _)| name != "x-envoy-internal");
                    }
                }
                let mesh = match &client {
                    // Envoy's flags are in its access log alone, which is not read here.
                    Ok(client) => {
                        ask::mesh(client, &number(), request, &upstreams)
                            .await
                            .map(|answer| Answer {
                                flags: None,
                                ..answer
                            })
                    }
                    Err(error) => Err(format!("rejected: {error}").into()),
                };
                let agree =
                    |envoy, mesh| envoy == mesh || differences::excused(envoy, mesh).is_some();
                if !matches!((&envoy, &mesh), (Ok(envoy), Ok(mesh)) if agree(envoy, mesh)) {
                    found.push(Disagreement {
                        routes: case.routes.clone(),
                        request: request.clone(),
                        envoy: said(envoy),
                        mesh: said(mesh),
                    });
                }
            }
            found
        });
    }
    let mut found = Vec::new();
    while let Some(part) = tasks.join_next().await {
        found.extend(part?);
    }
    Ok(found)
}

/// Envoy did not start with all of `cases`: finds those that it rejects, and asks the others.
async fn rejected(
    upstreams: &Arc<Upstreams>,
    cases: &[Case],
    setup: &Setup,
    error: &Rejected,
) -> Result<Vec<Disagreement>> {
    if let [case] = cases {
        return Ok(Vec::from_iter(case.requests.first().map(|request| {
            Disagreement {
                routes: case.routes.clone(),
                request: request.clone(),
                envoy: format!("rejected: {error}"),
                mesh: match ask::client(&case.routes, &upstreams.clusters()) {
                    Ok(_) => "accepted".to_owned(),
                    Err(error) => format!("rejected: {error}"),
                },
            }
        })));
    }
    let (first, second) = cases.split_at(cases.len() / 2);
    let mut found = Box::pin(disagreements_with(upstreams, first, setup)).await?;
    found.extend(Box::pin(disagreements_with(upstreams, second, setup)).await?);
    Ok(found)
}

/// No answer of either side waits for anything.
async fn bounded(answer: impl Future<Output = Result<Answer>>) -> Result<Answer> {
    const LIMIT: Duration = Duration::from_secs(20);
    timeout(LIMIT, answer).await?
}

/// A name for one request that no other has.
fn number() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed).to_string()
}

fn said<T: fmt::Display>(answer: Result<T>) -> String {
    answer.map_or_else(|error| format!("no answer: {error}"), |a| a.to_string())
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match route_configuration(&self.routes) {
            Ok(json) => writeln!(f, "{}", without_defaults(json))?,
            Err(error) => writeln!(f, "{error}: {:?}", self.routes)?,
        }
        let Message { head, body } = &self.request;
        writeln!(f, "  {} {:?} {body:?}", head.start.join(" "), head.headers)?;
        writeln!(f, "  Envoy: {}", self.envoy)?;
        write!(f, "  mesh:  {}", self.mesh)
    }
}

/// Without what is empty or `false`, which is what proto3 makes of an absent field.
fn without_defaults(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields = fields.into_iter().filter_map(|(name, value)| {
                let value = without_defaults(value);
                // What is no default, though it looks like one.
                let kept = matches!(
                    &*name,
                    "prefix" | "exact" | "case_sensitive" | "grpc" | "redirect" | "present_match"
                );
                let is_default = value == json!(false)
                    || value == json!([])
                    || value == json!(true) && name == "case_sensitive";
                (kept && name != "case_sensitive" || !is_default).then_some((name, value))
            });
            Value::Object(fields.collect())
        }
        Value::Array(values) => values.into_iter().map(without_defaults).collect(),
        other => other,
    }
}
