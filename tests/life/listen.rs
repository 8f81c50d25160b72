use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;
use testbed::{Error, Service, ports};
use tonic::transport::Endpoint;

use crate::support::gate::command;
use crate::support::{Answer, Call, Plan, SOON};

#[tokio::test(flavor = "multi_thread")]
async fn the_socket_has_the_stated_mode_and_nothing_is_left_beside_it() {
    for (mode, expected) in [(None, 0o660), (Some("0600"), 0o600), (Some("666"), 0o666)] {
        let mut plan = Plan::new();
        if let Some(mode) = mode {
            plan = plan.set("/socket_mode", json!(mode));
        }
        let gate = plan.start();
        let found = std::fs::metadata(gate.socket()).expect("the socket").permissions().mode() & 0o777;
        assert_eq!(found, expected);
        let names: Vec<_> = std::fs::read_dir(gate.plan.dir.root())
            .expect("the folder")
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(names.iter().filter(|name| name.to_string_lossy().contains(".sock")).count(), 1, "{names:?}");
    }
}

fn fails_to_start(plan: &Plan, said: &str) {
    plan.write();
    let mut program = command();
    program.args(["serve", "--config"]).arg(plan.file());
    let mut service = Service::start("hopgate", program).expect("a process");
    match service.wait_for_line(SOON, |_| true) {
        Err(Error::Ended { status, stderr, .. }) => {
            assert_eq!(status, "exit status: 1", "{stderr}");
            assert!(stderr.contains(said), "{stderr}");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_that_somebody_serves_is_not_taken_from_them() {
    let gate = Plan::new().start();
    let other = Plan::new().set("/listen", json!(format!("unix:{}", gate.socket().display())));
    fails_to_start(&other, "another process answers on it");
    assert_eq!(gate.get("/open", &gate.token()).await.verdict(), "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_in_the_sockets_place_is_not_removed() {
    let plan = Plan::new();
    std::fs::write(plan.socket(), "precious").expect("written");
    let address = format!("can't bind unix:{}: ", plan.socket().display());
    fails_to_start(&plan, &(address + "the path exists and is not a socket"));
    assert_eq!(std::fs::read_to_string(plan.socket()).expect("still there"), "precious");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_port_in_use_ends_the_start() {
    let gate = Plan::new().start();
    let other = Plan::new().set("/admin", json!(gate.admin().to_string()));
    fails_to_start(&other, "can't bind admin");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loopback_port_serves_as_a_socket_does() {
    let plan = Plan::new();
    let address = ports::free().expect("a port");
    let plan = plan.set("/listen", json!(address.to_string()));
    plan.write();
    let mut program = command();
    program.args(["serve", "--config"]).arg(plan.file());
    let _service = Service::start("hopgate", program).expect("a process");
    ports::wait_for_tcp(address, SOON).expect("a listener");
    let channel = Endpoint::from_shared(format!("http://{address}")).expect("an endpoint").connect_lazy();
    let mut client = envoy_types::pb::envoy::service::auth::v3::authorization_client::AuthorizationClient::new(channel);
    let token = crate::support::tokens::alice().sign(&plan.key).expect("signed");
    let answer = client.check(Call::get("/open").bearer(&token).message()).await.expect("an answer").into_inner();
    assert_eq!(Answer::of(answer).verdict(), "ok");
}
