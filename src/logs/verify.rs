//! Whether the chain of records is whole, and where it is not.
//!
//! `prev` of a record is the SHA-256 of the line before it of the same process, zeros in its first.
//! Lines of several processes may be mixed: each goes on from the line whose hash it has. So nothing
//! between the first and the last line of a process can be changed, left out, put in or moved without a
//! line that goes on from none. What has no line after it, the last one, is held by no other: whoever
//! may cut it off or rewrite everything is only found out by a hash that was kept elsewhere, or by the
//! signature of a checkpoint.

mod fault;

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use aws_lc_rs::digest;
use serde::Deserialize;

pub use self::fault::{Fault, Hash, Kind, Place};
use super::checkpoint::{Keys, Rejected, Signed};
use super::lines::Line;
use super::name::shown;
use super::record::{body, claims_to_be_ours, is_checkpoint};
use crate::audit::hex;

/// Most processes, and pieces of their chains, in one go.
const MAX_CHAINS: usize = 65_536;

/// After so many no more are looked for.
const MAX_FAULTS: u64 = 1000;

/// What the first record of a process has in place of a hash.
const NONE: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Records each of which goes on from the one before.
#[derive(Clone, Debug)]
pub struct Chain {
    pub first: Place,
    pub last: Place,
    pub first_seq: u64,
    pub last_seq: u64,
    pub records: u64,
    /// Of the last line.
    pub hash: Hash,
    /// Whether it is known to begin where it should; otherwise it is a piece.
    pub whole: bool,
    pub signed: Signed,
    /// Whether a piece is taken for its continuation.
    broken_off: bool,
}

/// Takes lines one by one and keeps only the end of each chain.
#[derive(Default)]
pub struct Verifier {
    files: Vec<String>,
    chains: Vec<Chain>,
    /// Hash of the last line → its chain.
    heads: HashMap<Hash, usize>,
    /// Hash of a first record → where it was.
    starts: HashMap<Hash, Place>,
    /// What pieces should go on from → where they begin.
    wanted: HashMap<Hash, Place>,
    expected: BTreeSet<Hash>,
    after: BTreeSet<Hash>,
    latest: Option<usize>,
    /// Without them checkpoints are lines as others.
    keys: Option<Keys>,
    pub records: u64,
    pub checkpoints: u64,
    /// Lines that are no record.
    pub foreign: u64,
    /// Numbers that were passed over in chains that are whole: records that were refused, as their calls were.
    pub skipped: u64,
    pub faults: u64,
}

#[derive(Deserialize)]
struct Link<'a> {
    seq: u64,
    prev: Hash,
    #[serde(borrow)]
    time: Option<Cow<'a, str>>,
    #[serde(borrow)]
    checkpoint: Option<Cow<'a, str>>,
}

impl Verifier {
    /// `after`: what chains may go on from that began in files that are not here. `expected`: what must be in them.
    #[must_use]
    pub fn new(after: impl IntoIterator<Item = Hash>, expected: impl IntoIterator<Item = Hash>) -> Self {
        Self { after: after.into_iter().collect(), expected: expected.into_iter().collect(), ..Self::default() }
    }

    /// Every chain must be signed by one of `keys`.
    #[must_use]
    pub fn signed_by(mut self, keys: Keys) -> Self {
        self.keys = Some(keys);
        self
    }

    /// The lines to come are of the file `name`.
    pub fn begin(&mut self, name: &str) {
        self.files.push(shown(name).into_owned());
    }

    /// What `line` shows; nothing where it fits.
    pub fn line(&mut self, line: &Line<'_>) -> Vec<Fault> {
        let place = Place { file: self.files.len().saturating_sub(1), line: line.number };
        let mut kinds = Vec::new();
        let found = body(line.bytes).filter(|_| !line.too_long);
        let record = found.and_then(|json| Some((serde_json::from_slice::<Link>(json).ok()?, json)));
        let seq = record.as_ref().map(|(link, _)| link.seq);
        if let Some((link, json)) = record {
            if link.checkpoint.is_some() && !is_checkpoint(json) {
                kinds.push(Kind::Checkpoint(Rejected::Form));
            }
            let count = if link.checkpoint.is_some() { &mut self.checkpoints } else { &mut self.records };
            *count = count.saturating_add(1);
            self.link(&link, sha256(json), place, &mut kinds);
        } else {
            self.foreign = self.foreign.saturating_add(1);
            if found.is_some() && !line.ended {
                kinds.push(Kind::CutOff);
            } else if found.is_some_and(claims_to_be_ours) {
                kinds.push(Kind::Unlinked);
            }
        }
        self.count(kinds.into_iter().map(|kind| Fault { place: Some(place), seq, kind }).collect())
    }

    /// What only the end shows.
    pub fn end(&mut self) -> Vec<Fault> {
        let not_found = std::mem::take(&mut self.expected).into_iter().map(|hash| Kind::NotFound { hash });
        let not_continued = std::mem::take(&mut self.after).into_iter().map(|hash| Kind::NotContinued { hash });
        let kinds = not_found.chain(not_continued);
        let mut faults: Vec<_> = kinds.map(|kind| Fault { place: None, seq: None, kind }).collect();
        if self.keys.is_some() {
            faults.extend(self.ends().filter_map(Chain::unsigned));
        }
        self.count(faults)
    }

    #[must_use]
    pub fn has_keys(&self) -> bool {
        self.keys.is_some()
    }

    /// Whether no line was in a chain.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records == 0 && self.checkpoints == 0
    }

    /// Whether there is too much to go on.
    #[must_use]
    pub fn gave_up(&self) -> bool {
        self.faults >= MAX_FAULTS || self.chains.len() >= MAX_CHAINS
    }

    /// Chains that end where nothing else was taken to go on.
    pub fn ends(&self) -> impl Iterator<Item = &Chain> {
        self.chains.iter().filter(|chain| !chain.broken_off)
    }

    #[must_use]
    pub fn processes(&self) -> usize {
        self.chains.iter().filter(|chain| chain.whole).count()
    }

    /// `file:line`
    #[must_use]
    pub fn place(&self, place: Place) -> String {
        let file = self.files.get(place.file).map_or("?", String::as_str);
        format!("{file}:{}", place.line)
    }

    /// `fault` in words.
    #[must_use]
    pub fn say(&self, fault: &Fault) -> String {
        let place = fault.place.map_or_else(String::new, |place| format!("{}: ", self.place(place)));
        let seq = fault.seq.map_or_else(String::new, |seq| format!("seq {seq}: "));
        format!("{place}{seq}{}", fault.kind.said(&|place| self.place(place)))
    }

    fn count(&mut self, faults: Vec<Fault>) -> Vec<Fault> {
        self.faults = self.faults.saturating_add(u64::try_from(faults.len()).unwrap_or(u64::MAX));
        faults
    }

    fn link(&mut self, link: &Link<'_>, hash: Hash, place: Place, kinds: &mut Vec<Kind>) {
        let at = self.place_in_chain(link, hash, place, kinds);
        let Some(chain) = self.chains.get_mut(at) else { return };
        let Some(checkpoint) = &link.checkpoint else {
            let time = link.time.as_ref().and_then(|time| humantime::parse_rfc3339(time).ok());
            if time.is_none() {
                kinds.push(Kind::Undated);
            }
            return chain.signed.add(time);
        };
        let Some(keys) = &self.keys else { return };
        match keys.open(checkpoint) {
            Ok(claims) if claims.hash == link.prev && claims.seq.checked_add(1) == Some(link.seq) => {
                chain.signed.signed(claims);
            }
            Ok(claims) if claims.seq.checked_add(1) == Some(link.seq) => kinds.push(Kind::Rewritten),
            Ok(claims) => kinds.push(Kind::Signs { seq: claims.seq }),
            Err(rejected) => kinds.push(Kind::Checkpoint(rejected)),
        }
    }

    /// Which chain has the line now.
    fn place_in_chain(&mut self, link: &Link<'_>, hash: Hash, place: Place, kinds: &mut Vec<Kind>) -> usize {
        self.expected.remove(&hash);
        if let Some(successor) = self.wanted.remove(&hash) {
            kinds.push(Kind::Order { successor });
        }
        let Link { seq, ref prev, .. } = *link;
        if prev == NONE {
            if let Some(first) = self.starts.get(&hash) {
                kinds.push(Kind::Twice { first: *first });
            } else {
                self.starts.insert(hash.clone(), place);
            }
            self.skip(0, seq, kinds);
            self.start(seq, hash, place, true)
        } else if let Some(at) = self.heads.remove(prev) {
            let last = self.chains.get(at).map_or(0, |chain| chain.last_seq);
            self.skip(last, seq, kinds);
            if let Some(chain) = self.chains.get_mut(at) {
                chain.records = chain.records.saturating_add(1);
                (chain.last, chain.last_seq, chain.broken_off) = (place, seq, false);
                chain.hash.clone_from(&hash);
            }
            self.latest = Some(at);
            self.heads.insert(hash, at);
            at
        } else if self.after.remove(prev) {
            self.start(seq, hash, place, true)
        } else {
            kinds.push(self.breach(seq));
            self.wanted.insert(prev.clone(), place);
            self.start(seq, hash, place, false)
        }
    }

    fn skip(&mut self, last: u64, seq: u64, kinds: &mut Vec<Kind>) {
        match seq.checked_sub(last) {
            None | Some(0) => kinds.push(Kind::Number { last }),
            Some(step) => self.skipped = self.skipped.saturating_add(step.saturating_sub(1)),
        }
    }

    fn start(&mut self, seq: u64, hash: Hash, place: Place, whole: bool) -> usize {
        let at = self.chains.len();
        self.heads.insert(hash.clone(), at);
        self.chains.push(Chain {
            first: place,
            last: place,
            first_seq: seq,
            last_seq: seq,
            records: 1,
            hash,
            whole,
            signed: Signed::default(),
            broken_off: false,
        });
        self.latest = Some(at);
        at
    }

    /// What most likely happened before a record that goes on from no line. That something did is certain.
    fn breach(&mut self, seq: u64) -> Kind {
        let before = seq.checked_sub(1);
        let neighbour = self.chains.iter().rposition(|chain| Some(chain.last_seq) == before && !chain.broken_off);
        let Some(chain) = neighbour.or(self.latest).and_then(|at| self.chains.get_mut(at)) else {
            return Kind::Beginning;
        };
        let (place, last) = (chain.last, chain.last_seq);
        if last >= seq {
            return Kind::Passed { by: place, seq: last };
        }
        chain.broken_off = true;
        let (from, to) = (last.saturating_add(1), seq.saturating_sub(1));
        if from <= to { Kind::Missing { after: place, from, to } } else { Kind::Changed { before: place, seq: last } }
    }
}

impl Chain {
    /// What no key holds of it.
    fn unsigned(&self) -> Option<Fault> {
        let records = self.signed.unsigned;
        let kind = match (self.signed.until(), self.signed.overdue()) {
            (None, _) => Kind::NeverSigned,
            (Some(_), Some(unsigned)) => Kind::Overdue { records, unsigned },
            (Some(_), None) if self.signed.is_after_end() => Kind::AfterEnd { records },
            (Some(_), None) => return None,
        };
        Some(Fault { place: Some(self.last), seq: Some(self.last_seq), kind })
    }
}

fn sha256(line: &[u8]) -> Hash {
    hex(digest::digest(&digest::SHA256, line).as_ref())
}
