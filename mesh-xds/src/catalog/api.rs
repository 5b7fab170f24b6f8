//! One question to the catalogue: a GET over HTTP/1.1, of bounded size and time.
//!
//! A blocking query occupies its connection until it is answered, so connections are not shared: whoever
//! asks brings one that is idle, or makes one.

use std::{future::poll_fn, pin::Pin, time::Duration};

use http::{
    HeaderMap, HeaderValue, Request, StatusCode, Uri,
    header::{ACCEPT, HOST},
};
use hyper::{
    body::{Body, Incoming},
    client::conn::http1,
};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, task::JoinHandle, time::timeout};

use super::CatalogError;

/// The longest that connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// What an answer may take beyond the time that the catalogue was asked to hold it back.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// The largest answer that is read: some 10,000 instances with their checks.
pub(super) const MAX_BODY: usize = 16 << 20;

/// How much of an error's text is kept.
const MAX_ERROR: usize = 200;

/// Where the catalogue is, and what every question says.
#[derive(Clone)]
pub(super) struct Api {
    host: String,
    port: u16,
    /// As it stands in `host`.
    authority: HeaderValue,
    /// Before `/v1/`.
    prefix: String,
    pub(super) datacenter: Option<String>,
    pub(super) token: Option<HeaderValue>,
}

/// What is asked, and how long the answer may be held back.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    pub(super) path: String,
    /// 0: answered at once.
    pub(super) index: u64,
    pub(super) hold: Duration,
}

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    /// `X-Consul-Index`.
    pub(super) index: u64,
    /// `X-Consul-Results-Filtered-By-ACLs`.
    pub(super) is_filtered: bool,
    pub(super) body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Failure {
    /// The catalogue cannot be reached, or says nothing: so it is for every question.
    Unreachable(String),
    /// What it said is of no use.
    Refused(String),
}

/// A connection; dropping it closes it.
pub(super) struct Connection {
    requests: http1::SendRequest<String>,
    driver: JoinHandle<()>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Api {
    pub(super) fn new(address: &str) -> Result<Self, CatalogError> {
        let wrong = |why: &str| CatalogError::Address {
            address: address.to_owned(),
            why: why.to_owned(),
        };
        let uri: Uri = address.parse().map_err(|_| wrong("is no URL"))?;
        match uri.scheme_str() {
            Some("http") => {}
            Some("https") => return Err(wrong("https is not supported yet: ask a local agent")),
            _ => return Err(wrong("does not begin with http://")),
        }
        let Some(authority) = uri.authority().filter(|a| !a.as_str().contains('@')) else {
            return Err(wrong("names no host and port alone"));
        };
        if uri.query().is_some() {
            return Err(wrong("has a query"));
        }
        let host = authority.host();
        Ok(Self {
            host: host.trim_matches(['[', ']']).to_owned(),
            port: authority.port_u16().unwrap_or(80),
            authority: HeaderValue::from_str(authority.as_str()).map_err(|_| wrong("is no URL"))?,
            prefix: uri.path().trim_end_matches('/').to_owned(),
            datacenter: None,
            token: None,
        })
    }

    /// As people know it.
    pub(super) fn name(&self) -> String {
        let authority = self.authority.to_str().unwrap_or_default();
        format!("the catalogue at http://{authority}{}", self.prefix)
    }

    /// Asks, over the idle connection if there is one, and gives back the connection that can be used again.
    pub(super) async fn get(
        &self,
        idle: Option<Connection>,
        ask: &Ask,
    ) -> (Option<Connection>, Result<Answer, Failure>) {
        // The catalogue adds up to a sixteenth, so that not all answers of a time-out come at once.
        let bound = ask.hold + ask.hold / 16 + ANSWER_TIMEOUT;
        match timeout(bound, self.exchange(idle, ask)).await {
            Ok(Ok((connection, answer))) => (Some(connection), answer.map_err(Failure::Refused)),
            Ok(Err(failure)) => (None, Err(failure)),
            Err(_) => {
                let message = format!("did not answer within {} s", bound.as_secs());
                (None, Err(Failure::Unreachable(message)))
            }
        }
    }

    async fn exchange(
        &self,
        idle: Option<Connection>,
        ask: &Ask,
    ) -> Result<(Connection, Result<Answer, String>), Failure> {
        let request = |index| self.request(ask, index).map_err(Failure::Refused);
        let mut reused = None;
        let mut index = ask.index;
        if let Some(mut connection) = idle {
            match connection.send(request(index)?).await {
                Ok(response) => reused = Some((connection, response)),
                // One that was idle may have been closed in the meantime: that is no failure. If it was
                // closed because the catalogue began anew, the index means nothing any more.
                Err(_) => index = 0,
            }
        }
        let (connection, response) = match reused {
            Some(reused) => reused,
            None => {
                let mut connection = self.connect().await?;
                let response = connection.send(request(index)?).await;
                (connection, response.map_err(|e| unreachable(&e))?)
            }
        };
        let (head, body) = response.into_parts();
        if head.status != StatusCode::OK {
            let said = read(body, MAX_ERROR).await.unwrap_or_else(|e| match e {
                Unread::TooLarge(begin) => begin,
                Unread::Broken(_) => Vec::new(),
            });
            let said = String::from_utf8_lossy(&said);
            let said: String = said.trim().chars().filter(|c| !c.is_control()).collect();
            let message = format!("answered {}: {said}", head.status.as_u16());
            return Err(Failure::Refused(message));
        }
        let body = match read(body, MAX_BODY).await {
            Ok(body) => body,
            Err(Unread::TooLarge(_)) => {
                let message = format!("its answer is larger than {MAX_BODY} bytes");
                return Err(Failure::Refused(message));
            }
            Err(Unread::Broken(error)) => return Err(unreachable(&error)),
        };
        Ok((connection, answer(&head.headers, body)))
    }

    fn request(&self, ask: &Ask, index: u64) -> Result<Request<String>, String> {
        let mut uri = format!("{}{}", self.prefix, ask.path);
        let mut separator = '?';
        let mut add = |key: &str, value: &str| {
            uri.push(separator);
            uri.push_str(key);
            uri.push('=');
            uri.push_str(&encoded(value));
            separator = '&';
        };
        if let Some(datacenter) = &self.datacenter {
            add("dc", datacenter);
        }
        if index > 0 {
            add("index", &index.to_string());
            add("wait", &format!("{}ms", ask.hold.as_millis()));
        }
        let mut request = Request::get(uri)
            .header(HOST, &self.authority)
            .header(ACCEPT, "application/json");
        if let Some(token) = &self.token {
            request = request.header("x-consul-token", token);
        }
        request.body(String::new()).map_err(|e| e.to_string())
    }

    async fn connect(&self) -> Result<Connection, Failure> {
        let connecting = TcpStream::connect((&*self.host, self.port));
        let stream = match timeout(CONNECT_TIMEOUT, connecting).await {
            Ok(connected) => connected.map_err(|e| Failure::Unreachable(e.to_string()))?,
            Err(_) => {
                let message = format!("no connection within {} s", CONNECT_TIMEOUT.as_secs());
                return Err(Failure::Unreachable(message));
            }
        };
        let handshake = http1::handshake(TokioIo::new(stream)).await;
        let (requests, driver) = handshake.map_err(|e| unreachable(&e))?;
        let driver = tokio::spawn(async move {
            // Requests tell how it ended.
            let _ = driver.await;
        });
        Ok(Connection { requests, driver })
    }
}

impl Connection {
    async fn send(&mut self, request: Request<String>) -> hyper::Result<http::Response<Incoming>> {
        self.requests.ready().await?;
        self.requests.send_request(request).await
    }
}

fn unreachable(error: &hyper::Error) -> Failure {
    let cause = std::error::Error::source(error);
    let cause = cause.map(|cause| format!(": {cause}")).unwrap_or_default();
    Failure::Unreachable(format!("{error}{cause}"))
}

/// Why a body was not read.
enum Unread {
    /// Its beginning.
    TooLarge(Vec<u8>),
    Broken(hyper::Error),
}

async fn read(mut body: Incoming, limit: usize) -> Result<Vec<u8>, Unread> {
    let mut read = Vec::new();
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        let frame = frame.map_err(Unread::Broken)?;
        if let Ok(data) = frame.into_data() {
            let room = limit - read.len();
            read.extend_from_slice(&data[..data.len().min(room)]);
            if data.len() > room {
                return Err(Unread::TooLarge(read));
            }
        }
    }
    Ok(read)
}

fn answer(headers: &HeaderMap, body: Vec<u8>) -> Result<Answer, String> {
    let header = |name| headers.get(name).and_then(|v| v.to_str().ok());
    let index = header("x-consul-index").and_then(|index| index.parse().ok());
    Ok(Answer {
        index: index.ok_or("its answer has no X-Consul-Index: it is no catalogue")?,
        is_filtered: header("x-consul-results-filtered-by-acls") == Some("true"),
        body,
    })
}

/// Percent-encoded as RFC 3986 has it, for one segment of a path or one value of a query.
pub(super) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(path: &str) -> Ask {
        Ask {
            path: path.to_owned(),
            index: 7,
            hold: Duration::from_secs(90),
        }
    }

    #[test]
    fn a_question_says_where_and_since_when() {
        let mut api = Api::new("http://[::1]:8500/consul/").unwrap();
        assert_eq!((&*api.host, api.port), ("::1", 8500));
        api.datacenter = Some("a&b".to_owned());
        let path = format!("/v1/health/service/{}", encoded("a/b c"));
        let request = api.request(&ask(&path), 7).unwrap();
        let uri = "/consul/v1/health/service/a%2Fb%20c?dc=a%26b&index=7&wait=90000ms";
        assert_eq!(request.uri(), uri);
        assert_eq!(request.headers()[HOST], "[::1]:8500");
        assert!(!request.headers().contains_key("x-consul-token"));
        api.datacenter = None;
        assert_eq!(api.request(&ask("/v1/x"), 0).unwrap().uri(), "/consul/v1/x");
    }

    #[test]
    fn what_is_no_address_is_told() {
        for (address, why) in [
            ("127.0.0.1:8500", "does not begin with http://"),
            ("https://c:8501", "not supported yet"),
            ("http://u:p@c:8500", "names no host"),
            ("http://c:8500/?dc=1", "has a query"),
            ("http://", "is no URL"),
        ] {
            let error = Api::new(address).err().unwrap().to_string();
            assert!(error.contains(why), "{address}: {error}");
        }
    }

    #[test]
    fn an_answer_without_index_is_refused() {
        let mut headers = HeaderMap::new();
        let error = answer(&headers, Vec::new()).unwrap_err();
        assert!(error.contains("no X-Consul-Index"), "{error}");
        headers.insert("X-Consul-Index", HeaderValue::from_static("x"));
        assert!(answer(&headers, Vec::new()).is_err());
        headers.insert("X-Consul-Index", HeaderValue::from_static("12"));
        assert_eq!(answer(&headers, Vec::new()).unwrap().index, 12);
    }
}
