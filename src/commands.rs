//! What each command does, from its arguments to its exit code.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::Path;

use gdoctor_checks::model::check::Check;
use gdoctor_checks::model::facts::Facts;
use gdoctor_checks::model::need::Need;
use gdoctor_checks::model::own::Asked;

use crate::cli::{self, CheckArgs, CollectArgs, ExplainArgs, ExplainFormat, Redact, Wishes};
use crate::explain::find::Finder;
use crate::explain::page::Page;
use crate::explain::show::Document;
use crate::host::{self, Deadline, Host, input, output};
use crate::live::{Live, Show};
use crate::plan::{self, Plan};
use crate::say::{misuse, print, print_words, refuse, waiting, warn_of_left};
use crate::{
    diff, explain, fix, fleet, judge, need, own, policy, probe, render, report, run, secret, snapshot, suggest,
};

/// The machine as it is to be looked at; `None` after having said why it cannot be.
fn host(look: &cli::LookArgs) -> Option<Host> {
    if look.wake {
        host::listener::allow_waking();
    }
    let host = Host::new(&look.root, look.timeout);
    if host.list("/").value().is_none() {
        misuse(&format!("--root {}: this is not a folder that can be read", look.root.display()));
        return None;
    }
    Some(host)
}

/// The line that is given, or the one that does here what is wanted, tried in a container of gdoctor's own.
pub fn prove(arguments: cli::ProveArgs) -> Option<u8> {
    let mut check = arguments.check;
    let conduct = &check.conduct;
    let host = host(&conduct.look)?;
    if conduct.facts.is_some() || conduct.wait.is_some() || !host.is_live() {
        misuse("a container is started on this machine, once: --facts, --root and --wait do not go with `prove`");
        return None;
    }
    let line = &check.line;
    if line.line.is_empty() && line.run_file.is_none() && line.compose.is_empty() {
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
pub fn check(arguments: &CheckArgs) -> Option<u8> {
    look_and_tell(arguments, run::Proof::No)
}

fn look_and_tell(arguments: &CheckArgs, proof: run::Proof) -> Option<u8> {
    let conduct = &arguments.conduct;
    let host = host(&conduct.look)?;
    let plan = Plan::new(conduct, &host);
    colored::control::set_override(plan.colour);
    if arguments.line.show_need {
        let (evident, own) = (need::Evident::of(&host), need::Own::Read(&conduct.look.checks));
        let gathered = need::gather(&arguments.wishes, &arguments.line, &host, &evident, own);
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
            Err(refused) => {
                refuse_run(&refused, &plan, &host);
                return None;
            }
        };
        let mut report = run.report(conduct.fail_on);
        // What may not leave stands in the command too, and a report of saved facts is the same wherever it is made.
        if !conduct.share && conduct.facts.is_none() {
            report.asked_by(&conduct.typed, &conduct.unselected, &arguments.places());
        }
        if let Some(until) = until.filter(|until| report.exit_code != policy::OK && !until.left().is_zero()) {
            if !conduct.quiet {
                waiting(&report.decisive(conduct.fail_on), until, &mut told);
            }
            // The last look is when the time is up.
            std::thread::sleep(conduct.interval.min(until.left()));
            continue;
        }
        let is_told = conduct.facts.is_some() && !conduct.share && !conduct.quiet && plan.format == cli::Format::Text;
        let is_mendable = report.exit_code != policy::OK && is_told;
        let code = run.deliver(report, &plan, &host).map_err(|why| misuse(&why)).ok();
        if is_mendable {
            let again = secret::masked(&conduct.typed);
            output::tell(&format!(
                "gdoctor: these facts were saved earlier. After a fix, run `gdoctor collect` on that host again, then {again}"
            ));
        }
        return code;
    }
}

/// Says why nothing was looked at: in words, and where a document was asked for in one.
fn refuse_run(refused: &run::Refused, plan: &Plan, host: &Host) {
    let (what, help, place) = match refused {
        run::Refused::Need(refusal) => {
            refuse(refusal, plan.width);
            let place = refusal.place.as_ref().map(|(name, text, span)| (name.as_str(), text.as_str(), *span));
            (refusal.what.as_str(), refusal.help.as_str(), place)
        }
        run::Refused::Facts(why) => {
            misuse(why);
            (why.as_str(), "", None)
        }
    };
    if plan.format == cli::Format::Json && plan.destination == plan::Destination::Stdout {
        let (id, now) = run::stamp(host);
        print(&report::Refused::new(id, now, what, help, place).json());
    }
}

/// Mends what a look tells, one cause at a time, or takes back what was done. `None` as [`check`]'s.
pub fn fix(arguments: &cli::FixArgs) -> Option<u8> {
    let conduct = &arguments.check.conduct;
    let host = host(&conduct.look)?;
    if arguments.journal {
        return Some(print_words(&fix::journal_text(&fix::entries(&host))));
    }
    if let Some(id) = &arguments.undo {
        return match fix::take_back(&host, id, &mut |words| output::tell(&format!("gdoctor: {words}"))) {
            Ok(all) => {
                let words: String = all.iter().map(fix::Back::words).collect();
                let code = print_words(&words);
                Some(if all.iter().all(fix::Back::is_whole) { code } else { policy::FAILED })
            }
            Err(why) => Some(misuse(&why)),
        };
    }
    let elsewhere = conduct.facts.is_some() || !host.is_live();
    if elsewhere || conduct.share || conduct.wait.is_some() || conduct.output.is_some() || !conduct.out.is_empty() {
        misuse("what is mended is this machine: --facts, --root, --share, --wait, -o and --out do not go with `fix`");
        return None;
    }
    let json = match conduct.format {
        cli::Format::Text => false,
        cli::Format::Json => true,
        _ => {
            misuse("`fix` tells in the formats text and json");
            return None;
        }
    };
    let plan = Plan::new(conduct, &host);
    colored::control::set_override(plan.colour);
    let sudo = host::shell::sudo();
    let mut code = policy::OK;
    let mut look = || match run::Run::new(&arguments.check, &plan, run::Proof::No) {
        Ok(mut run) => {
            let report = run.report(conduct.fail_on);
            // The next look comes after something was done.
            host::listener::forget();
            code = report.exit_code;
            let steps = fix::steps(&report, &host, sudo);
            Some(fix::Look { report, steps })
        }
        Err(run::Refused::Need(refusal)) => {
            refuse(&refusal, plan.width);
            None
        }
        Err(run::Refused::Facts(why)) => {
            misuse(&why);
            None
        }
    };
    let mut talk = Talk {
        arguments,
        json,
        width: plan.width,
        asks: !json && !arguments.plan && input::is_answered(),
        refused: false,
    };
    let (last, done) = fix::go_through(&host, &mut look, &mut talk)?;
    let (asks, refused) = (talk.asks, talk.refused);
    // What was named and could not be done is a failure, also of what only warns.
    if refused || done.iter().any(|(_, result)| result.is_failure()) {
        code = code.max(policy::FAILED);
    }
    for code in &arguments.yes {
        let is_known = |step: &fix::Step| step.causes.iter().any(|cause| cause.code == *code);
        if !done.iter().map(|(step, _)| step).chain(&last.steps).any(is_known) {
            output::tell(&format!("gdoctor: {code} is not told here: nothing was done for it"));
        }
    }
    if json {
        let now = host::clock::rfc3339(host::clock::unix_seconds());
        print(&fix::Document::new(now, done, last.steps, code).json());
    } else if last.steps.is_empty() && done.is_empty() {
        print_words("Nothing that gdoctor sees has to be mended. All that it sees: gdoctor\n");
    } else if done.is_empty() && !asks {
        output::tell(
            "gdoctor: nothing was done. On a terminal `gdoctor fix` asks; --yes=CODE does a fix without asking",
        );
    }
    Some(code)
}

/// Shows each step, and asks or knows what is wanted.
struct Talk<'a> {
    arguments: &'a cli::FixArgs,
    json: bool,
    width: usize,
    asks: bool,
    /// Something was named that gdoctor does not do.
    refused: bool,
}

impl Talk<'_> {
    fn show(&self, text: &str) {
        if !self.json {
            print_words(text);
        }
    }
}

impl fix::Listener for Talk<'_> {
    fn wanted(&mut self, step: &fix::Step, number: usize) -> fix::Wanted {
        self.show(&format!("{}\n", fix::step_text(step, number, self.width)));
        let is_named = |code: &String| step.causes.iter().any(|cause| cause.code == *code);
        if self.arguments.yes.iter().any(is_named) || (self.arguments.yes_safe && step.is_safe()) {
            self.refused |= !step.offered;
            return if step.offered { fix::Wanted::Do } else { fix::Wanted::Skip };
        }
        // Who names what is to be done is asked nothing.
        if !self.asks || !step.offered || !self.arguments.yes.is_empty() || self.arguments.yes_safe {
            return fix::Wanted::Skip;
        }
        loop {
            let answer = input::answer("[d]o it, [s]kip it, show it [a]gain, [q]uit?").unwrap_or("q".to_owned());
            match answer.as_str() {
                "d" | "do" | "do it" => return fix::Wanted::Do,
                "s" | "skip" => return fix::Wanted::Skip,
                "q" | "quit" | "stop" => return fix::Wanted::Stop,
                _ => self.show(&format!("{}\n", fix::step_text(step, number, self.width))),
            }
        }
    }

    fn doing(&mut self, words: &str) {
        let line = format!("  > {}", report::Gate::default().text(words));
        if self.json { output::tell(&line) } else { self.show(&format!("{line}\n")) }
    }

    fn result(&mut self, _: &fix::Step, result: &fix::StepResult) {
        self.show(&format!("{}\n", result.words()));
    }
}

/// Looks at a file or puts one, for a `fix` that reaches root's files by sudo.
pub fn state() -> u8 {
    let answer = input::stdin_tail(host::ledger::CAP as usize).map_err(|why| why.to_string());
    match answer.and_then(|question| fix::answer(&question.bytes)) {
        Ok(answer) => print(&answer),
        Err(why) => misuse(&why),
    }
}

/// Saves the facts of all families, whatever is wanted.
pub fn collect(arguments: &CollectArgs) -> u8 {
    let Some(host) = host(&arguments.look) else { return policy::MISUSE };
    let own = match need::own::load_all(&arguments.look.checks, &host) {
        Ok(own) => own,
        Err(refusal) => return refuse(&refusal, 100),
    };
    let saved =
        run::Run::collect(&host, &arguments.wishes, own, plan::show(&host)).and_then(|run| match arguments.redact {
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

pub fn diff(before: &Path, after: &Path, whole: bool) -> u8 {
    let read = |path: &Path| match input::regular_file(path, snapshot::MOST + 1) {
        Some(Ok(bytes)) => diff::Side::read(&bytes).map_err(|why| format!("{}: {why}", path.display())),
        Some(Err(why)) => Err(format!("{}: {why}", path.display())),
        None if input::is_folder(path) => {
            Err(format!("{}: this is a folder; give a report or a facts file", path.display()))
        }
        None => Err(format!("{}: there is no such file", path.display())),
    };
    match read(before).and_then(|b| Ok((b, read(after)?))).and_then(|(b, a)| diff::diff(&b, &a, whole)) {
        Ok(told) => match print_fitted(&told.text) {
            policy::OK if told.worse => policy::FAILED,
            code => code,
        },
        Err(why) => misuse(&why),
    }
}

/// Reports of many hosts as one, or two days of them held against each other.
pub fn fleet(arguments: &cli::FleetArgs) -> u8 {
    let told = match &arguments.command {
        Some(cli::FleetCommand::Diff { before, after }) => {
            let day = |path: &Path| match fleet::fleet_of(path) {
                Some(fleet) => fleet,
                // A report of an earlier day is old, and counts.
                None => counted(&[path.to_owned()], &[], std::time::Duration::MAX),
            };
            day(before).and_then(|before| Ok(fleet::diff::diff(&before, &day(after)?))).map(|told| {
                let code = print_fitted(&told.text);
                if told.worse { code.max(policy::FAILED) } else { code }
            })
        }
        None => expected(arguments.expect.as_deref())
            .and_then(|expected| counted(&arguments.paths, &expected, arguments.stale))
            .and_then(|fleet| {
                let text = fleet.rendered(arguments.format);
                match arguments.output.as_deref().filter(|path| path.as_os_str() != "-") {
                    Some(path) => output::write(path, text.as_bytes()).map(|()| fleet.exit_code()),
                    None if arguments.format == cli::FleetFormat::Text => {
                        Ok(print_fitted(&text).max(fleet.exit_code()))
                    }
                    None => output::write_stdout(text.as_bytes()).map(|()| fleet.exit_code()),
                }
            }),
    };
    told.unwrap_or_else(|why| misuse(&why))
}

fn counted(
    paths: &[std::path::PathBuf],
    expected: &[String],
    stale: std::time::Duration,
) -> Result<fleet::Fleet, String> {
    if paths.is_empty() {
        return Err("give reports, folders of them, or `-` for standard input: gdoctor fleet reports/".into());
    }
    let found = fleet::gather(paths)?;
    if found.members.is_empty() && expected.is_empty() {
        let why = found.unread.first().map(|file| format!(": {}: {}", file.file, file.why)).unwrap_or_default();
        return Err(format!("no report is there{why}"));
    }
    Ok(fleet::Fleet::new(found, expected, host::clock::unix_seconds(), stale))
}

/// The names in a file, one a line; what follows a `#` is a remark.
fn expected(path: Option<&Path>) -> Result<Vec<String>, String> {
    let Some(path) = path else { return Ok(Vec::new()) };
    let bytes = input::regular_file(path, snapshot::MOST).ok_or("there is no such file".to_owned());
    let bytes = bytes.and_then(|read| read.map_err(|why| why.to_string()));
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).map_err(|why| why.to_string()));
    let text = text.map_err(|why| format!("{}: {why}", path.display()))?;
    let name = |line: &str| report::harmless(line.split('#').next().unwrap_or_default().trim());
    Ok(text.lines().map(name).filter(|name| !name.is_empty()).collect())
}

/// Writes a gdoctor.toml that asks for what flags and the line ask.
pub fn init(arguments: &cli::InitArgs) -> u8 {
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

/// Every check, the site's own behind the others.
pub fn list(topic: Option<&str>, folders: &[std::path::PathBuf]) -> u8 {
    let host = Host::new("/", std::time::Duration::from_secs(5));
    let own: Vec<&'static Check> = match own_checks(folders, &host) {
        Ok(own) => own.iter().map(|asked| own::check(&asked.own)).collect(),
        Err(refusal) => return refuse(&refusal, 100),
    };
    let columns = plan::columns(&host, std::io::stdout().is_terminal());
    match explain::topic::list(topic, &own, columns) {
        Ok(told) => print(&told),
        Err(why) => misuse(&why),
    }
}

/// A text for people, wrapped where a terminal reads it.
fn print_fitted(text: &str) -> u8 {
    let host = Host::new("/", std::time::Duration::ZERO);
    let columns = plan::columns(&host, std::io::stdout().is_terminal());
    print(&columns.map_or_else(|| text.to_owned(), |columns| render::fitted(text, columns)))
}

/// Those of the folders and of the gdoctor.toml that is found.
fn own_checks(folders: &[std::path::PathBuf], host: &Host) -> Result<Vec<Asked>, need::Refusal> {
    let evident = need::Evident { nvidia: None, display: false, camera: false };
    let (wishes, line) = (Wishes::default(), cli::LineArgs::default());
    need::gather(&wishes, &line, host, &evident, need::Own::Read(folders)).map(|gathered| gathered.need.own)
}

/// Explains a topic from its words, a text by what it says; the checks that can see its causes are run.
pub fn explain(arguments: &ExplainArgs) -> Result<u8, String> {
    let Some(host) = host(&arguments.look) else { return Ok(policy::MISUSE) };
    let json = arguments.format == ExplainFormat::Json;
    let places = arguments.look.places();
    let page = || Page::new(plan::columns(&host, std::io::stdout().is_terminal()), places.clone());
    let document = match explain::read(&arguments.text)? {
        explain::Asked::Topic(topic) => {
            // A site's own checks are read only where nothing of gdoctor's has this name.
            let own = match explain::topic::is_known(&topic) {
                true => Vec::new(),
                false => own_checks(&arguments.look.checks, &host).map_err(|refusal| refusal.words())?,
            };
            let checks: Vec<&'static Check> = own.iter().map(|asked| own::check(&asked.own)).collect();
            let looked = explain::topic::seen_by(&topic, &checks);
            let looked = looked.filter(|_| !arguments.no_look && !arguments.all_systems);
            let looked = looked.map(|check| {
                let asked = own.into_iter().filter(|asked| asked.own.id == check.id).collect();
                look(&host, &places, &[check], explain::rank::wishes_of(&[check.family.name]), asked)
            });
            let tags = looked.as_ref().map_or_else(|| probe::tags(&host), |(tags, _)| tags.clone());
            let report = looked.map(|(_, report)| report);
            if !json {
                let tags = (!arguments.all_systems).then_some(&tags[..]);
                return Ok(print_words(&explain::topic::explain(
                    &topic,
                    &checks,
                    tags,
                    report.as_ref(),
                    arguments.verbose,
                    page(),
                )?));
            }
            Document::of_entries(explain::topic::codes(&topic, &checks)?, report.as_ref(), &tags)
        }
        explain::Asked::Text { bytes, left_out } => {
            if left_out > 0 {
                eprintln!(
                    "gdoctor: the first {left_out} bytes were left out: only the end of so long a text is read, and lines are counted from there"
                );
            }
            let search = Finder::new().search(&bytes);
            let deciding = explain::rank::deciding(&search.found);
            let visible = !deciding.is_empty() && !arguments.no_look;
            let looked =
                visible.then(|| look(&host, &places, &deciding, explain::rank::wishes(&search.found), Vec::new()));
            let tags = looked.as_ref().map_or_else(|| probe::tags(&host), |(tags, _)| tags.clone());
            let report = looked.map(|(_, report)| report);
            let answers = explain::rank::rank(search.found, report.as_ref());
            Document::new(&answers, search.understood, report.is_some(), &tags)
        }
    };
    let known = !document.matches.is_empty();
    if let Some(why) = explain::missing_file(&arguments.text).filter(|_| !known && !is_there(&arguments.text)) {
        return Err(why);
    }
    let code = if json { print(&document.json()) } else { print_words(&document.text(arguments.verbose, page())) };
    Ok(if known || code != policy::OK { code } else { policy::UNDETERMINED })
}

/// A file was read, whatever it says.
fn is_there(given: &[String]) -> bool {
    given.first().is_some_and(|path| input::regular_file(Path::new(path), 0).is_some())
}

/// The host's tags, and what the deciding checks say of it when this is wanted.
fn look(
    host: &Host,
    places: &[String],
    deciding: &[&Check],
    wishes: Wishes,
    own: Vec<Asked>,
) -> (Vec<String>, report::Report) {
    // Which engine this is decides which commands fit.
    let selects = |check: &Check| check.id == "docker-version" || deciding.iter().any(|one| one.id == check.id);
    let need = Need { own, ..need::of_wishes(&wishes, &need::Evident::of(host)) };
    let (facts, mut report) = judged(host, &need, &selects);
    report.asked_by("", "", places);
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
pub fn suggest(arguments: &cli::SuggestArgs) -> u8 {
    let Some(host) = host(&arguments.look) else { return policy::MISUSE };
    let saved = match arguments.facts.as_deref().map(run::saved).transpose() {
        Ok(saved) => saved,
        Err(why) => return misuse(&why),
    };
    let evident = saved.as_ref().map_or_else(|| need::Evident::of(&host), |(_, evident)| evident.clone());
    let gathered = match need::gather_suggested(&arguments.wishes, &host, &evident) {
        Ok(gathered) => gathered,
        Err(refusal) => return refuse(&refusal, 100),
    };
    warn_of_left(gathered.project.as_ref());
    let need = gathered.need;
    let look = |need: &Need| match &saved {
        Some((facts, _)) => (facts.clone(), judged_again(facts, need)),
        None => judged(&host.renewed(), need, &|_| true),
    };
    let home = host.env("HOME").unwrap_or_default();
    let (facts, before) = look(&need);
    let words = suggest::words(&facts, &need, &home);
    let asked = match suggest::asked(&facts, &words, &home) {
        Ok(asked) => asked,
        Err(wrong) => return misuse(&wrong.what),
    };
    let (_, report) = look(&asked);
    // A camera that is not there is not in the command, and missing all the same.
    let cameras = before.results.iter().filter(|outcome| outcome.group == "camera");
    let failed = |outcome: &&report::Outcome| outcome.status == policy::Status::Fail && outcome.cause.is_none();
    let failures: BTreeMap<&str, &str> = cameras
        .chain(&report.results)
        .filter(failed)
        .map(|outcome| (outcome.code.as_str(), outcome.summary.as_str()))
        .collect();
    let steps = suggest::steps(&facts, &need);
    let code = print(&suggest::text(&asked, &steps, &failures, arguments.compose));
    let facts = arguments.facts.iter().flat_map(|path| ["--facts".to_owned(), path.display().to_string()]);
    let whose: Vec<String> =
        ["gdoctor".into(), "check".into()].into_iter().chain(arguments.look.places()).chain(facts).collect();
    let next = format!("{} -- {}", need::run_line::join(&whose), need::run_line::join(&words));
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
pub fn version(json: bool) -> String {
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

#[cfg(test)]
mod tests {
    use clap::Parser;
    use gdoctor_checks::ALL;

    use super::*;

    /// The look that `explain` names lets its check look: a check that nobody asks says nothing, and fills nothing.
    #[test]
    fn the_look_that_is_named_asks_its_check() {
        let mut silent = Vec::new();
        for check in ALL.iter().filter(|check| !["run", "dockerfile", "proof"].contains(&check.family.name)) {
            let look = explain::rank::look(&[check.id]).unwrap_or_default();
            let line = look.replace("IMAGE", "debian").replace("HOST:PORT", "localhost:5000").replace("PORT", "8080");
            let line = line.replace("SIZE", "1GiB").replace("VERSION", "12.0");
            let cli = cli::Cli::try_parse_from(line.split(' ')).unwrap_or_else(|why| panic!("{line}: {why}"));
            let evident = need::Evident { nvidia: None, display: false, camera: false };
            let mut need = need::of_wishes(&cli.check.wishes, &evident);
            if cli.check.conduct.frame {
                need::ask_pictures(&mut need);
            }
            if (check.wanted)(&need).is_none() && !line.contains("--dockerfile") {
                silent.push(line);
            }
        }
        assert!(silent.is_empty(), "{}", silent.join("\n"));
        for (code, line) in [
            ("run-line-podman/no-network", "gdoctor podman run …"),
            ("run-line-podman/docker", "gdoctor docker run …"),
            ("run-line-gpu/podman-gpus", "gdoctor podman run …"),
        ] {
            let look = explain::rank::look_with(&["run-line-gpu"], explain::rank::engine(code));
            assert_eq!(look.as_deref(), Some(line), "{code}");
        }
    }
}
