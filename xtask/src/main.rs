//! `cargo xtask <command>`: everything CI does, the same way on every machine.
//!
//! - `test`: installs the real peers, then format, lints, import rules, tests, docs and the demo
//! - `peers`: installs the real peers only (into `target/peers`)
//! - `check-imports`: the import rules of `docs/architecture.md`
//! - `bench`: the end-to-end comparison beside bare hyper-util and a real Envoy
//! - `protos`: generates mesh-xds's protobuf types and field tables from `mesh-xds/proto`
//! - `build-cost`: crates and CPU seconds that a service pays for depending on the mesh

mod build_cost;
mod imports;
mod peers;

use std::{
    path::PathBuf,
    process::{Command, ExitCode},
};

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let command = std::env::args().nth(1).unwrap_or_default();
    let result = match command.as_str() {
        "test" => test(),
        "peers" => peers(),
        "check-imports" => imports::check(),
        "bench" => bench(),
        "protos" => protos(),
        "build-cost" => build_cost::report(),
        _ => Err(
            "usage: cargo xtask test | peers | check-imports | bench | protos | build-cost".into(),
        ),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask {command}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The whole gate, cheapest checks first.
fn test() -> Result {
    let envoy = peers::install()?;
    let control_plane = peers::install_control_plane()?;
    let grpc_core = peers::install_grpc_core()?;
    step("format", cargo(&["fmt", "--all", "--check"]))?;
    imports::check()?;
    step(
        "lints",
        cargo(&[
            "clippy",
            "--workspace",
            "--all-targets",
            "--all-features",
            "--",
            "-D",
            "warnings",
        ]),
    )?;
    step(
        "features one by one",
        cargo(&["check", "--package", "mesh-http", "--no-default-features"]),
    )?;
    for features in ["", "catalog", "envoy", "xds", "control-plane"] {
        step(
            "mesh-xds's features",
            cargo(&["check", "--package", "mesh-xds", "--features", features]),
        )?;
    }
    for feature in ["axum", "metrics", "opentelemetry"] {
        step(
            feature,
            cargo(&[
                "check",
                "--package",
                "mesh-http",
                "--no-default-features",
                "--features",
                feature,
            ]),
        )?;
    }
    // What the tests load is left here, for Envoy to be asked about afterwards.
    let documents = empty_directory("target/test-documents")?;
    let tests = |arguments: &[&str]| {
        let mut tests = cargo(&["test", "--workspace", "--all-features"]);
        tests
            .args(arguments)
            .env("MESH_TEST_ENVOY", &envoy)
            .env("MESH_TEST_GO_CONTROL_PLANE", &control_plane)
            .env("MESH_TEST_GRPC_PYTHON", &grpc_core)
            .env("MESH_TEST_DOCUMENTS", &documents);
        tests
    };
    step("tests", tests(&["--", "--skip", ACCEPTED]))?;
    step("documents", tests(&["--test", "accept", "--", ACCEPTED]))?;
    step(
        "documentation",
        cargo(&["doc", "--workspace", "--all-features", "--no-deps"])
            .env("RUSTDOCFLAGS", "-D warnings"),
    )?;
    step(
        "demo",
        cargo(&["run", "--quiet", "--bin", "canary", "--", "--once"]),
    )?;
    println!("xtask test: everything passed");
    Ok(())
}

/// The test that asks Envoy about all documents.
const ACCEPTED: &str = "envoy_accepts_every_translated_config";

/// An absolute path, since tests run in their crates' directories.
fn empty_directory(path: &str) -> Result<PathBuf> {
    let path = std::env::current_dir()?.join(path);
    if path.exists() {
        std::fs::remove_dir_all(&path)?;
    }
    std::fs::create_dir_all(&path)?;
    Ok(path)
}

fn protos() -> Result {
    step(
        "protobuf types and field tables",
        cargo(&["run", "--quiet", "--package", "mesh-xds-codegen"]),
    )
}

fn peers() -> Result {
    println!("envoy: {}", peers::install()?.display());
    println!("grpc core: {}", peers::install_grpc_core()?.display());
    println!(
        "go-control-plane: {}",
        peers::install_control_plane()?.display()
    );
    Ok(())
}

fn bench() -> Result {
    let envoy = peers::install()?;
    step(
        "end to end",
        cargo(&[
            "run",
            "--release",
            "--package",
            "mesh-benches",
            "--bin",
            "loopback",
        ])
        .env("MESH_TEST_ENVOY", &envoy),
    )
}

fn cargo(args: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(args);
    command
}

fn step(name: &str, mut command: impl std::borrow::BorrowMut<Command>) -> Result {
    let command = command.borrow_mut();
    println!("== {name}: {command:?}");
    let status = command
        .status()
        .map_err(|e| format!("{name}: cannot run {command:?}: {e}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{name} failed: {status}").into())
    }
}
