//! Lines that are told by their shape alone to say of nothing that it went wrong: rows of lists, options of a help text, settings, code,
//! tests that passed.

use super::seek;

pub fn has_any(line: &str, words: &[&str]) -> bool {
    words.iter().any(|word| seek::has(line, word))
}

/// True where the line begins with one of the words, behind blanks.
pub fn begins(line: &str, words: &[&str]) -> bool {
    seek::starts(line.trim_start(), words)
}

/// `nvidia_uvm  4956160  4`: lsmod.
pub fn is_module(line: &str) -> bool {
    let mut words = line.split_whitespace().skip(1);
    let mut number = || words.next().is_some_and(|word| word.bytes().all(|b| b.is_ascii_digit()));
    number() && number() && words.nth(1).is_none()
}

/// A line that says of nothing that it went wrong.
pub fn is_row(line: &str) -> bool {
    if is_entry(line) {
        return true;
    }
    let line = line.trim();
    let one_word = !line.contains(' ');
    let package = one_word && [".x86_64", ".noarch", ".aarch64", ".i686"].iter().any(|arch| line.ends_with(arch));
    let path = one_word && line.starts_with('/') && !line.contains(':');
    let library = line.starts_with("lib") && seek::has(line, " => /");
    let gpu = (line.starts_with("GPU ") || line.starts_with("MIG ")) && line.contains("(UUID: ");
    let installed = seek::starts(line, &["ii  ", "rc  ", "hi  "]);
    let listed =
        package || path || library || gpu || installed || is_module(line) || is_pci(line) || is_packaging(line);
    listed || is_option(line) || is_setting(line) || is_mount(line) || is_number(line) || is_code(line) || is_told(line)
}

/// `01:00.0 VGA compatible controller: …` and what lspci says of it.
fn is_pci(line: &str) -> bool {
    let address = line.split(' ').next().unwrap_or("");
    let (_, function) = address.rsplit_once('.').unwrap_or(("", ""));
    let hex = |c: char| c.is_ascii_hexdigit() || c == ':' || c == '.';
    let device =
        matches!(address.len(), 7 | 12) && function.len() == 1 && address.contains(':') && address.chars().all(hex);
    device && line.contains(": ")
        || begins(line, &["Kernel modules:", "Subsystem:"])
        || begins(line, &["Kernel driver in use:"]) && !line.contains("nouveau")
}

/// What package managers do, told while they do it.
pub fn is_packaging(line: &str) -> bool {
    const DOING: [&str; 25] = [
        "Selecting previously",
        "Preparing to unpack",
        "Unpacking ",
        "Setting up ",
        "Processing triggers",
        "Reading package lists",
        "Building dependency",
        "Reading state",
        "The following NEW",
        "The following additional",
        "Get:",
        "Hit:",
        "Fetched ",
        "Reading database",
        "(Reading database",
        "Created symlink",
        "Installing  ",
        "Verifying  ",
        "Upgrading  ",
        "Cleanup  ",
        "Running transaction",
        "Transaction ",
        "Downloading ",
        "Collecting ",
        "Requirement already",
    ];
    begins(line, &DOING)
}

/// `  -D, --debug   Enable debug mode`, `[--oom-kill-disable]`: of a help text or a synopsis.
fn is_option(line: &str) -> bool {
    let bare = line.trim_start_matches('[');
    let name = bare.trim_start_matches('-');
    let dashes = bare.len() - name.len();
    if !(1..=2).contains(&dashes) || !name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return false;
    }
    let end = name.find([' ', '\t', ',', ']', '[']).unwrap_or(name.len());
    let rest = &name[end..];
    bare.len() < line.len()
        || !line.contains(' ')
        || rest.starts_with("  ")
        || rest.starts_with('\t')
        || rest.starts_with(", -")
        || rest.contains("   ")
}

/// `kernel.pid_max = 4194304`: of sysctl. What is switched off may be a fault.
fn is_setting(line: &str) -> bool {
    let Some(at) = seek::find(line, " = ") else { return false };
    let (name, value) = (&line[..at], &line[at + 3..]);
    let word = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    let off = value == "0" && (name.ends_with("_userns_clone") || name.ends_with("namespaces"));
    name.contains('.') && name.chars().all(word) && !off && !value.starts_with(['"', '\''])
}

/// `tmpfs on /dev/shm type tmpfs (rw)`, `tmpfs  24G  168K  24G  1% /dev/shm`: of mount and df, with room left.
fn is_mount(line: &str) -> bool {
    let mounted = line.ends_with(')') && seek::has(line, " on /") && seek::has(line, " type ");
    let share = seek::find(line, "% /").and_then(|at| line[..at].rsplit(' ').next()?.parse::<u32>().ok());
    mounted || share.is_some_and(|share| share < 95)
}

/// `28 ENOSPC`, `#define ENOSPC 28`: of a list of the errors there are.
fn is_number(line: &str) -> bool {
    if !line.starts_with(['#', 'E']) && !line.starts_with(|c: char| c.is_ascii_digit()) {
        return false;
    }
    let words: Vec<&str> = line.split_whitespace().take(4).collect();
    let name = |word: &str| {
        word.starts_with('E') && word.len() > 2 && word.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
    };
    let number = |word: &str| word.bytes().all(|b| b.is_ascii_digit());
    match words.as_slice() {
        ["#define", ..] => true,
        [a, b] => number(a) && name(b),
        [a, b, ..] => name(a) && number(b) && line.contains("  "),
        _ => false,
    }
}

/// `  credential-store     Helper to store credentials on disk`: a name and what it is, in columns.
fn is_entry(line: &str) -> bool {
    let entry = line.trim_start();
    let name = entry.find(' ').unwrap_or(entry.len());
    entry.len() < line.len()
        && entry.as_bytes()[..name]
            .iter()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'*' | b','))
        && entry[name..].starts_with("  ")
        && !has_any(entry, &["rror", "ailed", "annot", "denied", "nvalid"])
}

/// Source code, as editors and reviews show it.
fn is_code(line: &str) -> bool {
    const WORDS: [&str; 20] = [
        "//", "/*", "#include", "import ", "def ", "class ", "fn ", "pub ", "func ", "const ", "let ", "var ",
        "static ", "return ", "if (", "} else", "elif ", "except ", "raise ", "case ",
    ];
    begins(line, &WORDS) && (line.ends_with([';', '{', '}', ':', ')', ',']) || line.starts_with("//"))
        || is_quoted(line)
}

/// `   2 | >>> FROM nvidia/cuda:10.2-base`: a line of a file, as compilers and BuildKit quote it.
fn is_quoted(line: &str) -> bool {
    let number = line.split(" |").next().unwrap_or("").trim();
    let bar = seek::has(line, " | ") || line.ends_with(" |");
    bar && (1..=5).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit())
}

/// Tests that passed, what a change is for, and advice for a failure that may come.
fn is_told(line: &str) -> bool {
    const CHANGES: [&str; 8] = ["fix", "feat", "docs", "chore", "test", "refactor", "ci", "build"];
    let kind = line.trim_start_matches(['-', '*', ' ']).split([':', '(']).next().unwrap_or("");
    let change = kind.len() < 9 && CHANGES.contains(&kind) && line.contains(": ");
    let bullet = begins(line, &["- ", "* "])
        && begins(
            &line[2..],
            &[
                "Fix", "Add", "Remove", "Improve", "Support", "Allow", "Handle", "Avoid", "Prevent", "Document",
                "Bump", "Update",
            ],
        );
    let passed =
        line.ends_with("... ok") || line.ends_with(" PASSED") || begins(line, &["✓", "✔", "--- PASS", "PASS:", "ok  "]);
    const ADVICE: [&str; 7] = [
        "If you see",
        "If you get",
        "If you encounter",
        "you might see",
        "you may see",
        "you may get",
        "you might get",
    ];
    change || bullet || passed || seek::has(line, "ou ") && has_any(line, &ADVICE)
}

/// True for a row of columns: it begins no sentence, and ends none.
pub fn in_columns(line: &str) -> bool {
    let text = line.trim();
    text.matches("  ").count() >= 2 && text.split("  ").filter(|cell| !cell.trim().is_empty()).count() >= 3
}

/// True for a line that is no part of a sentence: a value, told by itself (`registryUrl='https://index.docker.io/v1/'`), a row of `ls -l`.
pub fn stands_alone(line: &str) -> bool {
    let line = line.trim();
    let mode = |b: u8| b"-bcdlpsrwxStT".contains(&b);
    if line.len() > 10 && line.bytes().take(10).all(mode) && line[10..].starts_with([' ', '.', '+']) {
        return true;
    }
    if is_version(line) {
        return true;
    }
    let name = line.split('=').next().unwrap_or("");
    let word = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    !line.contains(' ') && name.len() < line.len() && !name.is_empty() && name.chars().all(word)
}

/// `WSL2 kernel version (own build): 6.6.87.1-microsoft-standard-WSL2`: what somebody tells of his machine.
fn is_version(line: &str) -> bool {
    let Some((name, value)) = line.split_once(": ") else { return false };
    let number = value.trim_start_matches(['v', 'V']).starts_with(|c: char| c.is_ascii_digit());
    number && !value.trim().contains(' ') && value.contains('.') && has_any(name, &["ersion", "elease"])
}

/// `- one of several`: it goes on with no line before it.
pub fn is_bullet(line: &str) -> bool {
    begins(line, &["- ", "* ", "+ ", "• "])
}
