//! What the YAML says must happen, read from the files by code that shares nothing with the mesh's
//! own loader and router: a check must not ask the one it checks.
//!
//! It understands what the demo's files use (weights, subsets by `version`, matches on headers and
//! paths, retries, outlier detection) and says so when an edit goes beyond that.

use std::{collections::BTreeMap, fs, path::Path, time::Duration};

use mesh_core::policy::Regex;
use serde::{Deserialize, de::IgnoredAny};

/// The rules of one service.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rules {
    service: String,
    routes: Vec<HttpRoute>,
    versions: BTreeMap<String, String>,
    base_ejection: Option<Duration>,
}

/// Versions and the share of requests each must get; the shares add up to 1.
pub(crate) type Shares = BTreeMap<String, f64>;

impl Rules {
    /// Reads the rules of `service` from every YAML file of `dir`.
    pub(crate) fn read(dir: &Path, service: &str) -> Result<Self, String> {
        let mut rules = Self {
            service: service.to_owned(),
            ..Self::default()
        };
        let entries = fs::read_dir(dir).map_err(|e| format!("{}: {e}", dir.display()))?;
        let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
        files.retain(|f| f.extension().is_some_and(|e| e == "yaml" || e == "yml"));
        files.sort();
        for file in files {
            let failed = |e: &dyn std::fmt::Display| format!("{}: {e}", file.display());
            let text = fs::read_to_string(&file).map_err(|e| failed(&e))?;
            rules.add(&text).map_err(|e| failed(&e))?;
        }
        Ok(rules)
    }

    fn add(&mut self, text: &str) -> Result<(), String> {
        let documents: Vec<Document> =
            serde_saphyr::from_multiple(text).map_err(|e| e.to_string())?;
        for Document { kind, spec } in documents {
            match kind.as_str() {
                "VirtualService" if spec.hosts.iter().any(|h| self.is_mine(h)) => {
                    self.routes.extend(spec.http);
                }
                "DestinationRule" if spec.host.as_ref().is_some_and(|h| self.is_mine(h)) => {
                    let versions = spec.subsets.into_iter().filter_map(|subset| {
                        let version = subset.labels.get("version")?.clone();
                        Some((subset.name, version))
                    });
                    self.versions.extend(versions);
                    if let Some(outlier) = spec.traffic_policy.outlier_detection {
                        self.base_ejection = Some(outlier.base_ejection()?);
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn is_mine(&self, host: &str) -> bool {
        host.split('.').next() == Some(&self.service)
    }

    /// How requests to `path` with `headers` divide among the versions.
    pub(crate) fn shares(&self, path: &str, headers: &[(&str, &str)]) -> Result<Shares, String> {
        let Some(route) = self.route(path, headers)? else {
            return Err(format!("no route of `{}` matches {path}", self.service));
        };
        let one = route.destinations.len() == 1;
        let weight = |d: &Destination| if one { 1 } else { d.weight };
        let total: u32 = route.destinations.iter().map(weight).sum();
        let mut shares = Shares::new();
        for destination in &route.destinations {
            let subset = destination.destination.subset.as_deref().unwrap_or("");
            let version = self.versions.get(subset).ok_or_else(|| {
                format!("subset `{subset}` of `{}` names no version", self.service)
            })?;
            let share = f64::from(weight(destination)) / f64::from(total);
            *shares.entry(version.clone()).or_default() += share;
        }
        Ok(shares)
    }

    /// Whether such requests survive an instance that refuses or answers 503: the route retries
    /// both.
    pub(crate) fn retries(&self, path: &str, headers: &[(&str, &str)]) -> Result<bool, String> {
        let retries = self.route(path, headers)?.and_then(|r| r.retries.as_ref());
        Ok(retries.is_some_and(|r| {
            let mut conditions = r.retry_on.split(',').map(str::trim);
            r.attempts > 0 && conditions.any(|c| c == "gateway-error" || c == "5xx")
        }))
    }

    /// How long an instance is ejected the first time; `None` when it never is.
    pub(crate) fn base_ejection(&self) -> Option<Duration> {
        self.base_ejection
    }

    fn route(&self, path: &str, headers: &[(&str, &str)]) -> Result<Option<&HttpRoute>, String> {
        for route in &self.routes {
            let mut matched = route.matches.is_empty();
            for candidate in &route.matches {
                matched |= candidate.matches(path, headers)?;
            }
            if matched {
                return Ok(Some(route));
            }
        }
        Ok(None)
    }
}

/// The counts of `n` draws with probability `p` that are no cause for alarm.
///
/// By the Chernoff bound, `P(count / n is as far out as q) <= exp(-n * KL(q || p))` on either side.
/// A right split falls outside less than once in a million runs.
pub(crate) fn plausible(n: u64, p: f64) -> std::ops::RangeInclusive<u64> {
    let limit = (2.0 / 1e-6_f64).ln();
    let fits = |count: u64| {
        let q = count as f64 / n as f64;
        n as f64 * divergence(q, p) <= limit
    };
    let expected = (n as f64 * p).round() as u64;
    let low = (0..=expected).rev().take_while(|&count| fits(count)).last();
    let high = (expected..=n).take_while(|&count| fits(count)).last();
    low.unwrap_or(expected)..=high.unwrap_or(expected)
}

/// The Kullback-Leibler divergence of one biased coin from another, in nats.
fn divergence(q: f64, p: f64) -> f64 {
    let term = |q: f64, p: f64| {
        if q == 0.0 {
            0.0
        } else if p == 0.0 {
            f64::INFINITY
        } else {
            q * (q / p).ln()
        }
    };
    term(q, p) + term(1.0 - q, 1.0 - p)
}

#[derive(Debug, Deserialize)]
struct Document {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    spec: Spec,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Spec {
    hosts: Vec<String>,
    http: Vec<HttpRoute>,
    host: Option<String>,
    subsets: Vec<Subset>,
    traffic_policy: TrafficPolicy,
}

#[derive(Clone, Debug, Deserialize)]
struct HttpRoute {
    #[serde(default, rename = "match")]
    matches: Vec<Match>,
    #[serde(default, rename = "route")]
    destinations: Vec<Destination>,
    retries: Option<Retries>,
}

/// `deny_unknown_fields`: a condition that is not understood must not count as met.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Match {
    #[serde(rename = "name")]
    _name: Option<IgnoredAny>,
    #[serde(default)]
    headers: BTreeMap<String, StringMatch>,
    uri: Option<StringMatch>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
enum StringMatch {
    Exact(String),
    Prefix(String),
    Regex(String),
}

#[derive(Clone, Debug, Deserialize)]
struct Destination {
    destination: Target,
    #[serde(default)]
    weight: u32,
}

#[derive(Clone, Debug, Deserialize)]
struct Target {
    subset: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Retries {
    attempts: u32,
    retry_on: String,
}

#[derive(Debug, Deserialize)]
struct Subset {
    name: String,
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct TrafficPolicy {
    outlier_detection: Option<OutlierDetection>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct OutlierDetection {
    base_ejection_time: Option<String>,
}

impl Match {
    fn matches(&self, path: &str, headers: &[(&str, &str)]) -> Result<bool, String> {
        let path = path.split('?').next().unwrap_or_default();
        if let Some(uri) = &self.uri
            && !uri.matches(path)?
        {
            return Ok(false);
        }
        for (name, condition) in &self.headers {
            let value = headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name));
            match value {
                Some((_, value)) if condition.matches(value)? => {}
                _ => return Ok(false),
            }
        }
        Ok(true)
    }
}

impl StringMatch {
    fn matches(&self, value: &str) -> Result<bool, String> {
        Ok(match self {
            Self::Exact(text) => value == text,
            Self::Prefix(text) => value.starts_with(text.as_str()),
            Self::Regex(text) => Regex::try_new(text)
                .map_err(|e| e.to_string())?
                .is_match(value.as_bytes()),
        })
    }
}

impl OutlierDetection {
    /// Istio's default is 30 s. The demo's files say seconds or milliseconds.
    fn base_ejection(&self) -> Result<Duration, String> {
        let text = self.base_ejection_time.as_deref().unwrap_or("30s");
        let (number, unit) = match text.strip_suffix("ms") {
            Some(number) => (number, 0.001),
            None => (text.strip_suffix('s').unwrap_or(""), 1.0),
        };
        number
            .parse()
            .ok()
            .and_then(|n: f64| Duration::try_from_secs_f64(n * unit).ok())
            .ok_or_else(|| format!("baseEjectionTime `{text}`: the check reads `2s` or `500ms`"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shipped() -> Rules {
        Rules::read(Path::new(crate::CONFIG), "reviews").unwrap()
    }

    fn shares(of: &[(&str, f64)]) -> Shares {
        of.iter().map(|(v, s)| ((*v).to_owned(), *s)).collect()
    }

    #[test]
    fn the_shipped_files_say_90_10_and_pin_jason() {
        let rules = shipped();
        let anyone = rules.shares("/reviews/1", &[]).unwrap();
        assert_eq!(anyone, shares(&[("v1", 0.9), ("v2", 0.1)]));
        let jason = rules
            .shares("/reviews/1", &[("end-user", "jason")])
            .unwrap();
        assert_eq!(jason, shares(&[("v3", 1.0)]));
        let other = rules
            .shares("/reviews/1", &[("end-user", "Jason")])
            .unwrap();
        assert_eq!(other, anyone);
        assert_eq!(rules.base_ejection(), Some(Duration::from_secs(2)));
        assert!(rules.retries("/reviews/1", &[]).unwrap());
        let ratings = Rules::read(Path::new(crate::CONFIG), "ratings").unwrap();
        assert!(ratings.retries("/ratings/1", &[]).unwrap());
    }

    #[test]
    fn weights_are_relative_and_zero_is_never() {
        let mut rules = shipped();
        let weights = rules.routes[1].destinations.iter_mut();
        weights.zip([3, 0]).for_each(|(d, w)| d.weight = w);
        let anyone = rules.shares("/reviews/1", &[]).unwrap();
        assert_eq!(anyone, shares(&[("v1", 1.0), ("v2", 0.0)]));
    }

    #[test]
    fn a_condition_that_is_not_understood_is_an_error() {
        let mut rules = shipped();
        let text = "kind: VirtualService
spec:
  hosts: [reviews.default.svc.cluster.local]
  http:
  - match:
    - queryParams: {debug: {exact: '1'}}
    route: [{destination: {host: reviews, subset: v2}}]
";
        let error = rules.add(text).unwrap_err();
        assert!(error.contains("queryParams"), "{error}");
    }

    #[test]
    fn regex_and_path_conditions_are_whole_and_in_order() {
        let mut rules = Rules {
            service: "reviews".into(),
            ..Rules::default()
        };
        let text = "kind: VirtualService
spec:
  hosts: [reviews]
  http:
  - match:
    - headers: {agent: {regex: '.*Safari'}}
      uri: {prefix: /reviews}
    route: [{destination: {host: reviews, subset: one}}]
  - route: [{destination: {host: reviews, subset: two}}]
    retries: {attempts: 2, retryOn: connect-failure}
---
kind: DestinationRule
spec:
  host: reviews
  subsets: [{name: one, labels: {version: v1}}, {name: two, labels: {version: v2}}]
";
        rules.add(text).unwrap();
        let v1 = shares(&[("v1", 1.0)]);
        let v2 = shares(&[("v2", 1.0)]);
        let of = |path, agent| rules.shares(path, &[("Agent", agent)]).unwrap();
        assert_eq!(of("/reviews/1?a=b", "a Safari"), v1);
        assert_eq!(of("/reviews/1", "a Safari 2"), v2);
        assert_eq!(of("/other", "a Safari"), v2);
        assert!(!rules.retries("/other", &[]).unwrap(), "503 is not retried");
        assert_eq!(rules.base_ejection(), None);
    }

    #[test]
    fn the_bound_takes_chance_and_nothing_else() {
        let bound = plausible(2000, 0.1);
        assert!(bound.contains(&200) && bound.contains(&160) && bound.contains(&240));
        assert!(!bound.contains(&100), "5 % is not 10 %: {bound:?}");
        assert!(!bound.contains(&300), "15 % is not 10 %: {bound:?}");
        assert_eq!(plausible(200, 1.0), 200..=200);
        assert_eq!(plausible(200, 0.0), 0..=0);
    }

    #[test]
    fn the_bound_holds_for_real_draws() {
        use mesh_core::{Random, Seeded};
        for seed in 0..200 {
            let random = Seeded::new(seed);
            let hits = (0..2000).filter(|_| random.next_u64() % 100 < 10).count() as u64;
            assert!(plausible(2000, 0.1).contains(&hits), "seed {seed}: {hits}");
        }
    }
}
