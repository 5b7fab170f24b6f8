//! tonic's generated clients through the mesh, from real Istio YAML to real sockets and tonic servers.

#[cfg(test)]
mod calls;
#[cfg(test)]
mod failures;
#[cfg(test)]
mod server;
