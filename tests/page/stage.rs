//! A hopgate whose page is visited, and what is done meanwhile.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;

use hopgate::dev::keys::SigningKey;
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};
use testbed::browser::{self, Visit};
use testbed::ports;
use tokio::runtime::Handle;
use tokio::task::block_in_place;

use crate::support::{Call, Gate, Plan, SOON, spiffe, tokens};

/// Names that would break a page, or be taken for something else, if they were more than text.
pub(super) const MARKUP: &str = "<img src=x onerror=\"document.title='owned'\">";
pub(super) const CLOSING: &str = "</td></table><script>document.title='owned'</script>";
pub(super) const RIGHT_TO_LEFT: &str = "\u{5d0}\u{5d1}\u{202e} planner";

pub(super) struct Stage {
    gate: Option<Gate>,
    /// Who follows besides the page.
    crowd: Vec<TcpStream>,
    pub(super) address: SocketAddr,
}

impl Stage {
    /// `caller` is only observed; everything else is enforced.
    pub(super) fn new() -> Self {
        let address = ports::free().expect("a port");
        let plan = Plan::new().set("/watch", json!(address.to_string()));
        Self { gate: Some(plan.set("/enforcement/caller", json!("observe")).start()), crowd: Vec::new(), address }
    }

    pub(super) fn gate(&mut self) -> &mut Gate {
        self.gate.as_mut().expect("a running hopgate")
    }

    /// Visits the page as `tests/page/{scenario}.mjs` says, and does what it asks for. Nothing may be written to the console, and
    /// nobody else may be asked for anything.
    pub(super) fn visit(&mut self, scenario: &str) -> Value {
        let Visit { found, faults, elsewhere } = self.visit_whatever_fails(scenario);
        assert_eq!((faults, elsewhere), (Vec::new(), Vec::new()));
        found
    }

    /// As [`Self::visit`], where something must fail.
    pub(super) fn visit_whatever_fails(&mut self, scenario: &str) -> Visit {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/page/{scenario}.mjs"));
        block_in_place(|| {
            let address = self.address;
            browser::drive(&file, address, |asked| {
                let deed = asked.as_str().expect("a deed");
                Handle::current().block_on(self.act(deed))
            })
        })
        .unwrap_or_else(|error| panic!("{error}"))
    }

    /// Does `deed`; gives the record, if it is a decision.
    pub(super) async fn act(&mut self, deed: &str) -> Value {
        let gate = self.gate();
        let call = match deed {
            "allow" => Call::get("/invoices").bearer(&gate.token()),
            "allow a chain" => {
                let token = gate.mint(&tokens::of("alice").actors(["researcher", "planner"]));
                Call::get("/invoices/7").bearer(&token).peer(&spiffe("researcher"))
            }
            "would refuse" => Call::get("/bound").bearer(&gate.token()).peer(&spiffe("researcher")),
            "refuse the chain" => Call::refund(&gate.mint(&tokens::of("bob").actors(["researcher", "planner"])))
                .peer(&spiffe("researcher")),
            "refuse a stranger" => {
                Call::get("/by-planner").bearer(&gate.mint(&tokens::of("alice").actors(["stranger"])))
            }
            "refuse a forgery" => {
                let other = SigningKey::generate(Algorithm::ES256).expect("a key").with_kid(gate.plan.key.kid());
                Call::get("/invoices").bearer(&tokens::alice().sign(&other).expect("signed"))
            }
            "refuse without a token" => Call::get("/invoices").peer(&spiffe("planner")),
            "refuse hostile names" => {
                let subject = format!("{MARKUP}{}", "A".repeat(900));
                let token = tokens::of(&subject).actors([RIGHT_TO_LEFT, CLOSING]);
                Call::get("/open").bearer(&gate.mint(&token)).header("x-request-id", MARKUP)
            }
            "crowd" => {
                // More than are let in.
                self.crowd = (0..17).map(|_| follower(self.address)).collect();
                return Value::Null;
            }
            "disperse" => {
                self.crowd.clear();
                return Value::Null;
            }
            "end" => {
                let mut gate = self.gate.take().expect("a running hopgate");
                gate.service.kill().expect("killed");
                self.gate = Some(gate);
                return Value::Null;
            }
            "start" => {
                let gate = self.gate.take().expect("one that ended");
                self.gate = Some(Gate::start(gate.plan));
                return Value::Null;
            }
            other => panic!("no deed `{other}`"),
        };
        let answer = gate.ask(&call).await;
        gate.record(&answer)
    }
}

/// Somebody who asked for the stream of events, and was answered.
fn follower(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(SOON)).expect("a timeout");
    stream.write_all(b"GET /decisions HTTP/1.1\r\nhost: localhost\r\n\r\n").expect("asked");
    stream.read_exact(&mut [0; 12]).expect("an answer");
    stream
}
