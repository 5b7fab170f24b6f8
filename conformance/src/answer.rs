//! What came of one request: what the caller got, and what the upstreams got.

use std::fmt;

use crate::{
    differences::{self, Side},
    upstream::{CASE, Received},
    wire::{Head, Message},
};

/// What a mesh made of a request, without what differs by design.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The response's status.
    pub status: u16,
    /// The response's header lines, by name; those of one name in order.
    pub headers: Vec<(String, String)>,
    /// The response's body; `None` when it broke off.
    pub body: Option<String>,
    /// The attempts that reached an upstream: cluster, request line, header lines, body.
    pub upstream: Vec<Attempt>,
    /// The response flags.
    pub flags: Option<String>,
}

/// One attempt at an upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The cluster.
    pub cluster: String,
    /// Method, path and version.
    pub line: String,
    /// Header lines, by name.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl Answer {
    /// The answer of one `side` to `request`.
    pub fn new(
        side: Side,
        request: &Message,
        status: u16,
        headers: Vec<(String, String)>,
        body: Option<String>,
        received: Vec<Received>,
    ) -> Self {
        let upstream = received.into_iter().map(|r| Attempt {
            cluster: r.cluster,
            line: r.head.start.join(" "),
            headers: upstream_headers(side, &request.head, r.head.headers),
            body: r.body,
        });
        let kept = |name: &str| differences::response_header(side, name);
        Self {
            status,
            headers: by_name(headers, |name| kept(name).is_none()),
            body,
            upstream: upstream.collect(),
            flags: None,
        }
    }
}

fn upstream_headers(
    side: Side,
    request: &Head,
    headers: Vec<(String, String)>,
) -> Vec<(String, String)> {
    let headers = by_name(headers, |name| {
        name != CASE
            && (differences::request_header(side, name).is_none() || request.header(name).is_some())
    });
    let mut folded: Vec<(String, String)> = Vec::new();
    for (name, mut value) in headers {
        if differences::is_measured(&name) {
            "measured".clone_into(&mut value);
        }
        match folded.last_mut() {
            Some((last, line)) if *last == name && differences::is_folded(&name) => {
                // To Envoy an empty line is none, before another or behind it.
                let comma = match line.is_empty() || value.is_empty() {
                    true => "",
                    false => ",",
                };
                *line += &format!("{comma}{value}");
            }
            _ => folded.push((name, value)),
        }
    }
    folded
}

fn by_name(
    mut headers: Vec<(String, String)>,
    keep: impl Fn(&str) -> bool,
) -> Vec<(String, String)> {
    headers.retain(|(name, _)| differences::framing(name).is_none() && keep(name));
    // Stable: lines of one name keep their order.
    headers.sort_by(|a, b| a.0.cmp(&b.0));
    headers
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?} {:?}", self.status, self.headers, self.body)?;
        if let Some(flags) = &self.flags {
            write!(f, " flags {flags}")?;
        }
        for attempt in &self.upstream {
            let Attempt {
                cluster,
                line,
                headers,
                body,
            } = attempt;
            write!(f, "\n    upstream {cluster}: {line} {headers:?} {body:?}")?;
        }
        Ok(())
    }
}
