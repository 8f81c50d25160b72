//! What the integration tests stand on: the real `hopgate serve`, tokens for it, and ways to call it.
//!
//! | want | take |
//! | --- | --- |
//! | a running hopgate with keys, agents and routes to try everything on | [`Plan::new`], then [`Plan::start`] |
//! | to ask it as Envoy does, straight over its socket | [`Gate::ask`] with a [`Call`] |
//! | its decision record of an answer | [`Gate::record`] |
//! | an authorization server that misbehaves on command | [`keyserver::KeyServer`] |
//! | a real Envoy in front, with a service that echoes behind | [`mesh::Mesh`] |
//! | certificates for TLS, good and bad | [`authority::Authority`] |
//! | a container of a pod, run on this machine | [`container::Local`] |
//! | the certificate of RFC 8705, for bound tokens | [`certificate`] |
//! | to send it bytes that are no check, or half of one | [`raw`] |
//! | to send an HTTP request byte by byte | [`http`] |

#![allow(dead_code, reason = "every test binary uses its own part of the harness")]

pub(crate) mod authority;
pub(crate) mod call;
pub(crate) mod certificate;
pub(crate) mod container;
pub(crate) mod gate;
pub(crate) mod http;
pub(crate) mod keyserver;
pub(crate) mod mesh;
pub(crate) mod plan;
pub(crate) mod raw;
pub(crate) mod tokens;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub(crate) use call::{Answer, Call};
pub(crate) use gate::Gate;
pub(crate) use plan::{AUDIENCE, ISSUER, Plan, spiffe};

/// Far longer than anything should take on two busy cores: what waits this long has failed.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// Seconds since 1970.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970");
    i64::try_from(since.as_secs()).expect("a clock before the sun burns out")
}

/// Asks `attempt` again until it gives a value, and says `what` was waited for if it never does.
pub(crate) async fn eventually<T>(what: &str, mut attempt: impl AsyncFnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(value) = attempt().await {
            return value;
        }
        assert!(started.elapsed() < SOON, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
