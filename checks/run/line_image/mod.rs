//! Is the image one that this host can start, and do all options stand before it?

use crate::model::facts::engine::Unfit;
use crate::model::facts::run::{PodmanImage, PodmanStore, ProgramFault};
use crate::model::prelude::*;
use crate::model::run::{Image, RunLine, RunOption};
use crate::readings::known_image::{self, Missing};
use crate::readings::platform::Platform;

pub static CHECK: Check = Check {
    id: "run-line-image",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.run.as_ref().and_then(|run| run.by.as_ref()),
    tells: Tells::Anywhere,
    judge,
};

/// Options of docker that hardly any program has: behind the image they are meant for docker.
const UNMISTAKABLE: [&str; 30] = [
    "--gpus",
    "--shm-size",
    "--ulimit",
    "--runtime",
    "--restart",
    "--rm",
    "--device",
    "--network",
    "--net",
    "--privileged",
    "--ipc",
    "--cap-add",
    "--group-add",
    "--publish",
    "--volume",
    "--env",
    "--memory-swap",
    "--memory-reservation",
    "--cpus",
    "--cpuset-cpus",
    "--pids-limit",
    "--oom-kill-disable",
    "--security-opt",
    "--add-host",
    "--tmpfs",
    "--cap-drop",
    "--userns",
    "--env-file",
    "-it",
    "-ti",
];

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    let Some((line, image)) = need.run.as_ref().and_then(|line| Some((line, line.image.as_ref()?))) else {
        return Err(Stop::NotNeeded("podman"));
    };
    if line.podman {
        let store = facts.run.podman.value().and_then(|podman| podman.store.value());
        let to_pull = |store: &&PodmanStore| matches!(store.image, PodmanImage::ToPull | PodmanImage::Choice(_));
        let never = line.last("pull").is_some_and(|option| option.value == "never");
        let gone = known_image::missing(&image.reference).and_then(|missing| match missing {
            Missing::Gone(since, told) => Some((since, told)),
            _ => None,
        });
        let gone = gone.filter(|_| store.is_none_or(|store| store.image != PodmanImage::Here));
        let Some((since, told)) = gone else {
            if store.is_some_and(|store| store.image == PodmanImage::Here) {
                return Err(Stop::NotNeeded("podman"));
            }
            let made =
                line.earlier.loads_images || line.earlier.images.iter().any(|made| is_same(made, &image.reference));
            let Some(_) = store.filter(to_pull).filter(|_| !never) else { return Err(Stop::NotNeeded("podman")) };
            let finding = Finding::not_needed(if made { "made-before" } else { "to-pull-by-podman" });
            return Ok(finding.with("image", &image.reference).asked_by(&image.at.origin()).into());
        };
        let finding = Finding::warn("gone-unless-here", "another-tag").with("image", &image.reference);
        let finding = finding.with("since", since).with("told", told).evidence("the line", &*image.reference);
        let instead = known_image::instead(&image.reference);
        return Ok(finding.with("instead", instead).asked_by(&image.at.origin()).into());
    }
    if line.all("image").next().is_some() || facts.option_of_image(line).is_some() {
        return Err(Stop::blocked_by("run-line-syntax"));
    }
    let mut findings: Findings = behind(facts, line, image).or_else(|| in_command(line)).into_iter().collect();
    if findings.iter().all(|finding| finding.code != "options-behind") {
        findings.extend(no_program(facts, line, image));
    }
    if facts.run.image.gap().is_some() {
        findings.extend(by_name_alone(line, image));
    }
    match here(facts, line, image) {
        Ok(finding) => findings.extend(finding),
        Err(Stop::Unknown(gap, source)) if findings.is_empty() => return Err(Stop::Unknown(gap, source)),
        Err(_) => {}
    }
    let architecture = facts.run.image.clone().map(|image| image.architecture);
    let never = findings.iter().any(|finding| finding.code == "never-pulled");
    let made = line.earlier.loads_images || line.earlier.images.iter().any(|made| is_same(made, &image.reference));
    if facts.run.image.is_absent() && made {
        findings.push(Finding::not_needed("made-before").with("image", &image.reference).saw(&architecture));
    } else if facts.run.image.is_absent()
        && !never
        && let Some(finding) = by_name(facts, image)
    {
        findings.push(finding.with("image", &image.reference).evidence("the line", &*image.reference));
    } else if facts.run.image.is_absent() && !never {
        findings.push(Finding::not_needed("to-pull").with("image", &image.reference).saw(&architecture));
    } else if findings.is_empty() {
        findings.push(Finding::pass("here").with("image", &image.reference).saw(&architecture));
    }
    Ok(findings.into_iter().map(|f| if f.asked_by.is_some() { f } else { f.asked_by(&image.at.origin()) }).collect())
}

/// What the name alone tells of an image that is still to be pulled: it cannot be had, or is made for another machine.
fn by_name(facts: &Facts, image: &Image) -> Option<Finding> {
    let name = image.reference.as_str();
    let told = |code| Finding::fail(code, "another-tag").with("instead", known_image::instead(name));
    if let Some(missing) = known_image::missing(name) {
        return Some(match missing {
            Missing::Gone(since, by) => told("gone").with("since", since).with("told", by),
            Missing::Short => told("short"),
            Missing::Never(why) => told("never-there").with("why", why),
            Missing::Unofficial(maker) => {
                let finding = Finding::fail("unofficial", "makers-name").with("maker", maker);
                finding.with("instead", known_image::instead(name))
            }
        });
    }
    if known_image::is_windows(name) {
        return Some(Finding::fail("other-system", "linux-image"));
    }
    let made = known_image::machine(name)?;
    let machine = facts.architecture();
    // Of an image that its name gives one machine there is none for another.
    differs(made, machine)
        .then(|| Finding::warn("other-architecture", "other-image").with("architecture", made).with("machine", machine))
}

/// Where the engine cannot be asked whether the image is here: of a tag that nobody can pull any more a copy may be.
fn by_name_alone(line: &RunLine, image: &Image) -> Option<Finding> {
    let name = image.reference.as_str();
    let made = line.earlier.loads_images || line.earlier.images.iter().any(|made| is_same(made, name));
    let missing = known_image::missing(name).filter(|_| !made)?;
    let told = |finding: Finding| {
        finding.with("image", name).with("instead", known_image::instead(name)).evidence("the line", name)
    };
    Some(told(match missing {
        Missing::Gone(since, by) => {
            Finding::warn("gone-unless-here", "another-tag").with("since", since).with("told", by)
        }
        Missing::Short => Finding::fail("short", "another-tag"),
        Missing::Never(why) => Finding::fail("never-there", "another-tag").with("why", why),
        Missing::Unofficial(_) => return None,
    }))
}

/// The image's files are there to be seen, and the program is not among them.
fn no_program(facts: &Facts, line: &RunLine, image: &Image) -> Option<Finding> {
    let program = &facts.run.program;
    let is_own = line.last("entrypoint").is_none_or(|option| option.value.is_empty());
    let at = line.last("entrypoint").filter(|_| !is_own).map(|option| &option.at).or(line.arguments.first());
    let name = at.map_or("", |at| at.text.as_str());
    let fault = facts.run.program_fault.as_ref();
    let name = if name.is_empty() { fault.map_or("", |fault| fault.name.as_str()) } else { name };
    program.is_absent().then(|| {
        let finding = match fault {
            Some(ProgramFault { under: Some(under), .. }) => {
                Finding::fail("covered", "look-below").with("under", under)
            }
            Some(ProgramFault { unfit: Some(unfit), .. }) => unfit_program(unfit),
            _ => Finding::fail("no-program", "list-programs"),
        };
        let path = fault.map_or("", |fault| fault.path.as_str());
        let folder = path.rsplit_once('/').map_or("/", |(folder, _)| folder);
        let finding = finding.with("path", path).with("folder", folder);
        let finding = finding.with("program", name).with("image", &image.reference);
        finding.saw(program).asked_by(&at.unwrap_or(&image.at).origin())
    })
}

/// The file is there, and the kernel does not start it.
fn unfit_program(unfit: &Unfit) -> Finding {
    match unfit {
        Unfit::Interpreter(name) if name.ends_with('\r') => Finding::fail("windows-lines", "unix-lines"),
        Unfit::Interpreter(name) => Finding::fail("no-interpreter", "list-programs").with("interpreter", name),
        Unfit::NotExecutable => Finding::fail("not-executable", "make-executable"),
        _ => Finding::fail("no-format", "name-interpreter"),
    }
}

fn here(facts: &Facts, line: &RunLine, image: &Image) -> Result<Option<Finding>, Stop> {
    let machine = facts.architecture();
    let platform = line.last("platform").filter(|option| !option.at.opaque);
    let foreign = |option: &&RunOption| {
        let wanted = Platform::parse(&option.value);
        ["windows", "darwin", "freebsd"].contains(&wanted.system.as_str()) || differs(&wanted.machine, machine)
    };
    if let Some(option) = platform.filter(foreign) {
        return Ok(Some(
            Finding::fail("other-platform", "drop-platform")
                .with("platform", &option.value)
                .with("machine", machine)
                .evidence("the line", &*option.at.text)
                .edit(option.at.without())
                .asked_by(&option.at.origin()),
        ));
    }
    let Some(found) = facts.run.image.known()? else {
        let made = line.earlier.images.iter().any(|made| is_same(made, &image.reference));
        let never = line.last("pull").filter(|option| option.value == "never" && !made && !line.earlier.loads_images);
        return Ok(never.map(|option| {
            Finding::fail("never-pulled", "pull")
                .with("image", &image.reference)
                .saw(&facts.run.image.clone().map(|_| ""))
                .asked_by(&option.at.origin())
        }));
    };
    let other =
        differs(&found.architecture, machine) && line.last("pull").is_none_or(|option| option.value != "always");
    Ok(other.then(|| {
        Finding::fail("other-architecture", "pull-own")
            .with("image", &image.reference)
            .with("architecture", &found.architecture)
            .with("machine", machine)
            .evidence(facts.run.image.source.0.as_str(), &*found.architecture)
    }))
}

/// `latest` is what a reference without a tag means.
fn is_same(one: &str, other: &str) -> bool {
    let bare = |text: &str| text.strip_suffix(":latest").unwrap_or(text).to_string();
    bare(one) == bare(other)
}

fn differs(one: &str, machine: &str) -> bool {
    !one.is_empty() && !machine.is_empty() && one != machine
}

/// Options behind the image go to the program in it; they are moved before it in whole.
fn behind(facts: &Facts, line: &RunLine, image: &Image) -> Option<Finding> {
    let first = line.behind.first()?;
    let words: Vec<&str> = line.behind.iter().map(|argument| argument.text.as_str()).collect();
    // Without an entrypoint the first word behind the image is the program to start: there is none of such a name.
    let starts_it = facts.run.image.value().is_some_and(|found| !found.entrypoint) && line.last("entrypoint").is_none();
    if !starts_it
        && !words.windows(2).any(|pair| is_dockers(pair[0], pair[1]))
        && !is_dockers(words[words.len() - 1], "")
    {
        return None;
    }
    let finding =
        if starts_it { Finding::fail("options-behind", "move") } else { Finding::warn("options-behind", "move") };
    Some(
        finding
            .with("options", words.join(" "))
            .with("image", &image.reference)
            .evidence("the line", words.join(" "))
            .edit(line.insert(&words.join(" ")))
            .edits(line.behind.iter().map(|argument| argument.without()))
            .asked_by(&first.origin()),
    )
}

/// As `behind`, of a service: its `command` is the program's.
fn in_command(line: &RunLine) -> Option<Finding> {
    let first = line.arguments.first().filter(|first| line.made_up && first.shown().starts_with("command:"))?;
    let next = line.arguments.get(1).map_or("", |next| next.text.as_str());
    is_dockers(&first.text, next).then(|| {
        let finding = Finding::warn("options-in-command", "use-key").with("option", &first.text);
        finding.evidence("the line", &*first.text).asked_by(&first.origin())
    })
}

/// An option, with the word behind it, that can hardly be meant for another program.
fn is_dockers(word: &str, next: &str) -> bool {
    match word {
        "-p" => next.split_once(':').is_some_and(|(a, b)| is_port(a) && is_port(b)),
        "-v" => next.starts_with('/') && next.contains(":/"),
        "-e" => is_variable(next),
        // `--memory=58g`, `--cpus 4`: programs that have such an option count otherwise.
        "--memory" | "-m" => is_size(next),
        _ => {
            let (name, value) = word.split_once('=').unwrap_or((word, ""));
            UNMISTAKABLE.contains(&name) || (name == "--memory" && is_size(value))
        }
    }
}

/// `58g`, `"512m"`.
fn is_size(text: &str) -> bool {
    let text = text.trim_matches(['"', '\'']).to_ascii_lowercase();
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = &text[number.len()..];
    !number.is_empty()
        && number.bytes().all(|b| b.is_ascii_digit())
        && ["k", "m", "g", "kb", "mb", "gb"].contains(&unit)
}

/// `PX4_SIM_MODEL=iris`, `DISPLAY`: of capitals, as docker's users write them.
fn is_variable(text: &str) -> bool {
    let name = text.trim_matches(['"', '\'']).split('=').next().unwrap_or_default();
    name.len() > 2
        && name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}

fn is_port(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}
