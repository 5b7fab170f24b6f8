//! What a service pays in build time for depending on mesh-http with the file source, and for xDS
//! beside it.

use std::{fs, path::Path, process::Command};

use crate::Result;

pub(crate) fn report() -> Result {
    measure("mesh-http and the file source", "")?;
    measure("the same and xDS", "xds")
}

fn measure(what: &str, feature: &str) -> Result {
    let features = match feature {
        "" => String::new(),
        feature => format!(", features = [\"{feature}\"]"),
    };
    let root = std::env::current_dir()?;
    let dir = Path::new("target/build-cost");
    let _ = fs::remove_dir_all(dir);
    fs::create_dir_all(dir.join("src"))?;
    fs::write(
        dir.join("Cargo.toml"),
        format!(
            "[package]\nname = \"service\"\nedition = \"2024\"\n\n[workspace]\n\n[dependencies]\n\
             mesh-core = {{ path = \"{0}/mesh-core\" }}\nmesh-http = {{ path = \"{0}/mesh-http\" }}\n\
             mesh-xds = {{ path = \"{0}/mesh-xds\"{features} }}\ntokio = {{ version = \"1\", features = [\"macros\", \"rt-multi-thread\"] }}\n",
            root.display()
        ),
    )?;
    fs::write(
        dir.join("src/main.rs"),
        "#[tokio::main]\nasync fn main() {\n    let mesh = mesh_core::Mesh::new();\n    \
         let _client = mesh_http::Client::new(&mesh);\n    let _source = mesh_xds::FileSource::new(\"mesh\");\n}\n",
    )?;
    let cargo = || {
        let mut c = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        c.current_dir(dir).env("CARGO_TARGET_DIR", "target");
        c
    };
    let tree = cargo()
        .args([
            "tree",
            "--edges",
            "normal,build",
            "--prefix",
            "none",
            "--format",
            "{p}",
        ])
        .output()?;
    let mut crates: Vec<_> = String::from_utf8_lossy(&tree.stdout)
        .lines()
        .map(|l| l.trim_end_matches(" (*)").to_owned())
        .filter(|l| !l.is_empty() && !l.starts_with("service "))
        .collect();
    crates.sort();
    crates.dedup();
    let before = children_cpu_seconds()?;
    let status = cargo().args(["build", "--quiet"]).status()?;
    if !status.success() {
        return Err("the sample service does not build".into());
    }
    println!(
        "cold debug build of a service with {what}: {:.1} s of CPU, {} crates",
        children_cpu_seconds()? - before,
        crates.len()
    );
    Ok(())
}

/// User and system time of finished children, from `/proc` (fields 16 and 17 of stat, in ticks of
/// 1/100 s on Linux).
fn children_cpu_seconds() -> Result<f64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let after_name = stat.rsplit_once(')').ok_or("unreadable /proc/self/stat")?.1;
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let ticks =
        |i: usize| -> Result<f64> { Ok(fields.get(i).ok_or("short /proc/self/stat")?.parse()?) };
    Ok((ticks(13)? + ticks(14)?) / 100.0)
}
