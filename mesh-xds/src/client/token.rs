//! JWTs from files, which prove calls (A97).

use std::{
    path::PathBuf,
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde_json::Value;
use tonic::metadata::{Ascii, MetadataValue};

use crate::file::kinds::base64;

/// A token that was read before is used for a file that cannot be read, but not so near its end.
const MARGIN: Duration = Duration::from_secs(30);

/// A file that holds a token, and is read again for each call: there is one call to a control plane,
/// which stays.
pub(super) struct TokenFile {
    path: PathBuf,
    last: Mutex<Option<Token>>,
}

#[derive(Clone)]
struct Token {
    header: MetadataValue<Ascii>,
    /// `exp`, since 1970.
    expires: Duration,
}

impl TokenFile {
    pub(super) const fn new(path: PathBuf) -> Self {
        Self {
            path,
            last: Mutex::new(None),
        }
    }

    /// `Bearer` and the token; or why there is none that could be used.
    pub(super) async fn authorization(&self) -> Result<MetadataValue<Ascii>, String> {
        self.at(now()).await
    }

    async fn at(&self, now: Duration) -> Result<MetadataValue<Ascii>, String> {
        let path = self.path.clone();
        let read = tokio::task::spawn_blocking(move || std::fs::read_to_string(path)).await;
        let token = match read {
            Ok(Ok(text)) => parse(&text, now),
            Ok(Err(error)) => Err(error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match (token, &*last) {
            (Ok(token), _) => Ok(last.insert(token).header.clone()),
            (Err(error), Some(last)) if now + MARGIN < last.expires => {
                tracing::warn!(%error, "xDS: the token that was read before stays in use");
                Ok(last.header.clone())
            }
            (Err(error), _) => Err(format!("token file {}: {error}", self.path.display())),
        }
    }
}

impl std::fmt::Debug for TokenFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("TokenFile").field(&self.path).finish()
    }
}

/// The token that a file holds.
fn parse(text: &str, now: Duration) -> Result<Token, String> {
    let token = text.trim();
    let mut parts = token.split('.');
    let (Some(_), Some(claims), Some(_), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err("holds no JWT".to_owned());
    };
    let claims = base64::decode(claims).ok_or("its JWT's claims are no base64")?;
    let claims: Value =
        serde_json::from_slice(&claims).map_err(|e| format!("its JWT's claims: {e}"))?;
    let expires = claims.get("exp").and_then(Value::as_f64);
    let expires = expires.and_then(|exp| Duration::try_from_secs_f64(exp).ok());
    let expires = expires.ok_or("its JWT says no time at which it expires (exp)")?;
    if expires <= now {
        let since = (now - expires).as_secs();
        return Err(format!("its JWT has expired {since} s ago"));
    }
    let mut header = MetadataValue::<Ascii>::try_from(format!("Bearer {token}"))
        .map_err(|_| "its JWT has characters that no header can have")?;
    header.set_sensitive(true);
    Ok(Token { header, expires })
}

/// Since 1970.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place: a token's end, and when a resource came, are told by the wall clock"
)]
pub(super) fn now() -> Duration {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const AT: Duration = Duration::from_secs(1_000_000);

    #[test]
    fn what_is_no_usable_token_says_why() {
        // {"exp":1000060}, {}, {"exp":999990}
        for (text, expected) in [
            (
                "x.eyJleHAiOjEwMDAwNjB9.y\n",
                Ok("Bearer x.eyJleHAiOjEwMDAwNjB9.y"),
            ),
            ("", Err("holds no JWT")),
            ("a.b.c.d", Err("holds no JWT")),
            ("x.!.y", Err("its JWT's claims are no base64")),
            ("x.eyJ.y", Err("its JWT's claims: ")),
            (
                "x.e30.y",
                Err("its JWT says no time at which it expires (exp)"),
            ),
            (
                "x.eyJleHAiOjk5OTk5MH0.y",
                Err("its JWT has expired 10 s ago"),
            ),
            ("x\u{e9}.eyJleHAiOjEwMDAwNjB9.\n.y", Err("holds no JWT")),
        ] {
            match (parse(text, AT), expected) {
                (Ok(token), Ok(expected)) => assert_eq!(token.header, expected),
                (Err(error), Err(expected)) => assert!(error.starts_with(expected), "{error}"),
                (result, _) => panic!("{text}: {:?}", result.map(|t| t.header)),
            }
        }
    }

    #[tokio::test]
    async fn a97_a_token_is_kept_while_its_file_cannot_be_read_until_30_s_before_its_end() {
        let name = format!("mesh-token-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::write(&path, "x.eyJleHAiOjEwMDAwNjB9.y").unwrap();
        let file = TokenFile::new(path.clone());
        let first = file.at(AT).await.unwrap();
        assert!(first.is_sensitive());
        fs::remove_file(&path).unwrap();
        let second = Duration::from_secs(1);
        assert_eq!(file.at(AT + 29 * second).await, Ok(first));
        let error = file.at(AT + 30 * second).await.unwrap_err();
        assert!(
            error.contains("token file") && error.contains("No such file"),
            "{error}"
        );
        // {"exp":1000300}: the newest is used.
        fs::write(&path, "x.eyJleHAiOjEwMDAzMDB9.y").unwrap();
        let newer = file.at(AT + 59 * second).await.unwrap();
        assert_eq!(newer, "Bearer x.eyJleHAiOjEwMDAzMDB9.y");
        fs::remove_file(&path).unwrap();
    }
}
