//! The caller's certificate, as Envoy tells of it.
//!
//! Best is `source.certificate`: the leaf of the TLS connection that this Envoy ended, as
//! URL-encoded PEM. The header `x-forwarded-client-cert` (XFCC) is a caller's word, unless the
//! operator says who writes it: this Envoy itself, or a hop in front whose identity Envoy verified.

use aws_lc_rs::digest;
use percent_encoding::percent_decode_str;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use super::confirmation::Thumbprint;
use super::request::{Field, Request};
use super::spiffe::SpiffeId;

/// Longest XFCC looked at, bytes; Envoy's own limit for all headers is 60 KiB.
const MAX_XFCC: usize = 65_536;

/// Whose word about the client's certificate is taken, beside Envoy's `source.certificate`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ForwardedCertificates {
    /// The Envoy that asks writes the header for every call (`SANITIZE_SET`, `APPEND_FORWARD`), so
    /// that its last element is the peer.
    pub set_by_envoy: bool,
    /// Peers that end their clients' TLS and tell of their certificates.
    pub trusted_hops: Vec<SpiffeId>,
}

/// The thumbprint (RFC 8705 section 3.1) of the certificate that the caller has shown.
pub(super) fn of_caller(
    trust: &ForwardedCertificates,
    request: &Request<'_>,
    peer: Option<&SpiffeId>,
) -> Option<Thumbprint> {
    let direct = request.certificate.and_then(of_pem);
    if peer.is_some_and(|peer| trust.trusted_hops.contains(peer)) {
        // Without it, what our Envoy has added about the hop can't be told from the hop's own words.
        let hop = direct?;
        let hashes = hashes(request.forwarded_certificate)?;
        let (last, before) = hashes.split_last()?;
        let client = if *last == Some(hop) { before.last()? } else { last };
        // The hop's certificate is nobody's: a client that has shown none must not be taken for it.
        return client.filter(|client| *client != hop);
    }
    match direct {
        None if trust.set_by_envoy => *hashes(request.forwarded_certificate)?.last()?,
        direct => direct,
    }
}

/// SHA-256 of the certificate in URL-encoded PEM. Percent-decoded, not as a form: `+` stays.
fn of_pem(encoded: &str) -> Option<Thumbprint> {
    let pem: Vec<u8> = percent_decode_str(encoded).collect();
    let certificate = CertificateDer::from_pem_slice(&pem).ok()?;
    digest::digest(&digest::SHA256, &certificate).as_ref().try_into().ok()
}

/// The `Hash` of each element of an XFCC header, nearest proxy last; `None` if the header is not
/// there once, or not whole, or an element has two, which would be a choice.
///
/// In `APPEND_FORWARD` the front of the header is the client's own words. So that an open quote in
/// them can't swallow what Envoy adds, a value is either one quoted string up to a separator, or has
/// no quote at all.
fn hashes(header: Field<'_>) -> Option<Vec<Option<Thumbprint>>> {
    let Field::Once(text) = header else { return None };
    let mut rest = std::str::from_utf8(text).ok().filter(|text| text.len() <= MAX_XFCC)?;
    let mut hashes = vec![None];
    loop {
        let (key, behind) = rest.split_once('=').filter(|(key, _)| key.bytes().all(|b| b.is_ascii_alphabetic()))?;
        let (value, behind) = take_value(behind)?;
        if key.eq_ignore_ascii_case("hash") && hashes.last_mut()?.replace(of_hex(value)?).is_some() {
            return None;
        }
        let mut behind = behind.chars();
        match behind.next() {
            None => return Some(hashes),
            Some(',') => hashes.push(None),
            // `;`: `take_value` stops at nothing else.
            Some(_) => {}
        }
        rest = behind.as_str();
    }
}

/// The value at the front of `text`, and what is behind it: nothing, or a separator.
fn take_value(text: &str) -> Option<(&str, &str)> {
    let is_separator = |c| matches!(c, ',' | ';');
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(is_separator).unwrap_or(text.len());
        return text.split_at_checked(end).filter(|(value, _)| !value.contains('"'));
    };
    let mut escaped = false;
    let end = quoted.find(|c| {
        let closes = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        closes
    })?;
    let (value, behind) = quoted.split_at_checked(end)?;
    let behind = behind.strip_prefix('"')?;
    (behind.is_empty() || behind.starts_with(is_separator)).then_some((value, behind))
}

fn of_hex(value: &str) -> Option<Thumbprint> {
    let mut thumbprint = Thumbprint::default();
    if value.len() != 64 || !value.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    for (at, byte) in thumbprint.iter_mut().enumerate() {
        *byte = u8::from_str_radix(value.get(at.checked_mul(2)?..)?.get(..2)?, 16).ok()?;
    }
    Some(thumbprint)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = concat!(
        "By=http://frontend.lyft.com;Hash=468ed33be74eee6556d90c0149c1309e9ba61d6425303443c0748a02dd8de688;",
        r#"Subject="/C=US/ST=CA/L=San Francisco/OU=Lyft/CN=Test, \"Client\"; x=1";URI=http://testclient.lyft.com"#
    );
    /// What the hop, or any peer, shows; RFC 8705 appendix A, and its XFCC hash.
    const PEER: &str = "-----BEGIN CERTIFICATE-----%0A\
        MIIBBjCBrAIBAjAKBggqhkjOPQQDAjAPMQ0wCwYDVQQDDARtdGxzMB4XDTE4MTAx%0A\
        ODEyMzcwOVoXDTIyMDUwMjEyMzcwOVowDzENMAsGA1UEAwwEbXRsczBZMBMGByqG%0A\
        SM49AgEGCCqGSM49AwEHA0IABNcnyxwqV6hY8QnhxxzFQ03C7HKW9OylMbnQZjjJ%0A\
        /Au08/coZwxS7LfA4vOLS9WuneIXhbGGWvsDSb0tH6IxLm8wCgYIKoZIzj0EAwID%0A\
        SQAwRgIhAP0RC1E+vwJD/D1AGHGzuri+hlV/PpQEKTWUVeORWz83AiEA5x2eXZOV%0A\
        bUlJSGQgjwD5vaUaKlLR50Q2DmFfQj1L+SY=%0A\
        -----END CERTIFICATE-----%0A";
    const PEER_HASH: &str = "0380ed2f626650c840b2f263e6d2b29fae12ab39ae5db32b25ad27efad72e6fd";

    fn client() -> Option<Thumbprint> {
        of_hex("468ed33be74eee6556d90c0149c1309e9ba61d6425303443c0748a02dd8de688")
    }

    fn hop() -> SpiffeId {
        SpiffeId::parse("spiffe://mesh/ns/edge/sa/gateway").unwrap_or_else(|| unreachable!("a SPIFFE id"))
    }

    fn told(trust: &ForwardedCertificates, xfcc: &str) -> Option<Thumbprint> {
        let request = Request { forwarded_certificate: Field::Once(xfcc.as_bytes()), ..Request::default() };
        of_caller(trust, &request, None)
    }

    fn through(peer: &SpiffeId, xfcc: Field<'_>) -> Option<Thumbprint> {
        let hops = ForwardedCertificates { trusted_hops: vec![hop()], ..ForwardedCertificates::default() };
        let request = Request { certificate: Some(PEER), forwarded_certificate: xfcc, ..Request::default() };
        of_caller(&hops, &request, Some(peer))
    }

    #[test]
    fn the_header_is_nobodys_word_unless_the_operator_says_whose() {
        assert_eq!(told(&ForwardedCertificates::default(), EXAMPLE), None);
        let other = SpiffeId::parse("spiffe://mesh/ns/edge/sa/other").unwrap_or_else(|| unreachable!("a SPIFFE id"));
        assert_eq!(through(&other, Field::Once(EXAMPLE.as_bytes())), of_hex(PEER_HASH), "its own certificate");
        assert_eq!(through(&hop(), Field::Once(EXAMPLE.as_bytes())), client());
    }

    #[test]
    fn what_our_envoy_adds_about_the_hop_is_not_the_client() {
        let xfcc = format!("{EXAMPLE},By=x;Hash={PEER_HASH}");
        assert_eq!(through(&hop(), Field::Once(xfcc.as_bytes())), client());
    }

    #[test]
    fn who_shows_nothing_to_a_hop_is_not_the_hop() {
        let of_hop = format!("By=x;Hash={PEER_HASH}");
        for xfcc in [of_hop.as_str(), &format!("x=\",{of_hop}"), &format!("{of_hop},{of_hop}"), "By=x", ""] {
            assert_eq!(through(&hop(), Field::Once(xfcc.as_bytes())), None, "{xfcc}");
        }
        assert_eq!(through(&hop(), Field::Absent), None);
        assert_eq!(through(&hop(), Field::Repeated), None);
    }

    #[test]
    fn a_hop_whose_certificate_is_not_reported_tells_nothing() {
        let hops = ForwardedCertificates { trusted_hops: vec![hop()], set_by_envoy: true };
        let request = Request { forwarded_certificate: Field::Once(EXAMPLE.as_bytes()), ..Request::default() };
        assert_eq!(of_caller(&hops, &request, Some(&hop())), None);
    }

    #[test]
    fn an_envoy_that_writes_the_header_itself_is_believed_about_its_last_element_alone() {
        let own = ForwardedCertificates { set_by_envoy: true, ..ForwardedCertificates::default() };
        assert_eq!(told(&own, &format!("Hash={PEER_HASH},{EXAMPLE}")), client());
        assert_eq!(told(&own, &format!("{EXAMPLE},By=x;Hash={PEER_HASH}")), of_hex(PEER_HASH));
        assert_eq!(told(&own, &format!("{EXAMPLE},By=x")), None);
    }

    #[test]
    fn a_header_that_is_not_whole_tells_nothing() {
        let own = ForwardedCertificates { set_by_envoy: true, ..ForwardedCertificates::default() };
        for text in [
            "",
            "x",
            "=x",
            "Hash",
            "Hash=",
            "Hash=12",
            "Subject=\"x",
            "Subject=\"x\\\"",
            &format!("Hash={PEER_HASH};Hash={PEER_HASH}"),
            &format!("Hash={}", PEER_HASH.replacen('0', "+", 1)),
            &format!("Hash={PEER_HASH}0"),
            &format!("{EXAMPLE},"),
            &format!("{EXAMPLE};"),
            &format!("By=\"x\"y;Hash={PEER_HASH}"),
            &format!("By=x\"y\";Hash={PEER_HASH}"),
            // A client's open quote, closed by the one that starts what Envoy says of its subject.
            &format!("Hash={PEER_HASH};x=\",By=us;Hash={PEER_HASH};Subject=\"CN=a\\\"b\""),
        ] {
            assert_eq!(told(&own, text), None, "{text}");
        }
        let twice = Request { forwarded_certificate: Field::Repeated, ..Request::default() };
        assert_eq!(of_caller(&own, &twice, None), None);
    }
}
