//! A Redis server as a test has it.

use testbed::Redis;

#[test]
fn a_server_keeps_its_place_and_nothing_else() {
    let mut server = Redis::start(&["--maxmemory", "7mb"]).expect("a server");
    let ask = |server: &Redis, words: &[&str]| server.command(words).expect("an answer");
    assert_eq!(ask(&server, &["SET", "a", "1"]), "OK");
    assert!(ask(&server, &["CONFIG", "GET", "maxmemory"]).ends_with("7340032"));
    let place = server.address();
    server.kill().expect("ended");
    server.run().expect("started anew");
    assert_eq!(server.address(), place);
    assert_eq!(ask(&server, &["EXISTS", "a"]), "0");
}
