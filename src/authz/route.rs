//! The routes of a service and which of them a request takes. What takes none is refused.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use super::path::CanonicalPath;
use super::snapshot::Route;

/// Routes by method and path template (`/invoices/{id}`, `/files/{*rest}`). A literal segment
/// wins over a parameter, whatever the order in the configuration.
#[derive(Clone, Default)]
pub struct Routes {
    routes: Vec<Arc<Route>>,
    by_method: HashMap<Box<str>, matchit::Router<usize>>,
}

/// Why a route can't be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteConflict(pub String);

impl Routes {
    /// Adds `route` for each of `methods` on `template`.
    ///
    /// # Errors
    /// A template that `matchit` can't read, or that overlaps one of the same method.
    pub fn add(&mut self, methods: &[&str], template: &str, route: Route) -> Result<(), RouteConflict> {
        let index = self.routes.len();
        self.routes.push(Arc::new(route));
        for method in methods {
            let router = self.by_method.entry((*method).into()).or_default();
            router.insert(template, index).map_err(|error| RouteConflict(error.to_string()))?;
        }
        Ok(())
    }

    /// The route that `method` (case-sensitive, RFC 9110 section 9.1) on `path` takes.
    #[must_use]
    pub(super) fn find(&self, method: &str, path: CanonicalPath<'_>) -> Option<&Arc<Route>> {
        let found = self.by_method.get(method)?.at(path.as_str()).ok()?;
        self.routes.get(*found.value)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Route> {
        self.routes.iter().map(AsRef::as_ref)
    }
}

impl fmt::Debug for Routes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.routes).finish()
    }
}
