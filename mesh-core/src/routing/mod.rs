//! Host → virtual host → route → cluster, as Envoy 1.40 does it.
//!
//! A [`Router`] is a `RouteConfiguration` compiled once. Per request, [`Router::virtual_host`] picks
//! by host, [`Router::route`] the first route in list order whose [`matches`] holds, and
//! [`choose_cluster`] the cluster; none of them allocates, and none takes longer because there are
//! more hosts or more exact and prefix paths. What a chosen route then does to the request is
//! [`rewrite_path`], [`redirect_location`] and [`MutationLevels`].
//!
//! [`explain`] answers the same question by trying one rule after the other with the same
//! functions, and tells why each failed.

mod choose;
mod explain;
mod head;
mod host;
mod matching;
mod mismatch;
mod mutation;
mod report;
mod rewrite;
mod route_index;
mod router;
mod trie;

pub use self::{
    choose::{ClusterChoice, choose_cluster},
    explain::{
        ClusterExplanation, Decision, How, RouteExplanation, RuleOutcome, RuleTried,
        VirtualHostExplanation, WeightExplanation, explain,
    },
    head::RequestHead,
    matching::{Condition, matches},
    mismatch::Mismatch,
    mutation::{MutationLevels, mutate_request, mutate_response},
    rewrite::{redirect_location, rewrite_path, tls_redirect},
    router::{Place, Router, RouterError},
};
