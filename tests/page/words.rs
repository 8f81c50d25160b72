//! The page has words for every field of the record and every check, and for nothing else.

use std::collections::BTreeSet;

use hopgate::authz::Check;
use prost_reflect::DescriptorPool;
use serde_json::Value;

use super::stage::Stage;

#[tokio::test(flavor = "multi_thread")]
async fn every_field_of_the_schema_has_its_place_and_every_check_its_words() {
    let found = Stage::new().visit("words");
    let files = protox::compile(["hopgate/decision/v1/decision.proto"], ["proto"]).unwrap();
    let pool = DescriptorPool::from_file_descriptor_set(files).unwrap();
    let message = pool.get_message_by_name("hopgate.decision.v1.Decision").unwrap();
    let schema: BTreeSet<_> = message.fields().map(|field| field.name().to_owned()).collect();
    let groups: Vec<_> =
        found["groups"].as_object().unwrap().values().flat_map(|group| group.as_object().unwrap()).collect();
    let placed: BTreeSet<_> = groups.iter().map(|(field, _)| (*field).clone()).collect();
    assert_eq!(placed, schema, "src/watch/page/fields.js");
    assert_eq!(groups.len(), placed.len(), "a field has one place");
    let checks: BTreeSet<_> = Check::ALL.into_iter().map(|check| check.name().to_owned()).collect();
    let told: BTreeSet<_> = found["checks"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(told, checks, "src/watch/page/fields.js");
    let words = groups.into_iter().map(|(_, words)| words).chain(found["checks"].as_object().unwrap().values());
    assert!(words.into_iter().all(|words| words.as_str().is_some_and(|words| !words.is_empty())));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_says_what_the_page_has() {
    let found = Stage::new().visit("words");
    let text = std::fs::read_to_string("docs/watch.md").unwrap();
    let verdicts: Vec<_> =
        found["verdicts"].as_array().unwrap().iter().map(|verdict| verdict.as_str().unwrap()).collect();
    let mut listed = column(&text, "| verdict | from the record |");
    listed.sort_unstable();
    let mut known = verdicts.clone();
    known.sort_unstable();
    assert_eq!(listed, known);
    for part in found["parts"].as_array().unwrap() {
        let part = part.as_str().unwrap();
        assert!(column(&text, "| part | shows |").contains(&part), "{part}");
    }
    let (most, recent) = (found["most"].as_u64().unwrap(), hopgate::watch::RECENT);
    assert!(text.contains(&format!("the last {most} decisions it got, the first of them the last {recent}")));
}

/// The first cells of the table whose head is `head`.
pub(super) fn column<'a>(text: &'a str, head: &str) -> Vec<&'a str> {
    let rows = text.lines().skip_while(|line| *line != head).skip(2).take_while(|line| line.starts_with('|'));
    let cells: Vec<_> = rows.map(|row| row.split('|').nth(1).unwrap().trim()).collect();
    assert!(!cells.is_empty(), "no table `{head}`");
    cells
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_the_page_does_not_know_is_shown() {
    let found = Stage::new().visit("unknown");
    assert_eq!(found["group"], "Other");
    assert_eq!(found["value"], "{\"deep\":[\"<b>\"]}");
    let old: Vec<_> = found["old"].as_array().unwrap().iter().map(|verdict| verdict.as_str().unwrap()).collect();
    assert_eq!(old.len(), 14, "{old:?}");
    assert!(old.iter().all(|verdict| *verdict == "not recorded"), "a record without them is not guessed at: {old:?}");
    assert_eq!(found["tools"], Value::from(vec!["any", "delete_document (1)"]));
}
