//! A whole mesh in one process, ruled by unmodified Istio YAML: edit `canary/mesh/reviews.yaml` and
//! watch the traffic move, kill an instance and watch it ejected.
//!
//! ```text
//! cargo run --bin canary              live, in the terminal
//! cargo run --bin canary -- --once    checks itself, without a terminal
//! ```

mod demo;
mod expect;
mod instance;
mod live;
mod once;
mod services;
mod tally;
mod terminal;
mod view;

use std::{
    error::Error,
    io::IsTerminal,
    path::{Path, PathBuf},
    process::ExitCode,
};

use tokio::runtime::Runtime;

use crate::demo::Demo;

const CONFIG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/canary/mesh");
const SEED: u64 = 7;
const USAGE: &str = "usage: canary [--once] [--config DIR] [--expect DIR] [--rate N]

  --once         no terminal: send a fixed amount of traffic, print what was measured
                 beside what the YAML says; exit 1 when they differ
  --config DIR   the Istio YAML that rules the mesh
  --expect DIR   with --once: compare with the YAML of another directory
  --rate N       pages per second in the live demo, 1 to 5000 (200)

Exit codes: 0 fine; 1 not what the YAML says, or a failure; 2 wrong use.";

#[derive(Debug, PartialEq)]
struct Args {
    once: bool,
    config: PathBuf,
    expect: Option<PathBuf>,
    rate: u32,
}

fn main() -> ExitCode {
    if std::env::args().any(|arg| arg == "--help" || arg == "-h") {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let args = match parse(std::env::args().skip(1)) {
        Ok(args) => args,
        Err(problem) => {
            eprintln!("{problem}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    if !args.once && !std::io::stdout().is_terminal() {
        eprintln!("canary: no terminal to draw on; use --once\n\n{USAGE}");
        return ExitCode::from(2);
    }
    match run(&args) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("canary: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<ExitCode, Box<dyn Error>> {
    let runtime = Runtime::new()?;
    let seed = args.once.then_some(SEED);
    let config = from_here(&args.config);
    let mut demo = runtime.block_on(Demo::start(config, seed))?;
    if !args.once {
        live::run(&runtime, demo, config, args.rate)?;
        return Ok(ExitCode::SUCCESS);
    }
    let expect = args.expect.as_deref().unwrap_or(config);
    let report = runtime.block_on(once::run(&mut demo, expect))?;
    print!("{report}");
    Ok(if report.failed() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// The path as seen from the working directory: every report names it.
fn from_here(path: &Path) -> &Path {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(here).unwrap_or(path)
}

fn parse(args: impl Iterator<Item = String>) -> Result<Args, String> {
    let mut parsed = Args {
        once: false,
        config: CONFIG.into(),
        expect: None,
        rate: 200,
    };
    let mut args = args;
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("{arg} needs a value"));
        match arg.as_str() {
            "--once" => parsed.once = true,
            "--config" => parsed.config = value()?.into(),
            "--expect" => parsed.expect = Some(value()?.into()),
            "--rate" => {
                let text = value()?;
                let rate = text.parse().ok().filter(|rate| (1..=5000).contains(rate));
                parsed.rate = rate.ok_or_else(|| format!("--rate {text}: not in 1 to 5000"))?;
            }
            _ => return Err(format!("canary: what is {arg}?")),
        }
    }
    Ok(parsed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(args: &[&str]) -> Result<Args, String> {
        parse(args.iter().map(|arg| (*arg).to_owned()))
    }

    #[test]
    fn arguments_are_read_or_refused() {
        let args = parsed(&["--once", "--config", "a", "--rate", "5"]).unwrap();
        assert!(args.once && args.config.ends_with("a") && args.rate == 5);
        assert_eq!(
            parsed(&["--rate", "0"]).unwrap_err(),
            "--rate 0: not in 1 to 5000"
        );
        assert_eq!(parsed(&["--config"]).unwrap_err(), "--config needs a value");
        assert!(parsed(&["--twice"]).is_err());
    }
}
