//! Clusters as an adapter uses them: through their public API, with a clock that tests move.

mod bed;
mod outlier;
mod pick;
mod stress;
