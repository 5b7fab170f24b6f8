//! Writes what is generated from `mesh-xds/proto` (see its README). Run it by `cargo xtask protos`.

use std::{fs, process::ExitCode};

fn main() -> ExitCode {
    let write = || -> mesh_xds_codegen::Result {
        for (path, text) in mesh_xds_codegen::generate()? {
            if let Some(dir) = path.parent() {
                fs::create_dir_all(dir)?;
            }
            fs::write(path, text)?;
        }
        Ok(())
    };
    match write() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
