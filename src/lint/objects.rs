//! Kubernetes objects, and which of them hold for the same pods.

use std::collections::BTreeMap;

use super::Lint;
use super::node::Node;

/// Where Istio reads what holds for the whole mesh.
const ROOT_NAMESPACE: &str = "istio-system";

/// An object that has a say in whether hopgate is asked.
#[derive(Clone, Debug)]
pub(super) struct Object<'a> {
    pub(super) kind: &'a str,
    pub(super) root: Node<'a>,
}

/// An object, or a part of it, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Target<'a> {
    pub(super) kind: &'a str,
    pub(super) namespace: &'a str,
    pub(super) name: &'a str,
    /// A listener of a gateway, a rule of a route, or a port.
    pub(super) section: Option<&'a str>,
}

impl<'a> Object<'a> {
    /// As a whole.
    pub(super) fn itself(&self) -> Target<'a> {
        Target { kind: self.kind, namespace: self.namespace(), name: self.name(), section: None }
    }

    pub(super) fn spec(&self) -> Node<'a> {
        self.root.key("spec")
    }

    pub(super) fn name(&self) -> &'a str {
        self.root.down("metadata.name").text().unwrap_or_default()
    }

    pub(super) fn namespace(&self) -> &'a str {
        self.root.down("metadata.namespace").text().unwrap_or("default")
    }

    /// The labels of the pods that it is about; none for all of its namespace.
    fn labels(&self) -> BTreeMap<&'a str, &'a str> {
        let spec = self.spec();
        let selectors = [spec.down("selector.match_labels"), spec.down("workload_selector.labels")];
        let labels = selectors.iter().flat_map(Node::members);
        labels.filter_map(|(name, value)| Some((name, value.text()?))).collect()
    }

    /// What it is about by name.
    pub(super) fn targets(&self) -> Vec<Target<'a>> {
        let spec = self.spec();
        let listed = spec.at("target_refs").items();
        let one = Some(spec.at("target_ref")).filter(Node::exists);
        let named = |node: &Node<'a>, field: &str| node.at(field).text();
        let target = |node: Node<'a>| Target {
            kind: named(&node, "kind").unwrap_or_default(),
            namespace: named(&node, "namespace").unwrap_or(self.namespace()),
            name: named(&node, "name").unwrap_or_default(),
            section: named(&node, "section_name"),
        };
        listed.into_iter().chain(one).map(target).collect()
    }

    /// Whether it holds for every pod that `other` is about.
    pub(super) fn covers(&self, other: &Self) -> bool {
        let everywhere = self.namespace() == ROOT_NAMESPACE && self.labels().is_empty();
        if !everywhere && self.namespace() != other.namespace() {
            return false;
        }
        let theirs = other.labels();
        let targets = other.targets();
        self.labels().iter().all(|(name, value)| theirs.get(name) == Some(value))
            && self.targets().iter().all(|target| targets.contains(target))
    }
}

impl<'a> Lint<'a> {
    pub(super) fn objects(&self, kind: &str) -> Vec<Object<'a>> {
        let found: Vec<_> = self.sources.objects.iter().filter(|object| object.kind == kind).cloned().collect();
        for object in &found {
            self.use_of(&object.root);
        }
        found
    }

    /// Whether what is called so may be hopgate, by what the operator says.
    pub(super) fn may_be_hopgate(&self, name: &str) -> bool {
        let clusters = &self.options.clusters;
        clusters.is_empty() || clusters.iter().any(|cluster| cluster == name)
    }

    /// What `object` is about, by name and by labels.
    pub(super) fn targets(&self, object: &Object<'a>) -> Vec<Target<'a>> {
        let mut targets = object.targets();
        for selector in object.spec().at("target_selectors").items() {
            let kind = selector.at("kind").text().unwrap_or_default();
            let wanted = selector.at("match_labels").members();
            let selected = self.objects(kind).into_iter().filter(|found| {
                let labels = found.root.down("metadata.labels");
                let has = |(name, value): &(&str, Node<'a>)| labels.key(name).text() == value.text();
                found.namespace() == object.namespace() && wanted.iter().all(has)
            });
            targets.extend(selected.map(|found| found.itself()));
        }
        targets
    }

    /// Objects without a say are no matter where others have one.
    pub(super) fn pass_over_silent(&self) {
        let others = !self.sources.objects.is_empty() || !self.managers.borrow().is_empty();
        for silent in self.sources.silent.iter().filter(|_| others) {
            self.use_of(silent);
        }
    }
}
