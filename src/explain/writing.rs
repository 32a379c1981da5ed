//! Texts written for people and compilers: source code, manuals, pages, change logs, prose. What they say of failures, nothing on a
//! machine has said, so they are not searched. They are told by how most of their lines look, and only where there are many: a paste
//! with a few lines of code is a paste.

use super::lines::{Line, Severity, lines};
use super::rows::{begins, has_any, is_bullet, is_packaging};

/// A text with fewer lines may be a paste.
const LEAST: usize = 40;
/// So many lines tell what the text is.
const MOST: usize = 300;
/// More of a text is not needed for that.
const BYTES: usize = 64 << 10;

/// Lines of one look, in counts.
#[derive(Default)]
struct Looks {
    all: usize,
    code: usize,
    markup: usize,
    prose: usize,
    records: usize,
    /// Comments and settings of a file of settings.
    settings: usize,
    comments: usize,
    /// Heads of a change log's entries.
    heads: usize,
}

/// True for a text that was written, not printed by a program that ran.
pub fn is_writing(bytes: &[u8]) -> bool {
    let mut looks = Looks::default();
    let head = bytes.get(..BYTES).unwrap_or(bytes);
    for line in lines(head).filter(|line| !line.text.trim().is_empty()).take(MOST) {
        if has_any(&line.text, &["Traceback (most recent call last)", ": error: ", "\", line "]) {
            return false;
        }
        looks.count(&line);
    }
    let share = |count: usize, percent: usize| count * 100 >= looks.all * percent;
    let written = looks.code + looks.markup + looks.prose;
    looks.settings == looks.all && looks.comments >= 3
        || looks.all >= LEAST && looks.heads >= 2
        || looks.all >= LEAST
            && looks.records * 20 <= looks.all
            && (share(looks.code, 50) || share(looks.markup, 40) || share(looks.prose, 60) || share(written, 65))
}

impl Looks {
    fn count(&mut self, line: &Line<'_>) {
        let text = line.text.trim();
        self.all += 1;
        let comment = text == "#" || text.starts_with("# ");
        self.comments += usize::from(comment);
        self.settings += usize::from(comment || is_setting(text));
        self.heads += usize::from(is_head(text));
        if is_markup(text) {
            self.markup += 1;
        } else if is_code(text) {
            self.code += 1;
        } else if line.spoken > 0
            || begins(text, &["docker: ", "podman: ", "dockerd: ", "nvidia-smi: ", "nvidia-container-cli: "])
            || line.severity() != Severity::Unsaid
            || is_progress(text)
            || is_record(text)
        {
            self.records += 1;
        } else if is_prose(text) {
            self.prose += 1;
        }
    }
}

/// A tag, or a request to troff or to a preprocessor of manuals.
fn is_markup(text: &str) -> bool {
    let request = |text: &str| {
        text.strip_prefix(['.', '\'']).is_some_and(|rest| {
            rest.starts_with("\\\"") || rest.len() < 90 && rest.starts_with(|c: char| c.is_ascii_alphabetic())
        })
    };
    text.starts_with('<') && text.contains('>') || text.ends_with('>') && text.contains("</") || request(text)
}

/// A line of a program or its comment. A record of JSON is none.
fn is_code(text: &str) -> bool {
    const STARTS: [&str; 31] = [
        "//", "/*", "*/", "# ", "#define", "#include", "#if", "#endif", "#else", "\"\"\"", "def ", "class ", "import ",
        "from ", "return", "raise ", "self.", "assert ", "elif ", "else:", "try:", "except", "sub ", "my ", "fi",
        "done", "then", "let ", "pub ", "extern ", "typedef ",
    ];
    let ends = text.ends_with([';', '{', '}', '\\']) || text.ends_with("};") || text.ends_with("),");
    let block = text.ends_with(':') && begins(text, &["if ", "for ", "while ", "with ", "else", "case "]);
    text == "*"
        || text == "#"
        || !is_record(text) && (ends || block || STARTS.iter().any(|start| text.starts_with(start)))
}

/// A record of JSON on one line.
fn is_record(text: &str) -> bool {
    text.len() > 2 && text.starts_with('{') && text.ends_with('}')
}

/// What a program says while it works: `Unpacking libfoo (1.2) ...`.
fn is_progress(text: &str) -> bool {
    has_any(text, &["..."]) || is_packaging(text)
}

/// The head of a change log's entry: a day and whoever changed it, or a version alone.
fn is_head(text: &str) -> bool {
    let mut words = text.split_whitespace();
    let first = words.next().unwrap_or("");
    let day = first.len() == 10 && first.bytes().filter(|b| *b == b'-').count() == 2;
    let mail = text.contains('@') && text.ends_with('>');
    let named = ["version", "release", "changes", "noteworthy"].contains(&first.to_lowercase().as_str());
    let version = |word: &str| {
        let word = word.trim_start_matches('v').trim_end_matches([':', ',', ')']);
        word.starts_with(|c: char| c.is_ascii_digit()) && word.contains('.') && !word.contains(['/', '='])
    };
    let rest = words.clone().count();
    (day || first == "--") && mail
        || named && rest <= 7 && words.any(version) && !text.contains(": ")
        || first.starts_with('v') && version(first) && rest <= 5 && text.contains(" - ")
}

/// `NAME=value`, also in a comment.
fn is_setting(text: &str) -> bool {
    let name = text.trim_start_matches("export ").trim_start_matches('#').split('=').next().unwrap_or("");
    text.contains('=') && !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Words of a sentence, one beside the other; a heading, an entry of a list.
fn is_prose(text: &str) -> bool {
    if is_bullet(text) || text.starts_with('#') && text.trim_start_matches('#').starts_with(' ') {
        return true;
    }
    let words = text.split_whitespace().count();
    let letters = |word: &&str| word.trim_matches(|c: char| !c.is_alphanumeric()).chars().all(char::is_alphabetic);
    let plain = text.split_whitespace().filter(letters).count();
    words >= 4 && plain * 10 >= words * 7 && !text.contains("  ")
}

#[cfg(test)]
mod tests {
    use super::is_writing;

    #[test]
    fn what_was_written_is_told_from_what_was_printed() {
        let times = |line: &str| format!("{line}\n").repeat(60);
        for text in [
            "    if (open(path) < 0) {\n        return -ENOSPC;\n    }",
            "<p>The disk is full when it says that</p>",
            ".TP\n.B ENOSPC\nNo space left on device",
            "The call fails with this error when no room is left on the device of the file",
            "- Handle that no space is left on the device",
        ] {
            assert!(is_writing(times(text).as_bytes()), "{text}");
        }
        let entry = |version: u32| {
            format!("version 5.1.{version}:\n avcodec/dec: no space left on device\n{}\n", " x/y: z\n".repeat(20))
        };
        assert!(is_writing([9, 8, 7].map(entry).concat().as_bytes()));
        assert!(is_writing(b"# One may raise it.\n# It is small.\n#\nSHM_SIZE=64M\n"));
        for text in [
            "2026-11-28T17:02:03 could not open the file, and so the program has to end now",
            "Nov 28 17:02:03 host dockerd[12]: no space is left on the device of this file",
            "level=error msg=\"no space left on device\"",
            "{\"log\": \"no space left on device\"}",
            "make[1]: *** [Makefile:81: modules] Error 2",
            "Get:1 http://archive.ubuntu.com/ubuntu jammy InRelease [265 kB]",
            "W0723 16:22:57.624643 496283 nvc_info.c:354] missing library libnvoptix.so",
            "gazebo-1  | libGL error: failed to load driver: swrast",
            "docker: pulling the layers of this image once more",
        ] {
            assert!(!is_writing(times(text).as_bytes()), "{text}");
        }
        let traceback = format!("Traceback (most recent call last):\n{}", times("    return self.run()"));
        assert!(!is_writing(traceback.as_bytes()));
    }
}
