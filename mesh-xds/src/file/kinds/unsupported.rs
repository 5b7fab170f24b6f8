//! Documents of other kinds: which are passed over, and which are refused and why.

use crate::file::{reader::unknown, schema::nearest};

/// Kinds of Istio's own groups that say nothing to a client inside a process.
const WITHOUT_EFFECT: [(&str, &str); 1] = [(
    "Gateway",
    "configures gateways, not clients inside a process",
)];

/// Kinds that change what traffic may do: passing over them would be worse than refusing.
const NOT_YET: [&str; 7] = [
    "EnvoyFilter",
    "PeerAuthentication",
    "RequestAuthentication",
    "AuthorizationPolicy",
    "Telemetry",
    "WasmPlugin",
    "TrafficExtension",
];

/// Kinds that Istio has removed, and what took their place.
const RETIRED: [(&str, &str); 20] = [
    ("RouteRule", "VirtualService"),
    ("DestinationPolicy", "DestinationRule"),
    ("EgressRule", "ServiceEntry"),
    ("Policy", "PeerAuthentication and RequestAuthentication"),
    ("MeshPolicy", "PeerAuthentication in the root namespace"),
    ("ServiceRole", "AuthorizationPolicy"),
    ("ServiceRoleBinding", "AuthorizationPolicy"),
    ("ClusterRbacConfig", "AuthorizationPolicy"),
    ("RbacConfig", "AuthorizationPolicy"),
    ("QuotaSpec", "a rate-limit layer of the service itself"),
    (
        "QuotaSpecBinding",
        "a rate-limit layer of the service itself",
    ),
    ("quota", "a rate-limit layer of the service itself"),
    ("memquota", "a rate-limit layer of the service itself"),
    ("redisquota", "a rate-limit layer of the service itself"),
    ("denier", "AuthorizationPolicy with action DENY"),
    ("checknothing", "AuthorizationPolicy with action DENY"),
    ("listchecker", "AuthorizationPolicy with ipBlocks"),
    ("listentry", "AuthorizationPolicy with ipBlocks"),
    ("HTTPAPISpec", "VirtualService"),
    ("HTTPAPISpecBinding", "VirtualService"),
];

/// `Ok`: passed over, for this reason. `Err`: refused.
pub(super) fn verdict(group: &str, kind: &str, supported: [&str; 8]) -> Result<String, String> {
    let retired = RETIRED.iter().find(|(k, _)| *k == kind);
    match group {
        "config.istio.io" | "rbac.istio.io" | "authentication.istio.io" => Err(match retired {
            Some((_, successor)) => {
                format!("{group} {kind} was removed from Istio; its successor is {successor}")
            }
            None => format!(
                "{group} {kind} belonged to Mixer and was removed from Istio; see Telemetry, \
                 AuthorizationPolicy or a layer of the service itself"
            ),
        }),
        "networking.istio.io"
        | "security.istio.io"
        | "telemetry.istio.io"
        | "extensions.istio.io" => {
            if let Some((_, why)) = WITHOUT_EFFECT.iter().find(|(k, _)| *k == kind) {
                Ok((*why).to_owned())
            } else if NOT_YET.contains(&kind) {
                Err(format!(
                    "{kind} is not supported yet, and is refused rather than ignored"
                ))
            } else if let Some((_, successor)) = retired {
                Err(format!(
                    "{kind} was removed from Istio; its successor is {successor}"
                ))
            } else {
                let known = supported
                    .into_iter()
                    .chain(NOT_YET)
                    .chain(WITHOUT_EFFECT.map(|(k, _)| k));
                Err(unknown("kind", kind, nearest(kind, known)))
            }
        }
        "gateway.networking.k8s.io" => match kind {
            "Gateway" | "GatewayClass" | "ListenerSet" => {
                Ok("configures gateways, not clients inside a process".to_owned())
            }
            _ => Err(format!(
                "{kind} of the Gateway API is not supported yet, and is refused rather than ignored"
            )),
        },
        _ => match nearest(kind, supported).filter(|_| group.ends_with("istio.io")) {
            Some(near) => Err(format!(
                "unknown group `{group}`, did you mean networking.istio.io {near}?"
            )),
            None => Ok("is no Istio traffic rule".to_owned()),
        },
    }
}
