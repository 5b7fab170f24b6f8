//! Resources as a control plane sends them, and the proof that no field is silent.

mod decoding;
mod listeners;
mod silence;
