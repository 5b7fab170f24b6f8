//! Which of the listed services are followed: those that can be called by their names.

use std::collections::{BTreeSet, HashSet};

use mesh_core::{
    Note, NoteKind,
    policy::{Name, Origin},
};

use crate::file::host;

/// More services are not followed.
const MAX_SERVICES: usize = 20_000;

/// Those that are wanted anyway, and those that are listed; what is said of the others.
pub(super) fn followed(wanted: &BTreeSet<Name>, listed: Vec<Name>) -> (BTreeSet<Name>, Vec<Note>) {
    let mut followed = wanted.clone();
    let hosts = wanted.iter().map(|name| name.to_ascii_lowercase());
    let mut hosts: HashSet<String> = hosts.collect();
    let mut notes = Vec::new();
    let mut beyond = 0;
    let mut note = |message| {
        notes.push(Note::new(NoteKind::NotApplied, Origin::Code, "", message));
    };
    for name in listed {
        if followed.contains(&name) {
            continue;
        }
        if let Err(why) = check(&name) {
            note(format!("service `{name}` {why}: it is not followed"));
        } else if followed.len() >= MAX_SERVICES {
            beyond += 1;
        } else if !hosts.insert(name.to_ascii_lowercase()) {
            note(format!(
                "service `{name}` has the name of another but for upper and lower case: it is not followed"
            ));
        } else {
            followed.insert(name);
        }
    }
    if beyond > 0 {
        note(format!(
            "the catalogue lists more than {MAX_SERVICES} services: {beyond} are not followed"
        ));
    }
    (followed, notes)
}

/// Why a service cannot be called by its name, if it cannot.
pub(super) fn check(name: &str) -> Result<(), String> {
    if host::is_wildcard(name) {
        return Err("is no host name".to_owned());
    }
    host::check(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_followed_is_told() {
        let wanted: BTreeSet<Name> = ["Web".into()].into();
        let listed = ["web", "*", "a b", "api", "API", "Web"].map(Name::from);
        let (followed, notes) = followed(&wanted, listed.into());
        assert_eq!(followed, ["Web".into(), "api".into()].into());
        let notes: Vec<_> = notes.iter().map(ToString::to_string).collect();
        assert_eq!(notes.len(), 4);
        for (note, name) in notes.iter().zip(["web", "*", "a b", "API"]) {
            assert!(note.contains(&format!("`{name}`")), "{note}");
        }
    }

    #[test]
    fn too_many_services_are_counted() {
        let listed = (0..MAX_SERVICES + 7).map(|i| format!("s{i}").into());
        let (followed, notes) = followed(&BTreeSet::new(), listed.collect());
        assert_eq!(followed.len(), MAX_SERVICES);
        assert_eq!(notes.len(), 1);
        assert!(
            notes[0].message.contains(": 7 are not followed"),
            "{}",
            notes[0]
        );
    }
}
