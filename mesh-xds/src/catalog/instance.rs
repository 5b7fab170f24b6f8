//! What the catalogue answers, and what it means: instances into endpoints, their checks into health.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use mesh_core::policy::{
    ClusterLoadAssignment, Endpoint, HealthStatus, Locality, LocalityEndpoints, Metadata, Name,
};
use serde_json::{Map, Value};

/// The largest weight: that of a DNS SRV record, by which Consul tells weights as well.
const MAX_WEIGHT: u64 = 65_535;

/// The instances of one service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Instances {
    pub(super) assignment: Arc<ClusterLoadAssignment>,
    /// Tags that are labels by themselves, and labels of a host name.
    pub(super) tags: BTreeSet<Name>,
    /// Why instances are no endpoints.
    pub(super) notes: Vec<String>,
}

impl Instances {
    /// Those with a tag.
    pub(super) fn tagged(&self, tag: &str) -> ClusterLoadAssignment {
        let mut tagged = (*self.assignment).clone();
        for locality in &mut tagged.localities {
            let has_tag = |e: &Endpoint| e.metadata.get(tag).is_some();
            locality.endpoints.retain(has_tag);
        }
        tagged.localities.retain(|l| !l.endpoints.is_empty());
        tagged
    }
}

/// The names in an answer of `/v1/catalog/services`.
pub(super) fn services(body: &[u8]) -> Result<Vec<Name>, String> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(services)) => Ok(services.keys().map(|k| Name::from(&**k)).collect()),
        Ok(_) => Err("its answer is no object of services".to_owned()),
        Err(error) => Err(format!("its answer is no JSON: {error}")),
    }
}

/// The instances in an answer of `/v1/health/service/NAME`.
pub(super) fn instances(body: &[u8], only_passing: bool) -> Result<Instances, String> {
    let entries = match serde_json::from_slice(body) {
        Ok(Value::Array(entries)) => entries,
        Ok(_) => return Err("its answer is no list of instances".to_owned()),
        Err(error) => return Err(format!("its answer is no JSON: {error}")),
    };
    let mut read = Vec::with_capacity(entries.len());
    for (i, entry) in entries.iter().enumerate() {
        let instance = Instance::read(entry, only_passing);
        read.push(instance.map_err(|why| format!("its answer at [{i}].{why}"))?);
    }
    // The catalogue may list them in any order.
    read.sort_by_key(|instance| instance.id);
    let mut instances = Instances::default();
    let mut localities: BTreeMap<Locality, Vec<Endpoint>> = BTreeMap::new();
    let mut seen = HashSet::new();
    for instance in read {
        match instance.endpoint {
            Ok(endpoint) if seen.insert(endpoint.address.clone()) => {
                instances.tags.extend(instance.tags);
                let endpoints = localities.entry(instance.locality).or_default();
                endpoints.push(endpoint);
            }
            Ok(endpoint) => {
                let message = format!(
                    "instance `{}` has the address of another, {}",
                    instance.id, endpoint.address
                );
                instances.notes.push(message);
            }
            Err(why) => {
                let message = format!("instance `{}` {why}: it is no endpoint", instance.id);
                instances.notes.push(message);
            }
        }
    }
    let localities = localities.into_iter();
    instances.assignment = Arc::new(ClusterLoadAssignment {
        localities: localities
            .map(|(locality, endpoints)| LocalityEndpoints {
                locality,
                endpoints,
                ..LocalityEndpoints::default()
            })
            .collect(),
    });
    Ok(instances)
}

struct Instance<'a> {
    id: &'a str,
    locality: Locality,
    tags: Vec<Name>,
    endpoint: Result<Endpoint, String>,
}

impl<'a> Instance<'a> {
    fn read(entry: &'a Value, only_passing: bool) -> Result<Self, String> {
        let service = object(entry, "Service")?.ok_or("Service: is missing")?;
        let empty = Map::new();
        let node = object(entry, "Node")?.unwrap_or(&empty);
        let at = |why: String| format!("Service.{why}");
        let id = text(service, "ID").map_err(at)?;
        let (labels, tags) = labels(service).map_err(at)?;
        let health = health(entry, only_passing)?;
        let weight = weight(service, health).map_err(at)?;
        let port = match service.get("Port") {
            None => 0,
            Some(port) => {
                let port = port.as_u64().and_then(|port| u16::try_from(port).ok());
                port.ok_or("Service.Port: is no port")?
            }
        };
        let mut address = text(service, "Address").map_err(at)?;
        if address.is_empty() {
            address = text(node, "Address").map_err(|why| format!("Node.{why}"))?;
        }
        let endpoint = match address.trim_matches(['[', ']']).parse::<IpAddr>() {
            _ if port == 0 => Err("has no port".to_owned()),
            Err(_) => Err(format!("has the address `{address}`, which is no IP")),
            Ok(ip) => {
                let mut endpoint = Endpoint::new(SocketAddr::new(ip, port)).with_metadata(labels);
                // A weight of 0 takes an instance out, as in Consul's own proxies.
                endpoint.health_status = match (health, weight) {
                    (Health::Critical, _) | (_, 0) => HealthStatus::Unhealthy,
                    _ => HealthStatus::Healthy,
                };
                Ok(endpoint.with_weight(weight))
            }
        };
        Ok(Self {
            id,
            locality: locality(service)
                .or_else(|| locality(node))
                .unwrap_or_default(),
            tags,
            endpoint,
        })
    }
}

/// The worst of an instance's checks and its node's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Health {
    Passing,
    Warning,
    Critical,
}

fn health(entry: &Value, only_passing: bool) -> Result<Health, String> {
    let checks = match entry.get("Checks") {
        None | Some(Value::Null) => return Ok(Health::Passing),
        Some(Value::Array(checks)) => checks,
        Some(_) => return Err("Checks: is no list".to_owned()),
    };
    let mut worst = Health::Passing;
    for (i, check) in checks.iter().enumerate() {
        let status = check.get("Status").and_then(Value::as_str);
        worst = worst.max(match status {
            Some("passing") => Health::Passing,
            Some("warning") if !only_passing => Health::Warning,
            // Maintenance is a critical check as well. What is not known to be well is not.
            Some(_) => Health::Critical,
            None => return Err(format!("Checks[{i}].Status: is missing")),
        });
    }
    Ok(worst)
}

fn weight(service: &Map<String, Value>, health: Health) -> Result<u32, String> {
    let key = match health {
        Health::Warning => "Warning",
        _ => "Passing",
    };
    let weights = match service.get("Weights") {
        None | Some(Value::Null) => return Ok(1),
        Some(weights) => weights.get(key),
    };
    let weight = weights.and_then(Value::as_i64);
    let weight = weight.ok_or_else(|| format!("Weights.{key}: is no number"))?;
    let weight = u64::try_from(weight).unwrap_or(0).min(MAX_WEIGHT);
    Ok(u32::try_from(weight).unwrap_or(1))
}

/// `Meta`, over `key=value` tags, over tags that stand for themselves: those are `true`.
fn labels(service: &Map<String, Value>) -> Result<(Metadata, Vec<Name>), String> {
    let mut labels: BTreeMap<&str, &str> = BTreeMap::new();
    let mut plain = Vec::new();
    match service.get("Tags") {
        None | Some(Value::Null) => {}
        Some(Value::Array(tags)) => {
            let tags = tags.iter().map(Value::as_str);
            let tags: Option<Vec<_>> = tags.collect();
            let tags = tags.ok_or("Tags: is no list of texts")?;
            for tag in tags.iter().filter(|tag| !tag.contains('=')) {
                labels.insert(tag, "true");
                if is_host_label(tag) {
                    plain.push(Name::from(*tag));
                }
            }
            labels.extend(tags.iter().filter_map(|tag| tag.split_once('=')));
        }
        Some(_) => return Err("Tags: is no list of texts".to_owned()),
    }
    match service.get("Meta") {
        None | Some(Value::Null) => {}
        Some(Value::Object(meta)) => {
            for (key, value) in meta {
                let value = value.as_str();
                let value = value.ok_or_else(|| format!("Meta.{key}: is no text"))?;
                labels.insert(key, value);
            }
        }
        Some(_) => return Err("Meta: is no object".to_owned()),
    }
    Ok((labels.into_iter().collect(), plain))
}

fn is_host_label(tag: &str) -> bool {
    let is_label = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    (1..=63).contains(&tag.len()) && tag.bytes().all(is_label)
}

fn locality(of: &Map<String, Value>) -> Option<Locality> {
    let locality = of.get("Locality")?.as_object()?;
    let part = |key: &str| Name::from(locality.get(key).and_then(Value::as_str).unwrap_or(""));
    Some(Locality {
        region: part("Region"),
        zone: part("Zone"),
        ..Locality::default()
    })
}

fn object<'a>(entry: &'a Value, key: &str) -> Result<Option<&'a Map<String, Value>>, String> {
    match entry.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(object)) => Ok(Some(object)),
        Some(_) => Err(format!("{key}: is no object")),
    }
}

/// `""` when there is none.
fn text<'a>(of: &'a Map<String, Value>, key: &str) -> Result<&'a str, String> {
    match of.get(key) {
        None | Some(Value::Null) => Ok(""),
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(format!("{key}: is no text")),
    }
}

#[cfg(test)]
mod tests;
