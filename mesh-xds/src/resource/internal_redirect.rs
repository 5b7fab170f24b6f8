//! `InternalRedirectPolicy`.

use http::StatusCode;
use mesh_core::policy::{InternalRedirectPolicy, RedirectPredicate};

use super::{
    matcher::list,
    report::At,
    value::{header_names, is, unpack},
};
use crate::pb::{
    allow_listed_routes::AllowListedRoutesConfig, core::TypedExtensionConfig,
    previous_routes::PreviousRoutesConfig, route, safe_cross_scheme::SafeCrossSchemeConfig,
    schema::type_name,
};

pub(super) fn internal_redirect(
    at: &At<'_>,
    pb: &route::InternalRedirectPolicy,
) -> Option<InternalRedirectPolicy> {
    let codes = at.field("redirect_response_codes");
    let mut redirect_response_codes = list(&codes, &pb.redirect_response_codes, |at, code| {
        // As Envoy: what is no redirect is passed over.
        if ![301, 302, 303, 307, 308].contains(code) {
            at.ignored("only 301, 302, 303, 307 and 308 are redirects");
            return None;
        }
        StatusCode::from_u16(u16::try_from(*code).ok()?).ok()
    });
    if pb.redirect_response_codes.is_empty() {
        redirect_response_codes.push(StatusCode::FOUND);
    }
    let headers = at.field("response_headers_to_copy");
    Some(InternalRedirectPolicy {
        max_internal_redirects: pb.max_internal_redirects.unwrap_or(1),
        redirect_response_codes,
        predicates: list(&at.field("predicates"), &pb.predicates, predicate),
        allow_cross_scheme_redirect: pb.allow_cross_scheme_redirect,
        response_headers_to_copy: header_names(&headers, &pb.response_headers_to_copy),
    })
}

fn predicate(at: &At<'_>, pb: &TypedExtensionConfig) -> Option<RedirectPredicate> {
    let at = at.field("typed_config");
    let any = at.required(pb.typed_config.as_ref())?;
    if is::<PreviousRoutesConfig>(any) {
        return unpack::<PreviousRoutesConfig>(&at, any).map(|_| RedirectPredicate::PreviousRoutes);
    }
    if is::<SafeCrossSchemeConfig>(any) {
        let pb = unpack::<SafeCrossSchemeConfig>(&at, any);
        return pb.map(|_| RedirectPredicate::SafeCrossScheme);
    }
    if is::<AllowListedRoutesConfig>(any) {
        let pb = unpack::<AllowListedRoutesConfig>(&at, any)?;
        let names = pb
            .allowed_route_names
            .iter()
            .map(|name| name.as_str().into());
        return Some(RedirectPredicate::AllowListedRoutes(names.collect()));
    }
    // Without it more would be followed than was meant.
    at.fail(format!("{} is not supported", type_name(&any.type_url)));
    None
}
