//! `mesh control-plane`: serves a directory to xDS clients, and follows it.

use std::{
    error::Error,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use mesh_core::{Mesh, Note};
use mesh_xds::{
    FileSource,
    server::{ControlPlane, NodeEventKind, Serving, Sockets},
};
use tokio::{
    net::TcpListener,
    sync::broadcast::error::RecvError,
    time::{MissedTickBehavior, interval},
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A directory (or one file) of Istio and Gateway API YAML. Edits are followed.
    dir: PathBuf,
    /// Where xDS clients connect, in plain text.
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:18000")]
    listen: SocketAddr,
    /// The namespace of the clients, and of documents that name none.
    #[arg(long, value_name = "NS", default_value = "default")]
    namespace: String,
    /// Where Envoys listen for their callers.
    #[arg(long, value_name = "IP", default_value = "127.0.0.1")]
    envoy_address: IpAddr,
    /// Added to the port of a service for the port that Envoys listen on.
    #[arg(long, value_name = "N", default_value_t = 0)]
    envoy_port_offset: u16,
    /// Print what clients accept, too, not only what they reject.
    #[arg(long)]
    verbose: bool,
}

/// How often it is looked for an edit that could not be applied.
const LOOK: Duration = Duration::from_millis(250);

pub(crate) fn run(args: &Args) -> ExitCode {
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error),
    };
    match runtime.block_on(serve(args)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&*error),
    }
}

fn failed(error: &dyn Error) -> ExitCode {
    eprintln!("mesh control-plane: {error}");
    ExitCode::FAILURE
}

async fn serve(args: &Args) -> Result<(), Box<dyn Error>> {
    let mesh = Mesh::new();
    let mut versions = mesh.subscribe();
    let source = FileSource::new(&args.dir).with_namespace(args.namespace.as_str());
    source.start(&mesh).await?;
    let listener = TcpListener::bind(args.listen).await;
    let listener = listener.map_err(|error| format!("{}: {error}", args.listen))?;
    println!("listening on {}", listener.local_addr()?);
    let sockets = Sockets {
        address: args.envoy_address,
        port_offset: args.envoy_port_offset,
        ..Sockets::default()
    };
    let serving = ControlPlane::with_sockets(&mesh, sockets).serve(listener);
    let mut events = serving.events();
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut told = Told::default();
    let mut ended = std::pin::pin!(ended());
    loop {
        tokio::select! {
            changed = versions.changed() => {
                changed?;
                told.configuration(&mesh);
            }
            event = events.recv() => match event {
                Ok(event) => {
                    let accepted = matches!(event.kind, NodeEventKind::Accepted { .. });
                    if args.verbose || !accepted {
                        println!("{event}");
                    }
                    told.limits(&serving);
                }
                Err(RecvError::Lagged(missed)) => println!("… {missed} events were not printed"),
                Err(RecvError::Closed) => return Ok(()),
            },
            _ = look.tick() => told.error(&mesh),
            () = &mut ended => {
                println!("shutting down");
                serving.shutdown().await;
                return Ok(());
            }
        }
    }
}

/// Ctrl-C or, as process managers have it, SIGTERM.
async fn ended() {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = interrupt => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    // Without a handler the process ends all the same.
    let _ = interrupt.await;
}

/// What was printed already.
#[derive(Debug, Default)]
struct Told {
    notes: Vec<Note>,
    limits: Vec<Note>,
    error: Option<String>,
}

impl Told {
    fn configuration(&mut self, mesh: &Mesh) {
        let snapshot = mesh.load();
        let clusters = snapshot.clusters();
        let endpoints: usize = clusters.iter().map(|c| c.assignment().len()).sum();
        println!(
            "serving version {}: {} listeners, {} route configurations, {} clusters, {endpoints} \
             endpoints",
            snapshot.version(),
            snapshot.listeners().len(),
            snapshot.routers().len(),
            clusters.len(),
        );
        let notes = mesh.status().notes;
        news(&notes, &self.notes);
        self.notes = notes;
        self.error(mesh);
    }

    /// Why the latest edit is not served.
    fn error(&mut self, mesh: &Mesh) {
        let error = mesh.status().last_error;
        if error != self.error {
            if let Some(error) = &error {
                println!("NOT APPLIED, the configuration before is served on: {error}");
            }
            self.error = error;
        }
    }

    /// What the connected clients cannot be told.
    fn limits(&mut self, serving: &Serving) {
        let notes: Vec<_> = serving
            .status()
            .notes
            .into_iter()
            .flat_map(|(_, n)| n)
            .collect();
        news(&notes, &self.limits);
        self.limits = notes;
    }
}

fn news(notes: &[Note], known: &[Note]) {
    for note in notes.iter().filter(|note| !known.contains(note)) {
        println!("{note}");
    }
}
