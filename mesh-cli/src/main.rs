//! `mesh`: what configuration does.
//!
//! - `mesh explain` tells where a request or a connection would go, rule by rule, with the line of each
//! - `mesh check` tells what is wrong with a directory of files
//!
//! - `mesh control-plane` serves a directory of files to xDS clients (feature `control-plane`)
//!
//! All read files exactly as a running mesh does; the first two open no connection.

mod check;
#[cfg(feature = "control-plane")]
mod control_plane;
mod explain;
mod files;

use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

const AFTER_HELP: &str = "\
Exit codes:
  0  the files are right (check), the request or connection has a route and a
     cluster (explain)
  1  the files have errors, or what is explained has no route or no cluster; which endpoints
     are up is not known offline, and warnings do not count (but see --deny-warnings)
  2  wrong use of this command
A control plane runs until it is told to end (0) or cannot start (1).";

/// Explains, checks and serves mesh configuration.
#[derive(Debug, Parser)]
#[command(name = "mesh", version, after_help = AFTER_HELP)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Where a request (http://) or a connection (tcp://) would go: every rule tried, weights and the
    /// roll, cluster and endpoints.
    Explain(Box<explain::Args>),
    /// What is wrong in a directory of files: errors, what has no effect, and the status of Gateway
    /// API routes.
    Check(check::Args),
    /// Serves a directory of files to xDS clients (Envoy, gRPC, the mesh's own), live: prints what it
    /// serves, who connects, and what they reject.
    #[cfg(feature = "control-plane")]
    ControlPlane(control_plane::Args),
}

/// How the answer is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people.
    #[default]
    Text,
    /// For programs: one JSON object.
    Json,
}

/// The whole outcome of a command.
#[derive(Debug)]
struct Answer {
    text: String,
    /// Whether there is nothing to complain about.
    ok: bool,
}

fn main() -> ExitCode {
    let answer = match Args::parse().command {
        Command::Explain(args) => explain::run(&args),
        Command::Check(args) => check::run(&args),
        #[cfg(feature = "control-plane")]
        Command::ControlPlane(args) => return control_plane::run(&args),
    };
    print!("{}", answer.text);
    if answer.ok {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn json(answer: &impl serde::Serialize) -> String {
    // Nothing that is written here can fail: all keys are text.
    serde_json::to_string_pretty(answer).unwrap_or_default() + "\n"
}
