//! What a route changes in the reply that an error becomes, kept with the error until someone asks
//! for that reply.

use std::sync::Arc;

use http::{HeaderMap, StatusCode};
use mesh_core::{
    policy::{HeaderMutation, Mutations},
    routing::{Facts, MutationLevels, cors_respond, edit_response, mutate_response},
};

/// One change.
#[derive(Debug)]
pub(crate) enum ReplyChange {
    /// A level's response headers.
    Level(HeaderMutation),
    /// The header mutation filter's.
    Edit(Arc<Mutations>),
    /// The CORS filter's.
    Insert(HeaderMap),
}

/// All changes, in order, and what their values are made of.
#[derive(Debug, Default)]
pub(crate) struct ReplyChanges {
    changes: Vec<ReplyChange>,
    facts: Option<Box<Facts>>,
}

impl ReplyChanges {
    pub(crate) fn add_levels(&mut self, levels: MutationLevels<'_>) {
        if levels.change_responses() {
            let levels = levels.iter().cloned().map(ReplyChange::Level);
            self.changes.extend(levels);
        }
    }

    pub(crate) fn add(&mut self, changes: Vec<ReplyChange>, facts: Option<Box<Facts>>) {
        self.changes.extend(changes);
        self.facts = facts;
    }

    /// Makes them in a reply of this status.
    pub(crate) fn apply(self, status: StatusCode, headers: &mut HeaderMap) {
        let Self { changes, mut facts } = self;
        if let Some(facts) = &mut facts {
            // Envoy's router changes its reply's headers before the status is known; filters see it.
            facts.response_code = 0;
        }
        for change in changes {
            match change {
                ReplyChange::Level(level) => mutate_response(headers, &level, facts.as_deref()),
                ReplyChange::Edit(mutations) => {
                    if let Some(facts) = &mut facts {
                        facts.response_code = status.as_u16();
                    }
                    edit_response(headers, &mutations.response, facts.as_deref());
                }
                ReplyChange::Insert(cors) => cors_respond(headers, &cors),
            }
        }
    }
}
