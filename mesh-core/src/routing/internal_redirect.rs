//! Which redirects are followed in the caller's place.

use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header::LOCATION};

use crate::policy::{InternalRedirectPolicy, Name, RedirectPredicate};

/// The internal redirects of one request so far.
#[derive(Debug, Default)]
pub struct Redirects {
    followed: u32,
    /// From which route to which.
    taken: Vec<(Name, Name)>,
}

/// Why a redirect goes to the caller as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotFollowed {
    /// Its status is none of the policy's.
    #[error("{0} is not followed")]
    Status(StatusCode),
    /// `location` is missing, or no absolute URL.
    #[error("`location` is no absolute URL")]
    Location,
    /// From http to https or back.
    #[error("it changes the scheme")]
    Scheme,
    /// The request was redirected as often as it may be.
    #[error("{0} redirects were followed already")]
    TooMany(u32),
    /// `previous_routes`.
    #[error("route `{0}` was taken before")]
    PreviousRoute(Name),
    /// `allow_listed_routes`.
    #[error("route `{0}` is not listed")]
    NotListed(Name),
    /// `safe_cross_scheme`.
    #[error("it leads from http to https")]
    Unsafe,
}

impl Redirects {
    /// Where a response sends the request, before its new route is known. `https` is the request's
    /// own scheme.
    ///
    /// # Errors
    /// When the policy does not follow it.
    pub fn target(
        &self,
        policy: &InternalRedirectPolicy,
        status: StatusCode,
        headers: &HeaderMap,
        https: bool,
    ) -> Result<Uri, NotFollowed> {
        if !policy.redirect_response_codes.contains(&status) {
            return Err(NotFollowed::Status(status));
        }
        let location = headers.get(LOCATION).map(HeaderValue::as_bytes);
        // A fragment is cut off, and userinfo when the host is read.
        let location = location.and_then(|l| Uri::try_from(l).ok());
        let location = location
            .filter(|l| l.scheme().is_some() && l.host().is_some_and(|h| !h.is_empty()))
            .ok_or(NotFollowed::Location)?;
        if !policy.allow_cross_scheme_redirect && is_https(&location) != https {
            return Err(NotFollowed::Scheme);
        }
        if self.followed >= policy.max_internal_redirects {
            return Err(NotFollowed::TooMany(self.followed));
        }
        Ok(location)
    }

    /// Whether the route that the new target has may be taken; if so it counts as taken.
    ///
    /// # Errors
    /// When a predicate does not accept it.
    pub fn take(
        &mut self,
        policy: &InternalRedirectPolicy,
        from: &Name,
        to: &Name,
        https: bool,
        target: &Uri,
    ) -> Result<(), NotFollowed> {
        for predicate in &policy.predicates {
            match predicate {
                RedirectPredicate::PreviousRoutes => {
                    let step = (from.clone(), to.clone());
                    if self.taken.contains(&step) {
                        return Err(NotFollowed::PreviousRoute(to.clone()));
                    }
                    self.taken.push(step);
                }
                RedirectPredicate::AllowListedRoutes(names) if !names.contains(to) => {
                    return Err(NotFollowed::NotListed(to.clone()));
                }
                RedirectPredicate::SafeCrossScheme if !https && is_https(target) => {
                    return Err(NotFollowed::Unsafe);
                }
                RedirectPredicate::AllowListedRoutes(_) | RedirectPredicate::SafeCrossScheme => {}
            }
        }
        self.followed += 1;
        Ok(())
    }
}

/// Anything but http counts as https, as in Envoy.
fn is_https(uri: &Uri) -> bool {
    uri.scheme_str() != Some("http")
}

/// Whether a redirect by `status` makes another request of `method` a GET without a body (RFC 9110
/// §15.4.4).
pub fn becomes_get(status: StatusCode, method: &Method) -> bool {
    status == StatusCode::SEE_OTHER && !matches!(*method, Method::GET | Method::HEAD)
}

/// Carries the headers that the policy names from the response into the request.
pub fn copy_headers(
    policy: &InternalRedirectPolicy,
    response: &HeaderMap,
    request: &mut HeaderMap,
) {
    for name in &policy.response_headers_to_copy {
        request.remove(name);
        for value in response.get_all(name) {
            // A map that holds 32,768 headers takes no more.
            let _ = request.try_append(name, value.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(
        policy: &InternalRedirectPolicy,
        status: u16,
        location: &'static str,
    ) -> Result<String, NotFollowed> {
        let mut headers = HeaderMap::new();
        headers.insert(LOCATION, HeaderValue::from_static(location));
        let status = StatusCode::from_u16(status).unwrap();
        let target = Redirects::default().target(policy, status, &headers, false)?;
        Ok(target.to_string())
    }

    /// Observed on Envoy 1.40.
    #[test]
    fn only_absolute_urls_of_the_same_scheme() {
        let mut policy = InternalRedirectPolicy::default();
        assert_eq!(
            target(&policy, 302, "http://o.com:99/u?y#frag").unwrap(),
            "http://o.com:99/u?y"
        );
        assert_eq!(
            target(&policy, 302, "http://o.com").unwrap(),
            "http://o.com/"
        );
        for location in ["/u", "", "o.com/u", "http:///u"] {
            assert_eq!(target(&policy, 302, location), Err(NotFollowed::Location));
        }
        let status = StatusCode::MOVED_PERMANENTLY;
        assert_eq!(
            target(&policy, 301, "http://o.com/"),
            Err(NotFollowed::Status(status))
        );
        let https = "https://o.com/";
        assert_eq!(target(&policy, 302, https), Err(NotFollowed::Scheme));
        policy.allow_cross_scheme_redirect = true;
        assert!(target(&policy, 302, https).is_ok());
    }

    #[test]
    fn predicates_see_the_new_route() {
        let mut policy = InternalRedirectPolicy {
            predicates: vec![RedirectPredicate::PreviousRoutes],
            max_internal_redirects: 9,
            ..Default::default()
        };
        let names: [Name; 2] = ["r1".into(), "r2".into()];
        let http = Uri::from_static("http://o.com/");
        let mut redirects = Redirects::default();
        let [one, two] = &names;
        redirects.take(&policy, one, two, false, &http).unwrap();
        redirects.take(&policy, two, one, false, &http).unwrap();
        assert_eq!(
            redirects.take(&policy, one, two, false, &http),
            Err(NotFollowed::PreviousRoute(two.clone()))
        );
        assert_eq!(redirects.followed, 2);
        policy.predicates = vec![RedirectPredicate::AllowListedRoutes(vec![one.clone()])];
        assert!(redirects.take(&policy, two, one, false, &http).is_ok());
        assert!(redirects.take(&policy, one, two, false, &http).is_err());
        policy.predicates = vec![RedirectPredicate::SafeCrossScheme];
        let https = Uri::from_static("https://o.com/");
        assert!(redirects.take(&policy, one, two, true, &http).is_ok());
        assert!(redirects.take(&policy, one, two, false, &http).is_ok());
        assert!(redirects.take(&policy, one, two, false, &https).is_err());
    }

    #[test]
    fn so_many_and_no_more() {
        let policy = InternalRedirectPolicy::default();
        let mut headers = HeaderMap::new();
        headers.insert(LOCATION, HeaderValue::from_static("http://o.com/"));
        let mut redirects = Redirects::default();
        let found = StatusCode::FOUND;
        let uri = redirects.target(&policy, found, &headers, false).unwrap();
        let name: Name = "r".into();
        redirects.take(&policy, &name, &name, false, &uri).unwrap();
        assert_eq!(
            redirects.target(&policy, found, &headers, false),
            Err(NotFollowed::TooMany(1))
        );
    }

    #[test]
    fn headers_are_copied_or_removed() {
        let policy = InternalRedirectPolicy {
            response_headers_to_copy: vec!["x-a".parse().unwrap(), "x-b".parse().unwrap()],
            ..Default::default()
        };
        let header = |name: &'static str, value: &'static str| {
            HeaderMap::from_iter([(name.parse().unwrap(), HeaderValue::from_static(value))])
        };
        let mut request = header("x-b", "old");
        copy_headers(&policy, &header("x-a", "new"), &mut request);
        assert_eq!(request, header("x-a", "new"));
        assert!(becomes_get(StatusCode::SEE_OTHER, &Method::POST));
        assert!(!becomes_get(StatusCode::SEE_OTHER, &Method::HEAD));
        assert!(!becomes_get(StatusCode::FOUND, &Method::POST));
    }
}
