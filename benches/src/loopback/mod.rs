//! The pieces of the end-to-end comparison: the server's process, Envoy's process, the callers, and
//! the slice of load that each of them gets in turn.

mod caller;
mod envoy;
mod mesh;
mod server;
mod slice;

pub use self::{
    caller::{Bare, Caller, Floor, Sidecar},
    envoy::Envoy,
    mesh::InMesh,
    server::{Server, serve},
    slice::{Slice, run},
};

/// What is spoken on every hop of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2 with prior knowledge.
    Http2,
}

impl Protocol {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Http1, Self::Http2];

    /// For tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http1 => "HTTP/1.1",
            Self::Http2 => "HTTP/2",
        }
    }
}

/// How many servers there are; the first cluster has all but the last of them.
pub const SERVERS: usize = 3;

/// What every server answers.
pub const REPLY: &[u8; 64] = &[b'.'; 64];
