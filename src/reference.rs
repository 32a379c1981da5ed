//! References of images, as distribution/reference reads them.

use gdoctor_checks::model::typed;

/// A reference of an image, as distribution/reference's ParseNormalizedNamed takes it; and its registry, if it names one.
pub fn image(reference: &str) -> Result<Option<String>, String> {
    let is_id = reference.len() == 64 && reference.bytes().all(|b| b.is_ascii_hexdigit());
    if is_id {
        return Ok(None);
    }
    let (rest, digest) = reference.split_once('@').map_or((reference, None), |(rest, digest)| (rest, Some(digest)));
    if digest.is_some_and(|d| {
        !d.split_once(':').is_some_and(|(_, hex)| hex.len() >= 32 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
    }) {
        return Err("what follows @ is not a digest".into());
    }
    let (registry, path) = match rest.split_once('/') {
        Some((first, path))
            if first.contains(['.', ':']) || first == "localhost" || first.bytes().any(|b| b.is_ascii_uppercase()) =>
        {
            (Some(first), path)
        }
        _ => (None, rest),
    };
    if let Some(registry) = registry {
        let (host, port) = registry.rsplit_once(':').map_or((registry, None), |(host, port)| (host, Some(port)));
        let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
        let named = !bare.is_empty() && bare.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.:".contains(&b));
        if !named
            || bare.starts_with('-')
            || port.is_some_and(|p| p.is_empty() || !p.bytes().all(|b| b.is_ascii_digit()))
        {
            return Err(format!("{registry:?} is not a registry's HOST:PORT"));
        }
    }
    let (name, tag) = path.split_once(':').map_or((path, None), |(name, tag)| (name, Some(tag)));
    if name.bytes().any(|b| b.is_ascii_uppercase()) {
        return Err("an image's name has no capital letters".into());
    }
    if !name.split('/').all(component) {
        return Err(odd(name));
    }
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    if tag.is_some_and(|tag| {
        tag.len() > 128 || !tag.bytes().next().is_some_and(word) || !tag.bytes().all(|b| word(b) || b"-.".contains(&b))
    }) {
        return Err("what follows the colon is not a tag".into());
    }
    Ok(registry.map(str::to_owned))
}

/// What is odd about a name.
fn odd(name: &str) -> String {
    let what = match name.chars().find(|c| !(c.is_ascii_alphanumeric() || "_.-/".contains(*c))) {
        Some(c) => return typed::told(c).unwrap_or_else(|| format!("there is no {c:?} in an image's name")),
        None if name.is_empty() => return "nothing stands before its colon".into(),
        None if name.starts_with('/') => return "it begins with `/`, and a name begins with a letter or digit".into(),
        None if name.ends_with('/') => "it ends with `/`",
        None if name.contains("//") => "nothing stands between two `/`",
        None => "each part between its `/` begins and ends with a letter or digit, and has single signs between them",
    };
    what.into()
}

/// Lower-case letters and digits, parted by one dot, one or two underscores, or hyphens.
fn component(text: &str) -> bool {
    let ends = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    ends(text.bytes().next())
        && ends(text.bytes().last())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_.-".contains(&b))
        && !["..", "___", "._", "_.", ".-", "-.", "_-", "-_"].iter().any(|odd| text.contains(odd))
}
