//! What hashing balancers make their tables of: each endpoint's key, and its share of all weight.

use std::borrow::Cow;

/// The endpoints of one list, in its order.
#[derive(Debug)]
pub(crate) struct Shares<'a> {
    keys: Vec<Cow<'a, str>>,
    /// They sum to 1. In floating point, with Envoy's operations in Envoy's order: rounded otherwise,
    /// an endpoint would have an entry more or less, and a request another endpoint.
    shares: Vec<f64>,
}

impl<'a> Shares<'a> {
    /// `keys` and `weights` are as long.
    pub(crate) fn new(keys: Vec<Cow<'a, str>>, weights: impl Iterator<Item = u32> + Clone) -> Self {
        let sum = weights.clone().map(u64::from).sum::<u64>() as f64;
        Self {
            keys,
            shares: weights.map(|weight| f64::from(weight) / sum).collect(),
        }
    }

    /// Key and share of each.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, f64)> {
        let keys = self.keys.iter().map(AsRef::as_ref);
        keys.zip(self.shares.iter().copied())
    }

    /// The smallest share.
    pub(super) fn min(&self) -> f64 {
        self.shares.iter().copied().fold(1.0, f64::min)
    }

    /// The largest share.
    pub(super) fn max(&self) -> f64 {
        self.shares.iter().copied().fold(0.0, f64::max)
    }
}

/// Keys `10.0.0.1:1` and on, with these weights.
#[cfg(test)]
pub(super) fn of_weights(weights: &[u32]) -> Shares<'static> {
    let keys = (1..=weights.len()).map(|n| Cow::from(format!("10.0.0.1:{n}")));
    Shares::new(keys.collect(), weights.iter().copied())
}
