//! `hopgate logs verify`

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::{Duration, UNIX_EPOCH};

use humantime::format_rfc3339_seconds;

use super::input::{Step, Stop, each, ended};
use crate::audit::clean;
use crate::cli::exit::{Exit, fail};
use crate::logs::Keys;
use crate::logs::verify::{Chain, Fault, Hash, Verifier};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Files of decision records, the oldest first; `-` is stdin.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// The hash that an earlier run printed as the last of a process: a record must have it.
    #[arg(long, value_name = "HASH", value_parser = hash)]
    expect: Vec<Hash>,
    /// The hash with which earlier files ended, which are not here: a record must go on from it.
    #[arg(long, value_name = "HASH", value_parser = hash)]
    after: Vec<Hash>,
    /// Public keys in PEM that sign checkpoints: all that was written must be signed by one of them.
    #[arg(long, value_name = "FILE")]
    key: Vec<PathBuf>,
}

pub(super) fn run(args: &Args) -> Exit {
    let mut verifier = Verifier::new(args.after.iter().cloned(), args.expect.iter().cloned());
    match keys(&args.key) {
        Ok(None) => {}
        Ok(Some(keys)) => verifier = verifier.signed_by(keys),
        Err(why) => {
            fail(why);
            return Exit::Faults;
        }
    }
    let result = verify(&mut verifier, &args.files);
    match ended(result) {
        // What was found stays found, whatever could not be read or written after it.
        _ if verifier.faults > 0 || verifier.gave_up() => Exit::Refused,
        Exit::Done if verifier.is_empty() => {
            fail("no decision record is in there");
            Exit::Faults
        }
        exit => exit,
    }
}

fn keys(files: &[PathBuf]) -> Result<Option<Keys>, String> {
    files.iter().try_fold(None, |keys: Option<Keys>, file| {
        let pem =
            fs::read(file).map_err(|error| format!("can't read `{}`: {error}", clean(&file.to_string_lossy())))?;
        let more = Keys::from_pem(&pem).map_err(|error| format!("`{}`: {error}", clean(&file.to_string_lossy())))?;
        Ok(Some(match keys {
            Some(keys) => keys.and(more),
            None => more,
        }))
    })
}

fn verify(verifier: &mut Verifier, files: &[PathBuf]) -> Result<(), Stop> {
    let mut out = io::stdout().lock();
    let read = each(files, |step| {
        match step {
            Step::Begins(name) => verifier.begin(name),
            Step::Line(line) => {
                let faults = verifier.line(&line);
                say(&mut out, verifier, &faults)?;
                if verifier.gave_up() {
                    return Err(Stop::Enough);
                }
            }
            Step::Waiting => {}
        }
        Ok(())
    });
    match read {
        Ok(()) => {
            let faults = verifier.end();
            say(&mut out, verifier, &faults)?;
        }
        Err(Stop::Enough) => writeln!(out, "there is too much to go on: the rest was not looked at")?,
        Err(stop) => return Err(stop),
    }
    Ok(report(&mut out, verifier)?)
}

fn say(out: &mut impl Write, verifier: &Verifier, faults: &[Fault]) -> io::Result<()> {
    faults.iter().try_for_each(|fault| writeln!(out, "{}", verifier.say(fault)))
}

fn report(out: &mut impl Write, verifier: &Verifier) -> io::Result<()> {
    for chain in verifier.ends() {
        let what = if chain.whole { "process" } else { "piece" };
        let (first, last) = (verifier.place(chain.first), verifier.place(chain.last));
        let (from, to, hash) = (chain.first_seq, chain.last_seq, &chain.hash);
        write!(out, "{what} from {first} (seq {from}) to {last} (seq {to}), last hash {hash}")?;
        writeln!(out, "{}", signed(chain))?;
    }
    let Verifier { records, checkpoints, foreign, skipped, faults, .. } = verifier;
    if *checkpoints > 0 {
        let unchecked = if verifier.has_keys() { "" } else { ", not checked: no --key is given" };
        writeln!(out, "{checkpoints} checkpoint(s){unchecked}")?;
    }
    if *skipped > 0 {
        writeln!(out, "{skipped} number(s) were passed over: records that were refused, as their calls were")?;
    }
    if *foreign > 0 {
        writeln!(out, "{foreign} line(s) are no record")?;
    }
    if verifier.is_empty() && *faults == 0 {
        return Ok(());
    }
    let verdict = if *faults == 0 { "whole" } else { "NOT WHOLE" };
    writeln!(out, "{verdict}: {records} record(s) of {} process(es), {faults} fault(s)", verifier.processes())
}

/// How far a key holds it.
fn signed(chain: &Chain) -> String {
    let Some((until, ended)) = chain.signed.until() else { return String::new() };
    let until = u64::try_from(until).ok().and_then(|secs| UNIX_EPOCH.checked_add(Duration::from_secs(secs)));
    let until = until.map_or_else(|| "an unknown time".to_owned(), |time| format_rfc3339_seconds(time).to_string());
    let rest = match (chain.signed.unsigned, ended) {
        (0, true) => ", when it ended".to_owned(),
        (0, false) => String::new(),
        (records, _) => format!(", but for the last {records} record(s)"),
    };
    format!(", signed at {until}{rest}")
}

fn hash(text: &str) -> Result<Hash, String> {
    let fits = text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if fits { Ok(text.to_owned()) } else { Err("expected 64 hexadecimal digits in lower case".to_owned()) }
}
