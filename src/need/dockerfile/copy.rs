//! What COPY and ADD take from the folder of the build, and where it comes to lie.

use super::words;

/// The words of a COPY or ADD, its options aside.
pub struct Copying {
    /// Each with its place.
    pub sources: Vec<((usize, usize), String)>,
    pub target: String,
    /// With `--chmod`.
    pub mode_set: bool,
}

impl Copying {
    /// With variables replaced, as far as they are known.
    pub fn expanded(mut self, value: impl Fn(&str) -> Option<String>) -> Self {
        for word in self.sources.iter_mut().map(|(_, word)| word).chain([&mut self.target]) {
            if let Some(known) = value(word) {
                *word = known;
            }
        }
        self
    }
}

/// None where the sources are not told one by one: here-documents, `--parents`, `--exclude`.
pub fn read(text: &str) -> Option<Copying> {
    let found = words(text);
    let options = found.iter().take_while(|(start, end)| text[*start..*end].starts_with("--")).count();
    let says = |option: &str| found[..options].iter().any(|(start, end)| text[*start..*end].starts_with(option));
    if says("--parents") || says("--exclude") || text.contains("<<") {
        return None;
    }
    let mode_set = says("--chmod");
    let (first, rest) = found.get(options..)?.split_first()?;
    let mut all: Vec<((usize, usize), String)> = match serde_json::from_str::<Vec<String>>(text[first.0..].trim()) {
        Ok(list) => {
            let place = (first.0, text.trim_end().len());
            list.into_iter().map(|word| (place, word)).collect()
        }
        Err(_) => std::iter::once(first).chain(rest).map(|place| (*place, text[place.0..place.1].to_owned())).collect(),
    };
    let (_, target) = all.pop()?;
    Some(Copying { sources: all, target, mode_set })
}

/// A source as BuildKit looks for it: `..` ends at the folder of the build. None for what lies elsewhere and for wildcards, which may
/// fit nothing (AllowEmptyWildcard of frontend/dockerfile/dockerfile2llb/convert.go).
pub fn path(word: &str) -> Option<String> {
    let elsewhere = word.contains("://") || word.starts_with("git@") || word.contains(['*', '?', '[', '\\']);
    let mut parts: Vec<&str> = Vec::new();
    for part in word.split('/') {
        match part {
            "" | "." => {}
            ".." => _ = parts.pop(),
            part => parts.push(part),
        }
    }
    (!elsewhere).then(|| parts.join("/"))
}

/// A path of the image, from the folder in which a step works. Of the base's own folder nothing is known: `./NAME`.
pub fn joined(folder: &str, word: &str) -> String {
    let bare = word.trim_start_matches("./").trim_end_matches('/');
    match word {
        _ if word.starts_with('/') => format!("/{}", word.trim_matches('/')),
        _ if folder.is_empty() => format!("./{bare}"),
        _ => format!("{}/{bare}", folder.trim_end_matches('/')),
    }
}

/// Where a file of that name comes to lie: in a folder, where the target is one.
pub fn target(folder: &str, target: &str, path: &str, many: bool) -> String {
    let name = path.rsplit('/').next().unwrap_or_default();
    let is_folder = many || target.ends_with('/') || [".", ".."].contains(&target);
    let target = if target == "." { joined(folder, "") } else { joined(folder, target) };
    if is_folder { format!("{}/{name}", target.trim_end_matches('/')) } else { target }
}
