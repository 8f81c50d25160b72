//! Which trace a call belongs to (W3C Trace Context). Somebody's word: for finding things, never for deciding.

/// The header, and the key of gRPC metadata, that says so.
pub const TRACEPARENT: &str = "traceparent";

/// The span in which hopgate was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    /// Never 0.
    trace: u128,
    /// Never 0.
    parent: u64,
    sampled: bool,
}

impl TraceContext {
    /// Reads a `traceparent` (section 3.2), which may be of a later version. What can be read in two ways is none.
    #[must_use]
    pub fn parse(traceparent: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(traceparent).ok()?;
        let mut fields = text.splitn(5, '-');
        let mut field =
            |digits: usize| fields.next().filter(|field| field.len() == digits && field.bytes().all(is_hex));
        let (version, trace, parent, flags) = (field(2)?, field(32)?, field(16)?, field(2)?);
        let more = fields.next();
        if version == "ff" || (version == "00" && more.is_some()) {
            return None;
        }
        let trace = u128::from_str_radix(trace, 16).ok().filter(|id| *id != 0)?;
        let parent = u64::from_str_radix(parent, 16).ok().filter(|id| *id != 0)?;
        Some(Self { trace, parent, sampled: u8::from_str_radix(flags, 16).ok()? & 1 == 1 })
    }

    /// 32 hexadecimal digits.
    #[must_use]
    pub fn trace_id(self) -> String {
        format!("{:032x}", self.trace)
    }

    /// 16 hexadecimal digits.
    #[must_use]
    pub fn parent_span_id(self) -> String {
        format!("{:016x}", self.parent)
    }

    /// Whether the trace is kept, as far as its caller knows.
    #[must_use]
    pub fn is_sampled(self) -> bool {
        self.sampled
    }
}

fn is_hex(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const PARENT: &str = "00f067aa0ba902b7";

    #[test]
    fn the_parts_are_told_as_they_came() {
        for (version, flags, more) in
            [("00", "01", ""), ("00", "ff", ""), ("cc", "01", ""), ("01", "01", "-what-comes")]
        {
            let read = TraceContext::parse(format!("{version}-{TRACE}-{PARENT}-{flags}{more}").as_bytes());
            let read = read.expect(version);
            assert_eq!((read.trace_id().as_str(), read.parent_span_id().as_str()), (TRACE, PARENT));
            assert!(read.is_sampled());
        }
        let unsampled = TraceContext::parse(format!("00-{TRACE}-{PARENT}-02").as_bytes()).expect("read");
        assert!(!unsampled.is_sampled());
    }

    #[test]
    fn what_breaks_a_rule_is_none() {
        let (none, zeros) = ("0".repeat(32), "0".repeat(16));
        for text in [
            String::new(),
            TRACE.to_owned(),
            format!("00-{TRACE}-{PARENT}"),
            format!("00-{TRACE}-{PARENT}-1"),
            format!("00-{TRACE}-{PARENT}-01-"),
            format!("00-{TRACE}-{PARENT}-01-more"),
            format!("ff-{TRACE}-{PARENT}-01"),
            format!("00-{none}-{PARENT}-01"),
            format!("00-{TRACE}-{zeros}-01"),
            format!("00-{}-{PARENT}-01", TRACE.to_uppercase()),
            format!("00-{TRACE}0-{PARENT}-01"),
            format!("00-{}-{PARENT}-01", TRACE.replacen('4', "+", 1)),
            format!(" 00-{TRACE}-{PARENT}-01"),
            format!("00-{TRACE}-{PARENT}-01,00-{TRACE}-{PARENT}-01"),
        ] {
            assert_eq!(TraceContext::parse(text.as_bytes()), None, "{text}");
        }
        assert_eq!(TraceContext::parse(b"\xff"), None);
    }
}
