//! gdoctor as one paragraph: arguments become a plan and a need, the host becomes facts, checks judge the facts, policy and
//! words make the report, a renderer makes bytes.

mod cli;
mod correction;
mod deliver;
mod diff;
mod document;
pub mod drawn;
pub mod explain;
#[doc(hidden)]
pub mod foreign;
mod host;
pub mod judge;
mod live;
mod manual;
mod native;
pub mod need;
mod pictures;
mod plan;
pub mod policy;
mod probe;
mod prove;
mod reference;
pub mod render;
pub mod report;
mod run;
pub mod secret;
pub mod snapshot;
pub mod suggest;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;

use cli::{CheckArgs, Cli, CollectArgs, Command, ExplainArgs, ExplainFormat, Redact};
use explain::Asked;
use explain::find::{Finder, Found};
use explain::show::Document;
use gdoctor_checks::model::check::Check;
use gdoctor_checks::model::facts::Facts;
use gdoctor_checks::model::need::Need;
use host::{Deadline, Host, input, output};
use live::{Live, Show};
use plan::Plan;

/// The whole program. Never panics on input; exit codes are those of [`policy`].
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    host::threads::with_room(move || run_with(arguments.clone()))
}

fn run_with(arguments: Vec<OsString>) -> ExitCode {
    let arguments = cli::line_last(explain::texts_last(arguments));
    let misuse_code = misuse_code(&arguments);
    let nearly = cli::nearly(&arguments);
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version go to stdout with 0, misuse to stderr with 2; a closed pipe is nobody's fault.
            let told = error.render().to_string();
            let shown = secret::masked(&told);
            if shown == told {
                match nearly.filter(|_| error.use_stderr()) {
                    Some(hint) => drop(misuse(&hint)),
                    None => drop(error.print()),
                }
            } else {
                eprint!("{shown}");
            }
            let code = if error.use_stderr() { misuse_code } else { policy::OK };
            return ExitCode::from(code);
        }
    };
    host::ending::outlive_file_limits();
    // A probe has nothing in hand; who started it ends it.
    if !matches!(cli.command, Some(Command::Probe { .. })) {
        host::ending::on_signals();
    }
    let code = match cli.command {
        None => check(&cli.check).unwrap_or(misuse_code),
        Some(Command::Check(arguments)) => check(&arguments).unwrap_or(misuse_code),
        Some(Command::Issue(mut arguments)) => {
            arguments.conduct.share = true;
            arguments.conduct.format = cli::Format::Issue;
            check(&arguments).unwrap_or(misuse_code)
        }
        Some(Command::Prove(arguments)) => prove(*arguments).unwrap_or(misuse_code),
        Some(Command::Init(arguments)) => init(&arguments),
        Some(Command::Suggest(arguments)) => suggest(&arguments),
        Some(Command::Collect(arguments)) => collect(&arguments),
        Some(Command::Diff { before, after, verbose }) => diff(&before, &after, verbose),
        Some(Command::List) => print(&explain::topic::list()),
        Some(Command::Explain(arguments)) => explain(&arguments).unwrap_or_else(|why| misuse(&why)),
        Some(Command::Schema { of: cli::SchemaOf::Report }) => print(include_str!("../docs/gdoctor-report-1.json")),
        Some(Command::Schema { of: cli::SchemaOf::Need }) => print(&need::schema()),
        Some(Command::Version { json }) => print(&version(json)),
        Some(Command::Completions { shell }) => print(&manual::completions(shell)),
        Some(Command::Man { command }) => match manual::man(command.as_deref()) {
            Ok(page) => print(&page),
            Err(why) => misuse(&why),
        },
        Some(Command::Within { asked }) => prove::within(&asked).map_or_else(|why| misuse(&why), |()| policy::OK),
        Some(Command::Probe { kind, arguments }) => {
            native::run(kind, &arguments);
            policy::OK
        }
    };
    ExitCode::from(code)
}

/// A Nagios plugin says UNKNOWN (3) to wrong arguments; everybody else gets 2.
fn misuse_code(arguments: &[OsString]) -> u8 {
    let nagios = |pair: &[OsString]| matches!(pair, [flag, value] if (flag == "--format" || flag == "--exit-codes") && value == "nagios");
    let joined = |argument: &OsString| argument == "--format=nagios" || argument == "--exit-codes=nagios";
    let asked = arguments.windows(2).any(nagios) || arguments.iter().any(joined);
    if asked { policy::UNDETERMINED } else { policy::MISUSE }
}

/// The machine as it is to be looked at.
fn host(look: &cli::LookArgs) -> Host {
    if look.wake {
        host::listener::allow_waking();
    }
    Host::new(&look.root, look.timeout)
}

/// The line that is given, or the one that does here what is wanted, tried in a container of gdoctor's own.
fn prove(arguments: cli::ProveArgs) -> Option<u8> {
    let mut check = arguments.check;
    let conduct = &check.conduct;
    if conduct.facts.is_some() || conduct.wait.is_some() || !host(&conduct.look).is_live() {
        misuse("a container is started on this machine, once: --facts, --root and --wait do not go with `prove`");
        return None;
    }
    let line = &check.line;
    if line.line.is_empty() && line.run_file.is_none() && line.compose.is_empty() {
        let host = host(&conduct.look);
        let gathered = match need::gather_suggested(&check.wishes, &host, &need::Evident::of(&host)) {
            Ok(gathered) => gathered,
            Err(refusal) => {
                refuse(&refusal, 100);
                return None;
            }
        };
        warn_of_left(gathered.project.as_ref());
        let (facts, _) = judged(&host, &gathered.need, &|_| true);
        check.line.line = suggest::words(&facts, &gathered.need, &host.env("HOME").unwrap_or_default());
    }
    look_and_tell(&check, run::Proof::Started)
}

/// `None` after having said what is wrong with the arguments.
fn check(arguments: &CheckArgs) -> Option<u8> {
    look_and_tell(arguments, run::Proof::No)
}

fn look_and_tell(arguments: &CheckArgs, proof: run::Proof) -> Option<u8> {
    let conduct = &arguments.conduct;
    let host = host(&conduct.look);
    if host.list("/").value().is_none() {
        misuse(&format!("--root {}: this is not a folder that can be read", conduct.look.root.display()));
        return None;
    }
    let plan = Plan::new(conduct, &host);
    colored::control::set_override(plan.colour);
    if arguments.line.show_need {
        let gathered = need::gather(&arguments.wishes, &arguments.line, &host, &need::Evident::of(&host));
        return match gathered {
            Ok(gathered) => {
                warn_of_left(gathered.project.as_ref());
                Some(print(&secret::masked(&need::show(&gathered.need))))
            }
            Err(refusal) => {
                refuse(&refusal, plan.width);
                None
            }
        };
    }
    let until = conduct.wait.map(Deadline::after);
    let mut told = String::new();
    loop {
        let mut run = match run::Run::new(arguments, &plan, proof) {
            Ok(run) => run,
            Err(run::Refused::Need(refusal)) => {
                refuse(&refusal, plan.width);
                return None;
            }
            Err(run::Refused::Facts(why)) => {
                misuse(&why);
                return None;
            }
        };
        let report = run.report(conduct.fail_on);
        if let Some(until) = until.filter(|until| report.exit_code != policy::OK && !until.left().is_zero()) {
            if !conduct.quiet {
                waiting(&report.decisive(conduct.fail_on), until, &mut told);
            }
            // The last look is when the time is up.
            std::thread::sleep(conduct.interval.min(until.left()));
            continue;
        }
        return run.deliver(report, &plan, &host).map_err(|why| misuse(&why)).ok();
    }
}

/// Where there is no report to say so.
fn warn_of_left(project: Option<&need::ProjectFile>) {
    if let Some(words) = project.and_then(|file| report::NeedFile::new(file, report::Gate::default()).left_words()) {
        eprintln!("gdoctor: {words}");
    }
}

/// Says on standard error what is waited for, whenever that has changed.
fn waiting(checks: &[&str], until: Deadline, told: &mut String) {
    let now = checks.join(", ");
    if now != *told {
        output::tell(&format!("gdoctor: waiting for {now}, {} s at most", until.left().as_secs()));
        *told = now;
    }
}

/// Saves the facts of all families, whatever is wanted.
fn collect(arguments: &CollectArgs) -> u8 {
    let host = host(&arguments.look);
    let saved = run::Run::collect(&host, &arguments.wishes, plan::show(&host)).and_then(|run| match arguments.redact {
        Redact::Private => run.save(&arguments.output),
        Redact::None if arguments.yes || input::confirmed("Write names, addresses and ids as they are?") => {
            run.save_as_is(&arguments.output)
        }
        Redact::None => Err("--redact none: nothing is written without a yes (or --yes)".into()),
    });
    match saved {
        // The facts themselves may have gone to standard output.
        Ok(told) if !output::is_file(&arguments.output) => {
            output::tell(&told);
            policy::OK
        }
        Ok(told) => print(&format!("{told}\n")),
        Err(why) => misuse(&why),
    }
}

fn diff(before: &Path, after: &Path, whole: bool) -> u8 {
    let read = |path: &Path| match input::regular_file(path, explain::find::MOST) {
        Some(Ok(bytes)) => diff::Side::read(&bytes).map_err(|why| format!("{}: {why}", path.display())),
        Some(Err(why)) => Err(format!("{}: {why}", path.display())),
        None => Err(format!("{}: there is no such file", path.display())),
    };
    match read(before).and_then(|b| Ok((b, read(after)?))).and_then(|(b, a)| diff::diff(&b, &a, whole)) {
        Ok(told) => match print(&told.text) {
            policy::OK if told.worse => policy::FAILED,
            code => code,
        },
        Err(why) => misuse(&why),
    }
}

/// Writes a gdoctor.toml that asks for what flags and the line ask.
fn init(arguments: &cli::InitArgs) -> u8 {
    let host = Host::new("/", std::time::Duration::from_secs(5));
    let line = cli::LineArgs { need: Some("none".into()), ..arguments.line.clone() };
    let need = match need::gather_asked(&arguments.wishes, &line, &host) {
        Ok(need) => need,
        Err(refusal) => return refuse(&refusal, 100),
    };
    let text = need::file::write(&need);
    if arguments.output.as_os_str() == "-" {
        return print(&text);
    }
    let (path, text) = (&arguments.output, text.as_bytes());
    let written =
        if arguments.force { output::write(path, text).map(|()| true) } else { output::write_first(path, text) };
    match written {
        Ok(true) => print(&need::file::written(&need, &path.display().to_string())),
        Ok(false) => misuse(&format!("{} is there already; --force replaces it", path.display())),
        Err(why) => misuse(&why),
    }
}

/// Explains a topic from its words, a text by what it says; the checks that can see its causes are run.
fn explain(arguments: &ExplainArgs) -> Result<u8, String> {
    let host = host(&arguments.look);
    let json = arguments.format == ExplainFormat::Json;
    let document = match explain::read(&arguments.text)? {
        Asked::Topic(topic) if !json => {
            let tags = (!arguments.all_systems).then(|| probe::tags(&host));
            return Ok(print_words(&explain::topic::explain(&topic, tags.as_deref())?));
        }
        Asked::Topic(topic) => Document::of_entries(&explain::topic::codes(&topic)?, &probe::tags(&host)),
        Asked::Text { bytes, left_out } => {
            if left_out > 0 {
                eprintln!(
                    "gdoctor: the first {left_out} bytes were left out: only the end of so long a text is read, and lines are counted from there"
                );
            }
            let search = Finder::new().search(&bytes);
            let deciding = explain::rank::deciding(&search.found);
            let visible = !deciding.is_empty() && !arguments.no_look;
            let looked = visible.then(|| look(&host, &deciding, &search.found));
            let tags = looked.as_ref().map_or_else(|| probe::tags(&host), |(tags, _)| tags.clone());
            let report = looked.map(|(_, report)| report);
            let answers = explain::rank::rank(search.found, report.as_ref());
            Document::new(&answers, search.understood, report.is_some(), &tags)
        }
    };
    let known = !document.matches.is_empty();
    let code = if json { print(&document.json()) } else { print_words(&document.text(arguments.verbose)) };
    Ok(if known || code != policy::OK { code } else { policy::UNDETERMINED })
}

/// The host's tags, and what the deciding checks say of it when what the messages speak of is wanted.
fn look(host: &Host, deciding: &[&str], found: &[Found]) -> (Vec<String>, report::Report) {
    let selects = |check: &Check| deciding.contains(&check.id);
    let need = need::of_wishes(&explain::rank::wishes(found), &need::Evident::of(host));
    let (facts, report) = judged(host, &need, &selects);
    (facts.tags(), report)
}

/// What is seen of a need, and what the selected checks say of it.
fn judged(host: &Host, need: &Need, selects: &dyn Fn(&Check) -> bool) -> (Facts, report::Report) {
    let show = match plan::show(host) {
        Show::Verdicts => Show::Probes,
        show => show,
    };
    let (facts, probe_times) = probe::probe_all(host, need, selects, &Live::new(show, need, selects));
    let judged = judge::judge_all(&facts, need, selects);
    let frame = report::Frame { probe_times, ..report::Frame::default() };
    let report = report::write(&facts, need, &judged, policy::FailOn::Fail, frame);
    (facts, report)
}

/// What all checks say of facts that are there already.
fn judged_again(facts: &Facts, need: &Need) -> report::Report {
    let judged = judge::judge_all(facts, need, |_| true);
    report::write(facts, need, &judged, policy::FailOn::Fail, report::Frame::default())
}

/// Makes the command that does here what is wanted, then judges it as `gdoctor check` would: what still fails is told before it.
fn suggest(arguments: &cli::SuggestArgs) -> u8 {
    let host = host(&arguments.look);
    let saved = match arguments.facts.as_deref().map(run::saved).transpose() {
        Ok(saved) => saved,
        Err(why) => return misuse(&why),
    };
    let evident = saved.as_ref().map_or_else(|| need::Evident::of(&host), |(_, evident)| evident.clone());
    let need = match need::gather_suggested(&arguments.wishes, &host, &evident) {
        Ok(gathered) => gathered,
        Err(refusal) => return refuse(&refusal, 100),
    };
    warn_of_left(need.project.as_ref());
    let need = need.need;
    let home = host.env("HOME").unwrap_or_default();
    let (facts, before) = match &saved {
        Some((facts, _)) => (facts.clone(), judged_again(facts, &need)),
        None => judged(&host, &need, &|_| true),
    };
    let words = suggest::words(&facts, &need, &home);
    let line = cli::LineArgs { line: words.clone(), need: Some("none".into()), ..cli::LineArgs::default() };
    let (asked, report) = if saved.is_some() {
        match suggest::asked(&facts, &need, &words, &home) {
            Ok(asked) => (asked.clone(), judged_again(&facts, &asked)),
            Err(wrong) => return misuse(&wrong.what),
        }
    } else {
        match need::gather(&cli::Wishes::default(), &line, &host, &need::Evident::default()) {
            Ok(asked) => (asked.need.clone(), judged(&host.renewed(), &asked.need, &|_| true).1),
            Err(refusal) => return refuse(&refusal, 100),
        }
    };
    // A camera that is not there is not in the command, and missing all the same.
    let cameras = before.results.iter().filter(|outcome| outcome.group == "camera");
    let failed = |outcome: &&report::Outcome| outcome.status == policy::Status::Fail && outcome.cause.is_none();
    let failures: BTreeMap<&str, &str> = cameras
        .chain(&report.results)
        .filter(failed)
        .map(|outcome| (outcome.code.as_str(), outcome.summary.as_str()))
        .collect();
    let steps = suggest::steps(&facts, &need);
    let text = suggest::text(&asked, &steps, &failures, arguments.compose);
    let code = print(&text);
    let whose = arguments.facts.as_ref().map_or(String::new(), |path| format!(" --facts {}", path.display()));
    let next = format!("gdoctor check{whose} -- {}", need::run_line::join(&words));
    output::tell(&match failures.len() {
        0 => format!("gdoctor: nothing that gdoctor sees keeps this from working. All that it sees: {next}"),
        _ => {
            format!("gdoctor: this does not work before what stands above it is mended. The commands for that: {next}")
        }
    });
    match (code, failures.is_empty()) {
        (policy::OK, true) => report.exit_code,
        (policy::OK, false) => policy::FAILED,
        (code, _) => code,
    }
}

/// What this is, and of what it knows nothing yet.
fn version(json: bool) -> String {
    let tool = report::Tool::this();
    if json {
        return format!("{}\n", serde_json::to_string_pretty(&tool).unwrap_or_default());
    }
    let known = &tool.knowledge;
    format!(
        "gdoctor {}\nKnows Docker Engine up to {}, NVIDIA Container Toolkit up to {}, driver branches up to {}, CUDA up to {}; \
         sources read on {}.\nOf what is newer it says \"unknown\" where it depends on the version.\n",
        tool.version, known.engine, known.toolkit, known.driver, known.cuda, known.day
    )
}

fn print(text: &str) -> u8 {
    output::write_stdout(text.as_bytes()).map_or_else(|why| misuse(&why), |()| policy::OK)
}

/// gdoctor's own words, as the locale's letters can write them.
fn print_words(text: &str) -> u8 {
    let words = match plan::speaks_utf8(&Host::new("/", std::time::Duration::ZERO)) {
        true => std::borrow::Cow::Borrowed(text),
        false => text.replace('…', "...").into(),
    };
    print(&words)
}

/// A text of the user that cannot be read: shown with a marker at the spot.
fn refuse(refusal: &need::Refusal, width: usize) -> u8 {
    match &refusal.place {
        None => misuse(&refusal.what),
        Some((name, text, span)) => {
            let (what, help) = (report::harmless(&refusal.what), report::harmless(&refusal.help));
            let (name, text) = (report::harmless(name), secret::overwritten(text));
            output::tell(&render::snippet::refusal(&name, &text, *span, &what, &help, width));
            policy::MISUSE
        }
    }
}

fn misuse(why: &str) -> u8 {
    output::tell(&format!("gdoctor: {}", report::harmless(why)));
    policy::MISUSE
}
