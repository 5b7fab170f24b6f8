//! Routing against what Envoy 1.40 was seen to do, and against a naive scan.

#[cfg(test)]
mod agreement;
#[cfg(test)]
mod clusters;
#[cfg(test)]
mod explaining;
#[cfg(test)]
mod generate;
#[cfg(test)]
mod hosts;
#[cfg(test)]
mod make;
#[cfg(test)]
mod matchers;
#[cfg(test)]
mod mutations;
#[cfg(test)]
mod request;
#[cfg(test)]
mod rewrites;
#[cfg(test)]
mod sentences;
#[cfg(test)]
mod upgrades;
