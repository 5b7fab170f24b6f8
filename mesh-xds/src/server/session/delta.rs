//! What a delta request asks for: names more and less.

use std::collections::BTreeMap;

use mesh_core::policy::Name;

use super::{Sent, Type, Wildcard};

impl Type {
    /// What is wanted besides, and no more.
    pub(super) fn change(
        &mut self,
        is_whole: bool,
        subscribe: &[String],
        unsubscribe: &[String],
        versions: BTreeMap<String, String>,
    ) {
        let first = !std::mem::replace(&mut self.asked, true);
        if first {
            let had = versions.into_iter();
            self.sent = had.map(|(n, v)| (n.into(), Sent::Had(v.into()))).collect();
            if subscribe.is_empty() && is_whole {
                self.wildcard = Wildcard::Legacy;
            }
        }
        self.fresh |= first || !subscribe.is_empty() || !unsubscribe.is_empty();
        for name in subscribe {
            if name == "*" {
                self.wildcard = Wildcard::Explicit;
                continue;
            }
            let name: Name = name.as_str().into();
            // Who asks once more is told once more; what it said to have at first it need not be told.
            if !self.names.insert(name.clone()) || !first {
                self.sent.remove(&name);
            }
        }
        for name in unsubscribe {
            if name == "*" {
                self.wildcard = Wildcard::No;
                self.sent.retain(|name, _| self.names.contains(name));
            } else {
                self.names.remove(&**name);
                // With a wildcard it is wanted all the same, and the client has thrown it away.
                self.sent.remove(&**name);
                self.again.remove(&**name);
            }
        }
    }
}
