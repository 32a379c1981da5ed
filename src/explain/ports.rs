//! The port that a message speaks of: behind an address, `0.0.0.0:80`, or behind its name, `port: 3306`. A time, `00:07:39`, is no address.

use super::seek;

/// The port of a line: the last address has it, else the word.
pub fn of(text: &str) -> Option<u16> {
    let behind = |at: usize| (!is_time(&text[..at])).then(|| number(&text[at + 1..])).flatten();
    text.rmatch_indices(':').find_map(|(at, _)| behind(at)).or_else(|| named(text))
}

/// `port 3306`, `port: 3306`, `port=3306`.
pub fn named(text: &str) -> Option<u16> {
    const WORD: &str = "ort";
    seek::each(text, WORD).find_map(|at| {
        let before = text[..at].strip_suffix(['p', 'P']);
        let begins = before.is_some_and(|before| !before.ends_with(|c: char| c.is_alphanumeric()));
        let rest = &text[at + WORD.len()..];
        let value = rest.trim_start_matches([' ', ':', '=', '#']);
        (begins && value.len() < rest.len()).then(|| number(value)).flatten()
    })
}

/// True before a colon that stands within a time: behind one or two digits that no address begins with.
fn is_time(before: &str) -> bool {
    let rest = before.trim_end_matches(|c: char| c.is_ascii_digit());
    (1..=2).contains(&(before.len() - rest.len()))
        && (rest.is_empty() || rest.ends_with([' ', ':', 'T', '[', '-', '/']))
}

fn number(text: &str) -> Option<u16> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..digits].parse().ok().filter(|port| *port > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_no_address() {
        for (text, port) in [
            ("listen tcp 0.0.0.0:80: bind: address already in use", Some(80)),
            ("listen tcp [::]:8080: bind: address already in use", Some(8080)),
            ("listen tcp :::443: bind: address already in use", Some(443)),
            ("07:39 host dockerd: failed to bind host port for 0.0.0.0:5000:172.17.0.2:6000/tcp", Some(6000)),
            ("2019-07-17 00:07:39 [ERROR] Bind on TCP/IP port: Address already in use", None),
            ("2019-07-17T00:07:39Z bind: address already in use", None),
            ("[07:39:01] could not bind: Address already in use", None),
            ("Do you already have another mysqld server running on port: 3306 ?", Some(3306)),
            ("Port 8080 is already in use", Some(8080)),
            ("a report 12 says nothing", None),
        ] {
            assert_eq!(of(text), port, "{text}");
        }
    }
}
