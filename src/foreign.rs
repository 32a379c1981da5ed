//! The door of fuzz/: every parser of texts that others wrote, each followed to the report in all its formats. No promise to
//! anybody else.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use gdoctor_checks::model::fact::Fact;
use gdoctor_checks::model::facts::Facts;
use gdoctor_checks::model::facts::docker::{Container, DockerFacts, EngineVersion, Info, Reach};
use gdoctor_checks::model::need::Need;
use serde::Serialize;
use serde_json::Value;

use crate::cli::Wishes;
use crate::diff::{Side, diff};
use crate::document::typed;
use crate::explain::find::Finder;
use crate::host::Host;
use crate::need::{Evident, Refusal, compose, dockerfile, file, of_wishes, run_line};
use crate::policy::FailOn;
use crate::probe::{display::xauthority, library::cache, toolkit::cdi};
use crate::render;
use crate::report::{self, Frame};
use crate::snapshot::Snapshot;
use crate::snapshot::redact::Redactor;
use crate::snapshot::tree::tree;
use crate::{correction, judge};

const WIDTH: usize = 100;

pub fn run_line(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let variable = |name: &str| name.len().is_multiple_of(2).then(|| format!("value of {name}"));
    let shell = run_line::Shell {
        variable: &variable,
        passed: &variable,
        cwd: "/home/somebody",
        home: Some("/home/somebody"),
        uid: Some(1000),
        gid: Some(1000),
        ..run_line::Shell::BARE
    };
    match run_line::parse(&text, &shell) {
        Ok(lines) => {
            for line in lines {
                let mut need = everything();
                run_line::add(&mut need, line);
                told(&Facts::default(), &need);
            }
        }
        Err(wrong) => refused(&Refusal {
            what: wrong.what,
            help: wrong.help,
            place: Some(("a line".into(), text.into_owned(), wrong.span)),
        }),
    }
}

/// `file` has the text, and may be in a folder with others that it includes.
pub fn compose(file: &Path) {
    let files = [file.to_path_buf()];
    let asked = compose::Asked { files: &files, service: None, profiles: &["*".into()], ..compose::Asked::default() };
    match compose::read(&asked, &Host::new("/", Duration::from_secs(5))) {
        Ok(read) => {
            let mut need = everything();
            need.files.extend(read.texts);
            run_line::add(&mut need, read.line);
            told(&Facts::default(), &need);
        }
        Err(refusal) => refused(&refusal),
    }
}

pub fn dockerfile(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    match dockerfile::parse("Dockerfile", &text, None, &["VERSION=12".into()]) {
        Ok(read) => {
            let mut need = everything();
            dockerfile::add(&mut need, read);
            told(&Facts::default(), &need);
        }
        Err(wrong) => refused(&Refusal {
            what: wrong.what,
            help: wrong.help,
            place: Some(("Dockerfile".into(), text.into_owned(), wrong.span)),
        }),
    }
}

/// A gdoctor.toml. What is written of its need asks for the same.
pub fn need(bytes: &[u8]) {
    match file::parse("gdoctor.toml", &String::from_utf8_lossy(bytes)) {
        Ok(project) => {
            told(&Facts::default(), &project.need);
            let written = file::write(&project.need);
            if let Err(refusal) = file::parse("gdoctor.toml", &written) {
                panic!("what is written does not read: {}\n{written}", refusal.what);
            }
        }
        Err(refusal) => refused(&refusal),
    }
}

/// A facts file, and besides its facts alone: nothing that is made up has the right checksum.
pub fn facts(bytes: &[u8]) {
    let saved = Snapshot::read(bytes).and_then(|saved| saved.facts());
    let alone = serde_json::from_slice::<Value>(bytes).ok().and_then(|value| typed::<Facts>(&value).ok());
    if let Some(facts) = saved.ok().or(alone) {
        told(&facts, &everything());
    }
}

/// Two files, with a zero byte between them.
pub fn two(bytes: &[u8]) {
    let at = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len() / 2);
    let (before, after) = bytes.split_at(at);
    let after = after.strip_prefix(&[0]).unwrap_or(after);
    if let (Ok(before), Ok(after)) = (Side::read(before), Side::read(after)) {
        let _ = diff(&before, &after, true);
    }
}

pub fn explained(bytes: &[u8]) {
    static FINDER: OnceLock<Finder> = OnceLock::new();
    let _ = FINDER.get_or_init(Finder::new).search(bytes);
}

/// An ld.so.cache.
pub fn cache(bytes: &[u8]) {
    let _ = cache::parse(bytes);
}

/// `root` has the text as `etc/cdi/nvidia.yaml` or `.json`.
pub fn cdi(root: PathBuf) {
    let mut facts = Facts::default();
    facts.toolkit.specs = cdi::specs(&Host::new(root, Duration::from_secs(5)), &DockerFacts::default());
    told(&facts, &everything());
}

pub fn xauthority(bytes: &[u8]) {
    let _ = xauthority::read(bytes);
}

/// What a daemon answers: a list of `/version`, `/info` and `/containers/json`.
pub fn daemon(bytes: &[u8]) {
    type Answers = (EngineVersion, Info, Vec<Container>);
    let Ok((version, info, containers)) = serde_json::from_slice::<Answers>(bytes) else { return };
    let mut facts = Facts::default();
    facts.docker.reach = Fact::present(Reach::Answers, "GET /version");
    facts.docker.version = Fact::present(version, "GET /version");
    facts.docker.info = Fact::present(info, "GET /info");
    facts.docker.containers = Fact::present(containers, "GET /containers/json");
    told(&facts, &everything());
}

/// What is redacted has nothing of what was learnt, and is facts where it was facts.
pub fn redaction(bytes: &[u8]) {
    let mut redactor = Redactor::default();
    let Ok(value) = serde_json::from_slice::<Value>(bytes) else {
        let text = String::from_utf8_lossy(bytes);
        redactor.text(&text);
        let _ = redactor.survivor(&redactor.apply(&text));
        return;
    };
    let text = shared(&mut redactor, &value).to_string();
    let _ = redactor.survivor(&text);
    if let Ok(facts) = typed::<Facts>(&value) {
        let facts = shared(&mut Redactor::default(), &facts);
        assert!(typed::<Facts>(&facts).is_ok(), "facts are no facts any more once they are redacted");
    }
}

fn shared(redactor: &mut Redactor, value: &impl Serialize) -> Value {
    let grown = tree(value).unwrap();
    redactor.learn_words(&[&grown]);
    redactor.learn(&[&grown]);
    redactor.document(&grown)
}

fn everything() -> Need {
    let evident = Evident { nvidia: Some(String::new()), display: true, camera: true };
    of_wishes(&Wishes::default(), &evident)
}

fn told(facts: &Facts, need: &Need) {
    let judged = judge::judge_all(facts, need, |_| true);
    let report = report::write(facts, need, &judged, FailOn::Fail, Frame::default()).bounded();
    if let Some(line) = &need.run {
        let _ = correction::Correction::default().apply(line);
    }
    let detail = render::text::Detail::Verbose;
    let formats = [
        render::text::render(&report, detail, WIDTH),
        render::json::render(&report),
        render::junit::render(&report),
        render::sarif::render(&report, true),
        render::html::render(&report),
        render::md::render(&report),
        render::prom::render(&report, 0),
        render::github::render(&report),
        render::nagios::render(&report),
        render::npd::render(&report),
        render::tap::render(&report),
    ];
    for text in formats {
        let control = text.chars().find(|c| c.is_control() && !"\n\t".contains(*c));
        assert_eq!(control, None, "a control character came through: {text:?}");
    }
}

fn refused(refusal: &Refusal) {
    if let Some((name, text, span)) = &refusal.place {
        let _ = render::snippet::refusal(name, text, *span, &refusal.what, &refusal.help, WIDTH);
    }
}
