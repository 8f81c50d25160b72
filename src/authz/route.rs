//! The routes of a service and which of them a request takes. What takes none is refused.

use std::collections::HashMap;
use std::fmt::{self, Write as _};
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
    /// Where each of them is: method and path template.
    places: Vec<Vec<(Box<str>, Box<str>)>>,
    by_method: HashMap<Box<str>, matchit::Router<usize>>,
    /// The same templates without letter case and without a slash at their end, and whether what is
    /// there is public.
    loosely: HashMap<Box<str>, matchit::Router<bool>>,
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
        let public = matches!(route.speaks, Speaks::Public);
        self.delimiters.extend(route.speaks.delimiters());
        self.all.push(Arc::new(route));
        self.places.push(places.iter().map(|place| (place.method.into(), place.template.into())).collect());
        for Place { method, template } in places {
            self.delimiters.extend(literal_bytes(template).filter(|byte| b":@!$&'()*+,=".contains(byte)));
            let router = self.by_method.entry((*method).into()).or_default();
            router.insert(*template, index).map_err(|error| RouteConflict(format!("`{template}`: {error}")))?;
            let template = loose_template(template);
            let router = self.loosely.entry((*method).into()).or_default();
            if router.insert(template.as_str(), public).is_err() && !public {
                // Two that differ in letter case only: what is guarded counts.
                router.remove(template.as_str());
                let _ = router.insert(template, false);
            }
        }
        Ok(())
    }

    /// Whether a server that does not tell letter cases apart, or takes a slash at the end for nothing,
    /// reads `path` as one that is not public.
    #[must_use]
    pub(super) fn may_be_guarded(&self, method: &str, path: CanonicalPath<'_>) -> bool {
        let lower = path.as_str().to_ascii_lowercase();
        let path = if lower.len() > 1 { lower.trim_end_matches('/') } else { &lower };
        // A server answers `HEAD` by what it has for `GET`.
        let methods = [method, "GET"].into_iter().filter_map(|method| self.loosely.get(method));
        methods.filter_map(|router| router.at(path).ok()).any(|found| !*found.value)
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

    /// Every route with the methods and path templates that lead to it.
    pub fn placed(&self) -> impl Iterator<Item = (&Route, Vec<Place<'_>>)> {
        self.iter().zip(&self.places).map(|(route, places)| {
            (route, places.iter().map(|(method, template)| Place { method, template }).collect())
        })
    }
}

/// `template` with its letters in lower case, its parameters numbered, and no slash at its end.
fn loose_template(template: &str) -> String {
    let mut loose = String::with_capacity(template.len());
    let mut rest = template;
    let mut number = 0_usize;
    while let Some((literal, behind)) = rest.split_once('{') {
        let (name, behind) = behind.split_once('}').unwrap_or((behind, ""));
        let star = if name.starts_with('*') { "*" } else { "" };
        // Writing to a String can't fail.
        let _ = write!(loose, "{}{{{star}p{number}}}", literal.to_ascii_lowercase());
        number = number.saturating_add(1);
        rest = behind;
    }
    loose.push_str(&rest.to_ascii_lowercase());
    match loose.strip_suffix('/') {
        Some(shorter) if !shorter.is_empty() => shorter.to_owned(),
        Some(_) | None => loose,
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
