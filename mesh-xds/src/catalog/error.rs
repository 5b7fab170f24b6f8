//! Why a catalogue is not followed.

use std::time::Duration;

use mesh_core::{AlreadyPublished, policy::Name};

/// Why a catalogue is not followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CatalogError {
    /// The address names no server that can be asked.
    #[error("the catalogue's address `{address}` {why}")]
    Address {
        /// As it was given.
        address: String,
        /// What is wrong with it.
        why: String,
    },
    /// A token that cannot be sent.
    #[error("the catalogue's token is no header value")]
    Token,
    /// A service that cannot be called by its name.
    #[error("the catalogue's service `{name}` {why}")]
    Service {
        /// As it was given.
        name: Name,
        /// What is wrong with it.
        why: String,
    },
    /// No service is asked for.
    #[error("no service of the catalogue is asked for, neither by name nor all of them")]
    Nothing,
    /// The mesh has a source.
    #[error(transparent)]
    Claimed(#[from] AlreadyPublished),
    /// Not everything is known in time.
    #[error("the catalogue did not tell everything within {} s: {why}", after.as_secs_f64())]
    Incomplete {
        /// How long was waited.
        after: Duration,
        /// What went wrong last.
        why: String,
    },
    /// The runtime that it was followed in has ended.
    #[error("the catalogue is no longer followed: its runtime has ended")]
    Ended,
}
