//! One line of a unit's file or a drop-in: taken out, or mended where systemd.syntax(7) leaves one way to mean it.

use gdoctor_checks::model::daemon_names::nearest;
use gdoctor_checks::model::facts::docker::{Ignored, Why};

use crate::host::units;

/// Without the line that says this, `KEY=VALUE`, which has to stand there once.
pub fn without(text: &str, wanted: &str) -> Result<String, String> {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let says = |line: &str| line.split_once('=').map(|(key, value)| format!("{}={}", key.trim(), value.trim()));
    let mut found = (0..lines.len()).filter(|at| says(lines[*at]).is_some_and(|said| said == wanted));
    let at = match (found.next(), found.next()) {
        (Some(at), None) => at,
        (None, _) => return Err(format!("has no line {wanted}")),
        (Some(_), Some(_)) => return Err(format!("has {wanted} more than once")),
    };
    is_whole(&lines, at)?;
    Ok(lines[..at].iter().chain(&lines[at + 1..]).copied().collect())
}

/// A line that goes on in the next, or goes on from the one before, is none by itself.
fn is_whole(lines: &[&str], at: usize) -> Result<(), String> {
    let goes_on = |line: &&&str| line.trim_end().ends_with('\\');
    let before = at.checked_sub(1).and_then(|before| lines.get(before));
    match before.into_iter().chain(lines.get(at)).any(|line| goes_on(&line)) {
        true => Err(format!("has a setting over several lines around line {}", at + 1)),
        false => Ok(()),
    }
}

/// With the line of this number as systemd takes it.
pub fn mended(text: &str, number: &str) -> Result<String, String> {
    let faults = units::left_out(text);
    let number: u32 = number.parse().map_err(|_| "is named with no line".to_owned())?;
    let Some(fault) = faults.iter().find(|fault| fault.line == number) else {
        return Err(format!("has nothing to mend in line {number}"));
    };
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let at = number as usize - 1;
    is_whole(&lines, at)?;
    let line = lines[at];
    let written = match &fault.why {
        Why::NoSection => format!("[{}]\n{line}", home(&fault.key)?),
        Why::WrongSection(section) => {
            let own = lines[..at].iter().rev().map(|line| line.trim()).find(|line| line.starts_with('['));
            let end = if line.ends_with('\n') { "" } else { "\n" };
            format!("[{section}]\n{line}{end}{}\n", own.unwrap_or_default())
        }
        Why::Misspelled(right) => line.replacen(&fault.key, right, 1),
        Why::Percent if is_encoded(line) => line.replace('%', "%%"),
        Why::Percent => return Err(format!("has a % in line {number} that is for you to say")),
        Why::NoLimit if means_infinity(line) => {
            let (name, value) = line.split_once('=').unwrap_or((line, ""));
            format!("{name}={}", value.replacen(value.trim(), "infinity", 1))
        }
        Why::NoLimit => return Err(format!("has a limit in line {number} that is for you to say")),
        Why::NoValue => return Err(format!("has no value in line {number}")),
    };
    let after: String =
        lines[..at].iter().copied().chain([written.as_str()]).chain(lines[at + 1..].iter().copied()).collect();
    // Nothing else may be left out by it, and what comes into a section by it has to belong there.
    let left = units::left_out(&after);
    let is_known = |one: &Ignored| faults.iter().any(|fault| (&fault.key, &fault.why) == (&one.key, &one.why));
    let strangers = faults.iter().filter(|fault| fault.line > number && fault.why == Why::NoSection);
    for stranger in strangers.filter(|_| fault.why == Why::NoSection) {
        if home(&stranger.key)? != home(&fault.key)? {
            return Err(format!("has lines of several sections behind line {number}"));
        }
    }
    match left.len() < faults.len() && left.iter().all(is_known) {
        true => Ok(after),
        false => Err(format!("cannot be mended by line {number} alone")),
    }
}

/// ulimit's word, or systemd's own with a letter too few.
fn means_infinity(line: &str) -> bool {
    let value = line.split_once('=').map_or("", |(_, value)| value.trim());
    value == "unlimited" || nearest(value, || ["infinity"].into_iter()).is_some()
}

/// The section that a key belongs to.
fn home(key: &str) -> Result<&'static str, String> {
    units::home(key).ok_or_else(|| format!("has {key}, whose section is not known here"))
}

/// Each % is that of a URL: %40.
fn is_encoded(line: &str) -> bool {
    line.split('%').skip(1).all(|rest| rest.len() > 1 && rest.bytes().take(2).all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::super::told;

    #[test]
    fn lines_that_systemd_leaves_out_are_mended() {
        let no_section = "# mine\nLimitNPROC=infinity\nTasksMax=infinity\n";
        assert_eq!(told(no_section, "unit mend 2"), "# mine\n[Service]\nLimitNPROC=infinity\nTasksMax=infinity\n");
        let percent = "[Service]\nEnvironment=\"HTTPS_PROXY=http://a:b%40c%21@p\"\nEnvironment=A=%h\n";
        assert_eq!(told(percent, "unit mend 2"), percent.replace("%40c%21", "%%40c%%21"));
        assert_eq!(told("[Service]\nLimitNOFILE = infinty\n", "unit mend 2"), "[Service]\nLimitNOFILE = infinity\n");
        assert_eq!(told("[Service]\nLimitNPROC=unlimited\n", "unit mend 2"), "[Service]\nLimitNPROC=infinity\n");
        assert!(told("[Service]\nLimitNPROC=many\n", "unit mend 2").starts_with("error: "));
        assert_eq!(told("[Service]\nexecstart = /b\n", "unit mend 2"), "[Service]\nExecStart = /b\n");
        let unit = "[Unit]\nAfter=a\nTasksMax=9\nWants=b\n";
        assert_eq!(told(unit, "unit mend 3"), "[Unit]\nAfter=a\n[Service]\nTasksMax=9\n[Unit]\nWants=b\n");
        for (text, line) in [
            ("[Service]\nLimitNOFILE\n", 2),
            ("LimitNPROC=1\nNobodyKnows=1\n", 1),
            ("LimitNPROC=1\nAfter=b\n", 1),
            ("[Service]\nEnvironment=A=%h%40\n", 2),
            ("[Service]\nEnvironment=A=1 \\\n  B=%40\n", 3),
            ("[Service]\nType=notify\n", 2),
        ] {
            assert!(told(text, &format!("unit mend {line}")).starts_with("error: "), "{text}");
        }
    }

    #[test]
    fn a_line_goes() {
        let text = "[Service]\n#PrivateTmp=yes\nPrivateTmp = yes\nUMask=0\n";
        assert_eq!(told(text, "unit remove PrivateTmp=yes"), "[Service]\n#PrivateTmp=yes\nUMask=0\n");
        assert!(told(text, "unit remove PrivateTmp=no").starts_with("error: has no line"));
    }
}
