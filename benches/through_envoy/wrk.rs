//! One measured run of wrk against one Envoy.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::stand::Stand;

pub(crate) const CONNECTIONS: u32 = 16;

/// What one run showed. Latencies in µs, CPU in µs per call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) p50: f64,
    pub(crate) p90: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
    pub(crate) per_second: f64,
    pub(crate) envoy_cpu: f64,
    pub(crate) authz_cpu: f64,
}

/// wrk with our script.
pub(crate) struct Wrk {
    script: PathBuf,
}

impl Wrk {
    pub(crate) fn new(dir: &Path) -> Self {
        let script = dir.join("tokens.lua");
        fs::write(&script, include_str!("tokens.lua")).expect("the script");
        Self { script }
    }

    /// Loads `stand` for `seconds` with the tokens of a file. Any answer but 200 ends the bench.
    ///
    /// `once` says that no token may be sent twice.
    pub(crate) fn run(&self, stand: &mut Stand, tokens: &Path, once: bool, seconds: u32) -> Sample {
        let before = stand.cpu();
        let output = Command::new("wrk")
            .args(["--threads", "1", "--connections", &CONNECTIONS.to_string()])
            .args(["--duration", &format!("{seconds}s"), "--script"])
            .arg(&self.script)
            .arg(stand.url())
            .arg("--")
            .arg(tokens)
            .output()
            .expect("wrk runs: testbed/install-tools.sh");
        let after = stand.cpu();
        if let Some(authz) = &stand.authz {
            authz.forget_records();
        }
        let name = stand.name;
        assert!(output.status.success(), "{name}: {output:?}");
        let text = String::from_utf8_lossy(&output.stdout);
        let line = text.lines().find(|line| line.starts_with('{'));
        let said: Value = line
            .and_then(|line| serde_json::from_str(line).ok())
            .unwrap_or_else(|| unreachable!("{name}: wrk printed {text}"));
        let number = |key| said.get(key).and_then(Value::as_f64).expect("our own script's line");

        assert!(number("failed") < 0.5, "{name}: not every answer was 200: {said}");
        let requests = number("requests");
        if once {
            let sent = requests + f64::from(CONNECTIONS);
            let had = fs::read_to_string(tokens).expect("the tokens").lines().count();
            assert!(sent <= had as f64, "{name}: {sent} requests, but {had} tokens: mint more");
        }
        Sample {
            p50: number("p50"),
            p90: number("p90"),
            p99: number("p99"),
            p999: number("p999"),
            per_second: requests * 1e6 / number("duration"),
            envoy_cpu: after.envoy.saturating_sub(before.envoy).as_secs_f64() * 1e6 / requests,
            authz_cpu: after.authz.saturating_sub(before.authz).as_secs_f64() * 1e6 / requests,
        }
    }
}
