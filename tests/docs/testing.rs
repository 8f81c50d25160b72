//! The page on `hopgate test`: its tables run, and its fields are those of the schema.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use hopgate::tables;

use crate::page::{blocks_of, codes, table};
use crate::tables::paths_of;

const PAGE: &str = "docs/testing.md";

/// What `hopgate test` says of the table `text` beside the example, and its exit code.
fn run(name: &str, text: &str) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    for file in ["hopgate.yaml", "hopgate.cedar"] {
        fs::copy(Path::new("examples").join(file), folder.path().join(file)).unwrap();
    }
    fs::write(folder.path().join(name), text).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_hopgate"));
    let output = command.args(["test", "--config", "hopgate.yaml", name]).current_dir(folder.path()).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).unwrap())
}

#[test]
fn every_table_of_the_page_is_decided_as_it_says() {
    for block in blocks_of("yaml table") {
        let (code, said) = run("table.yaml", &block.text);
        assert_eq!(code, Some(0), "{}: {said}", block.place);
    }
}

#[test]
fn a_failing_case_is_shown_as_on_the_page() {
    let [failing] = blocks_of("yaml table failing").try_into().ok().unwrap();
    let [shown] = blocks_of("text test").try_into().ok().unwrap();
    let (code, said) = run("table.yaml", &failing.text);
    assert_eq!(code, Some(4));
    let (until, rest) = shown.text.split_once("       …\n").unwrap();
    assert!(said.starts_with(until), "{said}");
    assert!(said.contains(rest), "{said}");
}

#[test]
fn a_bypass_that_works_is_shown_as_on_the_page() {
    let folder = tempfile::tempdir().unwrap();
    let config = fs::read_to_string("examples/hopgate.yaml").unwrap();
    fs::write(folder.path().join("hopgate.yaml"), format!("{config}enforcement: {{ audience: observe }}\n")).unwrap();
    fs::copy("examples/hopgate.cedar", folder.path().join("hopgate.cedar")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_hopgate"));
    command.args(["test", "--config", "hopgate.yaml", "--bypasses"]).current_dir(folder.path());
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(4));
    let said = String::from_utf8(output.stdout).unwrap();
    let [shown] = blocks_of("text bypass").try_into().ok().unwrap();
    let (until, rest) = shown.text.split_once("       …\n").unwrap();
    assert!(said.starts_with(until), "{said}");
    assert!(said.contains(rest), "{said}");
}

#[test]
fn fields_of_a_table_are_those_of_the_schema() {
    let rows = table(PAGE, "field | meaning");
    let listed: BTreeSet<_> = rows.iter().map(|row| codes(row.first().unwrap()).concat()).collect();
    let schema = paths_of(&tables::schema().to_value()).into_keys();
    // They are those of a case.
    let expected: BTreeSet<_> = schema.filter(|path| !path.starts_with("defaults.")).collect();
    assert_eq!(listed, expected);
}
