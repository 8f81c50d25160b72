//! Whatever is done to a chain before its last line shows, and nothing shows where nothing was done.

use aws_lc_rs::digest::{SHA256, digest};
use hopgate::logs::Lines;
use hopgate::logs::verify::Verifier;
use proptest::prelude::*;

fn chain(len: usize, process: u64) -> Vec<Vec<u8>> {
    let mut prev = "0".repeat(64);
    let line = |seq: usize| {
        let line = format!(r#"{{"time":"2026-11-26T10:00:00.000Z","process":{process},"seq":{seq},"prev":"{prev}"}}"#)
            .into_bytes();
        prev = digest(&SHA256, &line).as_ref().iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
        line
    };
    (1..=len).map(line).collect()
}

fn faults(lines: &[Vec<u8>]) -> u64 {
    let mut verifier = Verifier::new([], []);
    verifier.begin("-");
    let text = lines.join(&b'\n');
    let mut lines = Lines::new(text.as_slice());
    while let Some(line) = lines.next_line().unwrap() {
        verifier.line(&line);
    }
    verifier.end();
    verifier.faults
}

proptest! {
    #[test]
    fn a_changed_byte_before_the_last_line_shows(len in 2..20_usize, at: prop::sample::Index, byte: prop::sample::Index, new in 32..127_u8) {
        let mut lines = chain(len, 1);
        let line = &mut lines[at.index(len - 1)];
        let byte = byte.index(line.len());
        prop_assume!(line[byte] != new);
        line[byte] = new;
        prop_assert!(faults(&lines) > 0);
    }

    #[test]
    fn a_removed_line_before_the_last_shows(len in 2..20_usize, at: prop::sample::Index) {
        let mut lines = chain(len, 1);
        lines.remove(at.index(len - 1));
        prop_assert!(faults(&lines) > 0);
    }

    #[test]
    fn another_order_shows(lines in Just(chain(12, 1)).prop_shuffle()) {
        prop_assert_eq!(faults(&lines) > 0, lines != chain(12, 1));
    }

    #[test]
    fn a_repeated_line_shows(len in 1..20_usize, from: prop::sample::Index, to: prop::sample::Index) {
        let mut lines = chain(len, 1);
        let copy = lines[from.index(len)].clone();
        lines.insert(to.index(len + 1), copy);
        prop_assert!(faults(&lines) > 0);
    }

    #[test]
    fn processes_may_be_mixed_in_any_way_and_cut_at_their_ends(order in prop::collection::vec(0..3_usize, 0..60)) {
        let mut processes = [chain(20, 1), chain(20, 2), chain(20, 3)].map(Vec::into_iter);
        let lines: Vec<_> = order.into_iter().filter_map(|process| processes[process].next()).collect();
        prop_assert_eq!(faults(&lines), 0);
    }

    #[test]
    fn no_bytes_bring_it_down(bytes: Vec<u8>) {
        faults(&[bytes]);
    }
}
