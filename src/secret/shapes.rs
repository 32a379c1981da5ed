//! Secrets that show themselves: tokens by their prefix, private keys by their block, credentials by their place in a URL.

use std::ops::Range;

/// How a service's tokens begin, and the fewest letters, digits, `-` and `_` that follow. Each is documented by its service, most in
/// the patterns of GitHub's secret scanning.
const TOKENS: [(&str, usize); 54] = [
    ("ghp_", 16),
    ("gho_", 16),
    ("ghu_", 16),
    ("ghs_", 16),
    ("ghr_", 16),
    ("github_pat_", 12),
    ("glpat-", 12),
    ("gldt-", 12),
    ("glrt-", 12),
    ("glptt-", 12),
    ("glcbt-", 12),
    ("gloas-", 12),
    ("xoxa-", 8),
    ("xoxb-", 8),
    ("xoxe-", 8),
    ("xoxo-", 8),
    ("xoxp-", 8),
    ("xoxr-", 8),
    ("xoxs-", 8),
    ("xapp-", 8),
    ("AKIA", 16),
    ("ASIA", 16),
    ("sk-", 16),
    ("sk_live_", 10),
    ("sk_test_", 10),
    ("rk_live_", 10),
    ("rk_test_", 10),
    ("whsec_", 16),
    ("hf_", 16),
    ("npm_", 20),
    ("nvapi-", 12),
    ("dckr_pat_", 12),
    ("dckr_oat_", 12),
    ("AIza", 30),
    ("ya29.", 16),
    ("GOCSPX-", 16),
    ("SG.", 20),
    ("pypi-AgE", 16),
    ("glsa_", 16),
    ("glc_", 20),
    ("dop_v1_", 16),
    ("shpat_", 16),
    ("hvs.", 16),
    ("hvb.", 16),
    ("tskey-", 12),
    ("r8_", 20),
    ("rpa_", 20),
    ("gsk_", 20),
    ("pplx-", 20),
    ("AGE-SECRET-KEY-", 20),
    ("LTAI", 16),
    ("lin_api_", 16),
    ("GR1348941", 16),
    ("claim-", 16),
];
/// A host or a user is looked for no farther away than this.
const NEAR: usize = 256;

/// A token that begins here.
pub fn token(text: &str, at: usize) -> Option<Range<usize>> {
    let rest = &text[at..];
    if rest.starts_with("eyJ") {
        return web_token(rest).map(|length| at..at + length);
    }
    let (prefix, least) = TOKENS.iter().find(|(prefix, _)| rest.starts_with(prefix))?;
    let body =
        rest[prefix.len()..].bytes().take_while(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte)).count();
    let body = body + if prefix.ends_with('.') { 0 } else { trailing(rest, prefix.len() + body) };
    let word = &rest[prefix.len()..prefix.len() + body];
    // Words that happen to begin so are made of words: `sk-learn-contrib-utils`, `npm_config_registry`.
    let mixed = word.bytes().any(|b| b.is_ascii_digit() || b.is_ascii_uppercase());
    (body >= *least && mixed).then_some(at..at + prefix.len() + body)
}

/// Parts behind dots: `SG.abc.def`, `hvs.CAES…`.
fn trailing(rest: &str, at: usize) -> usize {
    let shaped = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_".contains(byte);
    match rest.as_bytes().get(at..) {
        Some([b'.', behind @ ..]) if behind.iter().take_while(|b| shaped(b)).count() >= 16 => {
            1 + behind.iter().take_while(|b| shaped(b)).count()
        }
        _ => 0,
    }
}

/// A bot's token at Telegram: its number and 35 letters, digits, `-` and `_`, in a URL behind `bot`.
pub fn bot_token(text: &str, at: usize) -> Option<Range<usize>> {
    let rest = &text[at..];
    let rest = rest.strip_prefix("bot").unwrap_or(rest);
    let start = text.len() - rest.len();
    let colon = rest.bytes().take(11).position(|byte| byte == b':')?;
    let (number, word) = (&rest[..colon], &rest[colon + 1..]);
    let length =
        word.bytes().take(NEAR).take_while(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte)).count();
    let is_number = (8..=10).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit());
    (is_number && (30..=50).contains(&length)).then_some(start..start + number.len() + 1 + length)
}

/// 32 bytes in base64, as WireGuard's keys and many others stand in variables of any name. A digest says what it is before it:
/// `sha256-…`, `SHA256:…`.
pub fn raw_key(text: &str, at: usize) -> Option<Range<usize>> {
    const LETTERS: usize = 43;
    let bytes = &text.as_bytes()[at..];
    let body = bytes.iter().take(LETTERS + 1);
    let body = body.take_while(|byte| byte.is_ascii_alphanumeric() || b"+/".contains(byte)).count();
    let before = at.checked_sub("sha256-".len()).map(|start| &text.as_bytes()[start..at - 1]);
    let digest = before.is_some_and(|kind| kind.eq_ignore_ascii_case(b"sha256"));
    let alone = body == LETTERS && bytes.get(body) == Some(&b'=') && bytes.get(body + 1) != Some(&b'=');
    // A path of such a length has no digits and capitals in it by chance and ends in no `=`.
    let word = &bytes[..body];
    let mixed = word.iter().any(u8::is_ascii_digit) && word.iter().any(u8::is_ascii_uppercase);
    (alone && mixed && !digest).then_some(at..at + body + 1)
}

/// What is behind the word `hook` in a webhook's URL, from its `://`: whoever has that URL may post.
pub fn webhook(text: &str, at: usize) -> Option<Range<usize>> {
    let rest = text[at..].strip_prefix("://")?;
    let ends = |byte: &u8| byte.is_ascii_whitespace() || b"\"'`<>".contains(byte);
    let length = rest.bytes().take(2 * NEAR).position(|byte| ends(&byte)).unwrap_or(rest.len().min(2 * NEAR));
    let url = rest.get(..length)?;
    let host = url.find('/')?;
    let hook = url.to_ascii_lowercase().find("hook")?;
    // In the host all of the path is secret; in the path what follows the part that has it.
    let from = if hook < host { host } else { hook + url[hook..].find('/')? };
    let start = at + 3 + from + 1;
    let end = at + 3 + url.trim_end_matches([',', '.', ')', ';']).len();
    let long = text.get(start..end)?.split('/').any(|part| part.len() >= 16);
    long.then_some(start..end)
}

/// A password's hash as htpasswd and shadow files have it: `$apr1$…`, `$2y$05$…`, `$6$…`; compose doubles the `$`.
pub fn password_hash(text: &str, at: usize) -> Option<Range<usize>> {
    let rest = &text[at..];
    let sign = if rest.starts_with("$$") { "$$" } else { "$" };
    let kind = &rest.as_bytes()[sign.len()..];
    let kind = &kind[..kind.iter().take(16).position(|byte| *byte == b'$')?];
    let known = ["apr1", "1", "2a", "2b", "2x", "2y", "5", "6", "7", "y", "gy", "argon2i", "argon2id", "scrypt"];
    let length = rest.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || b"$./=,+-".contains(byte)).count();
    (known.iter().any(|known| known.as_bytes() == kind) && length >= 24).then_some(at..at + length)
}

/// JSON Web Token: three parts of base64url, the first two of which are JSON objects.
fn web_token(rest: &str) -> Option<usize> {
    let length = rest.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte)).count();
    let token = rest[..length].trim_end_matches('.');
    let mut parts = token.split('.');
    let head = parts.next()?.len() >= 10;
    (head && parts.next().is_some_and(|claims| claims.len() >= 10)).then_some(token.len())
}

/// What stands between the lines of a private key, or after the first where the last is not there.
pub fn key_block(text: &str, at: usize) -> Option<Range<usize>> {
    let rest = text[at..].strip_prefix("-----BEGIN ")?;
    let kind = rest.get(..rest.len().min(48)).or_else(|| rest.get(..rest.char_indices().nth(32)?.0))?;
    let kind = &kind[..kind.find("-----")?];
    if !kind.contains("PRIVATE KEY") {
        return None;
    }
    let start = at + "-----BEGIN ".len() + kind.len() + 5;
    let end = text[start..].find("-----").map_or(text.len(), |length| start + length);
    text[start..end].bytes().any(|byte| byte.is_ascii_alphanumeric()).then_some(start..end)
}

/// `me:secret` of `https://me:secret@host`, from its `://`.
pub fn user_information(text: &str, at: usize) -> Option<Range<usize>> {
    let rest = text[at..].strip_prefix("://")?;
    let start = at + 3;
    let blank = |byte: u8| byte.is_ascii_whitespace() || b"\"'`<>".contains(&byte);
    let near = &rest.as_bytes()[..rest.len().min(2 * NEAR)];
    let word = near.iter().position(|byte| blank(*byte)).unwrap_or(near.len());
    let authority = near[..word].iter().position(|byte| b"/?#,".contains(byte)).unwrap_or(word);
    let inside = near[..authority].iter().rposition(|byte| *byte == b'@');
    // A password may hold what should have been escaped, behind a colon that no port follows.
    let password = || {
        let colon = near[..authority].iter().position(|byte| *byte == b':')?;
        let port = near[colon + 1..authority].iter().all(u8::is_ascii_digit);
        let next = near[..word].windows(3).position(|three| three == b"://").unwrap_or(word);
        near[..next].iter().rposition(|byte| *byte == b'@').filter(|_| !port)
    };
    let end = start + inside.or_else(password)?;
    let shown = text.get(start..end)?;
    let kept =
        shown.is_empty() || shown.bytes().all(|byte| byte == b'*') || shown.starts_with("${") && shown.ends_with('}');
    (!kept).then_some(start..end)
}

/// `me:secret` of `me:secret@host`, from its `@`: a URL without its scheme. An image's digest is none.
pub fn bare_user_information(text: &str, at: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let part = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~%!$*+".contains(byte) || *byte >= 0x80;
    let back = |end: usize| bytes[..end].iter().rev().take(NEAR).take_while(|byte| part(byte)).count();
    let secret = at - back(at);
    let user = secret.checked_sub(1).filter(|colon| bytes[*colon] == b':')?;
    let start = user - back(user);
    let behind = &bytes[at + 1..];
    let digest = [&b"sha256:"[..], b"sha512:"].iter().any(|kind| behind.starts_with(kind));
    let host = behind.first().is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'[');
    // A path, a URL or an address goes on before it: `host/name:tag@…`.
    let apart = start == 0 || !b"/:@".contains(&bytes[start - 1]);
    let kept = bytes[secret..at].iter().all(|byte| *byte == b'*') || &bytes[start..user] == b"mailto";
    (start < user && secret < at && host && !digest && apart && !kept).then_some(start..at)
}
