//! Text from outside, made safe to print.

use std::borrow::Cow;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

/// Longest text kept, bytes; what is longer ends in `…`.
const MAX_LEN: usize = 1024;
/// Stands for a token.
const TOKEN: &str = "(token)";
/// How often the beginning of a token is looked for in what may be one.
const MAX_TRIES: usize = 8;
/// No token is shorter, bytes: a header alone names an algorithm.
const MIN_TOKEN: usize = 24;

/// `text` without characters that would act on a terminal or hide what stands beside them: control
/// characters (C0, DEL, C1), line and paragraph separators, the bidirectional format characters, and
/// those that Unicode shows nothing for (`Default_Ignorable_Code_Point`, noncharacters). Each becomes U+FFFD.
///
/// A signed or encrypted token (RFC 7515, RFC 7516) becomes `(token)`, wherever its holder wrote it.
#[must_use]
pub fn clean(text: &str) -> Cow<'_, str> {
    match without_tokens(text) {
        Cow::Borrowed(text) => short(text),
        Cow::Owned(text) => Cow::Owned(short(&text).into_owned()),
    }
}

/// `text` whole, without characters that would act on a terminal or show nothing: for what is told once, and is no record.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    if text.chars().any(acts) {
        return Cow::Owned(text.chars().map(safe).collect());
    }
    Cow::Borrowed(text)
}

fn safe(c: char) -> char {
    if acts(c) { char::REPLACEMENT_CHARACTER } else { c }
}

fn short(text: &str) -> Cow<'_, str> {
    if text.len() <= MAX_LEN && text.bytes().all(|b| matches!(b, 0x20..=0x7e)) {
        return Cow::Borrowed(text);
    }
    let mut kept = String::new();
    for c in text.chars() {
        if kept.len().saturating_add(c.len_utf8()) > MAX_LEN {
            kept.push('…');
            break;
        }
        kept.push(safe(c));
    }
    Cow::Owned(kept)
}

fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00ad}' | '\u{034f}' | '\u{061c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}' | '\u{fdd0}'..='\u{fdef}')
        // No characters, which XML does not take either.
        || u32::from(c) & 0xfffe == 0xfffe
}

/// `text` with [`TOKEN`] in place of each token in compact form, from its header to its last part.
fn without_tokens(text: &str) -> Cow<'_, str> {
    // Nearly all text is passed over here.
    let dots = || text.bytes().filter(|byte| *byte == b'.').count();
    let begins = || text.as_bytes().windows(2).any(|pair| matches!(pair, [b'e', b'y' | b'w']));
    let may = text.len() >= MIN_TOKEN && dots() >= 2 && begins();
    if !may || runs(text).all(|(run, _)| before_token(run).is_none()) {
        return Cow::Borrowed(text);
    }
    let mut kept = String::new();
    for (run, end) in runs(text) {
        match before_token(run) {
            Some(before) => kept.extend([before, TOKEN, end]),
            None => kept.extend([run, end]),
        }
    }
    Cow::Owned(kept)
}

/// What may be a token, each with the character that ends it.
fn runs(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let of_token = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    text.split_inclusive(move |c| !of_token(c)).map(move |word| {
        let run = word.trim_end_matches(|c| !of_token(c));
        word.split_at(run.len())
    })
}

/// What stands before a token in `run`, if one does: a part that is the JSON object of a header, and two more at least.
fn before_token(run: &str) -> Option<&str> {
    let mut start = 0_usize;
    let mut rest = run;
    // A part, and two more at least.
    while let Some((part, behind)) = rest.split_once('.')
        && behind.contains('.')
    {
        if let Some(at) = header_at(part) {
            return run.get(..start.saturating_add(at));
        }
        start = start.saturating_add(part.len()).saturating_add(1);
        rest = behind;
    }
    None
}

/// Where in `part`, behind what somebody wrote right before it, a header begins and goes on to the end.
fn header_at(part: &str) -> Option<usize> {
    // `{` and what may follow it, in base64url.
    let begins = |at: &usize| part.get(*at..).is_some_and(|rest| rest.starts_with("ey") || rest.starts_with("ew"));
    let is_header = |at: &usize| {
        let json = part.get(*at..).and_then(|rest| BASE64_URL_SAFE_NO_PAD.decode(rest).ok());
        json.is_some_and(|json| serde_json::from_slice::<Map<String, Value>>(&json).is_ok())
    };
    (0..part.len()).filter(begins).take(MAX_TRIES).find(is_header)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printable_text_is_kept_as_it_is() {
        assert!(matches!(clean("GET /invoices/7"), Cow::Borrowed(_)));
        assert!(matches!(clean("spiffe://demo.example.com/ns/agents/sa/planner.v1"), Cow::Borrowed(_)));
        assert!(matches!(clean(&"ey.".repeat(300)), Cow::Borrowed(_)));
        assert!(matches!(clean("everything.is.fine.in.com.example.invoices.v1.Invoices/Get"), Cow::Borrowed(_)));
        assert_eq!(clean("Zoë 世界"), "Zoë 世界");
    }

    #[test]
    fn what_acts_on_a_terminal_or_shows_nothing_is_replaced() {
        let nasty = "a\nb\rc\x1b[31m\u{7f}\u{85}\u{202e}x\u{2028}y\0\u{1d173}\u{34f}\u{3164}\u{e0101}\u{fe0f}";
        let found = clean(nasty);
        assert!(found.chars().all(|c| !acts(c)), "{found:?}");
        assert_eq!(found.matches('\u{fffd}').count(), 13, "{found:?}");
    }

    #[test]
    fn long_text_is_cut_and_marked() {
        let found = clean(&"é".repeat(MAX_LEN)).into_owned();
        assert!(found.len() <= MAX_LEN + '…'.len_utf8() && found.ends_with('…'));
    }

    #[test]
    fn a_token_is_not_told_wherever_it_stands() {
        let header = BASE64_URL_SAFE_NO_PAD.encode(br#"{ "alg": "ES256" }"#);
        let token = format!("{header}.eyJzdWIiOiJhbGljZSJ9.{}", "s".repeat(86));
        let encrypted = format!("{header}.key.iv.text.tag");
        let long = format!("{header}.{}.sig", "a".repeat(4096));
        for (text, told) in [
            (token.clone(), "(token)".to_owned()),
            (format!("/customers/{token}/x"), "/customers/(token)/x".to_owned()),
            (format!("Bearer {token}, {token}"), "Bearer (token), (token)".to_owned()),
            (format!("id-{token}"), "id-(token)".to_owned()),
            (format!("eye_key.they-{token}"), "eye_key.they-(token)".to_owned()),
            (format!("a.b.{token}é"), "a.b.(token)é".to_owned()),
            (encrypted, "(token)".to_owned()),
            (long, "(token)".to_owned()),
            (format!("{header}.payload"), format!("{header}.payload")),
        ] {
            assert_eq!(clean(&text), told);
        }
    }
}
