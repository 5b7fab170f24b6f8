//! Connection sets on real sockets, against hand-written peers and hyper's servers.

mod cancel;
mod faults;
mod http1;
#[cfg(test)]
mod http2;
mod lifetime;
mod limits;
#[cfg(test)]
mod support;
