//! The key of daemon.json that is meant by one that is nearly right.

use alloc::string::String;
use alloc::vec::Vec;

use super::daemon_keys::{all, of_option};

/// What is written for another key than it looks like: not a letter or two away, but meant so.
const WRITTEN: [(&str, &str); 3] =
    [("runtime", "runtimes"), ("dns-option", "dns-opts"), ("insecure-registrys", "insecure-registries")];

/// Of a name that no engine knows, or of an option's. None where it is right, and where two keys are as near.
pub fn meant(name: &str) -> Option<&'static str> {
    let plain = plain(name);
    let written = || WRITTEN.iter().find(|(written, _)| *written == plain).map(|(_, key)| *key);
    of_option(&plain).or_else(written).or_else(|| nearest(name, || all().filter(|key| of_option(key).is_none())))
}

fn plain(name: &str) -> String {
    name.trim().to_ascii_lowercase().replace(['_', ' '], "-")
}

/// The one of them that is meant: with its letters in another case, `_` for `-`, the singular, one or two letters that differ. None where
/// it is one of them, and where two are as near.
pub fn nearest<I: Iterator<Item = &'static str>>(name: &str, known: impl Fn() -> I) -> Option<&'static str> {
    let plain = plain(name);
    if let Some(word) = known().find(|word| *word == plain) {
        return (word != name).then_some(word);
    }
    // So few letters are another word soon.
    let most = match plain.len() {
        0..=4 => 0,
        5..=8 => 1,
        _ => 2,
    };
    // Another number means another thing.
    let digits = |name: &str| -> Vec<u8> { name.bytes().filter(u8::is_ascii_digit).collect() };
    let of_numbers = digits(&plain);
    let alike = known().filter(|word| digits(word) == of_numbers);
    let near = alike.map(|word| (distance(plain.as_bytes(), word.as_bytes()), word));
    let mut near: Vec<(usize, &str)> = near.filter(|(far, _)| (1..=most).contains(far)).collect();
    near.sort_unstable();
    near.dedup();
    match near.as_slice() {
        [(_, word)] => Some(word),
        [(least, word), (next, _), ..] if least < next => Some(word),
        _ => None,
    }
}

/// How many letters are changed, put in, taken out, or swapped with their neighbour. strsim, which the binary has, needs std.
fn distance(one: &[u8], other: &[u8]) -> usize {
    let mut rows: Vec<Vec<usize>> = Vec::from([(0..=other.len()).collect::<Vec<_>>()]);
    for i in 1..=one.len() {
        let mut row = Vec::from([i]);
        for j in 1..=other.len() {
            let changed = rows[i - 1][j - 1] + usize::from(one[i - 1] != other[j - 1]);
            let mut least = changed.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && one[i - 1] == other[j - 2] && one[i - 2] == other[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[one.len()][other.len()]
}

#[cfg(test)]
mod tests {
    use super::meant;

    #[test]
    fn what_is_nearly_right_means_one_key() {
        for (written, key) in [
            ("Log-Level", "log-level"),
            ("log_driver", "log-driver"),
            ("log-levle", "log-level"),
            ("insecure-registry", "insecure-registries"),
            ("insecure_registries", "insecure-registries"),
            ("registry-mirror", "registry-mirrors"),
            ("registry-mirrors ", "registry-mirrors"),
            ("default-runtimes", "default-runtime"),
            ("runtime", "runtimes"),
            ("dataroot", "data-root"),
            ("storage-drvier", "storage-driver"),
            ("exec-opt", "exec-opts"),
            ("DNS", "dns"),
        ] {
            assert_eq!(meant(written), Some(key), "{written}");
        }
        for written in ["log-level", "graph", "dn", "registries", "no-such-key", "default-gateway-v5", "ip6", "tlsc"] {
            assert_eq!(meant(written), None, "{written}");
        }
    }
}
