//! The grammar of DISPLAY as libxcb reads it (xcb_util.c): the last colon parts host and number, and `unix` as a host or a
//! protocol means the local socket.

use gdoctor_checks::model::facts::display::Address;
use gdoctor_checks::model::typed;

/// `is_socket` tells whether a path leads to a socket: only then is DISPLAY a path.
pub fn parse(text: &str, is_socket: impl Fn(&str) -> bool) -> Address {
    let path = text.strip_prefix("unix:").unwrap_or(text);
    if path.starts_with('/') {
        // A screen may be appended to a path, too: /private/tmp/launch/org.xquartz:0.1
        let stem = path.rsplit_once('.').map(|(stem, _)| stem);
        if let Some(path) = [Some(path), stem].into_iter().flatten().find(|path| is_socket(path)) {
            return Address::Path(path.into());
        }
        return Address::Malformed("it is a path, and no socket lies there".into());
    }
    if let Some(pasted) = text.chars().find_map(typed::told) {
        return Address::Malformed(pasted);
    }
    let (protocol, rest) = match text.rsplit_once('/') {
        Some((protocol, rest)) => (Some(protocol), rest),
        None => (None, text),
    };
    let Some((host, tail)) = rest.rsplit_once(':') else {
        return Address::Malformed("there is no colon before the display's number".into());
    };
    let (number, screen) = match tail.split_once('.') {
        Some((number, screen)) => (digits(number), digits(screen)),
        None => (digits(tail), Some(0)),
    };
    let Some(number) = number else {
        return Address::Malformed("no number from 0 to 59535 stands behind the colon".into());
    };
    let Some(screen) = screen else {
        return Address::Malformed("the screen behind the dot is no number".into());
    };
    match (protocol, host) {
        (Some("unix"), _) | (_, "unix") | (None, "") => Address::Local { number, screen },
        (None | Some("tcp" | "inet" | "inet6"), host) => {
            let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
            let host = if host.is_empty() { "localhost" } else { host };
            if host.ends_with(':') || host.contains(char::is_whitespace) {
                return Address::Malformed("what stands before the number is no host name".into());
            }
            let loopback = host == "localhost" || host == "::1" || host.starts_with("127.");
            Address::Tcp { host: host.into(), number, screen, loopback }
        }
        (Some(other), _) => Address::Malformed(format!("{other:?} is no protocol: unix or tcp")),
    }
}

/// A port is 6000 and the number: more than 59535 cannot be one.
fn digits(text: &str) -> Option<u16> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| plain && *number <= 59_535)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Address {
        parse(text, |path| path == "/run/x/:0")
    }

    #[test]
    fn displays_as_libxcb_reads_them() {
        for (text, number, screen) in
            [(":0", 0, 0), (":1.2", 1, 2), ("unix:3", 3, 0), ("unix/:4", 4, 0), ("unix/host:5", 5, 0), (":077", 77, 0)]
        {
            assert_eq!(read(text), Address::Local { number, screen }, "{text}");
        }
        for (text, host, number, loopback) in [
            ("localhost:10.0", "localhost", 10, true),
            ("127.0.0.1:11", "127.0.0.1", 11, true),
            ("[::1]:12", "::1", 12, true),
            ("::1:12", "::1", 12, true),
            ("tcp/desk:0", "desk", 0, false),
            ("tcp/:0", "localhost", 0, true),
            ("desk.example:0", "desk.example", 0, false),
        ] {
            assert_eq!(read(text), Address::Tcp { host: host.into(), number, screen: 0, loopback }, "{text}");
        }
        assert_eq!(read("/run/x/:0"), Address::Path("/run/x/:0".into()));
        assert_eq!(read("unix:/run/x/:0.1"), Address::Path("/run/x/:0".into()));
    }

    #[test]
    fn what_is_no_display() {
        for text in [
            "0",
            ":",
            ":x",
            ":-1",
            ":+1",
            ":1.",
            ":0.x",
            "desk",
            "desk:",
            ":99999",
            "decnet/desk:0",
            "/no/such",
            "a b:0",
            "desk::0",
        ] {
            assert!(matches!(read(text), Address::Malformed(_)), "{text}");
        }
    }

    #[test]
    fn nothing_makes_it_panic() {
        let letters = [":", ".", "/", "[", "]", "unix", "tcp", "0", "9", "é", "\0", " "];
        let mut seed = 1_u32;
        for _ in 0..20_000 {
            let mut text = String::new();
            for _ in 0..8 {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                text.push_str(letters[seed as usize >> 16 & 7]);
            }
            let _ = read(&text);
        }
    }
}
