//! What a state-of-the-world request asks for: all names, each time.

use std::collections::BTreeSet;

use mesh_core::policy::Name;

use super::{Type, Wildcard};

impl Type {
    /// All that is wanted from now on.
    pub(super) fn ask(&mut self, is_whole: bool, names: &[String]) {
        let first = !std::mem::replace(&mut self.asked, true);
        let wildcard = match names {
            [] if first && is_whole => Wildcard::Legacy,
            // It goes on as it began until it names something.
            [] if self.wildcard == Wildcard::Legacy => Wildcard::Legacy,
            names if names.iter().any(|name| name == "*") => Wildcard::Explicit,
            _ => Wildcard::No,
        };
        let wanted = names.iter().filter(|name| *name != "*");
        let wanted: BTreeSet<Name> = wanted.map(|name| name.as_str().into()).collect();
        if !first && wildcard == self.wildcard && wanted == self.names {
            return;
        }
        self.fresh = true;
        self.wildcard = wildcard;
        self.names = wanted;
        if wildcard == Wildcard::No {
            self.sent.retain(|name, _| self.names.contains(name));
            self.again.retain(|name| self.names.contains(name));
        }
    }
}
