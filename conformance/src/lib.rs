//! Asks a real Envoy 1.40 and the mesh the same questions, and compares the answers.
//!
//! ```text
//!                            ┌──────────────▶ Envoy (a process) ──┐
//!  policy ──translate──▶ JSON ┤                                    ├─▶ the same upstreams ─▶ two Answers
//!                            └─ EnvoySource ─▶ mesh_http::Client ──┘
//! ```
//!
//! Both get the same resources: what is generated is a policy, which becomes Envoy's JSON, and the
//! mesh reads that JSON as it reads any file or control plane.
//!
//! Nothing here decides what is right: Envoy does. What differs on purpose is listed by name in
//! [`differences`], with the reason, and in `docs/envoy-differences.md`.

pub mod answer;
pub mod ask;
pub mod client_hello;
pub mod compare;
pub mod differences;
pub mod documents;
pub mod envoy;
pub mod generate;
pub mod shrink;
pub mod translate;
pub mod upstream;
pub mod wire;

/// An error of any kind, for the test that reports it.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// The result of anything that a test reports when it fails.
pub type Result<T = ()> = std::result::Result<T, Error>;
