//! Names that logs, dashboards and scripts depend on. A change here is a change of the API.

use hopgate::authz::{Check, Reason};

#[test]
fn reason_codes_with_their_checks_and_answers() {
    let lines: Vec<_> = Reason::ALL
        .iter()
        .map(|reason| format!("{:<24} {:<11} {:?}", reason.code(), reason.check().name(), reason.answer()))
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn check_names() {
    let names: Vec<_> = Check::ALL.into_iter().map(Check::name).collect();
    insta::assert_snapshot!(names.join(" "));
}

#[test]
fn metric_names() {
    let text = hopgate::metrics::Metrics::new().render().unwrap();
    let names: Vec<_> = text.lines().filter(|line| line.starts_with("# TYPE")).collect();
    insta::assert_snapshot!(names.join("\n"));
}

#[test]
fn configuration_schema() {
    insta::assert_json_snapshot!(hopgate::config::schema());
}
