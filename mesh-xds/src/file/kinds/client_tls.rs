//! `ClientTLSSettings`. Only `DISABLE` is enforced, which is what a call without TLS is; every other
//! mode is validated and refused.

use crate::file::{
    problem::NoteKind,
    reader::{Obj, Val},
    schema::{Schema, enforced, not_yet},
};

pub(super) const SCHEMAS: &[&Schema] = &[&CLIENT_TLS];

static CLIENT_TLS: Schema = Schema::new(
    "ClientTLSSettings",
    &[
        enforced("mode"),
        not_yet("clientCertificate"),
        not_yet("privateKey"),
        not_yet("caCertificates"),
        not_yet("credentialName"),
        not_yet("subjectAltNames"),
        not_yet("sni"),
        not_yet("insecureSkipVerify"),
        not_yet("caCrl"),
    ],
);

/// What `ISTIO_MUTUAL` takes from the workload itself.
const OWN_CERTIFICATE: [&str; 5] = [
    "clientCertificate",
    "privateKey",
    "caCertificates",
    "credentialName",
    "caCrl",
];

#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Disable,
    Simple,
    Mutual,
    IstioMutual,
}

/// Validates the settings, and refuses those that ask for TLS.
pub(super) fn check(value: &Val<'_>) {
    let Some(obj) = value.object(&CLIENT_TLS) else {
        return;
    };
    let mode = match obj.get("mode") {
        Some(v) => {
            let mode = v.choice(&[
                ("DISABLE", 0, Mode::Disable),
                ("SIMPLE", 1, Mode::Simple),
                ("MUTUAL", 2, Mode::Mutual),
                ("ISTIO_MUTUAL", 3, Mode::IstioMutual),
            ]);
            if let Some(mode) = mode {
                if mode == Mode::Disable {
                    v.note(
                        NoteKind::Ignored,
                        "calls are plain already: there is no TLS yet",
                    );
                } else {
                    v.refuse("TLS to other services");
                }
            }
            mode
        }
        // The default, whatever else is there.
        None => Some(Mode::Disable),
    };
    texts(&obj);
    match mode {
        Some(Mode::Mutual) if obj.unenforced("credentialName").is_none() => {
            for field in ["clientCertificate", "privateKey"] {
                if obj.unenforced(field).is_none() {
                    obj.fail(field, "is required for MUTUAL");
                }
            }
        }
        Some(Mode::IstioMutual) => {
            for field in OWN_CERTIFICATE {
                if obj.unenforced(field).is_some() {
                    obj.fail(field, "ISTIO_MUTUAL brings its own certificates");
                }
            }
        }
        _ => {}
    }
}

fn texts(obj: &Obj<'_>) {
    for field in OWN_CERTIFICATE.into_iter().chain(["sni"]) {
        let _ = obj.unenforced(field).and_then(|v| v.text());
    }
    let names = obj.unenforced("subjectAltNames");
    for name in names.map_or(Vec::new(), |v| v.list()) {
        let _ = name.text();
    }
    let _ = obj
        .unenforced("insecureSkipVerify")
        .and_then(|v| v.boolean());
}
