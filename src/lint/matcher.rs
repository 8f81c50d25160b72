//! Envoy's matchers of texts, asked about a text.

use super::node::Node;

/// Whether a `StringMatcher` takes `text`; none where that can't be told.
pub(super) fn takes(matcher: &Node<'_>, text: &str) -> Option<bool> {
    let regex = matcher.at("safe_regex");
    if regex.exists() {
        return regex_takes(&regex, text);
    }
    let folded = matcher.at("ignore_case").on();
    let fold = |text: &str| if folded { text.to_ascii_lowercase() } else { text.to_owned() };
    let text = fold(text);
    let wanted = |field: &str| matcher.at(field).text().map(&fold);
    let exact = wanted("exact").map(|wanted| text == wanted);
    exact
        .or_else(|| wanted("prefix").map(|wanted| text.starts_with(&wanted)))
        .or_else(|| wanted("suffix").map(|wanted| text.ends_with(&wanted)))
        .or_else(|| wanted("contains").map(|wanted| text.contains(&wanted)))
}

/// Whether a `RegexMatcher` takes all of `text`. Envoy's expressions are those of RE2, of which ours are kin.
pub(super) fn regex_takes(matcher: &Node<'_>, text: &str) -> Option<bool> {
    let expression = matcher.at("regex").text()?;
    let whole = regex::Regex::new(&format!("^(?:{expression})$")).ok()?;
    Some(whole.is_match(text))
}

/// Whether one of the patterns of a `ListStringMatcher` takes `text`; none where that can't be told.
pub(super) fn list_takes(list: &Node<'_>, text: &str) -> Option<bool> {
    let mut answers = list.at("patterns").items().into_iter().map(|pattern| takes(&pattern, text)).collect::<Vec<_>>();
    answers.sort_unstable();
    // `true` settles it, and what can't be told unsettles `false`.
    match (answers.last(), answers.first()) {
        (Some(Some(true)), _) => Some(true),
        (_, Some(None)) => None,
        _ => Some(false),
    }
}
