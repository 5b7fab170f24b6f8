//! The listeners that `xds:` targets and servers ask for (A27, A36, A47).

use std::fmt::Write;

use super::Bootstrap;

/// A target that no listener can be asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TargetError {
    /// It is no `xds:` target.
    #[error("`{0}` is not of the form xds:///name or xds://authority/name")]
    Form(String),
    /// The bootstrap does not know the authority.
    #[error("the bootstrap has no authority `{0}`")]
    Authority(String),
    /// The bootstrap has no `server_listener_resource_name_template`.
    #[error("the bootstrap has no server_listener_resource_name_template")]
    NoServerTemplate,
}

impl Bootstrap {
    /// The listener to ask for, and the host (with its port) that a target names. A plain
    /// `host:port` is `xds:///host:port`.
    ///
    /// # Errors
    /// When the target has another scheme, or names an authority that the bootstrap does not have.
    pub fn client_listener<'t>(&self, target: &'t str) -> Result<(String, &'t str), TargetError> {
        let form = || TargetError::Form(target.to_owned());
        let (authority, host) = match target.strip_prefix("xds:") {
            None if target.contains("//") => return Err(form()),
            None => (None, target),
            Some(rest) => match rest.strip_prefix("//") {
                None => (None, rest.strip_prefix('/').unwrap_or(rest)),
                Some(rest) => {
                    let (authority, host) = rest.split_once('/').ok_or_else(form)?;
                    (Some(authority).filter(|a| !a.is_empty()), host)
                }
            },
        };
        if host.is_empty() {
            return Err(form());
        }
        let template = match authority {
            None => &self.client_listener_template,
            Some(name) => match self.authorities.get(name) {
                Some(authority) => &authority.client_listener_template,
                None => return Err(TargetError::Authority(name.to_owned())),
            },
        };
        Ok((expand(template, host), host))
    }

    /// The listener that a server on `address` asks for (A36).
    ///
    /// # Errors
    /// When the bootstrap has no template for it.
    pub fn server_listener(&self, address: std::net::SocketAddr) -> Result<String, TargetError> {
        let template = self.server_listener_template.as_ref();
        let template = template.ok_or(TargetError::NoServerTemplate)?;
        Ok(expand(template, &address.to_string()))
    }
}

/// Puts `value` in the place of `%s`, percent-encoded in `xdstp:` names.
fn expand(template: &str, value: &str) -> String {
    if !template.starts_with("xdstp:") {
        return template.replace("%s", value);
    }
    let mut encoded = String::with_capacity(value.len());
    for byte in value.bytes() {
        // RFC 3986's path characters.
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => encoded.push(char::from(byte)),
            _ if b"-._~!$&'()*+,;=:@/".contains(&byte) => encoded.push(char::from(byte)),
            _ => {
                // Writing to a string does not fail.
                let _ = write!(encoded, "%{byte:02X}");
            }
        }
    }
    template.replace("%s", &encoded)
}
