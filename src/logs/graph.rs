//! Who called whom for whom.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use super::name::{mermaid, shown};
use super::record::{Decision, Record};
use super::svg::{Drawing, Hop, Kind, MAX_ARROWS};
use super::view::HIDDEN;

/// Most different ways that are told apart.
const MAX_WAYS: usize = 10_000;
/// Longest name that is held, bytes: those of records are no longer.
const MAX_NAME: usize = 1024;

/// Most callers of one way that are shown: no configuration allows so long a chain.
const MAX_CALLERS: usize = 64;

/// From the subject over its agents to the service; how often which decision came.
#[derive(Debug, Default)]
pub struct Graph {
    ways: BTreeMap<Vec<Node>, Counted>,
    others: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// One line for each way.
    Text,
    /// A flowchart of Mermaid.
    Mermaid,
    /// A picture.
    Svg,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Node {
    /// Nobody of whom anything is verified.
    Unknown,
    /// Somebody whose name the record was told to leave out.
    Hidden,
    Caller(String),
    /// So many callers, not shown.
    More(usize),
    /// `None`: none was found.
    Service(Option<String>),
}

fn cut(name: &str) -> String {
    if name.len() <= MAX_NAME {
        return name.to_owned();
    }
    let end = (0..=MAX_NAME).rev().find(|end| name.is_char_boundary(*end)).unwrap_or_default();
    name.get(..end).unwrap_or_default().to_owned() + "…"
}

#[derive(Default)]
struct Hops<'a> {
    /// With their numbers in Mermaid.
    nodes: BTreeMap<&'a Node, usize>,
    edges: BTreeMap<(&'a Node, &'a Node), Counted>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counted {
    allow: u64,
    deny: u64,
    answer: u64,
}

impl Graph {
    pub fn add(&mut self, record: &Record) {
        let path = record.known().path();
        let mut way: Vec<_> = path.iter().take(MAX_CALLERS).map(|name| Node::Caller(cut(name))).collect();
        if let Some(more) = path.len().checked_sub(MAX_CALLERS).filter(|more| *more > 0) {
            way.push(Node::More(more));
        }
        if way.is_empty() {
            way.push(if record.is_hidden() { Node::Hidden } else { Node::Unknown });
        }
        way.push(Node::Service(record.service.as_deref().map(cut)));
        if self.ways.len() >= MAX_WAYS && !self.ways.contains_key(&way) {
            self.others = self.others.saturating_add(1);
            return;
        }
        self.ways.entry(way).or_default().add(record.decision);
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ways.is_empty()
    }

    /// # Errors
    /// What writing fails with.
    pub fn write(&self, out: &mut impl Write, format: Format) -> io::Result<()> {
        match format {
            Format::Text => self.text(out),
            Format::Mermaid => self.mermaid(out),
            Format::Svg => self.svg(out),
        }
    }

    /// Decisions of ways for which there was no room.
    #[must_use]
    pub fn others(&self) -> u64 {
        self.others
    }

    fn text(&self, out: &mut impl Write) -> io::Result<()> {
        for (way, counted) in &self.ways {
            let way: Vec<_> = way.iter().map(Node::text).collect();
            writeln!(out, "{}  {}", way.join(" → "), counted.text())?;
        }
        Ok(())
    }

    /// Every node once, and every hop between two of them.
    fn hops(&self) -> Hops<'_> {
        let mut hops = Hops::default();
        for (way, counted) in &self.ways {
            for node in way {
                let next = hops.nodes.len();
                hops.nodes.entry(node).or_insert(next);
            }
            // A chain that comes back goes over a hop twice, with one decision.
            let once: BTreeSet<_> = way.iter().zip(way.iter().skip(1)).collect();
            for hop in once {
                hops.edges.entry(hop).or_default().join(*counted);
            }
        }
        hops
    }

    fn mermaid(&self, out: &mut impl Write) -> io::Result<()> {
        let Hops { nodes, edges } = self.hops();
        writeln!(out, "flowchart LR")?;
        for (node, at) in &nodes {
            match node {
                Node::Unknown => writeln!(out, "  n{at}([\"no verified token\"])")?,
                Node::Hidden => writeln!(out, "  n{at}([\"not written\"])")?,
                Node::More(more) => writeln!(out, "  n{at}([\"{more} more\"])")?,
                Node::Caller(name) => writeln!(out, "  n{at}[\"{}\"]", mermaid(name))?,
                Node::Service(None) => writeln!(out, "  n{at}[[\"no service\"]]")?,
                Node::Service(Some(name)) => writeln!(out, "  n{at}[[\"{}\"]]", mermaid(name))?,
            }
        }
        for ((from, to), counted) in &edges {
            if let (Some(from), Some(to)) = (nodes.get(from), nodes.get(to)) {
                // Dotted where nothing ever passed.
                let arrow = if counted.allow == 0 { "-.->" } else { "-->" };
                writeln!(out, "  n{from} {arrow}|\"{}\"| n{to}", counted.text())?;
            }
        }
        Ok(())
    }

    fn svg(&self, out: &mut impl Write) -> io::Result<()> {
        let Hops { nodes, edges } = self.hops();
        if edges.len() > MAX_ARROWS {
            let many = format!("{} arrows are too many for a picture, {MAX_ARROWS} at most: filter", edges.len());
            return Err(io::Error::other(many));
        }
        let places: BTreeMap<_, _> = nodes.keys().copied().zip(0..).collect();
        let boxes = nodes.keys().map(|node| (node.kind(), node.text())).collect();
        let hop = |((from, to), counted): ((&Node, &Node), Counted)| {
            let (from, to) = (*places.get(from)?, *places.get(to)?);
            Some(Hop { from, to, label: counted.text(), passed: counted.allow > 0 })
        };
        let arrows = edges.into_iter().filter_map(hop).collect();
        let drawn = Drawing { boxes, arrows }.svg();
        let svg = drawn.ok_or_else(|| io::Error::other("no picture can be laid out of this: take another format"))?;
        out.write_all(svg.as_bytes())
    }
}

impl Node {
    fn kind(&self) -> Kind {
        match self {
            Self::Unknown | Self::Hidden | Self::More(_) => Kind::Nobody,
            Self::Caller(_) => Kind::Caller,
            Self::Service(_) => Kind::Service,
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Unknown => "(no verified token)".to_owned(),
            Self::Hidden => HIDDEN.to_owned(),
            Self::More(more) => format!("({more} more)"),
            Self::Caller(name) | Self::Service(Some(name)) => shown(name).into_owned(),
            Self::Service(None) => "(no service)".to_owned(),
        }
    }
}

impl Counted {
    fn add(&mut self, decision: Decision) {
        let count = match decision {
            Decision::Allow => &mut self.allow,
            Decision::Deny => &mut self.deny,
            Decision::Answer => &mut self.answer,
        };
        *count = count.saturating_add(1);
    }

    fn join(&mut self, more: Self) {
        self.allow = self.allow.saturating_add(more.allow);
        self.deny = self.deny.saturating_add(more.deny);
        self.answer = self.answer.saturating_add(more.answer);
    }

    fn text(self) -> String {
        let Self { allow, deny, answer } = self;
        let answer = if answer > 0 { format!(", {answer} answer") } else { String::new() };
        format!("{allow} allow, {deny} deny{answer}")
    }
}
