//! A place for an adapter's own state beside a core object.

use std::{
    any::Any,
    fmt,
    sync::{Arc, OnceLock},
};

/// Holds one value of an adapter's choosing for as long as its owner lives: an endpoint's
/// connections, a cluster's metric handles. The core never looks inside.
///
/// The first type to be put in stays; asking for another type makes a value that is not kept, so
/// two adapters of different kinds do not share a slot by accident but still work.
#[derive(Default)]
pub struct Slot(OnceLock<Arc<dyn Any + Send + Sync>>);

impl Slot {
    /// The value of type `T`, made on first use.
    pub fn get_or_init<T: Any + Send + Sync>(&self, make: impl Fn() -> T) -> Arc<T> {
        let found = self.0.get_or_init(|| Arc::new(make()));
        found
            .clone()
            .downcast()
            .unwrap_or_else(|_| Arc::new(make()))
    }

    /// The value, if it is there and of type `T`.
    pub fn get<T: Any + Send + Sync>(&self) -> Option<&T> {
        self.0.get()?.downcast_ref()
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.get().is_some() {
            "Slot(filled)"
        } else {
            "Slot(empty)"
        })
    }
}
