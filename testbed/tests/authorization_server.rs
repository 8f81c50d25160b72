//! The authorization server that is not ours, and its client, without anything of ours between them.

use testbed::AuthorizationServer;

#[test]
fn it_starts_and_a_client_that_gives_up_says_why() {
    let server = AuthorizationServer::start(&["http://127.0.0.1:1"], &["read"]).expect("a server");
    let metadata = format!("{}/.well-known/oauth-authorization-server", server.issuer());
    let metadata = ureq::get(&metadata).call().expect("its metadata").body_mut().read_to_string().expect("text");
    assert!(metadata.contains("dpop_signing_alg_values_supported"), "{metadata}");

    let error = server.play("nothing").expect_err("no such scenario");
    assert!(error.to_string().contains("expected one of discovery, user"), "{error}");
    let error = server.play("user").expect_err("nobody listens on port 1");
    assert!(error.to_string().contains("ended early"), "{error}");
}
