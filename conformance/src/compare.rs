//! Many cases at once: one Envoy with a listener for each route configuration, one mesh for each.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use mesh_core::policy::RouteConfiguration;
use serde_json::{Value, json};
use tokio::{task::JoinSet, time::timeout};

use crate::{
    Result,
    answer::Answer,
    ask, differences,
    envoy::{Envoy, Rejected},
    translate::{route_configuration, static_resources},
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

/// Asks both sides all of `cases`.
///
/// # Errors
/// When a configuration has no translation, or an Envoy cannot be run.
pub async fn disagreements(
    upstreams: &Arc<Upstreams>,
    cases: &[Case],
) -> Result<Vec<Disagreement>> {
    let clusters = upstreams.clusters();
    let names: Vec<_> = (0..cases.len()).map(|index| index.to_string()).collect();
    let listeners = names
        .iter()
        .map(|n| &**n)
        .zip(cases.iter().map(|c| &c.routes));
    let resources = static_resources(listeners, clusters.iter().map(|(c, e)| (c, e)))?;
    let envoy = match Envoy::start(resources).await {
        Ok(envoy) => envoy,
        Err(error) => return rejected(upstreams, cases, &*error.downcast::<Rejected>()?).await,
    };
    let mut tasks = JoinSet::new();
    for (name, case) in names.iter().zip(cases) {
        let address = envoy.address(name)?;
        let (upstreams, case, clusters) = (upstreams.clone(), case.clone(), clusters.clone());
        tasks.spawn(async move {
            let client = ask::client(&case.routes, &clusters).map_err(|e| e.to_string());
            let mut found = Vec::new();
            for request in &case.requests {
                let envoy = bounded(ask::envoy(address, &number(), request, &upstreams)).await;
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
    let mut found = Box::pin(disagreements(upstreams, first)).await?;
    found.extend(Box::pin(disagreements(upstreams, second)).await?);
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
