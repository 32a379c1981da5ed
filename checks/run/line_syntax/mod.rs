//! Does docker take every value of the line?

use crate::model::prelude::*;
use crate::model::run::{Argument, Edit, Foreign, RunLine, RunOption, Span, Unset, Versions};
use crate::model::typed;
use crate::model::version::Version;
use crate::readings::misplaced::{self, option_of};

pub static CHECK: Check = Check {
    id: "run-line-syntax",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.run.as_ref().and_then(|run| run.by.as_ref()),
    tells: Tells::Anywhere,
    judge,
};

/// The limits that `--ulimit` knows and that people write without it.
const LIMITS: [&str; 4] = ["memlock=", "nofile=", "stack=", "nproc="];

/// Options that docker takes whatever their values are, once they have a name.
const FREE: [&str; 2] = ["env", "label"];

/// Variables of a window's: run-line-display tells of these.
const DISPLAYS: [&str; 3] = ["DISPLAY", "XAUTHORITY", "WAYLAND_DISPLAY"];

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    let Some(line) = &need.run else { return Err(Stop::NotNeeded("podman")) };
    let mut findings: Findings = line.foreign.iter().map(|foreign| of_other_shell(line, foreign)).collect();
    findings.extend(line.wrapper.as_ref().map(|wrapper| no_wrapper(line, wrapper)));
    let pattern = by_pattern(line);
    let by_pattern = pattern.is_some();
    findings.extend(pattern);
    findings.extend(line.unset.iter().filter_map(|unset| empty(line, unset)));
    // One cause, one finding: a value that is refused because nobody sets a variable in it is told there.
    let told = |option: &&RunOption| line.unset.iter().any(|unset| unset.breaks && unset.at.contains(&option.at));
    // An option in the place of a value is the cause of what follows: the image is then what the option was meant to have.
    let takes_next = |option: &RunOption| {
        option.takes_option || line.unset.iter().any(|unset| unset.takes_next && unset.at.contains(&option.at))
    };
    findings.extend(line.options.iter().filter_map(pasted));
    let unit = unit_apart(line);
    let is_unit = unit.is_some();
    findings.extend(unit);
    let parted = misplaced::parted(line, &line.text).filter(|_| !is_unit && !by_pattern);
    findings.extend(parted.as_ref().map(blank_inside));
    let swallowed = line.all("image").next().is_some() && line.options.iter().any(takes_next);
    let own = |option: &&RunOption| {
        !told(option)
            && typed::as_typed(&option.value).is_none()
            && (!swallowed && !by_pattern && !is_unit && parted.is_none() || option.name != "image")
            && parted.as_ref().is_none_or(|parted| parted.option != *option)
    };
    findings.extend(line.options.iter().filter(own).filter_map(|option| refused(line, option)));
    findings.extend(line.options.iter().filter(|option| option.one_hyphen).map(one_hyphen));
    let missing = line.options.iter().filter(|option| {
        let emptied = line.unset.iter().any(|unset| unset.takes_next && unset.at.contains(&option.at));
        option.takes_option && (option.refused.is_none() || option.at.opaque) && !emptied
    });
    findings.extend(missing.map(|option| value_missing(option, swallowed)));
    findings.extend(alone(facts, line));
    let version = number(facts.docker.version.value().map(|version| &*version.version));
    let client = number(facts.engine.client_version.value().map(String::as_str)).or_else(|| version.clone());
    let others = line.options.iter().filter(|option| !told(option) && option.refused.is_none());
    findings.extend(others.filter_map(|option| of_other_version(line, option, version.as_ref(), client.as_ref())));
    let words = line.options.iter().filter(|option| !FREE.contains(&option.name.as_str())).map(|option| &option.at);
    let mut told_of: Vec<Span> = Vec::new();
    for at in words.chain(line.image.as_ref().map(|image| &image.at)).filter(|at| at.opaque) {
        // Several options may come out of one word.
        if at.file.is_none() && told_of.contains(&at.span) {
            continue;
        }
        told_of.push(at.span);
        let gap = Gap::Unsupported("what it holds is known only when the commands before it have run".into());
        findings.push(Finding::unknown(gap, Default::default()).about(&at.text).asked_by(&at.origin()));
    }
    findings.extend(line.variables.iter().filter_map(|variable| left_open(&variable.at)));
    if line.podman && findings.is_empty() {
        return Err(Stop::NotNeeded("podman"));
    }
    if findings.is_empty() {
        let count = line.options.len();
        findings.push(Finding::pass("taken").with("count", count).evidence("the line", format!("{count} options")));
    }
    Ok(findings)
}

/// `–gpus`, `-e DISPLAY=“:0”`: a text program has put other letters in the place of hyphens and quotes. What docker takes all the same
/// has the quotes in it.
fn pasted(option: &RunOption) -> Option<Finding> {
    // Of a variable the value is not kept.
    let written = option.at.text.replace(['\'', '"'], "");
    let text = if FREE.contains(&option.name.as_str()) { &written } else { &option.value };
    let typed = typed::as_typed(text)?;
    let why = text.chars().find_map(typed::told)?;
    // Of a window's variables the look at the display tells.
    let of_window = DISPLAYS.iter().any(|name| text.contains(&format!("{name}=")));
    let finding = match (&option.refused, of_window) {
        (Some(_), _) => Finding::fail("pasted", "type-again"),
        (None, false) => Finding::warn("pasted-quotes", "type-again"),
        (None, true) => return None,
    };
    let edit = match typed.starts_with('-') && !text.starts_with('-') {
        true => option.at.with_value(typed),
        false => Edit { span: option.at.span, text: option.at.text.chars().filter(|c| !typed::is_quote(*c)).collect() },
    };
    let shown = option.at.shown();
    let finding = finding.with("value", shown).with("why", why).edit(edit).about(shown);
    Some(finding.evidence("the line", shown).asked_by(&option.at.origin()))
}

/// `-e "TOKEN=<secret>"`: whoever published the line left the value to its reader, and docker hands the words on.
fn left_open(at: &Argument) -> Option<Finding> {
    let (_, value) = at.text.split_once("=<")?;
    let end = value.find('>')?;
    let rest = value[end + 1..].trim_end_matches('"');
    let place = format!("<{}>", &value[..end]);
    let is_place = value.starts_with(|c: char| c.is_ascii_alphabetic()) && rest.is_empty() && at.text.contains('"');
    is_place.then(|| {
        let finding = Finding::warn("left-open", "correct-value").about(&place).with("flag", &at.text);
        finding.evidence("the line", &*at.text).asked_by(&at.origin())
    })
}

/// A long option with one hyphen: its first letter is an option, and the rest its value.
fn one_hyphen(option: &RunOption) -> Finding {
    let finding = match option.refused {
        Some(_) => Finding::fail("one-hyphen-refused", "two-hyphens"),
        None => Finding::warn("one-hyphen", "two-hyphens"),
    };
    let word = option.at.text.split('=').next().unwrap_or_default();
    let (letter, rest) = word.split_at(word.char_indices().nth(2).map_or(word.len(), |(at, _)| at));
    let finding = finding.with("word", word).with("letter", letter).with("rest", format!("{rest}=…"));
    let finding = finding.edit(insert(option.at.span.start, "-")).about(word);
    finding.evidence("the line", word).asked_by(&option.at.origin())
}

/// The shell put several files in the place of a pattern: the option takes the first, and the next one is the image.
fn by_pattern(line: &RunLine) -> Option<Finding> {
    let image = line.image.as_ref().filter(|image| image.at.text.contains(['*', '?']))?;
    let option = line.options.iter().find(|option| option.at.value == image.at.span && option.name != "image")?;
    let finding = Finding::fail("pattern", "one-each").about(&option.at.text).with("pattern", &image.at.text);
    let finding = finding.with("option", format!("--{}", option.name)).with("first", &option.value);
    let finding = finding.with("second", &image.reference).asked_by(&option.at.origin());
    let more = line.arguments.iter().any(|argument| argument.span == image.at.span);
    let each = format!("--{0}={1} --{0}={2}", option.name, option.value, image.reference);
    let edit = Edit { span: option.at.span, text: each };
    let finding = if more { finding } else { finding.edit(edit) };
    Some(finding.evidence("the line", &*option.at.text))
}

/// A variable without quotes holds a blank: the option takes what stands before it, and the image begins behind it.
fn parted(line: &RunLine, image: &RunOption) -> Option<Finding> {
    let word = &image.at;
    let is_word = |option: &&RunOption| {
        option.name != "image" && word.span.start <= option.at.value.start && option.at.value.end <= word.span.end
    };
    let option = line.options.iter().find(is_word).filter(|_| word.text.contains('$'))?;
    let finding = Finding::fail("parted", "quote-it").about(&word.text).with("option", format!("--{}", option.name));
    let finding = finding.with("first", &option.value).with("second", &image.value).asked_by(&option.at.origin());
    let bare = !word.text.contains(['"', '\\', '\'']);
    let edit = Edit { span: word.span, text: format!("\"{}\"", word.text) };
    let finding = if bare { finding.edit(edit) } else { finding };
    Some(finding.with("quoted", format!("\"{}\"", word.text)).evidence("the line", &*word.text))
}

/// `--shm-size=8 gb`: a blank parts the size from its unit, and that is taken for the image.
fn unit_apart(line: &RunLine) -> Option<Finding> {
    const UNITS: [&str; 14] = ["b", "k", "kb", "kib", "m", "mb", "mib", "g", "gb", "gib", "t", "tb", "tib", "bytes"];
    const SIZES: [&str; 5] = ["shm-size", "memory", "memory-swap", "memory-reservation", "kernel-memory"];
    let image = line
        .image
        .as_ref()
        .filter(|image| !image.at.opaque && !line.arguments.is_empty() && image.at.file.is_none())?;
    let unit = UNITS.contains(&image.reference.to_ascii_lowercase().as_str()).then_some(image.reference.as_str())?;
    let option =
        line.options.iter().rfind(|option| option.name != "image" && option.at.value.end <= image.at.span.start)?;
    let is_number = option.value.bytes().all(|b| b.is_ascii_digit() || b == b'.') && !option.value.is_empty();
    let gap = line.text.get(option.at.value.end..image.at.span.start)?;
    if !SIZES.contains(&option.name.as_str()) || !is_number || !gap.trim_matches([' ', '"', '\'']).is_empty() {
        return None;
    }
    let whole = format!("{}{}", option.value, unit.to_ascii_lowercase());
    let edit = Edit { span: Span::new(option.at.value.start, image.at.span.end), text: whole.clone() };
    let finding =
        Finding::fail("unit-apart", "join-unit").about(&option.at.text).with("unit", unit).with("whole", whole);
    Some(finding.edit(edit).evidence("the line", unit).asked_by(&option.at.origin()))
}

/// `--gpus = all`: a blank beside the sign makes several words of one value.
fn blank_inside(parted: &misplaced::Parted) -> Finding {
    let edit = Edit { span: parted.span, text: parted.whole.clone() };
    let shown = parted.option.at.shown();
    let finding = Finding::fail("blank-inside", "close-up").about(shown).with("mark", parted.mark).edit(edit);
    finding
        .with("option", format!("--{}", parted.option.name))
        .evidence("the line", shown)
        .asked_by(&parted.option.at.origin())
}

fn refused(line: &RunLine, option: &RunOption) -> Option<Finding> {
    let why = option.refused.as_ref()?;
    if option.one_hyphen {
        return None;
    }
    let finding = match (option.name.as_str(), option.value.as_str()) {
        // Its comma has lost its quotes: run-line-gpu tells.
        ("gpus", value) if value.starts_with("device=") && value.contains(',') => return None,
        ("gpus", value)
            if value.starts_with('-') && line.image.as_ref().is_some_and(|image| image.reference == "all") =>
        {
            // The option and its value stand in each other's place.
            let image = line.image.as_ref()?;
            Finding::fail("value-missing", "add-gpus-value")
                .edit(option.at.with_value("all"))
                .edit(Edit { span: image.at.span, text: value.into() })
        }
        ("gpus", value) if value.starts_with('-') => {
            Finding::fail("value-missing", "add-gpus-value").edit(insert(option.at.value.start, "all "))
        }
        ("image", value) if option_of(value).is_some() && !line.arguments.is_empty() => {
            let missing = option_of(value)?;
            Finding::fail("value-alone", "add-option")
                .with("missing", missing)
                .edit(named_again(line, &option.at, missing))
        }
        _ if option.takes_option => return Some(value_missing(option, true)),
        (_, value) if value.starts_with('~') && ["volume", "env-file"].contains(&option.name.as_str()) => {
            let text = format!("\"$HOME{}\"", &value[1..]);
            Finding::fail("tilde", "write-home").edit(option.at.with_value(text))
        }
        ("volume" | "device", value) if colon_in_path(value).is_some() => {
            let (path, target, mode) = colon_in_path(value)?;
            let plain = |c: char| c.is_ascii_alphanumeric() || "/_-.:@+".contains(c);
            let finding = match target.filter(|_| option.name == "volume" && !path.starts_with("/dev/")) {
                Some(target) if path.chars().chain(target.chars()).all(plain) => {
                    let read_only = if mode.split(',').any(|word| word == "ro") { ",readonly" } else { "" };
                    let text = format!("--mount type=bind,source={path},target={target}{read_only}");
                    Finding::fail("colon-in-path", "by-mount").edit(Edit { span: option.at.span, text })
                }
                _ => Finding::fail("colon-in-path", "other-name"),
            };
            finding.with("path", path)
        }
        ("image", value) if LIMITS.iter().any(|limit| value.starts_with(limit)) => {
            Finding::fail("limit-alone", "add-ulimit").edit(insert(option.at.span.start, "--ulimit "))
        }
        ("image", _) if parted(line, option).is_some() => return parted(line, option),
        ("image", _) => Finding::fail("bad-image", "name-image"),
        ("sysctl", value) if value.contains('=') && !value.starts_with('=') => {
            Finding::fail("sysctl-of-host", "set-on-host").edit(option.at.without())
        }
        _ => Finding::fail("bad-value", "correct-value"),
    };
    let shown = option.at.shown();
    let named = finding.with("flag", written(option)).with("value", &option.value).with("why", why).about(shown);
    Some(named.with("command", &line.command.text).evidence("the line", shown).asked_by(&option.at.origin()))
}

/// The option, or the key that says the same in a compose file.
fn written(option: &RunOption) -> String {
    let key = option.at.file.as_ref().and_then(|_| option.at.shown().split(':').next());
    key.map_or_else(|| format!("--{}", option.name), String::from)
}

/// A path of the host's with colons in its name, as udev makes them below by-path, where docker parts a value at every colon; then the
/// path in the container, where one is named, and the mode.
fn colon_in_path(value: &str) -> Option<(&str, Option<&str>, &str)> {
    let is_mode = |text: &&str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphabetic() || b == b',');
    let (rest, mode) = value.rsplit_once(':').filter(|(_, mode)| is_mode(mode)).unwrap_or((value, ""));
    let (path, target) = rest.rfind(":/").map_or((rest, None), |at| (&rest[..at], Some(&rest[at + 1..])));
    let whole = path.starts_with('/') && path.contains(':') && !path.contains(":/") && !path.contains("::");
    let target_is_whole = target.is_none_or(|target| !target.contains(':'));
    // `/data:models`: one colon parts two paths, and the second is not absolute.
    let two_paths = target.is_none() && !path.starts_with("/dev/") && path.matches(':').count() == 1;
    (whole && !two_paths && target_is_whole && !path.ends_with(':')).then_some((path, target, mode))
}

/// The next option of the line stands where a value belongs: docker does not look.
fn value_missing(option: &RunOption, breaks: bool) -> Finding {
    let finding =
        if breaks { Finding::fail("value-missing", "give-value") } else { Finding::warn("option-taken", "give-value") };
    // Of a variable the value is not kept.
    let written = option.at.text.split_whitespace().last().unwrap_or_default();
    let word = if option.value.starts_with('-') { &option.value } else { written };
    let finding = finding.with("flag", format!("--{}", option.name)).with("value", word).about(&option.at.text);
    finding.evidence("the line", &*option.at.text).asked_by(&option.at.origin())
}

/// What could be an image's name, is none here, and has options behind it: a value whose option is missing.
fn alone(facts: &Facts, line: &RunLine) -> Option<Finding> {
    let image = line.image.as_ref()?;
    let missing = facts.option_of_image(line)?;
    if line.all("image").next().is_some() || line.all("gpus").any(|option| option.refused.is_some()) {
        return None;
    }
    let finding = Finding::fail("value-alone", "add-option").with("value", &image.reference).with("missing", missing);
    let finding = finding.edit(named_again(line, &image.at, missing));
    Some(finding.about(&image.at.text).evidence("the line", &*image.at.text).asked_by(&image.at.origin()))
}

/// Puts the option before its value. Where braces make several words of one, the option has to be a part of that one: `--x={a,b}`.
fn named_again(line: &RunLine, value: &Argument, missing: &str) -> Edit {
    let shares = |option: &&RunOption| option.name != "image" && option.at.span.overlaps(value.span);
    let gap = line.options.iter().find(shares).and_then(|option| {
        let flag = option.at.text.find(char::is_whitespace)?;
        Some(Span::new(option.at.span.start + flag, option.at.value.start))
    });
    gap.map_or_else(|| insert(value.span.start, &format!("{missing} ")), |span| Edit { span, text: "=".into() })
}

/// A text for cmd or PowerShell goes on where this shell ends the line.
fn of_other_shell(line: &RunLine, foreign: &Foreign) -> Finding {
    let finding = Finding::fail("other-shell", "join-lines").with("shell", &foreign.shell).with("mark", &foreign.mark);
    let finding = finding.edits(foreign.edits.iter().cloned());
    finding.about(&foreign.shell).evidence("the line", &*foreign.mark).asked_by(&line.command.origin())
}

/// NVIDIA's program before docker is not here.
fn no_wrapper(line: &RunLine, wrapper: &Argument) -> Finding {
    let mut finding = Finding::fail("no-wrapper", "plain-docker").with("wrapper", &wrapper.text);
    finding = finding.edit(Edit { span: wrapper.span, text: "docker".into() });
    if line.asks_for_gpu().is_none() {
        finding = finding.edit(line.insert("--gpus all"));
    }
    finding.about(&wrapper.text).evidence("the line", &*wrapper.text).asked_by(&wrapper.origin())
}

/// A variable that nobody sets: docker gets nothing in its place.
fn empty(line: &RunLine, unset: &Unset) -> Option<Finding> {
    let at = unset.at.first()?;
    let is_env = |at: &Argument| line.all("env").any(|option| option.at == *at);
    if !unset.breaks && DISPLAYS.contains(&unset.name.as_str()) && unset.at.iter().all(is_env) {
        return None;
    }
    let finding = match (unset.takes_next, unset.breaks) {
        (true, breaks) => {
            let option = line.options.iter().find(|option| option.at == *at)?;
            let code = if breaks { Finding::fail("unset-value", "set") } else { Finding::warn("unset-next", "set") };
            // Of a variable the value is not kept.
            let next =
                if option.name == "env" { &*option.value } else { line.text.get(at.value.start..at.value.end)? };
            code.with("flag", format!("--{}", option.name)).with("value", next)
        }
        (false, true) if unset.name.contains('-') => {
            let (name, rest) = unset.name.split_once('-')?;
            Finding::fail("unset-place", "write-value").with("name", name).with("rest", format!("-{rest}"))
        }
        (false, true) if line.made_up => Finding::fail("unset", "set-for-compose"),
        (false, true) => Finding::fail("unset", "set"),
        (false, false) if line.made_up => Finding::warn("unset-blank", "set-for-compose"),
        (false, false) => Finding::warn("unset-blank", "set"),
    };
    // What the shell reads of `$docker-root`; the whole is told where it is the cause.
    let subject = if finding.code == "unset-place" { &*unset.name } else { unset.name.split('-').next()? };
    let places = unset.at.iter().map(Argument::shown).collect::<Vec<_>>().join(" ");
    let finding = finding.about(subject).with("places", &places).evidence("the line", places);
    Some(finding.asked_by(&at.origin()))
}

/// Of `28.2.2+dfsg1`, the numbers.
fn number(text: Option<&str>) -> Option<Version> {
    let text = text?;
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    Version::parse(text[..end].trim_end_matches('.'))
}

/// A client is of its engine's release unless somebody has mixed them.
fn of_other_version(
    line: &RunLine,
    option: &RunOption,
    engine: Option<&Version>,
    client: Option<&Version>,
) -> Option<Finding> {
    if line.podman {
        return None;
    }
    let Some(engine) = engine else {
        // Which Docker this is cannot be told, and what only old ones took is hardly meant.
        let versions = option.versions.iter().find(|versions| !versions.until.is_empty())?;
        let finding = Finding::warn("old-form", "correct-value").with("flag", format!("--{}", option.name));
        let finding = finding.with("other", &versions.until).with("why", &versions.why).about(&option.at.text);
        return Some(finding.evidence("the line", &*option.at.text).asked_by(&option.at.origin()));
    };
    let of = |versions: &Versions| if versions.client { client.unwrap_or(engine) } else { engine };
    let before = |versions: &Versions, text: &str| Version::parse(text).is_some_and(|first| *of(versions) < first);
    let misses = |versions: &&Versions| {
        before(versions, &versions.since) || (!versions.until.is_empty() && !before(versions, &versions.until))
    };
    let versions = option.versions.iter().find(misses)?;
    let version = of(versions);
    let (finding, other) = match before(versions, &versions.since) {
        true => (Finding::fail("too-old", "newer-docker"), &versions.since),
        false => (Finding::fail("too-new", "correct-value"), &versions.until),
    };
    let finding = finding.with("flag", format!("--{}", option.name)).with("version", version).with("other", other);
    let finding = finding.with("why", &versions.why).about(&option.at.text).evidence("the line", &*option.at.text);
    Some(finding.asked_by(&option.at.origin()))
}

fn insert(at: usize, text: &str) -> Edit {
    Edit { span: Span::at(at), text: text.into() }
}
