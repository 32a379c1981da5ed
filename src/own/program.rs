//! Asks a program of the site's own, and reads its answer: an exit code, a Nagios plugin's line, or JSON.

use gdoctor_checks::model::fact::{Fact, Gap};
use gdoctor_checks::model::facts::own::Said;
use gdoctor_checks::model::own::{Answers, Own, Program};
use serde::Deserialize;
use serde_json::Value;

use super::kinds::Eyes;
use super::twice::once;
use crate::document::typed;
use crate::host::process::{self, End};

/// Answers of one program.
const MOST: usize = 200;
/// Letters of one line.
const LINE: usize = 500;

/// The codes that answers have by themselves.
pub const OK: &str = "ok";
pub const FAILED: &str = "failed";
pub const WARNING: &str = "warning";
pub const CRITICAL: &str = "critical";
pub const NOT_HERE: &str = "not-here";

/// One result of the JSON protocol.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    status: Status,
    /// One of the check's own outcomes; else the one that the status has.
    #[serde(default)]
    code: String,
    #[serde(default)]
    summary: String,
    #[serde(default)]
    subject: String,
    #[serde(default)]
    evidence: Vec<Seen>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Seen {
    source: String,
    value: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Pass,
    Warn,
    Fail,
    Skip,
    Unknown,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    results: Vec<Answer>,
}

/// What it says. Whatever it does not come to say is unknown, with the reason.
pub fn ask(eyes: &Eyes, own: &Own, asked: &Program) -> Fact<Vec<Said>> {
    let Some((path, arguments)) = asked.run.split_first() else { return Fact::default() };
    if !eyes.host.is_live() {
        return Fact::unknown(
            Gap::Unsupported("programs are not started where another root is looked at".into()),
            path,
        );
    }
    let program = match process::Program::of_site(path, arguments) {
        Ok(program) => program,
        Err(why) => return Fact::unknown(Gap::Said(why), path),
    };
    let variables = asked.environment.iter().filter_map(|name| Some((name.clone(), eyes.host.env(name)?)));
    let variables: Vec<(String, String)> = variables.collect();
    let ran = program.run_with(arguments, &variables, asked.output as usize, eyes.deadline);
    let text = String::from_utf8_lossy(&ran.stdout).into_owned();
    let said = match ran.end {
        End::Exited(code) => read(asked.answers, code, &text, own),
        end => Err(end.gap()),
    };
    match said {
        Ok(said) => Fact::present(said, path),
        Err(gap) => Fact::unknown(gap, path),
    }
}

fn read(answers: Answers, code: i32, text: &str, own: &Own) -> Result<Vec<Said>, Gap> {
    let line = match answers {
        // What a plugin writes behind `|` is for graphs.
        Answers::Nagios => line(text.split('|').next().unwrap_or_default()),
        Answers::ExitCode | Answers::Json => line(text),
    };
    let one = |code: &str| Ok(vec![Said { code: code.into(), words: told(&line, code), ..Said::default() }]);
    let exit = format!("exit-{code}");
    let is_named = |code: &str| own.outcomes.iter().any(|outcome| outcome.code == code);
    match (answers, code) {
        (Answers::ExitCode | Answers::Nagios, _) if is_named(&exit) => one(&exit),
        (Answers::ExitCode | Answers::Nagios, 0) => one(OK),
        // What sh, env and xargs say of a program that they could not start.
        (Answers::ExitCode, 126 | 127) => {
            Err(Gap::Unsupported(format!("it ended with exit code {code}: a command was not found")))
        }
        (Answers::ExitCode, _) => Ok(vec![Said { code: FAILED.into(), words: told(&line, &exit), ..Said::default() }]),
        (Answers::Nagios, 1) => one(WARNING).map(|said| silent(said, code)),
        (Answers::Nagios, 2) => one(CRITICAL).map(|said| silent(said, code)),
        (Answers::Nagios, 3) => Err(Gap::Said(told(&line, "it says UNKNOWN"))),
        (Answers::Nagios, _) => Err(Gap::Unparsable(format!("exit code {code} is none of a Nagios plugin"))),
        (Answers::Json, 0) => document(text, own),
        (Answers::Json, _) => {
            Err(Gap::Unsupported(format!("it ended with exit code {code}; one that answers in JSON ends with 0")))
        }
    }
}

/// A plugin that printed no line.
fn silent(mut said: Vec<Said>, code: i32) -> Vec<Said> {
    for one in said.iter_mut().filter(|one| one.words == one.code) {
        one.words = format!("it printed nothing and ended with exit code {code}");
    }
    said
}

/// The first line that says something.
fn line(text: &str) -> String {
    let first = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    first.trim_end_matches('.').chars().take(LINE).collect()
}

fn told(line: &str, otherwise: &str) -> String {
    if line.is_empty() { otherwise.to_owned() } else { line.to_owned() }
}

fn document(text: &str, own: &Own) -> Result<Vec<Said>, Gap> {
    let wrong = |why: serde_json::Error| Gap::Unparsable(format!("its JSON is none of the protocol's: {why}"));
    once(text).map_err(wrong)?;
    let value: Value = serde_json::from_str(text).map_err(wrong)?;
    let answers = match value.get("results") {
        Some(_) => typed::<Document>(&value).map_err(wrong)?.results,
        None => vec![typed::<Answer>(&value).map_err(wrong)?],
    };
    if answers.is_empty() || answers.len() > MOST {
        return Err(Gap::Unparsable(format!("{} results; there are 1 to {MOST}", answers.len())));
    }
    answers.into_iter().map(|answer| said(answer, own)).collect()
}

fn said(answer: Answer, own: &Own) -> Result<Said, Gap> {
    let usual = match answer.status {
        Status::Pass => OK,
        Status::Warn => WARNING,
        Status::Fail => FAILED,
        Status::Skip => NOT_HERE,
        Status::Unknown => "",
    };
    let code = if answer.code.is_empty() || usual.is_empty() { usual } else { &answer.code };
    if !code.is_empty() && !own.outcomes.iter().any(|outcome| outcome.code == code) {
        return Err(Gap::Unparsable(format!(
            "the check has no outcome {code:?}: write [[check.outcome]] on = {code:?}"
        )));
    }
    let evidence = answer.evidence.into_iter().take(MOST).map(|seen| (seen.source, seen.value)).collect();
    let words = told(&line(&answer.summary), usual);
    Ok(Said { code: code.to_owned(), subject: answer.subject.chars().take(LINE).collect(), words, evidence })
}
