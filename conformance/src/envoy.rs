//! A real Envoy as a child process, with ports of its own.

use std::{
    collections::HashMap,
    env, fmt, fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    io::BufReader,
    net::TcpStream,
    time::{Instant, sleep},
};

use crate::{
    Result,
    wire::{self, Head, Message},
};

/// The release that the answers are compared with; behaviour moves between releases.
const VERSION: &str = "1.40.0";

/// The access log's name; Envoys run in directories of their own.
pub const ACCESS_LOG: &str = "access.log";

/// How long a start may take; on a busy machine it takes seconds.
const START_LIMIT: Duration = Duration::from_secs(60);

/// A running Envoy; killed on drop.
pub struct Envoy {
    process: Child,
    directory: PathBuf,
    admin: SocketAddr,
    listeners: HashMap<String, SocketAddr>,
}

/// What Envoy said when it ended in place of starting: it rejects its configuration.
#[derive(Debug)]
pub struct Rejected(String);

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Rejected {}

/// Where Envoy's binary is: `MESH_TEST_ENVOY`, else what `cargo xtask peers` installed.
///
/// # Errors
/// When there is none. Tests fail then; they do not skip.
pub fn binary() -> Result<PathBuf> {
    if let Some(path) = env::var_os("MESH_TEST_ENVOY") {
        return Ok(Path::new(&path).canonicalize()?);
    }
    let peers = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/peers");
    let lib = peers.join(format!("envoy-{VERSION}/lib"));
    fs::read_dir(&lib)
        .into_iter()
        .flatten()
        .flatten()
        .map(|python| python.path().join("site-packages/envoy/_bin/envoy"))
        .find_map(|path| path.canonicalize().ok())
        .ok_or_else(|| {
            format!(
                "no Envoy to compare with: MESH_TEST_ENVOY is not set and {} holds none; \
                 `cargo xtask peers` installs it",
                lib.display()
            )
            .into()
        })
}

/// A path that nobody else has.
fn temporary(what: &str) -> PathBuf {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let number = MADE.fetch_add(1, Ordering::Relaxed);
    env::temp_dir().join(format!("mesh-{what}-{}-{number}", std::process::id()))
}

/// Asks Envoy whether it accepts these `static_resources`, without running it.
///
/// # Errors
/// [`Rejected`] with what Envoy says, when it does not; another when there is no Envoy.
pub fn validate(static_resources: &Value) -> Result {
    let file = temporary("validate").with_extension("json");
    fs::write(
        &file,
        json!({"static_resources": static_resources}).to_string(),
    )?;
    let output = Command::new(binary()?)
        .args([
            "--mode",
            "validate",
            "--log-level",
            "warning",
            "--config-path",
        ])
        .arg(&file)
        .stdin(Stdio::null())
        .output();
    // A leftover file does no harm.
    let _ = fs::remove_file(&file);
    let output = output?;
    match output.status.success() {
        true => Ok(()),
        false => Err(Rejected(String::from_utf8_lossy(&output.stderr).into_owned()).into()),
    }
}

impl Envoy {
    /// Starts an Envoy with these `static_resources`, and waits until it is ready. Listeners should
    /// have port 0: see [`address`](Self::address).
    ///
    /// # Errors
    /// [`Rejected`] with what Envoy says, when it does not accept them; another when there is no
    /// Envoy, or it is not ready in time.
    pub async fn start(static_resources: Value) -> Result<Self> {
        Self::run(json!({"static_resources": static_resources})).await
    }

    /// Starts an Envoy with this bootstrap, but for its `admin`.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn run(mut bootstrap: Value) -> Result<Self> {
        let binary = binary()?;
        let directory = temporary("envoy");
        fs::create_dir_all(&directory)?;
        let config = directory.join("envoy.json");
        bootstrap["admin"] =
            json!({"address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}}});
        fs::write(&config, bootstrap.to_string())?;
        let process = Command::new(binary)
            .current_dir(&directory)
            .arg("--config-path")
            .arg(&config)
            .arg("--admin-address-path")
            .arg(directory.join("admin"))
            // Without hot restart, Envoys on one machine share no memory and need no base id.
            .args(["--concurrency", "1", "--disable-hot-restart"])
            .args(["--log-level", "warning", "--file-flush-interval-msec", "5"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(directory.join("stderr"))?)
            .spawn()?;
        let mut envoy = Self {
            process,
            directory,
            // Known when it is ready.
            admin: SocketAddr::from(([0; 4], 0)),
            listeners: HashMap::new(),
        };
        let admin = envoy.ready().await?;
        envoy.admin = admin;
        envoy.listeners = listeners(&get(admin, "/listeners?format=json").await?)?;
        let info = get(admin, "/server_info").await?;
        if !info.contains(&format!("/{VERSION}/")) {
            return Err(format!("this Envoy is not {VERSION}: {info}").into());
        }
        Ok(envoy)
    }

    /// `/config_dump`.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn config_dump(&self) -> Result<Value> {
        let dump = get(self.admin, "/config_dump?include_eds").await?;
        Ok(serde_json::from_str(&dump)?)
    }

    /// Where the listener called `name` listens.
    ///
    /// # Errors
    /// When there is none.
    pub fn address(&self, name: &str) -> Result<SocketAddr> {
        let found = self.listeners.get(name).copied();
        found.ok_or_else(|| format!("Envoy has no listener {name}").into())
    }

    /// Waits until the access log, which [`access_log`](crate::translate::access_log) switched on, has
    /// `lines` lines; all of them.
    ///
    /// # Errors
    /// When it has fewer after a while.
    pub async fn access_log(&self, lines: usize) -> Result<Vec<String>> {
        let end = Instant::now() + START_LIMIT;
        loop {
            let text = fs::read_to_string(self.directory.join(ACCESS_LOG))?;
            let found: Vec<_> = text.split_inclusive('\n').collect();
            let whole = found.last().is_none_or(|line| line.ends_with('\n'));
            if found.len() >= lines && whole {
                return Ok(found.into_iter().map(|l| l.trim_end().to_owned()).collect());
            }
            if Instant::now() > end {
                return Err(format!("{lines} requests, but the access log has:\n{text}").into());
            }
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// Polls until the admin endpoint says so; its address.
    async fn ready(&mut self) -> Result<SocketAddr> {
        let end = Instant::now() + START_LIMIT;
        loop {
            if let Some(status) = self.process.try_wait()? {
                let said = format!("Envoy ended ({status}):\n{}", self.stderr());
                return Err(Rejected(said).into());
            }
            let admin = fs::read_to_string(self.directory.join("admin")).unwrap_or_default();
            if let Ok(admin) = admin.trim().parse()
                && let Ok(state) = get(admin, "/ready").await
                && state.trim() == "LIVE"
            {
                return Ok(admin);
            }
            if Instant::now() > end {
                return Err(format!("Envoy is not ready:\n{}", self.stderr()).into());
            }
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// What it has said so far.
    pub fn stderr(&self) -> String {
        fs::read_to_string(self.directory.join("stderr")).unwrap_or_else(|e| e.to_string())
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

impl fmt::Debug for Envoy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Envoy")
            .field("directory", &self.directory)
            .finish_non_exhaustive()
    }
}

async fn get(address: SocketAddr, path: &str) -> Result<String> {
    let request = Message {
        head: Head {
            start: ["GET", path, "HTTP/1.1"].map(str::to_owned),
            headers: vec![("host".to_owned(), "admin".to_owned())],
        },
        body: String::new(),
    };
    let mut io = BufReader::new(TcpStream::connect(address).await?);
    Ok(wire::exchange(&mut io, &request).await?.body)
}

/// The addresses by name in what `/listeners?format=json` says.
fn listeners(text: &str) -> Result<HashMap<String, SocketAddr>> {
    let found: Value = serde_json::from_str(text)?;
    let statuses = found["listener_statuses"].as_array();
    let address = |status: &Value| -> Option<(String, SocketAddr)> {
        let socket = &status["local_address"]["socket_address"];
        let port = socket["port_value"].as_u64()?.try_into().ok()?;
        let ip = socket["address"].as_str()?.parse().ok()?;
        Some((
            status["name"].as_str()?.to_owned(),
            SocketAddr::new(ip, port),
        ))
    };
    let statuses = statuses.into_iter().flatten();
    statuses
        .map(|s| address(s).ok_or_else(|| format!("no listener address in {s}").into()))
        .collect()
}
