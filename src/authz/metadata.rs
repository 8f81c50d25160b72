//! What a protected resource says of itself (RFC 9728), answered in the service's place.

use super::path::CanonicalPath;

/// A service's protected resource metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// Its URL, named in every challenge (RFC 9728 section 5.1).
    pub url: Box<str>,
    /// The path of that URL.
    pub path: Box<str>,
    /// The document, JSON (RFC 9728 section 3.2).
    pub document: Box<str>,
}

impl Metadata {
    /// Whether a call asks for the document. It "MUST" be had by GET (RFC 9728 section 3.1); whoever
    /// may GET may ask for the HEAD (RFC 9110 section 9.1).
    pub(super) fn is_asked_for(&self, method: &str, path: CanonicalPath<'_>) -> bool {
        matches!(method, "GET" | "HEAD") && path.as_str() == self.path.as_ref()
    }
}
