//! The routes of a service and which of them a request takes. What takes none is refused.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use super::path::CanonicalPath;
use super::protocol::Speaks;

/// One place where a service can be called.
#[derive(Clone, Debug)]
pub struct Route {
    pub name: Box<str>,
    pub speaks: Speaks,
}

/// Routes by method and path template (`/invoices/{id}`, `/files/{*rest}`). A literal segment
/// wins over a parameter, whatever the order in the configuration.
#[derive(Clone, Default)]
pub struct Routes {
    all: Vec<Arc<Route>>,
    by_method: HashMap<Box<str>, matchit::Router<usize>>,
    /// Reserved characters (RFC 3986 section 2.2) that some template holds literally.
    delimiters: Vec<u8>,
}

/// Where a route is: an HTTP method and a path template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    pub method: &'a str,
    pub template: &'a str,
}

/// Why a route can't be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteConflict(pub String);

impl Routes {
    /// Adds `route` at each of `places`.
    ///
    /// # Errors
    /// A template that `matchit` can't read, or that overlaps one of the same method.
    pub fn add(&mut self, places: &[Place<'_>], route: Route) -> Result<(), RouteConflict> {
        let index = self.all.len();
        self.delimiters.extend(route.speaks.delimiters());
        self.all.push(Arc::new(route));
        for Place { method, template } in places {
            self.delimiters.extend(literal_bytes(template).filter(|byte| b":@!$&'()*+,=".contains(byte)));
            let router = self.by_method.entry((*method).into()).or_default();
            router.insert(*template, index).map_err(|error| RouteConflict(format!("`{template}`: {error}")))?;
        }
        Ok(())
    }

    /// The route that `method` (case-sensitive, RFC 9110 section 9.1) on `path` takes, and the
    /// parameters of its template.
    #[must_use]
    pub(super) fn find<'a>(
        &'a self,
        method: &str,
        path: CanonicalPath<'a>,
    ) -> Option<(&'a Arc<Route>, matchit::Params<'a, 'a>)> {
        let found = self.by_method.get(method)?.at(path.as_str()).ok()?;
        Some((self.all.get(*found.value)?, found.params))
    }

    /// Whether `path` writes a character escaped that tells routes of this service apart: to a
    /// server that decodes first, `/tasks/7%3Acancel` is `/tasks/7:cancel`.
    #[must_use]
    pub(super) fn hides_a_delimiter(&self, path: CanonicalPath<'_>) -> bool {
        path.escapes_any(&self.delimiters)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Route> {
        self.all.iter().map(AsRef::as_ref)
    }
}

/// The bytes of `template` outside its parameters.
fn literal_bytes(template: &str) -> impl Iterator<Item = u8> {
    let mut inside = false;
    template.bytes().filter(move |byte| {
        inside = *byte == b'{' || (inside && *byte != b'}');
        !inside
    })
}

impl fmt::Debug for Routes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.all).finish()
    }
}
