//! The tables beside the configurations that we ship.

use super::stage::{DONE, run};

#[test]
fn the_examples_are_decided_as_their_table_says_and_it_reaches_all_of_them() {
    let said = run(&["--config", "examples/hopgate.yaml", "--require-coverage", "examples/hopgate.test.yaml"]);
    assert_eq!(said.code, DONE, "{}{}", said.out, said.err);
}

#[test]
fn the_demo_is_decided_as_its_table_says_and_it_reaches_all_of_it() {
    let said = run(&["--config", "demo/config/invoices.yaml", "--require-coverage", "demo/config/invoices.test.yaml"]);
    assert_eq!(said.code, DONE, "{}{}", said.out, said.err);
}
