//! `hopgate logs verify`

use std::io::{self, Write};
use std::path::PathBuf;

use super::input::{Step, Stop, each, ended};
use crate::cli::exit::{Exit, fail};
use crate::logs::verify::{Fault, Hash, Verifier};

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
}

pub(super) fn run(args: &Args) -> Exit {
    let mut verifier = Verifier::new(args.after.iter().cloned(), args.expect.iter().cloned());
    let result = verify(&mut verifier, &args.files);
    match ended(result) {
        // What was found stays found, whatever could not be read or written after it.
        _ if verifier.faults > 0 || verifier.gave_up() => Exit::Refused,
        Exit::Done if verifier.records == 0 => {
            fail("no decision record is in there");
            Exit::Faults
        }
        exit => exit,
    }
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
        writeln!(out, "{what} from {first} (seq {from}) to {last} (seq {to}), last hash {hash}")?;
    }
    let Verifier { records, foreign, skipped, faults, .. } = verifier;
    if *skipped > 0 {
        writeln!(out, "{skipped} number(s) were passed over: records that were refused, as their calls were")?;
    }
    if *foreign > 0 {
        writeln!(out, "{foreign} line(s) are no record")?;
    }
    let verdict = if *faults == 0 { "whole" } else { "NOT WHOLE" };
    writeln!(out, "{verdict}: {records} record(s) of {} process(es), {faults} fault(s)", verifier.processes())
}

fn hash(text: &str) -> Result<Hash, String> {
    let fits = text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if fits { Ok(text.to_owned()) } else { Err("expected 64 hexadecimal digits in lower case".to_owned()) }
}
