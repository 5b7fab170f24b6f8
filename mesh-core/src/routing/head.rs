//! What routing reads of a request, and how each piece is read.

use http::{
    HeaderMap, HeaderValue, Method,
    header::{COOKIE, HOST},
};

/// What a request dials, which chooses the listener, as the address of a connection does. A `Host` header
/// may name something else: it chooses among that listener's virtual hosts (A27: by the target).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dialled<'a> {
    /// The host, with its port or without.
    pub host: &'a str,
    /// The port.
    pub port: u16,
}

/// What routing reads of a request, borrowed.
#[derive(Clone, Copy, Debug)]
pub struct RequestHead<'a> {
    /// The method.
    pub method: &'a Method,
    /// `http` or `https`: of the connection, or the URL. See [`scheme`](Self::scheme()).
    pub scheme: &'a str,
    /// The host as the caller wrote it, with its port if it has one.
    pub authority: &'a str,
    /// The path with its query. Empty only for a plain CONNECT, which no path matcher matches.
    pub path: &'a str,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// What stands for the caller's address where one is hashed: this process's, or a number that
    /// the client drew. Empty when there is none.
    pub source: &'a str,
}

impl<'a> RequestHead<'a> {
    /// The first value of a header. `host` is the same as `:authority`.
    pub fn header(&self, name: &http::HeaderName) -> Option<&'a [u8]> {
        if *name == HOST {
            return self.authority();
        }
        self.headers.get(name).map(HeaderValue::as_bytes)
    }

    /// The first query parameter called `name`, raw: nothing is percent-decoded, and `?k` is `?k=`.
    pub fn query_parameter(&self, name: &str) -> Option<&'a str> {
        let (_, query) = self.path.split_once('?')?;
        query
            .split('&')
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .find_map(|(key, value)| (key == name).then_some(value))
    }

    /// The first cookie called `name` on any `Cookie` line, without surrounding quotes. Blanks are
    /// trimmed before the name and nowhere else, as in Envoy.
    pub fn cookie(&self, name: &str) -> Option<&'a [u8]> {
        self.headers
            .get_all(COOKIE)
            .iter()
            .flat_map(|line| line.as_bytes().split(|&b| b == b';'))
            .find_map(|pair| {
                let start = pair.iter().position(|&b| b != b' ')?;
                let value = pair[start..].strip_prefix(name.as_bytes())?;
                let value = value.strip_prefix(b"=")?;
                let quoted = value
                    .strip_prefix(b"\"")
                    .and_then(|v| v.strip_suffix(b"\""));
                Some(quoted.unwrap_or(value))
            })
    }

    /// The path without `?query` and `#fragment`: what every path matcher sees.
    pub fn path_without_query(&self) -> &'a str {
        path_without_query(self.path)
    }

    /// What `:scheme` is to matchers and redirects: `x-forwarded-proto`, from which Envoy sets it, else
    /// the request's own.
    pub fn scheme(&self) -> &'a str {
        let forwarded = self.headers.get("x-forwarded-proto");
        match forwarded.map(HeaderValue::as_bytes) {
            Some(b"http") => "http",
            Some(b"https") => "https",
            _ => self.scheme,
        }
    }

    pub(super) fn authority(&self) -> Option<&'a [u8]> {
        (!self.authority.is_empty()).then_some(self.authority.as_bytes())
    }
}

/// Cuts `?query` and `#fragment` off.
pub(super) fn path_without_query(path: &str) -> &str {
    let end = path.bytes().position(|b| matches!(b, b'?' | b'#'));
    end.map_or(path, |end| &path[..end])
}
