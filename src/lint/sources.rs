//! What there is to look at, whichever kind of document it came in.

use super::Lint;
use super::node::Node;

/// Everything by its kind. Names are looked up in the same file first, as two files may be those of two Envoys.
#[derive(Debug, Default)]
pub(super) struct Sources<'a> {
    pub(super) bootstraps: Vec<Node<'a>>,
    pub(super) listeners: Vec<Node<'a>>,
    /// HTTP connection managers that came without a listener.
    pub(super) managers: Vec<Node<'a>>,
    pub(super) routes: Vec<Node<'a>>,
    /// Scoped route configurations by themselves.
    pub(super) scopes: Vec<Node<'a>>,
    /// Lists of them, as a dump has them.
    pub(super) scope_lists: Vec<Node<'a>>,
    pub(super) clusters: Vec<Node<'a>>,
    /// Filters that are discovered (ECDS).
    pub(super) extensions: Vec<Node<'a>>,
    pub(super) secrets: Vec<Node<'a>>,
    /// What stands elsewhere as well, and is looked at there.
    pub(super) copies: Vec<Node<'a>>,
}

impl<'a> Sources<'a> {
    /// Takes a bootstrap, and its listeners where they stand nowhere else.
    pub(super) fn bootstrap(&mut self, node: &Node<'a>, with_listeners: bool) {
        self.bootstraps.push(node.clone());
        let resources = node.at("static_resources");
        self.secrets.extend(resources.at("secrets").items());
        self.clusters.extend(resources.at("clusters").items());
        if with_listeners {
            self.listeners.extend(resources.at("listeners").items());
        } else {
            self.copies.push(resources);
        }
    }

    /// The resources called `name` in `list`, those of the file of `near` if it has any.
    pub(super) fn named(list: &[Node<'a>], name: &str, near: &Node<'a>) -> Vec<Node<'a>> {
        let all: Vec<_> = list.iter().filter(|node| node.at("name").text() == Some(name)).collect();
        let file = &near.document().file;
        let same: Vec<_> = all.iter().filter(|node| node.document().file == *file).collect();
        if same.is_empty() { all.into_iter().cloned().collect() } else { same.into_iter().copied().cloned().collect() }
    }
}

impl<'a> Lint<'a> {
    /// The cluster `name`, the last one where there are several: a dump has the static ones twice.
    pub(super) fn cluster(&self, name: &str, near: &Node<'a>) -> Option<Node<'a>> {
        let found = Sources::named(&self.sources.clusters, name, near).pop();
        found.inspect(|cluster| self.use_of(cluster))
    }
}
