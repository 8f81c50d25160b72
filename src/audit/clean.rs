//! Text from outside, made safe to print.

use std::borrow::Cow;

/// Longest text kept, bytes; what is longer ends in `…`.
const MAX_LEN: usize = 1024;

/// `text` without characters that would act on a terminal or hide what stands beside them:
/// control characters (C0, DEL, C1), line and paragraph separators, and the bidirectional and
/// invisible format characters. Each becomes U+FFFD.
#[must_use]
pub fn clean(text: &str) -> Cow<'_, str> {
    if text.len() <= MAX_LEN && text.bytes().all(|b| matches!(b, 0x20..=0x7e)) {
        return Cow::Borrowed(text);
    }
    let mut kept = String::new();
    for c in text.chars() {
        if kept.len().saturating_add(c.len_utf8()) > MAX_LEN {
            kept.push('…');
            break;
        }
        kept.push(if acts(c) { char::REPLACEMENT_CHARACTER } else { c });
    }
    Cow::Owned(kept)
}

fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00ad}' | '\u{061c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printable_text_is_kept_as_it_is() {
        assert!(matches!(clean("GET /invoices/7"), Cow::Borrowed(_)));
        assert_eq!(clean("Zoë 世界"), "Zoë 世界");
    }

    #[test]
    fn what_acts_on_a_terminal_is_replaced() {
        let found = clean("a\nb\rc\x1b[31m\u{7f}\u{85}\u{202e}x\u{2028}y\0");
        assert!(found.chars().all(|c| !acts(c)), "{found:?}");
    }

    #[test]
    fn long_text_is_cut_and_marked() {
        let found = clean(&"é".repeat(MAX_LEN)).into_owned();
        assert!(found.len() <= MAX_LEN + '…'.len_utf8() && found.ends_with('…'));
    }
}
