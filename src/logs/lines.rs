//! Lines of bounded length.

use std::io::{self, BufRead as _, BufReader, Read};

/// Longest line that is read, bytes. Records are far below it, see `audit::record`.
pub const MAX_LINE: usize = 1024 * 1024;

/// Reads lines one by one. A line that is too long is passed over without being held.
#[derive(Debug)]
pub struct Lines<R> {
    input: BufReader<R>,
    line: Vec<u8>,
    number: u64,
}

#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    /// From 1.
    pub number: u64,
    /// Without its end; the beginning only of one that is too long.
    pub bytes: &'a [u8],
    pub too_long: bool,
    /// Whether a line feed ended it; only the last may have none.
    pub ended: bool,
}

impl<R: Read> Lines<R> {
    #[must_use]
    pub fn new(input: R) -> Self {
        Self { input: BufReader::with_capacity(64 * 1024, input), line: Vec::new(), number: 0 }
    }

    /// # Errors
    /// What reading fails with. Bytes that are no UTF-8 are no error.
    pub fn next_line(&mut self) -> io::Result<Option<Line<'_>>> {
        self.line.clear();
        // One more for the line feed.
        let limit = u64::try_from(MAX_LINE).unwrap_or(u64::MAX).saturating_add(1);
        let read = Read::by_ref(&mut self.input).take(limit).read_until(b'\n', &mut self.line)?;
        if read == 0 {
            return Ok(None);
        }
        self.number = self.number.saturating_add(1);
        let ended = self.line.last() == Some(&b'\n');
        if ended {
            self.line.pop();
        }
        let too_long = self.line.len() > MAX_LINE;
        if too_long {
            self.input.skip_until(b'\n')?;
        }
        Ok(Some(Line { number: self.number, bytes: &self.line, too_long, ended: ended || too_long }))
    }

    /// Whether the next line may have to be waited for.
    #[must_use]
    pub fn may_wait(&self) -> bool {
        !self.input.buffer().contains(&b'\n')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_too_long_is_marked_and_the_next_one_is_whole() {
        let text = format!("a\n{}\n{}\nb", "x".repeat(MAX_LINE), "y".repeat(3 * MAX_LINE));
        let mut lines = Lines::new(text.as_bytes());
        let mut found = Vec::new();
        while let Some(line) = lines.next_line().expect("read") {
            assert!(line.bytes.len() <= MAX_LINE + 1);
            found.push((line.number, line.too_long, line.ended));
        }
        assert_eq!(found, [(1, false, true), (2, false, true), (3, true, true), (4, false, false)]);
    }

    #[test]
    fn bytes_that_are_no_utf_8_are_a_line_as_well() {
        let mut lines = Lines::new(&b"\xff\xfe\n\n"[..]);
        assert_eq!(lines.next_line().expect("read").expect("a line").bytes, b"\xff\xfe");
        assert_eq!(lines.next_line().expect("read").expect("a line").bytes, b"");
        assert!(lines.next_line().expect("read").is_none());
    }
}
