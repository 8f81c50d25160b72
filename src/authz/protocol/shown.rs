//! What of a caller's words may be written down.

use std::borrow::Cow;

use super::Operation;

/// Stands for what is left out.
const LEFT_OUT: &str = "…";

impl Operation {
    /// The method as it may be written down; nothing where it is unknown.
    #[must_use]
    pub fn shown_method(&self) -> Option<Cow<'_, str>> {
        Some(self.method.as_ref()).filter(|method| !method.is_empty()).map(without_query)
    }

    /// The name as it may be written down: a URI without what often is a secret, its user and query;
    /// and no id of a task of MCP, which is all that is needed to get at it.
    #[must_use]
    pub fn shown_name(&self) -> Option<Cow<'_, str>> {
        let name = self.name.as_deref()?;
        match self.method.as_ref() {
            method if method.starts_with("tasks/") => None,
            method if method.starts_with("resources/") || name.contains("://") => Some(without_secrets(name)),
            _ => Some(without_query(name)),
        }
    }
}

/// A name without what looks like a query in it, which no name of a method or tool has.
fn without_query(name: &str) -> Cow<'_, str> {
    match name.split_once('?') {
        None => Cow::Borrowed(name),
        Some((name, _)) => Cow::Owned(format!("{name}?{LEFT_OUT}")),
    }
}

/// A URI without its user, query and fragment, and without what `data:` carries. What is none, but reads as a user with a
/// password to somebody, loses those as well.
fn without_secrets(uri: &str) -> Cow<'_, str> {
    let plain = uri.split(['?', '#']).next().unwrap_or_default();
    let Some((scheme, rest)) = plain.split_once(':') else { return Cow::Borrowed(plain) };
    if scheme.eq_ignore_ascii_case("data") {
        let kind = rest.split(',').next().unwrap_or_default();
        return Cow::Owned(format!("{scheme}:{kind},{LEFT_OUT}"));
    }
    let (slashes, rest) = rest.split_at(rest.len().saturating_sub(rest.trim_start_matches(['/', '\\']).len()));
    let (authority, path) = match slashes {
        "//" => rest.split_at(rest.find('/').unwrap_or(rest.len())),
        _ => ("", rest),
    };
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    Cow::Owned(format!("{scheme}:{slashes}{host}{}", without_password(path)))
}

/// `text` without what stands before the `@` of each part that has a `:` before it.
fn without_password(text: &str) -> Cow<'_, str> {
    let is_login = |part: &str| part.rsplit_once('@').is_some_and(|(login, _)| login.contains(':'));
    if !text.split('/').any(is_login) {
        return Cow::Borrowed(text);
    }
    let parts = text.split('/').map(|part| match part.rsplit_once('@') {
        Some((_, behind)) if is_login(part) => Cow::Owned(format!("{LEFT_OUT}@{behind}")),
        _ => Cow::Borrowed(part),
    });
    Cow::Owned(parts.collect::<Vec<_>>().join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_down_of_a_uri_holds_no_secret() {
        for (uri, shown) in [
            ("file:///docs/a.md", "file:///docs/a.md"),
            ("file:///a@b/c:d", "file:///a@b/c:d"),
            ("https://bob:pw@db.example/x?sig=1#t", "https://db.example/x"),
            ("https://db.example:443/@bob/x", "https://db.example:443/@bob/x"),
            ("db://u@p@host/x@y", "db://host/x@y"),
            ("docs:a?token=1", "docs:a"),
            ("postgres:bob:pw@db", "postgres:…@db"),
            ("https:/bob:pw@db/x", "https:/…@db/x"),
            ("HTTPS:\\\\bob:pw@db/x", "HTTPS:\\\\…@db/x"),
            ("https://b/ob:pw@db/x", "https://b/…@db/x"),
            ("data:text/plain,secret", "data:text/plain,…"),
            ("plain", "plain"),
        ] {
            assert_eq!(without_secrets(uri), shown);
        }
    }

    #[test]
    fn no_query_is_written_down_with_a_name() {
        let operation = |method: &str, name: &str| Operation {
            method: method.into(),
            name: Some(name.into()),
            ..Operation::default()
        };
        let asked = operation("tools/call?token=1", "search?token=1");
        assert_eq!(asked.shown_method().as_deref(), Some("tools/call?…"));
        assert_eq!(asked.shown_name().as_deref(), Some("search?…"));
        let completed = operation("completion/complete", "db://bob:pw@host/{table}");
        assert_eq!(completed.shown_name().as_deref(), Some("db://host/{table}"));
        assert_eq!(operation("tasks/get", "1").shown_name(), None);
        assert_eq!(operation("", "").shown_method(), None);
    }
}
