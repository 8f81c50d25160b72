//! The parts of a Markdown page that a test looks at.

use std::fs;

/// Every page that is held to its word.
pub(crate) const PAGES: [&str; 18] = [
    "README.md",
    "ARCHITECTURE.md",
    "SECURITY.md",
    "docs/agentgateway.md",
    "docs/configuration.md",
    "docs/decisions.md",
    "docs/envoy-gateway.md",
    "docs/envoy.md",
    "docs/injection.md",
    "docs/istio.md",
    "docs/kubernetes.md",
    "docs/lint-envoy.md",
    "docs/logs.md",
    "docs/operations.md",
    "docs/policies.md",
    "docs/telemetry.md",
    "docs/testing.md",
    "docs/watch.md",
];

pub(crate) fn read(page: &str) -> String {
    fs::read_to_string(page).unwrap_or_else(|error| panic!("{page}: {error}"))
}

/// A fenced block.
pub(crate) struct Block {
    /// What stands behind the opening fence, such as `yaml hopgate`.
    pub(crate) kind: String,
    pub(crate) text: String,
    /// For messages: page and line.
    pub(crate) place: String,
}

pub(crate) fn blocks() -> Vec<Block> {
    let mut blocks = Vec::new();
    for page in PAGES {
        let mut open: Option<Block> = None;
        for (at, line) in read(page).lines().enumerate() {
            match (line.strip_prefix("```"), open.take()) {
                (Some(kind), None) => {
                    let place = format!("{page}:{}", at.saturating_add(1));
                    open = Some(Block { kind: kind.to_owned(), text: String::new(), place });
                }
                (Some(_), Some(block)) => blocks.push(block),
                (None, Some(mut block)) => {
                    block.text.push_str(line);
                    block.text.push('\n');
                    open = Some(block);
                }
                (None, None) => {}
            }
        }
        assert!(open.is_none(), "{page}: a block has no end");
    }
    blocks
}

pub(crate) fn blocks_of(kind: &str) -> Vec<Block> {
    let found: Vec<_> = blocks().into_iter().filter(|block| block.kind == kind).collect();
    assert!(!found.is_empty(), "no page has a `{kind}` block");
    found
}

/// The rows of the table on `page` whose head is `head`, cells separated by ` | `.
pub(crate) fn table(page: &str, head: &str) -> Vec<Vec<String>> {
    let head = format!("| {head} |");
    let text = read(page);
    let rows: Vec<_> = text
        .lines()
        .skip_while(|line| **line != *head)
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .map(|line| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect())
        .collect();
    assert!(!rows.is_empty(), "{page} has no table `{head}`");
    rows
}

/// What stands between backticks in `text`.
pub(crate) fn codes(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}
