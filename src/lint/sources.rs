//! What there is to look at, whichever kind of document it came in.

use std::collections::HashMap;

use super::Lint;
use super::node::Node;
use super::objects::Object;

/// Everything by its kind.
#[derive(Debug, Default)]
pub(super) struct Sources<'a> {
    pub(super) bootstraps: Vec<Node<'a>>,
    pub(super) listeners: Vec<Node<'a>>,
    /// HTTP connection managers that came without a listener.
    pub(super) managers: Vec<Node<'a>>,
    pub(super) routes: Named<'a>,
    /// Scoped route configurations by themselves.
    pub(super) scopes: Vec<Node<'a>>,
    /// Lists of them, as a dump has them.
    pub(super) scope_lists: Named<'a>,
    pub(super) clusters: Named<'a>,
    /// Filters that are discovered (ECDS).
    pub(super) extensions: Named<'a>,
    pub(super) secrets: Named<'a>,
    /// Endpoints of clusters (EDS).
    pub(super) assignments: Vec<Node<'a>>,
    /// Kubernetes objects that have a say.
    pub(super) objects: Vec<Object<'a>>,
    /// And those that have none.
    pub(super) silent: Vec<Node<'a>>,
    /// Istio's mesh configurations.
    pub(super) meshes: Vec<Node<'a>>,
    /// What stands elsewhere as well, and is looked at there.
    pub(super) copies: Vec<Node<'a>>,
    /// Bootstraps whose listeners are all there, also those that came from elsewhere.
    pub(super) dumps: Vec<Node<'a>>,
}

/// What of a bootstrap is elsewhere in the same document, too.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Listed {
    pub(super) listeners: bool,
    pub(super) clusters: bool,
}

impl<'a> Sources<'a> {
    /// Takes a bootstrap. A dump has its listeners and clusters once more, each list by itself.
    pub(super) fn bootstrap(&mut self, node: &Node<'a>, listed: Listed) {
        self.bootstraps.push(node.clone());
        let resources = node.at("static_resources");
        self.secrets.extend(resources.at("secrets").items());
        let (listeners, clusters) = (resources.at("listeners"), resources.at("clusters"));
        if listed.clusters {
            self.copies.push(clusters);
        } else {
            self.clusters.extend(clusters.items());
        }
        if listed.listeners {
            self.copies.push(listeners);
            self.dumps.push(node.clone());
        } else {
            self.listeners.extend(listeners.items());
        }
    }
}

/// Resources by their names, of which there may be several of one.
#[derive(Debug, Default)]
pub(super) struct Named<'a>(HashMap<&'a str, Vec<Node<'a>>>);

impl<'a> Named<'a> {
    pub(super) fn push(&mut self, node: Node<'a>) {
        self.0.entry(node.at("name").text().unwrap_or_default()).or_default().push(node);
    }

    /// Those called `name`, only those of the file of `near` if it has any: two files may be those of two Envoys.
    pub(super) fn get(&self, name: &str, near: &Node<'a>) -> Vec<Node<'a>> {
        let all = self.0.get(name).map_or(&[][..], Vec::as_slice);
        let same: Vec<_> = all.iter().filter(|node| node.document().file == near.document().file).cloned().collect();
        if same.is_empty() { all.to_vec() } else { same }
    }
}

impl<'a> Extend<Node<'a>> for Named<'a> {
    fn extend<I: IntoIterator<Item = Node<'a>>>(&mut self, nodes: I) {
        for node in nodes {
            self.push(node);
        }
    }
}

impl<'a> Lint<'a> {
    /// The clusters `name`: one that is about to be replaced, and its replacement.
    pub(super) fn clusters(&self, name: &str, near: &Node<'a>) -> Vec<Node<'a>> {
        let found = self.sources.clusters.get(name, near);
        found.into_iter().inspect(|cluster| self.use_of(cluster)).collect()
    }
}
