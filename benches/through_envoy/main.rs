//! What hopgate costs through a real Envoy, side by side with what there is else, in one run of at most 3 minutes.
//!
//! `none` has no authorization; `null` asks a server that allows everything and looks at nothing, the floor of any
//! `ext_authz` server; `jwt_authn` is Envoy's own filter in process, as it comes and with its token cache. The rounds are
//! interleaved, so that whatever else the machine does falls on all alike. wrk, Envoy and the server share its cores.
//!
//! `make bench`; `BENCH_ROUNDS` (5) and `BENCH_SECONDS` (2) of each run may be set.
#![expect(
    clippy::expect_used,
    clippy::arithmetic_side_effects,
    clippy::cast_precision_loss,
    reason = "a bench may stop at the first surprise; its numbers are small"
)]

mod direct;
mod mint;
mod report;
mod stand;
mod wrk;

use std::env;
use std::path::{Path, PathBuf};

use mint::{AUDIENCE, Issuer};
use report::Row;
use stand::{Authz, Stand};
use testbed::SocketDir;
use wrk::{CONNECTIONS, Wrk};

/// Tokens that `warm` cycles through.
const WARM_TOKENS: usize = 256;

/// More calls than `cold` can make in a second on two cores, each with a token of its own.
const COLD_TOKENS_PER_SECOND: usize = 20_000;

fn main() {
    let rounds = setting("BENCH_ROUNDS", 5);
    let seconds = setting("BENCH_SECONDS", 2);
    let dir = SocketDir::new().expect("a directory");
    let dir = dir.root();
    let issuer = Issuer::new();
    let warm = dir.join("warm.tokens");
    issuer.write(&warm, "warm", WARM_TOKENS);

    let mut stands = stands(dir, &issuer);
    for stand in &mut stands {
        check(stand, &issuer);
    }
    let mut rows: Vec<Row> = stands.iter().map(|stand| Row { name: stand.name, samples: Vec::new() }).collect();
    let wrk = Wrk::new(dir);
    // Round 0 warms up and is not kept.
    for round in 0..=rounds {
        for (stand, row) in stands.iter_mut().zip(&mut rows) {
            let once = stand.name == "hopgate cold";
            let seconds = if round == 0 { 1 } else { seconds };
            let tokens = if once { cold(dir, &issuer, round, seconds) } else { warm.clone() };
            let sample = wrk.run(stand, &tokens, once, seconds);
            if round > 0 {
                row.samples.push(sample);
            }
        }
    }
    let null = rows.iter().find(|row| row.name == "null").expect("null is measured");
    println!("\n{rounds} rounds of {seconds} s each, {CONNECTIONS} connections, 1 Envoy worker, medians\n");
    println!("{}", report::through_envoy(&rows, &null.samples));
    println!("{}", straight(&stands, dir, &issuer, rounds, seconds));
    println!("{}", idle(&stands));
}

fn setting(name: &str, default: u32) -> u32 {
    env::var(name).map_or(default, |text| text.parse().expect("a whole number"))
}

fn stands(dir: &Path, issuer: &Issuer) -> Vec<Stand> {
    let mut stands = vec![
        Stand::none(),
        Stand::ext_authz("null", Authz::null(dir), false),
        Stand::jwt_authn("jwt_authn", issuer, None),
        Stand::jwt_authn("jwt_authn, cached", issuer, Some(1024)),
    ];
    for name in ["hopgate warm", "hopgate cold"] {
        match Authz::hopgate(&name.replace(' ', "-"), dir, issuer) {
            Ok(hopgate) => stands.push(Stand::ext_authz(name, hopgate, true)),
            Err(error) => println!("{name}: not built ({error})"),
        }
    }
    stands
}

/// A fast answer counts only if it is the right one.
fn check(stand: &Stand, issuer: &Issuer) {
    let good = issuer.token(AUDIENCE, "probe");
    let foreign = Issuer::new().token(AUDIENCE, "probe");
    let elsewhere = issuer.token("https://elsewhere.bench.local", "probe");
    assert_eq!(stand.probe(Some(&good)), 200, "{}: a good token", stand.name);
    for (what, token) in
        [("no token", None), ("another issuer's signature", Some(&foreign)), ("another audience", Some(&elsewhere))]
    {
        let passed = stand.probe(token.map(String::as_str)) == 200;
        assert_eq!(passed, !stand.refuses, "{}: {what}", stand.name);
    }
}

/// Tokens of a round that were never sent before.
fn cold(dir: &Path, issuer: &Issuer, round: u32, seconds: u32) -> PathBuf {
    let file = dir.join("cold.tokens");
    let count = COLD_TOKENS_PER_SECOND * seconds as usize;
    issuer.write(&file, &format!("cold-{round}"), count);
    file
}

fn straight(stands: &[Stand], dir: &Path, issuer: &Issuer, rounds: u32, seconds: u32) -> String {
    let token = issuer.token(AUDIENCE, "straight");
    let foreign = Issuer::new().token(AUDIENCE, "straight");
    let servers = stands
        .iter()
        .filter(|stand| stand.name != "hopgate cold")
        .filter_map(|stand| Some((stand, stand.authz.as_ref()?)));
    let mut rows: Vec<_> = servers.map(|(stand, authz)| (stand, authz, Vec::new())).collect();
    for (stand, authz, _) in &rows {
        let codes = direct::probe(authz, &[&token, &foreign]);
        let passed: Vec<bool> = codes.iter().map(|code| *code == 0).collect();
        assert_eq!(passed, [true, !stand.refuses], "{}", stand.name);
    }
    for _ in 0..rounds {
        for (_, authz, samples) in &mut rows {
            samples.push(direct::run(authz, dir, &token, seconds));
        }
    }
    let rows: Vec<_> = rows.into_iter().map(|(stand, _, samples)| (stand.name, samples)).collect();
    let null = rows.iter().find(|row| row.0 == "null").expect("null is measured");
    report::straight(&rows, &null.1)
}

fn idle(stands: &[Stand]) -> String {
    let lines = stands.iter().filter_map(|stand| {
        let Authz { ready, idle_bytes, .. } = stand.authz.as_ref()?;
        let mib = *idle_bytes as f64 / f64::from(1 << 20);
        Some(format!("{}: answers {} ms after its start, {mib:.1} MiB idle", stand.name, ready.as_millis()))
    });
    lines.collect::<Vec<_>>().join("\n")
}
