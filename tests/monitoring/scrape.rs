//! What a running hopgate says of itself, as Prometheus keeps it.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;
use serde_json::{Value, json};

use crate::support::Gate;

/// Labels that come from the scraping.
const ADDED: [&str; 2] = ["namespace", "pod"];

/// Every series with its value.
#[derive(Debug, PartialEq)]
pub(crate) struct Scrape(BTreeMap<String, f64>);

impl Scrape {
    pub(crate) fn of(gate: &Gate) -> Self {
        let text = gate.metrics();
        let series = text.lines().filter(|line| !line.starts_with('#')).map(|line| {
            let (series, value) = line.rsplit_once(' ').expect("a series and its value");
            (series.to_owned(), value.parse().expect("a number"))
        });
        Self(series.collect())
    }

    /// Series of promtool: what this scrape holds, then for the rest what `later` does.
    pub(crate) fn then(&self, later: &Self) -> Vec<Value> {
        self.0.iter().map(|(series, value)| input(series, &format!("{value}x3 {}x60", later.0[series]))).collect()
    }

    /// Series of promtool in which everything happens: counters grow, and no gauge is 0.
    pub(crate) fn busy(&self) -> Vec<Value> {
        let grows = |series: &str| {
            let name = series.split('{').next().unwrap_or_default();
            ["_total", "_bucket", "_count", "_sum"].iter().any(|end| name.ends_with(end))
        };
        let values = |series: &str, value: f64| {
            if grows(series) { format!("{value}+1x60") } else { format!("{}x60", value.max(1.0)) }
        };
        self.0.iter().map(|(series, value)| input(series, &values(series, *value))).collect()
    }

    /// Metrics by their names here, those of a histogram by their common one.
    pub(crate) fn metrics(&self) -> BTreeSet<&str> {
        self.0.keys().map(|series| base(series.split('{').next().unwrap_or_default())).collect()
    }

    /// The values of the labels of `metric`; nothing where there is no such metric.
    fn labels(&self, metric: &str) -> BTreeMap<&str, BTreeSet<&str>> {
        let mut labels: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for series in self.0.keys().filter(|series| series.split('{').next() == Some(metric)) {
            let inside = series.split_once('{').and_then(|(_, rest)| rest.strip_suffix('}')).unwrap_or_default();
            for (name, value) in inside.split(',').filter_map(|label| label.split_once('=')) {
                labels.entry(name).or_default().insert(value.trim_matches('"'));
            }
        }
        labels
    }

    /// What an expression or a legend names that does not exist: metrics, labels, and values of labels.
    pub(crate) fn unknown(&self, expression: &str, legend: &str) -> Vec<String> {
        let mut unknown = Vec::new();
        let mut known: BTreeSet<_> = ADDED.into();
        for selector in regex(r"\b(hopgate_\w+)(?:\{([^}]*)\})?").captures_iter(expression) {
            let (metric, matchers) = (selector.get(1).unwrap().as_str(), selector.get(2).map_or("", |m| m.as_str()));
            if !self.0.keys().any(|series| series.split('{').next() == Some(metric)) {
                unknown.push(metric.to_owned());
            }
            let labels = self.labels(metric);
            for matcher in regex(r#"(\w+)(?:=~|!~|!=|=)"([^"]*)""#).captures_iter(matchers) {
                let (label, value) = (matcher.get(1).unwrap().as_str(), matcher.get(2).unwrap().as_str());
                let there = labels.get(label).is_some_and(|values| values.contains(value));
                if !there && !ADDED.contains(&label) {
                    unknown.push(format!("{metric}{{{label}=\"{value}\"}}"));
                }
            }
            known.extend(labels.into_keys());
        }
        let grouped = regex(r"\b(?:by|without|on|ignoring) ?\(([^)]*)\)");
        let grouped = grouped.captures_iter(expression).flat_map(|found| found.get(1).unwrap().as_str().split(','));
        let shown = regex(r"\{\{ ?(?:\$labels\.)?(\w+) ?\}\}");
        let shown = shown.captures_iter(legend).map(|found| found.get(1).unwrap().as_str());
        unknown.extend(grouped.map(str::trim).chain(shown).filter(|name| !known.contains(name)).map(str::to_owned));
        unknown
    }
}

/// A series of one pod, as scraping labels it.
fn input(series: &str, values: &str) -> Value {
    let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
    let comma = if labels == "}" { "" } else { "," };
    json!({ "series": format!("{name}{{namespace=\"shop\",pod=\"a\"{comma}{labels}"), "values": values })
}

/// The name of a histogram without that of its series.
pub(crate) fn base(name: &str) -> &str {
    ["_bucket", "_count", "_sum"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name)
}

/// Metrics that `text` names, those of a histogram by their common one.
pub(crate) fn named(text: &str) -> BTreeSet<&str> {
    regex(r"\bhopgate_\w+").find_iter(text).map(|found| base(found.as_str())).collect()
}

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a pattern")
}
