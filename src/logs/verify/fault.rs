//! What shows that a chain is not whole.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use crate::logs::checkpoint::Rejected;
use crate::logs::name::shown;

/// The SHA-256 of a line in hexadecimal digits, as `prev` has it.
pub type Hash = String;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Which file, in the order they were begun.
    pub(super) file: usize,
    pub(super) line: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where it shows; none for what is missing in all files.
    pub place: Option<Place>,
    pub seq: Option<u64>,
    pub kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The line before, by its number, is another than was there.
    Changed { before: Place, seq: u64 },
    /// Numbers are missing as well as their lines.
    Missing { after: Place, from: u64, to: u64 },
    /// The number was passed already.
    Passed { by: Place, seq: u64 },
    /// Nothing before it is here.
    Beginning,
    /// A line further up goes on from this one.
    Order { successor: Place },
    /// The number does not grow, though the hash is right.
    Number { last: u64 },
    /// The first record of a process was here before.
    Twice { first: Place },
    /// The last line has no end and is no whole record.
    CutOff,
    /// It says what a record says and is in no chain.
    Unlinked,
    /// No time can be read, so no view shows it.
    Undated,
    /// A checkpoint that is none.
    Checkpoint(Rejected),
    /// It signs another line than the one before it.
    Signs { seq: u64 },
    /// It signs another line with the number of the one before it.
    Rewritten,
    /// No checkpoint is in the chain.
    NeverSigned,
    /// The process ended with its last checkpoint, and yet so many records came after.
    AfterEnd { records: u64 },
    /// No checkpoint came for so long.
    Overdue { records: u64, unsigned: Duration },
    /// No line has this hash, which was kept elsewhere.
    NotFound { hash: Hash },
    /// Nothing goes on from this hash.
    NotContinued { hash: Hash },
}

impl Kind {
    /// In words; `name` says where a place is.
    pub(super) fn said<'a>(&'a self, name: &'a dyn Fn(Place) -> String) -> Said<'a> {
        Said { kind: self, name }
    }
}

pub(super) struct Said<'a> {
    kind: &'a Kind,
    name: &'a dyn Fn(Place) -> String,
}

impl fmt::Display for Said<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = |place: &Place| (self.name)(*place);
        match self.kind {
            Kind::Changed { before, seq } => {
                write!(f, "goes on from no line: {} (seq {seq}) was likely changed or replaced", at(before))
            }
            Kind::Missing { after, from, to } => {
                write!(f, "goes on from no line: seq {from} to {to}, after {}, were likely removed", at(after))
            }
            Kind::Passed { by, seq } => {
                write!(f, "goes on from no line, and {} has seq {seq}: likely inserted, repeated or moved", at(by))
            }
            Kind::Beginning => f.write_str("the records before it are missing: the beginning was cut off"),
            Kind::Order { successor } => {
                write!(f, "belongs before {}: lines or files are out of order", at(successor))
            }
            Kind::Number { last } => write!(f, "does not count on from seq {last}"),
            Kind::Twice { first } => write!(f, "begins a process that began at {} already", at(first)),
            Kind::CutOff => f.write_str("the line ends in the middle of a record"),
            Kind::Unlinked => f.write_str("it says what a record says and is in no chain: put in by somebody"),
            Kind::Undated => f.write_str("a record without a time that can be read, which no view shows"),
            Kind::AfterEnd { records } => {
                write!(f, "no checkpoint signs the last {records} record(s), though a process begins with one")
            }
            Kind::Checkpoint(Rejected::Form) => f.write_str("no checkpoint, although it is called so"),
            Kind::Checkpoint(Rejected::Signature { kid }) => {
                let kid = kid.as_deref().map_or(Cow::Borrowed("it names none"), shown);
                write!(f, "the checkpoint is signed by none of the keys (its key: {kid})")
            }
            Kind::Signs { seq } => write!(f, "the checkpoint is of another line (seq {seq}): it was moved or copied"),
            Kind::Rewritten => f.write_str(
                "the checkpoint is of another line with the number of the one before: that one, or one further up, \
                 was changed and the hashes written anew",
            ),
            Kind::NeverSigned => f.write_str("no checkpoint signs the records up to here"),
            Kind::Overdue { records, unsigned } => {
                let unsigned = humantime::format_duration(Duration::from_secs(unsigned.as_secs()));
                write!(
                    f,
                    "no checkpoint signs the last {records} record(s), though {unsigned} passed: likely written anew"
                )
            }
            Kind::NotFound { hash } => {
                write!(f, "no record has the hash {hash}: it was cut off, or the chain was written anew")
            }
            Kind::NotContinued { hash } => write!(f, "no record goes on from the hash {hash}"),
        }
    }
}
