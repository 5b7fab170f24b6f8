//! JSON into a [`Bootstrap`].

use std::{collections::BTreeMap, sync::Arc};

use serde_json::Value;

use super::{
    Authority, Bootstrap, BootstrapError, Server, ServerFeatures,
    creds::{ChannelCreds, call_creds, certificate_provider, channel_creds},
    json::{Field, Notes},
    node::{Node, node},
    server_uri::ServerUri,
};

pub(super) fn read(text: &str) -> Result<Bootstrap, BootstrapError> {
    let value: Value =
        serde_json::from_str(text).map_err(|e| BootstrapError::Json(e.to_string()))?;
    let notes = Notes::default();
    let mut bootstrap = bootstrap(&Field::root(&value, &notes))?;
    bootstrap.ignored = notes.into_sorted();
    Ok(bootstrap)
}

fn bootstrap(field: &Field<'_>) -> Result<Bootstrap, BootstrapError> {
    let mut object = field.object()?;
    let servers_field = object.required("xds_servers")?;
    let servers = servers(&servers_field)?;
    if servers.is_empty() {
        return Err(servers_field.error("is empty"));
    }
    let node = match object.take("node") {
        Some(field) => node(&field)?,
        None => Node::default(),
    };
    let mut authorities = BTreeMap::new();
    if let Some(field) = object.take("authorities") {
        for (name, field) in field.entries()? {
            authorities.insert(Arc::from(name), authority(name, &field)?);
        }
    }
    let mut certificate_providers = BTreeMap::new();
    if let Some(field) = object.take("certificate_providers") {
        for (name, field) in field.entries()? {
            certificate_providers.insert(Arc::from(name), certificate_provider(&field)?);
        }
    }
    Ok(Bootstrap {
        servers,
        node,
        authorities,
        certificate_providers,
        client_listener_template: object
            .text("client_default_listener_resource_name_template")?
            .unwrap_or("%s")
            .to_owned(),
        server_listener_template: object
            .text("server_listener_resource_name_template")?
            .map(str::to_owned),
        ignored: Vec::new(),
    })
}

fn authority(name: &str, field: &Field<'_>) -> Result<Authority, BootstrapError> {
    let mut object = field.object()?;
    let prefix = format!("xdstp://{name}/");
    let client_listener_template = match object.take("client_listener_resource_name_template") {
        Some(field) if !field.text()?.starts_with(&prefix) => {
            return Err(field.error(format!("must start with `{prefix}`")));
        }
        Some(field) => field.text()?.to_owned(),
        None => format!("{prefix}envoy.config.listener.v3.Listener/%s"),
    };
    Ok(Authority {
        servers: match object.take("xds_servers") {
            Some(field) => servers(&field)?,
            None => Vec::new(),
        },
        client_listener_template,
        fallback_on_reachability_only: match object.take("fallback_on_reachability_only") {
            Some(field) => field.bool()?,
            None => false,
        },
    })
}

fn servers(field: &Field<'_>) -> Result<Vec<Server>, BootstrapError> {
    field.items()?.iter().map(server).collect()
}

fn server(field: &Field<'_>) -> Result<Server, BootstrapError> {
    let mut object = field.object()?;
    let uri_field = object.required("server_uri")?;
    let uri: ServerUri = uri_field
        .text()?
        .parse()
        .map_err(|message: String| uri_field.error(message))?;
    let creds_field = object.required("channel_creds")?;
    let channel_creds = channel_creds(&creds_field)?;
    if let Some(secure) = uri.is_secure()
        && secure == (channel_creds == ChannelCreds::Insecure)
    {
        return Err(creds_field.error(format!("contradicts `{uri}`")));
    }
    Ok(Server {
        call_creds: match object.take("call_creds") {
            Some(field) => call_creds(&field, &channel_creds)?,
            None => Vec::new(),
        },
        uri,
        channel_creds,
        features: match object.take("server_features") {
            Some(field) => features(&field)?,
            None => ServerFeatures::default(),
        },
    })
}

/// Unknown entries may be of any type (A30).
fn features(field: &Field<'_>) -> Result<ServerFeatures, BootstrapError> {
    let mut features = ServerFeatures::default();
    for entry in field.items()? {
        match entry.value.as_str() {
            Some("ignore_resource_deletion") => features.ignore_resource_deletion = true,
            Some("fail_on_data_errors") => features.fail_on_data_errors = true,
            // A88 spells it both ways.
            Some("resource_timer_is_transient_error" | "resource_timer_is_transient_failure") => {
                features.resource_timer_is_transient_error = true;
            }
            Some("trusted_xds_server") => features.trusted_xds_server = true,
            // What is always spoken.
            Some("xds_v3") => {}
            _ => entry.ignored("is not known"),
        }
    }
    Ok(features)
}
