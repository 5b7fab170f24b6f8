//! What the whole-mesh tests share: a directory of YAML, servers on loopback, and a mesh between.
//!
//! ```text
//!  Dir (YAML) ─FileSource─▶ Mesh ─▶ Client ─▶ loopback ─▶ Server, or a Peer that misbehaves
//! ```
//!
//! A feature is done when a test drives it from real config to real sockets: these tests are in
//! `tests/`. They run on the real clock, since paused time runs away from sockets; they wait for
//! conditions, never for time to pass.

mod bed;
mod catalogue;
mod control_plane;
mod peer;
pub mod resources;
mod server;
mod tls;
mod yaml;

pub use self::{
    bed::{Bed, Reply, get, until, within},
    catalogue::{Catalogue, Fault},
    control_plane::ControlPlane,
    peer::{Act, Closed, Peer, Silent},
    server::{Seen, Server},
    tls::{Ca, Identity},
    yaml::{Dir, document, line_of, virtual_service},
};
