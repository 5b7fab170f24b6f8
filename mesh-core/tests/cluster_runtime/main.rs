//! Clusters as an adapter uses them: through their public API, with a clock that tests move.

#[cfg(test)]
mod bed;
#[cfg(test)]
mod hashing;
#[cfg(test)]
mod outlier;
#[cfg(test)]
mod pick;
#[cfg(test)]
mod stress;
#[cfg(test)]
mod subsets;
#[cfg(test)]
mod update;
