//! One question, and its answer's meaning: what a flight of [`Watch`](super::watch::Watch) does.

use std::{hash::BuildHasher, sync::Arc};

use foldhash::fast::FixedState;
use mesh_core::policy::Name;
use tokio::task::spawn_blocking;

use super::{
    api::{self, Answer, Ask, Connection, Failure},
    instance::{self, Instances},
    watch::Settings,
};

/// Answers that are larger are read on threads that may block.
const LARGE: usize = 64 << 10;

/// An answer.
#[derive(Debug)]
pub(super) struct News {
    pub(super) index: u64,
    /// Of its bytes.
    pub(super) hash: u64,
    pub(super) content: Content,
}

/// What an answer says.
#[derive(Debug)]
pub(super) enum Content {
    /// What the last one said.
    Same,
    Services(Vec<Name>),
    Instances(Instances),
}

/// Where a service's instances, or all services, are asked for.
pub(super) fn path(service: Option<&Name>) -> String {
    match service {
        Some(name) => format!("/v1/health/service/{}", api::encoded(name)),
        None => "/v1/catalog/services".to_owned(),
    }
}

/// Asks, and reads the answer unless its bytes are those of the `last` one.
pub(super) async fn fetch(
    settings: Arc<Settings>,
    idle: Option<Connection>,
    ask: Ask,
    is_list: bool,
    last: Option<u64>,
) -> (Option<Connection>, Result<News, Failure>) {
    let (connection, answer) = settings.api.get(idle, &ask).await;
    let answer = match answer {
        Ok(answer) => answer,
        Err(failure) => return (connection, Err(failure)),
    };
    let only_passing = settings.only_passing;
    let is_large = answer.body.len() > LARGE;
    let read = move || read(&answer, is_list, last, only_passing);
    let news = if is_large {
        spawn_blocking(read)
            .await
            .unwrap_or_else(|e| Err(e.to_string()))
    } else {
        read()
    };
    (connection, news.map_err(Failure::Refused))
}

fn read(
    answer: &Answer,
    is_list: bool,
    last: Option<u64>,
    only_passing: bool,
) -> Result<News, String> {
    let hash = FixedState::default().hash_one(&answer.body);
    let content = if last == Some(hash) {
        Content::Same
    } else if is_list {
        Content::Services(instance::services(&answer.body)?)
    } else {
        let instances = instance::instances(&answer.body, only_passing)?;
        // What a token may not see looks as if it were gone.
        if answer.is_filtered && instances.assignment.is_empty() {
            return Err("the token may not read its instances".to_owned());
        }
        Content::Instances(instances)
    };
    Ok(News {
        index: answer.index,
        hash,
        content,
    })
}
