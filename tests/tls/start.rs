use testbed::{Error, Service};

use super::stage::{SERVER, mount, plan};
use crate::support::gate::command;
use crate::support::{Plan, SOON};

fn fails_to_start(plan: &Plan, said: &str) {
    plan.write();
    let mut program = command();
    program.args(["serve", "--config"]).arg(plan.file());
    let mut service = Service::start("hopgate", program).expect("a process");
    match service.wait_for_line(SOON, |_| true) {
        Err(Error::Ended { status, stderr, .. }) => {
            assert_eq!(status, "exit status: 3", "{stderr}");
            assert!(stderr.contains(said), "{stderr}");
            assert!(!stderr.contains("PRIVATE KEY"), "{stderr}");
        }
        other => panic!("{other:?}"),
    }
    let checked = command().arg("check").arg(plan.file()).output().expect("it runs");
    assert_eq!(checked.status.code(), Some(3), "and `hopgate check` says so before");
    assert!(String::from_utf8_lossy(&checked.stderr).contains(said));
}

#[tokio::test(flavor = "multi_thread")]
async fn with_files_that_are_not_good_nothing_is_served() {
    let (plan, _, authority, server) = plan();
    let other = authority.issue(&[SERVER]);
    for (certificate, key, ca, said) in [
        (&server.pem, &other.key_pem, &authority.pem(), "tls.key_file: is not the key of the first certificate"),
        (&server.pem, &server.key_pem, &server.pem, "tls.client_ca_file: holds a certificate that is no authority's"),
        (&server.key_pem, &server.key_pem, &authority.pem(), "tls.certificate_file: holds no PEM certificate"),
    ] {
        mount(&plan, certificate, key, ca);
        fails_to_start(&plan, said);
    }
    std::fs::remove_dir_all(plan.dir.root().join("secret")).expect("removed");
    fails_to_start(&plan, "tls.certificate_file: can't read `");
}
