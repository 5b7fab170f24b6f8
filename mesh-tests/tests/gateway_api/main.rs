//! The published conformance cases of the Kubernetes Gateway API, from YAML to real sockets.
//!
//! Re-created from kubernetes-sigs/gateway-api at commit 4564255 (21 August 2026); each test has the
//! name of its case. Those of the mesh profile are as they are published. Those of gateways whose
//! meaning carries over have a Service, `echo`, where theirs have a Gateway.

#[cfg(test)]
mod cors;
#[cfg(test)]
mod echo;
#[cfg(test)]
mod filters;
#[cfg(test)]
mod grpc;
#[cfg(test)]
mod header_modifiers;
#[cfg(test)]
mod matching;
#[cfg(test)]
mod mesh;
#[cfg(test)]
mod mirrors;
#[cfg(test)]
mod redirects;
#[cfg(test)]
mod references;
#[cfg(test)]
mod timeouts;
