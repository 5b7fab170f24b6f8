//! Routes that are answered here: `RedirectAction` and `DirectResponseAction`.

use http::StatusCode;
use mesh_core::policy::{DirectResponse, Redirect, RedirectPath};

use super::{
    report::At,
    value::{regex_rewrite, text},
};
use crate::pb::{
    core::data_source::Specifier,
    route::{
        DirectResponseAction, RedirectAction,
        redirect_action::{PathRewriteSpecifier, RedirectResponseCode, SchemeRewriteSpecifier},
    },
};

pub(super) fn redirect(at: &At<'_>, pb: &RedirectAction) -> Option<Redirect> {
    use PathRewriteSpecifier as Path;
    let port = at.field("port_redirect");
    Some(Redirect {
        scheme: match &pb.scheme_rewrite_specifier {
            Some(SchemeRewriteSpecifier::HttpsRedirect(true)) => Some("https".into()),
            Some(SchemeRewriteSpecifier::SchemeRedirect(scheme)) => text(scheme),
            Some(SchemeRewriteSpecifier::HttpsRedirect(false)) | None => None,
        },
        host: text(&pb.host_redirect),
        port: match pb.port_redirect {
            0 => None,
            n => Some(port.ok(u16::try_from(n).map_err(|_| format!("{n} is no port")))?),
        },
        path: match &pb.path_rewrite_specifier {
            Some(Path::PathRedirect(path)) => text(path).map(RedirectPath::Path),
            Some(Path::PrefixRewrite(prefix)) => text(prefix).map(RedirectPath::Prefix),
            Some(Path::RegexRewrite(pb)) => {
                let (pattern, substitution) = regex_rewrite(&at.field("regex_rewrite"), pb)?;
                Some(RedirectPath::Regex {
                    pattern,
                    substitution,
                })
            }
            None => None,
        },
        response_code: match pb.response_code() {
            RedirectResponseCode::MovedPermanently => None,
            RedirectResponseCode::Found => Some(StatusCode::FOUND),
            RedirectResponseCode::SeeOther => Some(StatusCode::SEE_OTHER),
            RedirectResponseCode::TemporaryRedirect => Some(StatusCode::TEMPORARY_REDIRECT),
            RedirectResponseCode::PermanentRedirect => Some(StatusCode::PERMANENT_REDIRECT),
        },
        strip_query: pb.strip_query,
        strip_port: false,
    })
}

pub(super) fn direct_response(at: &At<'_>, pb: &DirectResponseAction) -> Option<DirectResponse> {
    let status = u16::try_from(pb.status)
        .ok()
        .filter(|s| (200..600).contains(s));
    let status = status.and_then(|s| StatusCode::from_u16(s).ok());
    if status.is_none() {
        at.field("status").fail("must be from 200 to 599");
    }
    let body = at.field("body");
    let body = match pb.body.as_ref().and_then(|b| b.specifier.as_ref()) {
        None => "".into(),
        Some(Specifier::InlineString(text)) => text.as_str().into(),
        Some(Specifier::InlineBytes(bytes)) => {
            let text = std::str::from_utf8(bytes).map_err(|_| "is not UTF-8");
            body.field("inline_bytes").ok(text)?.into()
        }
    };
    Some(DirectResponse {
        status: status?,
        body,
    })
}
