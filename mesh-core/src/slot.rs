//! A place for an adapter's own state beside a core object.

use std::{
    any::Any,
    fmt,
    sync::{Arc, OnceLock},
};

/// Holds values of adapters' choosing for as long as its owner lives: an endpoint's connections, a
/// cluster's metric handles. The core never looks inside.
///
/// Every type has a value of its own, and [`find_or_init`](Self::find_or_init) tells several values
/// of one type apart (two recorders of a kind). Values are never replaced or removed, so finding one
/// takes no lock and touches no count; the list is walked, which is right for the handful it is for.
#[derive(Default)]
pub struct Slot(OnceLock<Box<Node>>);

struct Node {
    value: Arc<dyn Any + Send + Sync>,
    next: Slot,
}

impl Slot {
    /// The value of type `T`, made on first use.
    pub fn get_or_init<T: Any + Send + Sync>(&self, make: impl Fn() -> T) -> Arc<T> {
        let node = self.node(&|_: &T| true, &make);
        // The node holds a `T` by construction, so this never makes a second one.
        node.value
            .clone()
            .downcast()
            .unwrap_or_else(|_| Arc::new(make()))
    }

    /// The value, if it is there.
    pub fn get<T: Any + Send + Sync>(&self) -> Option<&T> {
        self.find(|_| true)
    }

    /// The first value of type `T` that `is_it` accepts.
    pub fn find<T: Any + Send + Sync>(&self, is_it: impl Fn(&T) -> bool) -> Option<&T> {
        let mut slot = self;
        loop {
            let node = slot.0.get()?;
            match node.value.downcast_ref() {
                Some(value) if is_it(value) => return Some(value),
                _ => slot = &node.next,
            }
        }
    }

    /// The first value of type `T` that `is_it` accepts, else what `make` makes, which `is_it` must
    /// accept. When several threads make one at once, one of theirs stays.
    pub fn find_or_init<T: Any + Send + Sync>(
        &self,
        is_it: impl Fn(&T) -> bool,
        make: impl Fn() -> T,
    ) -> Option<&T> {
        self.node(&is_it, &make).value.downcast_ref()
    }

    fn node<T: Any + Send + Sync>(
        &self,
        is_it: &impl Fn(&T) -> bool,
        make: &impl Fn() -> T,
    ) -> &Node {
        let mut slot = self;
        loop {
            let mut mine = false;
            let node = slot.0.get_or_init(|| {
                mine = true;
                Box::new(Node {
                    value: Arc::new(make()),
                    next: Self::default(),
                })
            });
            if mine || node.value.downcast_ref().is_some_and(is_it) {
                return node;
            }
            slot = &node.next;
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_and_each_owner_has_its_own_value() {
        let slot = Slot::default();
        assert_eq!(slot.get::<u8>(), None);
        assert_eq!(*slot.get_or_init(|| 1_u8), 1);
        assert_eq!(*slot.get_or_init(|| "two"), "two");
        assert_eq!(*slot.get_or_init(|| 3_u8), 1, "the first one stays");
        assert_eq!(slot.get(), Some(&"two"));

        assert_eq!(slot.find_or_init(|n: &u8| *n == 9, || 9), Some(&9));
        assert_eq!(slot.find(|n: &u8| *n == 9), Some(&9));
        assert_eq!(slot.find(|n: &u8| *n == 8), None);
        assert_eq!(slot.get::<u8>(), Some(&1));
    }

    #[test]
    fn of_values_made_at_once_one_stays() {
        let slot = Slot::default();
        let all = std::sync::Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for n in 0..4_u32 {
                let (slot, all) = (&slot, &all);
                scope.spawn(move || all.lock().unwrap().push(*slot.get_or_init(|| n)));
            }
        });
        let all = all.into_inner().unwrap();
        assert!(all.iter().all(|n| *n == all[0]), "{all:?}");
    }
}
