use std::{fmt, sync::Arc};

use super::Name;

/// What a glob takes: RFC 3986's `pchar`. (In a template's own text `*` and `=` mean something else.)
const GLOB: &str = r"a-zA-Z0-9\-._~%!$&'()+,;:@*=";

/// `envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig`: `/a/{lang}/*/{rest=**}`.
///
/// `*` and `{name}` take one segment, `**` the rest (nothing may follow that takes more); a literal
/// suffix may end the template (`/{file}.m3u8`). The whole path must match.
///
/// ```
/// use mesh_core::policy::UriTemplate;
/// let template = UriTemplate::try_new("/{lang}/{rest=**}").unwrap();
/// assert!(template.is_match(b"/en/a/b") && !template.is_match(b"/en"));
/// ```
#[derive(Clone)]
pub struct UriTemplate {
    source: Name,
    regex: regex::bytes::Regex,
}

/// `envoy.extensions.path.rewrite.uri_template.v3.UriTemplateRewriteConfig`: a path made of text and
/// the variables of the route's [`UriTemplate`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UriTemplateRewrite {
    source: Name,
    parts: Arc<[RewritePart]>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum RewritePart {
    Text(Name),
    Variable(Name),
}

/// A template that Envoy rejects.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("URI template `{template}`: {problem}")]
pub struct UriTemplateError {
    template: String,
    problem: &'static str,
}

impl UriTemplate {
    /// # Errors
    /// When the template is malformed, has more than 5 variables, or a name of more than 16
    /// characters.
    pub fn try_new(template: &str) -> Result<Self, UriTemplateError> {
        let error = |problem| UriTemplateError {
            template: template.to_owned(),
            problem,
        };
        let pattern = Parser::default().template(template).map_err(error)?;
        let regex = regex::bytes::RegexBuilder::new(&format!("^(?:{pattern})$"))
            .unicode(false)
            .build()
            .map_err(|_| error("is too large"))?;
        Ok(Self {
            source: template.into(),
            regex,
        })
    }

    /// Whether the whole of `path` (without its query) matches.
    pub fn is_match(&self, path: &[u8]) -> bool {
        self.regex.is_match(path)
    }

    /// The template as it was written.
    pub fn as_str(&self) -> &str {
        &self.source
    }

    /// Whether it has a variable of this name.
    fn has(&self, variable: &str) -> bool {
        self.regex
            .capture_names()
            .flatten()
            .any(|name| name == variable)
    }
}

#[derive(Default)]
struct Parser<'a> {
    variables: Vec<&'a str>,
    after_rest: bool,
}

impl<'a> Parser<'a> {
    /// The regular expression of a template.
    fn template(mut self, template: &'a str) -> Result<String, &'static str> {
        let printable = template.bytes().all(|b| b.is_ascii_graphic());
        let mut text = match template.strip_prefix('/') {
            Some(text) if printable => text,
            _ => return Err("must begin with `/` and have printable characters only"),
        };
        let mut pattern = "/".to_owned();
        while !text.is_empty() {
            let (segment, rest) = match text.as_bytes()[0] {
                b'*' => self.operator(text)?,
                b'{' => self.variable(text)?,
                _ => literal(text)?,
            };
            pattern += &segment;
            text = match rest.strip_prefix('/') {
                Some(rest) => {
                    pattern.push('/');
                    rest
                }
                None if rest.is_empty() => rest,
                // A suffix, which ends the template.
                None => match literal(rest)? {
                    (suffix, "") => {
                        pattern += &suffix;
                        ""
                    }
                    _ => return Err("a segment begins with a variable or `*` and goes on"),
                },
            };
        }
        Ok(pattern)
    }

    fn operator<'t>(&mut self, text: &'t str) -> Result<(String, &'t str), &'static str> {
        if self.after_rest {
            return Err("nothing that takes more of the path may follow `**`");
        }
        Ok(match text.strip_prefix("**") {
            Some(rest) => {
                self.after_rest = true;
                (format!("[{GLOB}/]*"), rest)
            }
            None => (format!("[{GLOB}]+"), &text[1..]),
        })
    }

    fn variable(&mut self, text: &'a str) -> Result<(String, &'a str), &'static str> {
        let (inside, rest) = text[1..].split_once('}').ok_or("a `{` has no `}`")?;
        let (name, matches) = match inside.split_once('=') {
            Some((name, matches)) => (name, matches),
            None => (inside, "*"),
        };
        check_name(name)?;
        if self.variables.contains(&name) {
            return Err("a variable is there twice");
        }
        self.variables.push(name);
        if self.variables.len() > 5 {
            return Err("there are more than 5 variables");
        }
        if matches.is_empty() {
            return Err("a variable's match is empty");
        }
        let mut pattern = String::new();
        let mut matches = matches;
        loop {
            let (segment, rest) = match matches.starts_with('*') {
                true => self.operator(matches)?,
                false => literal(matches)?,
            };
            pattern += &segment;
            match rest.strip_prefix('/') {
                Some(rest) if !rest.is_empty() => {
                    pattern.push('/');
                    matches = rest;
                }
                None if rest.is_empty() => break,
                _ => return Err("a variable's match is malformed"),
            }
        }
        Ok((format!("(?P<{name}>{pattern})"), rest))
    }
}

fn check_name(name: &str) -> Result<(), &'static str> {
    let begins = name.starts_with(|c: char| c.is_ascii_alphabetic());
    let rest = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    match begins && rest && name.len() <= 16 {
        true => Ok(()),
        false => Err("a variable's name is a letter and up to 15 letters, digits or `_`"),
    }
}

/// Text up to the next `/`.
fn literal(text: &str) -> Result<(String, &str), &'static str> {
    let (literal, rest) = text.split_at(text.find('/').unwrap_or(text.len()));
    match is_literal(literal) {
        true => Ok((regex::escape(literal), rest)),
        false => Err("a segment has a character that no path segment has here"),
    }
}

fn is_literal(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._~%!$&'()+,;:@".contains(&b);
    !text.is_empty() && text.bytes().all(allowed)
}

impl UriTemplateRewrite {
    /// # Errors
    /// When it does not begin with `/`, has `//`, or a brace that does not belong to a variable.
    pub fn try_new(template: &str) -> Result<Self, UriTemplateError> {
        let error = |problem| UriTemplateError {
            template: template.to_owned(),
            problem,
        };
        if !template.starts_with('/') || template.contains("//") {
            return Err(error("must begin with `/` and have no `//`"));
        }
        let mut parts = Vec::new();
        let mut rest = template;
        while !rest.is_empty() {
            let (text, variable) = rest.split_once('{').unwrap_or((rest, ""));
            if !text.is_empty() {
                if !text.split('/').all(|s| s.is_empty() || is_literal(s)) {
                    return Err(error("has a character that no path has here"));
                }
                parts.push(RewritePart::Text(text.into()));
            }
            if text.len() == rest.len() {
                break;
            }
            let (name, after) = variable
                .split_once('}')
                .ok_or_else(|| error("a `{` has no `}`"))?;
            check_name(name).map_err(error)?;
            parts.push(RewritePart::Variable(name.into()));
            rest = after;
        }
        Ok(Self {
            source: template.into(),
            parts: parts.into(),
        })
    }

    /// The first variable that `template` does not have.
    pub fn missing_from(&self, template: &UriTemplate) -> Option<&str> {
        self.parts.iter().find_map(|part| match part {
            RewritePart::Variable(name) if !template.has(name) => Some(&**name),
            _ => None,
        })
    }

    /// The new path for one that `template` matches; `None` when it does not.
    pub fn rewrite(&self, template: &UriTemplate, path: &str) -> Option<String> {
        let captures = template.regex.captures(path.as_bytes())?;
        let mut out = String::with_capacity(path.len());
        for part in &*self.parts {
            match part {
                RewritePart::Text(text) => out += text,
                // A match of a `str` by an ASCII pattern is one too.
                RewritePart::Variable(name) => {
                    out += std::str::from_utf8(captures.name(name)?.as_bytes()).ok()?;
                }
            }
        }
        Some(out)
    }

    /// The template as it was written.
    pub fn as_str(&self) -> &str {
        &self.source
    }
}

impl PartialEq for UriTemplate {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Eq for UriTemplate {}

impl fmt::Debug for UriTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UriTemplate({:?})", self.source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(template: &str, path: &str) -> bool {
        UriTemplate::try_new(template)
            .unwrap()
            .is_match(path.as_bytes())
    }

    #[test]
    fn globs_take_a_segment_or_the_rest() {
        assert!(matches("/a/*", "/a/b") && !matches("/a/*", "/a/b/c") && !matches("/a/*", "/a/"));
        assert!(matches("/a/**", "/a/") && matches("/a/**", "/a/b/c") && !matches("/a/**", "/a"));
        assert!(matches("/{x=v/*}/b", "/v/1/b") && !matches("/{x=v/*}/b", "/w/1/b"));
        assert!(matches("/{f}.m3u8", "/a.m3u8") && !matches("/{f}.m3u8", "/a.ts"));
        assert!(matches("/a/", "/a/") && !matches("/a/", "/a"));
        assert!(
            matches("/*", "/a=b*") && !matches("/*", "/a^b") && matches("/a.b(c)+$", "/a.b(c)+$")
        );
    }

    #[test]
    fn what_envoy_rejects_is_rejected() {
        for template in [
            "",
            "a",
            "/{a}/{a}",
            "/**/*",
            "/**/{a}",
            "/{a=**}/{b=*}",
            "/{a",
            "/{}",
            "/{a=}",
            "/{1a}",
            "/{a234567890123456_}",
            "/{a}/{b}/{c}/{d}/{e}/{f}",
            "/a b",
            "/{a}b/c",
            "/a=b",
            "/{a=b/}",
        ] {
            assert!(UriTemplate::try_new(template).is_err(), "{template}");
        }
    }

    #[test]
    fn variables_are_put_where_the_rewrite_says() {
        let template = UriTemplate::try_new("/ut/{lang}/{rest=**}").unwrap();
        let rewrite = UriTemplateRewrite::try_new("/re/{rest}/x-{lang}").unwrap();
        assert_eq!(rewrite.missing_from(&template), None);
        assert_eq!(
            rewrite.rewrite(&template, "/ut/en/a/b").unwrap(),
            "/re/a/b/x-en"
        );
        assert_eq!(rewrite.rewrite(&template, "/other"), None);
        let other = UriTemplateRewrite::try_new("/{no}").unwrap();
        assert_eq!(other.missing_from(&template), Some("no"));
        for bad in ["", "a", "//", "/{a", "/a}", "/{a=b}", "/{}"] {
            assert!(UriTemplateRewrite::try_new(bad).is_err(), "{bad}");
        }
    }
}
