//! The canary demo.
#![allow(dead_code)]
mod expect;
mod instance;
mod terminal;
mod view;
const CONFIG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/canary/mesh");
fn main() {}
