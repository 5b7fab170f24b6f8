//! A real Envoy as the sidecar, with the policy of [`Scale`](crate::policy::Scale): a header match
//! that fails, then a 90/10 split, least-request balancing and outlier detection.

use std::{
    env, fs,
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use super::Protocol;
use crate::{Result, measure};

/// A running Envoy; killed on drop.
#[derive(Debug)]
pub struct Envoy {
    process: Child,
    directory: PathBuf,
    listeners: [SocketAddr; 2],
}

impl Envoy {
    /// Starts `binary` in front of `servers`, with one listener for each protocol.
    ///
    /// # Errors
    /// When it does not listen within ten seconds.
    pub fn start(binary: &Path, servers: &[SocketAddr]) -> Result<Self> {
        let listeners = [free_port()?, free_port()?];
        let directory = env::temp_dir().join(format!("mesh-benches-{}", std::process::id()));
        fs::create_dir_all(&directory)?;
        let config = directory.join("envoy.json");
        fs::write(&config, bootstrap(listeners, servers))?;
        let process = Command::new(binary)
            .arg("--config-path")
            .arg(&config)
            // Without hot restart, Envoys on one machine share no memory and need no base id.
            .args(["--concurrency", "1", "--disable-hot-restart"])
            .args(["--log-level", "error"])
            .stdin(Stdio::null())
            .spawn()?;
        let mut envoy = Self {
            process,
            directory,
            listeners,
        };
        envoy.wait()?;
        Ok(envoy)
    }

    fn wait(&mut self) -> Result {
        let end = Instant::now() + Duration::from_secs(10);
        while let Err(error) = self
            .listeners
            .iter()
            .try_for_each(|l| TcpStream::connect(l).map(drop))
        {
            if let Some(status) = self.process.try_wait()? {
                return Err(format!("Envoy ended: {status}").into());
            }
            if Instant::now() > end {
                return Err(format!("Envoy does not listen: {error}").into());
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Where it listens for `protocol`.
    pub const fn address(&self, protocol: Protocol) -> SocketAddr {
        self.listeners[protocol as usize]
    }

    /// CPU time used so far.
    ///
    /// # Errors
    /// When it has ended.
    pub fn cpu(&self) -> Result<Duration> {
        measure::cpu_of(self.process.id())
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        // Already ended is as good as killed; a leftover file does no harm.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

fn free_port() -> Result<SocketAddr> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?)
}

fn bootstrap(listeners: [SocketAddr; 2], servers: &[SocketAddr]) -> String {
    let (v1, v2) = servers.split_at(servers.len().div_ceil(2));
    let listeners = Protocol::ALL.map(|p| listener(p, listeners[p as usize]));
    let clusters = Protocol::ALL.map(|p| [cluster(p, "v1", v1), cluster(p, "v2", v2)].join(","));
    format!(
        r#"{{"static_resources": {{"listeners": [{}], "clusters": [{}]}}}}"#,
        listeners.join(","),
        clusters.join(",")
    )
}

const fn suffix(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Http1 => "http1",
        Protocol::Http2 => "http2",
    }
}

fn listener(protocol: Protocol, address: SocketAddr) -> String {
    let suffix = suffix(protocol);
    let codec = suffix.to_uppercase();
    // Request ids would be work that no other contender does.
    format!(
        r#"{{
  "name": "{suffix}",
  "address": {address},
  "filter_chains": [{{"filters": [{{
    "name": "envoy.filters.network.http_connection_manager",
    "typed_config": {{
      "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
      "stat_prefix": "{suffix}",
      "codec_type": "{codec}",
      "generate_request_id": false,
      "route_config": {{
        "name": "outbound",
        "virtual_hosts": [{{
          "name": "reviews",
          "domains": ["*"],
          "routes": [
            {{"match": {{"prefix": "/", "headers": [{{"name": "end-user", "string_match": {{"exact": "jason"}}}}]}},
              "route": {{"cluster": "v2-{suffix}"}}}},
            {{"match": {{"prefix": "/"}},
              "route": {{"timeout": "0s", "weighted_clusters": {{"clusters": [
                {{"name": "v1-{suffix}", "weight": 90}},
                {{"name": "v2-{suffix}", "weight": 10}}
              ]}}}}}}
          ]
        }}]
      }},
      "http_filters": [{{
        "name": "envoy.filters.http.router",
        "typed_config": {{"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}
      }}]
    }}
  }}]}}]
}}"#,
        address = socket_address(address)
    )
}

fn cluster(protocol: Protocol, name: &str, servers: &[SocketAddr]) -> String {
    let suffix = suffix(protocol);
    let options = match protocol {
        Protocol::Http1 => "http_protocol_options",
        Protocol::Http2 => "http2_protocol_options",
    };
    let endpoints: Vec<_> = servers
        .iter()
        .map(|s| format!(r#"{{"endpoint": {{"address": {}}}}}"#, socket_address(*s)))
        .collect();
    format!(
        r#"{{
  "name": "{name}-{suffix}",
  "type": "STATIC",
  "connect_timeout": "5s",
  "lb_policy": "LEAST_REQUEST",
  "outlier_detection": {{}},
  "typed_extension_protocol_options": {{
    "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {{
      "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
      "explicit_http_config": {{"{options}": {{}}}}
    }}
  }},
  "load_assignment": {{"cluster_name": "{name}-{suffix}", "endpoints": [{{"lb_endpoints": [{}]}}]}}
}}"#,
        endpoints.join(",")
    )
}

fn socket_address(address: SocketAddr) -> String {
    format!(
        r#"{{"socket_address": {{"address": "{}", "port_value": {}}}}}"#,
        address.ip(),
        address.port()
    )
}
