//! Connections for raw bytes, over real sockets.

#[cfg(test)]
mod connect;
#[cfg(test)]
mod stream;
#[cfg(test)]
mod support;
#[cfg(test)]
mod telemetry;
