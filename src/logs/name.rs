//! Names from records, made safe to show. They are an issuer's, a caller's or a forger's words.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::audit::clean;

/// Longest name that is shown, characters.
const MAX_SHOWN: usize = 256;

/// The end of a list that hopgate cut.
const CUT: &str = "…";

/// `name` as it is, where it can't be mistaken for anything else in a line; otherwise in quotes, with
/// what acts on a terminal escaped. So no name contains a space, an arrow or a column of ours.
#[must_use]
pub fn shown(name: &str) -> Cow<'_, str> {
    let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\');
    if name == CUT || name.len() <= MAX_SHOWN && !matches!(name, "" | "-") && name.bytes().all(plain) {
        return Cow::Borrowed(name);
    }
    let mut chars = name.chars();
    let kept: String = chars.by_ref().take(MAX_SHOWN).collect();
    let more = if chars.next().is_some() { CUT } else { "" };
    Cow::Owned(format!("\"{}\"{more}", kept.escape_debug()))
}

/// `name` for a quoted label of Mermaid. All but letters, digits and a few harmless characters become
/// entity codes, since quotes do not hide `%%{…}%%`, Markdown in backticks or HTML from Mermaid.
#[must_use]
pub fn mermaid(name: &str) -> String {
    let mut label = String::new();
    for c in clean(name).chars() {
        if c.is_alphanumeric() || matches!(c, ' ' | '-' | '_' | '.' | ':' | '/' | '@') {
            label.push(c);
        } else {
            // Writing to a `String` can't fail.
            let _ = write!(label, "#{};", u32::from(c));
        }
    }
    label
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_name_is_shown_as_it_is() {
        for name in ["alice", "spiffe://demo.local/ns/a/sa/b", "https://issuer#a%23b", CUT] {
            assert_eq!(shown(name), name);
        }
    }

    #[test]
    fn what_could_be_mistaken_is_quoted_and_what_acts_on_a_terminal_is_escaped() {
        for (name, expected) in [
            ("", r#""""#),
            ("-", r#""-""#),
            ("alice ← admin", r#""alice ← admin""#),
            ("a\"b\\", r#""a\"b\\""#),
            ("\x1b[31mred\x07\r\n", r#""\u{1b}[31mred\u{7}\r\n""#),
            ("a\u{202e}b\u{200b}\u{9b}", r#""a\u{202e}b\u{200b}\u{9b}""#),
        ] {
            assert_eq!(shown(name), expected);
        }
        assert!(shown(&"x".repeat(100_000)).len() < 300);
    }

    #[test]
    fn no_name_says_anything_to_mermaid() {
        for name in ["\"] --> evil[\"", "%%{init: {}}%%", "`**b**`", "<img src=x>", "a\nclick n0 call f()", "a;b#quot;"]
        {
            let label = mermaid(name);
            let code = |c: char| c.is_alphanumeric() || " -_.:/@#;".contains(c);
            assert!(label.chars().all(code), "{label}");
            assert!(label.split('#').skip(1).all(|rest| rest.starts_with(|c: char| c.is_ascii_digit())), "{label}");
        }
        assert_eq!(mermaid("a#b"), "a#35;b");
    }
}
