//! The files, as a running mesh would read them.

use std::{
    fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
    str::FromStr,
};

use mesh_core::{
    ConfigError, DanglingRoute, Mesh, Note, RouteStatus,
    policy::{Locality, Origin},
};
use mesh_xds::{EnvoySource, FileSource, LoadError, Loaded, Registry, file::Problem};

/// Which files, and whose view of them.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Source {
    #[command(flatten)]
    paths: Paths,
    /// The namespace of the calling workload, and of documents that name none.
    #[arg(
        long,
        value_name = "NS",
        default_value = "default",
        conflicts_with = "envoy"
    )]
    pub(crate) namespace: String,
    /// A label of the calling workload, which `sourceLabels` and selectors look at. May be repeated.
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = label, conflicts_with = "envoy")]
    pub(crate) labels: Vec<(String, String)>,
    /// Where the calling workload runs; endpoints near it come first when there is outlier detection.
    #[arg(
        long,
        value_name = "REGION[/ZONE[/SUBZONE]]",
        default_value = "",
        conflicts_with = "envoy"
    )]
    pub(crate) locality: String,
    /// A service that no file describes, as a Kubernetes Service would; with addresses, its
    /// endpoints. May be repeated: every one adds an endpoint.
    #[arg(
        long = "service",
        value_name = "HOST:PORT[=IP:PORT[,label=value]...]",
        conflicts_with = "envoy"
    )]
    pub(crate) services: Vec<Service>,
}

/// One of the two, whose files are read differently.
#[derive(Clone, Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Paths {
    /// A directory (or one file) of Istio and Gateway API YAML.
    #[arg(long, value_name = "DIR")]
    config: Option<PathBuf>,
    /// A file (or a directory) of Envoy's configuration, YAML or JSON: a bootstrap, whose static resources
    /// are read, or resources with their @type.
    #[arg(long, value_name = "FILE")]
    envoy: Option<PathBuf>,
}

/// A value of `--service`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Service {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) endpoint: Option<(SocketAddr, Vec<(String, String)>)>,
}

/// The files, loaded.
#[derive(Debug)]
pub(crate) struct Files {
    /// What they say, in force.
    pub(crate) mesh: Mesh,
    /// What of them has no effect.
    pub(crate) notes: Vec<Note>,
    /// What became of Gateway API routes.
    pub(crate) routes: Vec<RouteStatus>,
    /// Routes that lead nowhere.
    pub(crate) dangling: Vec<DanglingRoute>,
}

impl Source {
    fn path(&self) -> &Path {
        let Paths { config, envoy } = &self.paths;
        let given = config.as_deref().or(envoy.as_deref());
        given.unwrap_or_else(|| Path::new("."))
    }

    /// Whether there may be services that no file describes.
    pub(crate) fn is_open(&self) -> bool {
        self.paths.envoy.is_none()
    }

    fn istio(&self, registry: Registry) -> FileSource {
        FileSource::new(self.path())
            .with_namespace(self.namespace.as_str())
            .with_labels(self.labels.iter().cloned().collect())
            .with_locality(locality(&self.locality))
            .with_registry(registry)
    }
}

/// Loads the files, or says all that is wrong with them.
pub(crate) fn load(source: &Source, also: Option<Service>) -> Result<Files, Vec<Problem>> {
    let loaded = match source.is_open() {
        true => istio(source, also),
        false => EnvoySource::new(source.path()).load(),
    };
    let loaded = loaded.map_err(|error| {
        let mut problems = error.problems().to_vec();
        problems.extend(mistaken(source));
        problems
    })?;
    let mesh = Mesh::new();
    let report = mesh.publish(loaded.config).map_err(|error| {
        let problems = error.problems().iter();
        problems.map(|p| unfit(source, p)).collect::<Vec<_>>()
    })?;
    Ok(Files {
        mesh,
        notes: loaded.notes,
        routes: loaded.routes,
        dangling: report.dangling,
    })
}

fn istio(source: &Source, also: Option<Service>) -> Result<Loaded, LoadError> {
    let registry = Registry::new();
    // A service that is registered exists from then on, with or without endpoints.
    let registrations: Vec<_> = source
        .services
        .iter()
        .chain(&also)
        .filter_map(|service| {
            let (address, labels) = service
                .endpoint
                .clone()
                .unwrap_or_else(|| (NOWHERE, Vec::new()));
            let labels = labels.into_iter().collect();
            let registration = registry.register(&service.host, service.port, address, labels);
            service.endpoint.is_some().then_some(registration)
        })
        .collect();
    let loaded = source.istio(registry).load();
    drop(registrations);
    loaded
}

/// Files that do not load as what they were said to be, but as the other.
fn mistaken(source: &Source) -> Option<Problem> {
    let message = if source.is_open() {
        EnvoySource::new(source.path()).load().ok()?;
        "this is Envoy's configuration: --envoy reads it"
    } else {
        source.istio(Registry::new()).load().ok()?;
        "this is not Envoy's configuration: --config reads it"
    };
    Some(of_path(source, message.to_owned()))
}

fn of_path(source: &Source, message: String) -> Problem {
    Problem {
        file: source.path().to_string_lossy().into(),
        line: 0,
        field: String::new(),
        message,
    }
}

/// Why what was loaded cannot be published, by place where that is known.
fn unfit(source: &Source, error: &ConfigError) -> Problem {
    match error {
        ConfigError::Unsupported {
            what,
            origin: Origin::File { path, line },
        } => Problem {
            file: path.clone(),
            line: *line,
            field: String::new(),
            message: format!("{what} is not supported yet"),
        },
        other => of_path(source, other.to_string()),
    }
}

/// `region/zone/subzone`, of which the last two may be missing.
fn locality(text: &str) -> Locality {
    let mut parts = text.splitn(3, '/');
    let mut next = || parts.next().unwrap_or_default().into();
    Locality {
        region: next(),
        zone: next(),
        sub_zone: next(),
    }
}

/// `key=value`.
fn label(text: &str) -> Result<(String, String), String> {
    let pair = text
        .split_once('=')
        .map(|(k, v)| (k.to_owned(), v.to_owned()));
    pair.ok_or_else(|| format!("label `{text}`: not of the form key=value"))
}

/// The address of an endpoint that is taken back at once.
const NOWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 1);

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl FromStr for Service {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (service, endpoint) = match text.split_once('=') {
            Some((service, endpoint)) => (service, Some(endpoint)),
            None => (text, None),
        };
        let (host, port) = service.rsplit_once(':').ok_or("HOST:PORT is missing")?;
        let port = port.parse().map_err(|e| format!("port `{port}`: {e}"))?;
        let endpoint = endpoint.map(|text| {
            let mut parts = text.split(',');
            let address = parts.next().unwrap_or_default();
            let address = address
                .parse()
                .map_err(|e| format!("address `{address}`: {e}"))?;
            let labels: Result<_, String> = parts.map(label).collect();
            Ok::<_, String>((address, labels?))
        });
        Ok(Self {
            host: host.to_owned(),
            port,
            endpoint: endpoint.transpose()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_read_or_refused() {
        let bare: Service = "reviews:9080".parse().unwrap();
        assert_eq!(
            (&*bare.host, bare.port, bare.endpoint),
            ("reviews", 9080, None)
        );
        let full: Service = "a.b:1=127.0.0.1:2,version=v1,x=".parse().unwrap();
        let (address, labels) = full.endpoint.unwrap();
        assert_eq!(address.to_string(), "127.0.0.1:2");
        let pair = |k: &str, v: &str| (k.to_owned(), v.to_owned());
        assert_eq!(labels, [pair("version", "v1"), pair("x", "")]);
        for wrong in ["reviews", "reviews:x", "a:1=b", "a:1=127.0.0.1:2,label"] {
            assert!(wrong.parse::<Service>().is_err(), "{wrong}");
        }
    }
}
