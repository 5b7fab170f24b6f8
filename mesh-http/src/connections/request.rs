//! Fits a request's head to the protocol of the connection it leaves on.
//!
//! The caller's URI has scheme, authority and path; a `Host` header, when there, wins over the
//! authority. hyper itself sets the framing headers and, for HTTP/2, strips the connection-specific
//! ones (RFC 9113 §8.2.2).

use http::{
    HeaderValue, Method, Request, Uri, Version,
    header::HOST,
    uri::{Authority, InvalidUriParts, PathAndQuery, Scheme},
};

use crate::body::Body;

/// A head that cannot be sent.
#[derive(Debug, thiserror::Error)]
pub(super) enum HeadError {
    #[error("the request names no host")]
    NoHost,
    #[error("the request's host is no authority")]
    Host(#[source] http::Error),
    #[error("the request's URI has no place in a request line")]
    Uri(#[from] InvalidUriParts),
}

/// HTTP/1.1: origin-form and a `Host` header. `last` is the value made for the connection's last
/// request, which most often serves again.
pub(super) fn to_http1(
    request: &mut Request<Body>,
    last: &mut Option<HeaderValue>,
) -> Result<(), HeadError> {
    *request.version_mut() = Version::HTTP_11;
    if !request.headers().contains_key(HOST) {
        let authority = request.uri().authority().ok_or(HeadError::NoHost)?;
        let host = without_userinfo(authority);
        let value = match last {
            Some(value) if value.as_bytes() == host.as_bytes() => value.clone(),
            _ => {
                let value = HeaderValue::from_str(host).map_err(|e| HeadError::Host(e.into()))?;
                last.insert(value).clone()
            }
        };
        request.headers_mut().insert(HOST, value);
    }
    // RFC 9112 §3.2.3: CONNECT keeps the authority-form.
    if request.uri().authority().is_some() && request.method() != Method::CONNECT {
        let mut parts = std::mem::take(request.uri_mut()).into_parts();
        parts.scheme = None;
        parts.authority = None;
        parts.path_and_query.get_or_insert_with(root);
        *request.uri_mut() = Uri::from_parts(parts)?;
    }
    Ok(())
}

/// HTTP/2: an absolute URI, from which the pseudo-headers come, and no `Host` header.
pub(super) fn to_http2(request: &mut Request<Body>) -> Result<(), HeadError> {
    *request.version_mut() = Version::HTTP_2;
    let host = request.headers_mut().remove(HOST);
    absolute(request, host.as_ref())
}

/// Undoes what makes an HTTP/1.1 request unfit for another endpoint.
pub(super) fn to_absolute(request: &mut Request<Body>, version: Version) {
    *request.version_mut() = version;
    if let Some(host) = request.headers().get(HOST).cloned() {
        // A request whose host is no authority keeps its origin-form and `Host`.
        let _ = absolute(request, Some(&host));
    }
}

fn absolute(request: &mut Request<Body>, host: Option<&HeaderValue>) -> Result<(), HeadError> {
    let uri = request.uri();
    let authority = match host {
        Some(host) if uri.authority().is_none_or(|known| known.as_str() != *host) => {
            let host = Authority::try_from(host.as_bytes());
            Some(host.map_err(|e| HeadError::Host(e.into()))?)
        }
        Some(_) => None,
        None => {
            let known = uri.authority().ok_or(HeadError::NoHost)?;
            let host = without_userinfo(known);
            // RFC 9113 §8.3.1: `:authority` has no userinfo.
            (host.len() < known.as_str().len())
                .then(|| Authority::try_from(host).map_err(|e| HeadError::Host(e.into())))
                .transpose()?
        }
    };
    if authority.is_none() && uri.scheme().is_some() {
        return Ok(());
    }
    let connect = request.method() == Method::CONNECT;
    let mut parts = std::mem::take(request.uri_mut()).into_parts();
    if let Some(authority) = authority {
        parts.authority = Some(authority);
    }
    if !connect {
        parts.scheme.get_or_insert(Scheme::HTTP);
        parts.path_and_query.get_or_insert_with(root);
    }
    *request.uri_mut() = Uri::from_parts(parts)?;
    Ok(())
}

/// RFC 9110 §7.2: `Host` is the authority without its userinfo.
pub(crate) fn without_userinfo(authority: &Authority) -> &str {
    let host = authority.as_str();
    // Few have one, and looking for it from the end takes longer than seeing that it is not there.
    if !has(host, b'@') {
        return host;
    }
    host.rsplit_once('@').map_or(host, |(_, host)| host)
}

/// Whether `byte` is anywhere in a short `text`: eight bytes at a time, for this is asked of every
/// request's authority, and the answer is mostly no.
pub(crate) fn has(text: &str, byte: u8) -> bool {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    let (words, rest) = text.as_bytes().as_chunks();
    words.iter().any(|word| {
        // A byte that is `byte` becomes zero, and only below a zero byte does the subtraction set
        // a top bit that was not set.
        let word = u64::from_ne_bytes(*word) ^ (ONES * u64::from(byte));
        word.wrapping_sub(ONES) & !word & (ONES << 7) != 0
    }) || rest.contains(&byte)
}

fn root() -> PathAndQuery {
    PathAndQuery::from_static("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_is_found_wherever_it_stands() {
        for length in 0..20 {
            for at in 0..length {
                let mut text = vec![b'x'; length];
                text[at] = b':';
                let text = String::from_utf8(text).unwrap();
                assert!(
                    has(&text, b':') && !has(&text, b'@') && !has(&text, b';'),
                    "{text}"
                );
            }
        }
    }

    fn request(method: Method, uri: &str) -> Request<Body> {
        let request = Request::builder().method(method).uri(uri);
        request.body(Body::empty()).unwrap()
    }

    #[test]
    fn a_request_that_comes_back_is_fit_for_any_endpoint() {
        for (uri, host) in [("http://a:80/x?y", None), ("http://a/x?y", Some("b:81"))] {
            let mut request = request(Method::GET, uri);
            *request.version_mut() = Version::HTTP_2;
            if let Some(host) = host {
                request
                    .headers_mut()
                    .insert(HOST, HeaderValue::from_static(host));
            }
            to_http1(&mut request, &mut None).unwrap();
            assert_eq!(request.uri(), "/x?y");
            to_absolute(&mut request, Version::HTTP_2);
            assert_eq!(request.version(), Version::HTTP_2);
            let host = host.unwrap_or("a:80");
            assert_eq!(*request.uri(), *format!("http://{host}/x?y"));
        }
    }

    #[test]
    fn special_forms_are_kept() {
        let mut connect = request(Method::CONNECT, "a:80");
        to_http1(&mut connect, &mut None).unwrap();
        assert_eq!(connect.uri(), "a:80");
        assert_eq!(connect.headers()[HOST], "a:80");
        to_http2(&mut connect).unwrap();
        assert_eq!(connect.uri(), "a:80");

        let mut all = Request::new(Body::empty());
        *all.method_mut() = Method::OPTIONS;
        *all.uri_mut() = Uri::from_static("*");
        all.headers_mut()
            .insert(HOST, HeaderValue::from_static("a"));
        to_http1(&mut all, &mut None).unwrap();
        assert_eq!(all.uri(), "*");
    }

    #[test]
    fn the_host_made_last_is_used_again_only_for_the_same_authority() {
        let mut last = None;
        for uri in ["http://a/", "http://a/", "http://b/"] {
            let mut request = request(Method::GET, uri);
            let authority = request.uri().authority().cloned().unwrap();
            to_http1(&mut request, &mut last).unwrap();
            assert_eq!(request.headers()[HOST], authority.as_str());
        }
    }

    #[test]
    fn a_host_that_is_no_authority_cannot_be_a_pseudo_header() {
        let mut request = request(Method::GET, "http://a/");
        request
            .headers_mut()
            .insert(HOST, HeaderValue::from_static("a b"));
        assert!(matches!(to_http2(&mut request), Err(HeadError::Host(_))));
    }
}
