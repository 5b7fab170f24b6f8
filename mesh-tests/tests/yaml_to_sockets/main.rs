//! Every feature from real Istio YAML to real sockets, a module for each family.

mod seeds;
