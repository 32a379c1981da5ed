//! Every format against something that is not ours: JUnit against Jenkins' schema, SARIF against OASIS', Prometheus by promtool,
//! TAP by Perl's parser, HTML in a browser; and the table of statuses, all rows and all formats.
#![allow(clippy::disallowed_methods)]

mod part;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use gdoctor::drawn::{Gauge, Picture};
use gdoctor::judge::Judged;
use gdoctor::need::Waiver;
use gdoctor::policy::{self, FailOn, Status};
use gdoctor::render::status::{self, Junit};
use gdoctor::render::text::{self, Detail};
use gdoctor::render::{github, html, issue, json, junit, labels, md, nagios, npd, prom, sarif, tap};
use gdoctor::report::start::Starts;
use gdoctor::report::{Asker, Change, Frame, Gate, Place, Report, RunLineWords, WaiverWords, harmless, write};
use gdoctor_checks::ALL;
use gdoctor_checks::model::fact::{Fact, Gap, Source};
use gdoctor_checks::model::facts::Facts;
use gdoctor_checks::model::facts::host::System;
use gdoctor_checks::model::finding::Finding;
use gdoctor_checks::model::need::{Need, Origin};
use part::left_out;

/// What a host can make every text hold.
const HOSTILE: &str = "a|b <b>&\"'` ]]> %0A # SKIP ::error::x \u{7}\u{1b}[31m {x} @all \\ \u{fffe} é";

fn frame() -> Frame {
    Frame {
        report_id: "urn:uuid:00000000-0000-4000-8000-000000000000".into(),
        generated_at: "2026-01-31T12:00:00Z".into(),
        took: Duration::from_millis(412),
        probe_times: BTreeMap::new(),
    }
}

fn finding(status: Status) -> Finding {
    let finding = match status {
        Status::Pass => Finding::pass("found"),
        Status::Warn => Finding::warn("not-installed", "install"),
        Status::Fail => Finding::fail("not-installed", "install"),
        Status::Unknown => Finding::unknown(Gap::TimedOut, Source::new(HOSTILE)),
        Status::Skip => Finding::not_needed("not-needed"),
    };
    finding
        .with("path", HOSTILE)
        .with("package", HOSTILE)
        .evidence(HOSTILE, HOSTILE)
        .about(HOSTILE)
        .asked_by(&Origin::Default)
}

/// A report with one result of each of these.
fn report(statuses: &[Status], fail_on: FailOn) -> Report {
    let client = ALL.iter().find(|check| check.id == "docker-client").unwrap();
    let judged: Vec<Judged> = statuses
        .iter()
        .map(|s| Judged { check: client, findings: finding(*s).into(), took: Duration::from_millis(3) })
        .collect();
    let mut facts = Facts::default();
    facts.host.system = Fact::present(System { id: "debian".into(), ..System::default() }, "/etc/os-release");
    write(&facts, &Need::default(), &judged, fail_on, frame())
}

/// Every status, hostile words, a folded result and enough failures for every limit.
fn full() -> Report {
    let mut statuses = Status::ALL.to_vec();
    statuses.extend([Status::Fail; 14]);
    let mut report = report(&statuses, FailOn::Fail);
    let mut folded = report.results[3].clone();
    folded.cause = Some("docker-engine".into());
    folded.waits = "waits until the Docker daemon answers".into();
    report.results.push(folded);
    report.results[2].waiver = Some(WaiverWords {
        reason: harmless(HOSTILE),
        owner: "ops@example.org".into(),
        until: "2999-01-31".into(),
        expired: false,
    });
    let at = |file: &str, line, text: &str| Asker {
        kind: "file",
        text: harmless(HOSTILE),
        start: None,
        end: None,
        file: Some(Place { path: file.into(), line, column: 3, start: 10, end: 14, text: text.into(), text_after: 0 }),
    };
    report.results[5].asked_by = Some(at("deploy/compose file.yaml", 7, "  gpus: all"));
    report.results[6].asked_by = Some(at("/srv/app/gdoctor.toml", 2, ""));
    let line = "docker run \\\n  --gpus all é";
    let spot = line.find("--gpus").unwrap();
    report.results[7].asked_by = Some(Asker {
        kind: "run-line",
        text: "--gpus all".into(),
        start: Some(spot),
        end: Some(spot + 10),
        file: None,
    });
    report.run_line = Some(RunLineWords {
        text: line.into(),
        file: "run.sh".into(),
        line: 1,
        several: false,
        image: "é".into(),
        starts: Starts::No,
        partial: false,
        unseen: Vec::new(),
        open: Vec::new(),
        engine: "docker",
        left: Vec::new(),
        corrected: Some("docker run \\\n  --gpus 'all' <b>".into()),
        changes: vec![Change { start: 0, end: 1, text: "x".into(), reason: harmless(HOSTILE), code: "a/b".into() }],
    });
    let gauge = |kind, name: &str, free| Gauge { kind, name: name.into(), free, total: 24 << 30 };
    report.gauges = vec![gauge("GPU memory", "GPU 0, <b>", 20 << 30), gauge("disk", "/var/lib/docker", 1 << 30)];
    // The smallest picture: one pixel.
    let bytes = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\0\0\0\0:~\x9bU\0\0\0\nIDATx\x9cc`\0\0\0\x02\0\x01H\xaf\xa4q\0\0\0\0IEND\xaeB`\x82";
    report.pictures = vec![Picture { camera: "/dev/video0".into(), kind: "image/png", bytes: bytes.to_vec() }];
    report
}

/// The row of a status in every format.
#[allow(clippy::type_complexity)]
fn row(
    s: Status,
) -> (u8, u8, u8, u8, u8, Junit, (&'static str, &'static str), &'static str, Option<&'static str>, Option<u8>) {
    match s {
        Status::Pass => (0, 0, 0, 0, 0, Junit::Passed, ("pass", "none"), "ok", None, Some(0)),
        Status::Warn => (0, 1, 1, 0, 1, Junit::Noted, ("fail", "warning"), "ok", Some("warning"), Some(1)),
        Status::Fail => (1, 1, 2, 1, 1, Junit::Failure, ("fail", "error"), "not ok", Some("error"), Some(2)),
        Status::Unknown => (3, 3, 3, 2, 2, Junit::Error, ("open", "none"), "not ok", Some("warning"), Some(3)),
        Status::Skip => (0, 0, 0, 0, 0, Junit::Skipped, ("notApplicable", "none"), "ok", None, None),
    }
}

#[test]
fn one_table_for_every_format() {
    for s in Status::ALL {
        let (exit, exit_warned, nag, np, np_warned, ju, sa, ta, gh, metric) = row(s);
        assert_eq!((status::exit(s, false), status::exit(s, true)), (exit, exit_warned), "{s:?}");
        assert_eq!((status::npd(s, false), status::npd(s, true)), (np, np_warned), "{s:?}");
        assert_eq!((status::junit(s), status::sarif(s), status::tap(s).0), (ju, sa, ta), "{s:?}");
        assert_eq!((status::nagios(s).0, status::github(s), status::metric(s)), (nag, gh, metric), "{s:?}");
        // And the formats say what the table says.
        let lone = report(&[s], FailOn::Fail);
        let warned = report(&[s], FailOn::Warn);
        assert_eq!((lone.exit_code, warned.exit_code), (exit, exit_warned), "{s:?}");
        assert_eq!((npd::exit_code(&lone), npd::exit_code(&warned), nagios::exit_code(&lone)), (np, np_warned, nag));
        let xml = junit::render(&lone);
        let elements = |name: &str| xml.matches(&format!("<{name} message=")).count();
        let expect = [ju == Junit::Failure, ju == Junit::Error, ju == Junit::Skipped].map(usize::from);
        assert_eq!(["failure", "error", "skipped"].map(elements), expect, "{xml}");
        assert_eq!(xml.contains("WARN docker-client"), ju == Junit::Noted, "{xml}");
        let point = tap::render(&lone).lines().nth(2).unwrap_or_default().to_owned();
        assert!(
            point.starts_with(&format!("{ta} 1 - ")) && point.contains(" # SKIP ") == (s == Status::Skip),
            "{point}"
        );
        let run: serde_json::Value = serde_json::from_str(&sarif::render(&lone, true)).unwrap();
        let result = &run["runs"][0]["results"][0];
        assert_eq!((result["kind"].as_str(), result["level"].as_str()), (Some(sa.0), Some(sa.1)));
        let noted = run["runs"][0]["invocations"][0]["toolExecutionNotifications"].as_array().unwrap().len();
        assert_eq!(noted, usize::from(s == Status::Unknown));
        assert_eq!(
            github::render(&lone).lines().next().unwrap().split(' ').next(),
            gh.map(|k| format!("::{k}")).as_deref().or(Some("gdoctor:"))
        );
        let sample = metric.map(|v| format!("gdoctor_check_status{{check=\"docker-client\",group=\"docker\"}} {v}\n"));
        assert!(sample.is_none_or(|line| prom::render(&lone, 0).contains(&line)));
        for shown in [html::render(&lone), md::render(&lone)] {
            assert!(shown.contains(&s.word().to_uppercase()), "{shown}");
        }
    }
}

/// What waits for another check is told under that one and raises no alarm of its own.
#[test]
fn one_cause_is_one_red_line_in_every_format() {
    let mut lone = report(&[Status::Fail, Status::Unknown], FailOn::Fail);
    lone.results[1].cause = Some("docker-client".into());
    assert_eq!(junit::render(&lone).matches("<error").count(), 0);
    assert_eq!(tap::render(&lone).matches("not ok").count(), 1);
    assert_eq!(github::render(&lone).matches("::warning").count(), 0);
    assert!(
        nagios::render(&lone).starts_with("GDOCTOR CRITICAL - 1 failed, 0 warning, 0 ok, 1 waiting: docker-client | ")
    );
}

#[test]
fn sarif_is_valid() {
    let schema = std::fs::read_to_string(part::root().join("tests/schemas/sarif-2.1.0.json")).unwrap();
    // The published schema has one pattern that is no regular expression, of a property that is not used here.
    let schema = schema.replace("[a-zA-Z]{2}]?$", "[a-zA-Z]{2}$");
    let schema: serde_json::Value = serde_json::from_str(&schema).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for whole in [true, false] {
        let document: serde_json::Value = serde_json::from_str(&sarif::render(&full(), whole)).unwrap();
        let wrong: Vec<String> =
            validator.iter_errors(&document).map(|e| format!("{}: {e}", e.instance_path())).collect();
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        // What GitHub asks for besides.
        let run = &document["runs"][0];
        for rule in run["tool"]["driver"]["rules"].as_array().unwrap() {
            for text in [&rule["shortDescription"]["text"], &rule["fullDescription"]["text"], &rule["help"]["text"]] {
                assert!(text.as_str().is_some_and(|t| !t.is_empty() && t.len() <= 4096), "{rule}");
            }
        }
        let spot = |number: usize| {
            let place = &run["results"][number]["locations"][0]["physicalLocation"];
            let region = &place["region"];
            let number = |name: &str| region[name].as_u64().unwrap_or(0);
            let uri = place["artifactLocation"]["uri"].as_str().unwrap_or_default().to_owned();
            (uri, number("startLine"), number("startColumn"), number("endColumn"))
        };
        let first = if whole { 5 } else { 3 };
        assert_eq!(spot(first), ("deploy/compose%20file.yaml".into(), 7, 3, 7));
        assert_eq!(spot(first + 1), ("file:///srv/app/gdoctor.toml".into(), 2, 3, 7));
        assert_eq!(spot(first + 2), ("run.sh".into(), 2, 3, 13));
        // Nothing is wrong with a file: the place names the check.
        assert_eq!(spot(0).0, "gdoctor/docker-client");
        for result in run["results"].as_array().unwrap() {
            assert!(result["locations"][0]["physicalLocation"]["region"]["startLine"].is_u64());
            assert!(result["partialFingerprints"]["primaryLocationLineHash"].is_string());
        }
    }
}

#[test]
fn junit_is_valid() {
    let file = file("report.xml", &junit::render(&full()));
    let schema = part::root().join("tests/schemas/junit-10.xsd");
    let Some(output) = tool("xmllint", &["--noout", "--schema", text(&schema), text(&file.1)], "") else { return };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let counts = tool("xmllint", &["--xpath", "string(//testsuite/@errors)", text(&file.1)], "").unwrap();
    assert_eq!(String::from_utf8_lossy(&counts.stdout).trim(), "1");
}

#[test]
fn prometheus_reads_it() {
    let shown = prom::render(&full(), 1_798_761_599);
    assert!(shown.ends_with('\n'));
    let mut known = full();
    (known.host.driver, known.host.docker) = ("550.54.15".into(), "28.1.1".into());
    assert!(prom::render(&known, 0).contains("driver=\"550.54.15\",docker=\"28.1.1\"} 1"));
    assert!(!shown.contains("driver=\"\""), "{shown}");
    if let Some(output) = tool("promtool", &["check", "metrics"], &shown) {
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn the_collector_takes_the_file() {
    let (folder, file) = file("gdoctor.prom", &prom::render(&full(), 1_798_761_599));
    let exporter = ["prometheus-node-exporter", "node_exporter"].into_iter().find(|name| has(name));
    let Some(exporter) = exporter else { return left_out("prometheus-node-exporter is not installed") };
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let listen = format!("127.0.0.1:{port}");
    let mut running = Command::new(exporter)
        .args(["--collector.disable-defaults", "--collector.textfile", "--web.listen-address", &listen])
        .arg(format!("--collector.textfile.directory={}", folder.path().display()))
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut page = String::new();
    for _ in 0..100 {
        std::thread::sleep(Duration::from_millis(50));
        if let Ok(mut stream) = std::net::TcpStream::connect(&listen) {
            let _ = stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n");
            let _ = std::io::Read::read_to_string(&mut stream, &mut page);
            break;
        }
    }
    let _ = running.kill();
    let _ = running.wait();
    assert!(page.contains("node_textfile_scrape_error 0"), "{}: {page}", file.display());
    assert!(page.contains("gdoctor_check_status{check=\"docker-client\",group=\"docker\"} 2"), "{page}");
}

#[test]
fn tap_is_parsed() {
    let full = full();
    let file = file("report.tap", &tap::render(&full));
    let Some(output) = tool("prove", &["--exec", "cat", text(&file.1)], "") else { return };
    let shown = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    let bad = full.count(Status::Fail.word()) + full.count(Status::Unknown.word());
    assert!(shown.contains(&format!("Tests: {} Failed: {bad})", full.results.len())), "{shown}");
    assert!(!shown.contains("Parse errors") && shown.contains("skipped"), "{shown}");
}

/// The grammar of the plugin guidelines: a status line, a bar, performance data of the form 'label'=value[UOM];…
#[test]
fn nagios_reads_it() {
    for report in [full(), report(&[Status::Pass], FailOn::Fail), report(&[Status::Warn], FailOn::Fail)] {
        let shown = nagios::render(&report);
        let (first, rest) = shown.split_once('\n').unwrap();
        let (message, perfdata) = first.split_once(" | ").unwrap();
        assert!(message.chars().count() <= 80 && message.starts_with("GDOCTOR "), "{message}");
        let word = message.split(' ').nth(1).unwrap();
        let code = ["OK", "WARNING", "CRITICAL", "UNKNOWN"].iter().position(|w| *w == word).unwrap();
        assert_eq!(code, usize::from(nagios::exit_code(&report)));
        for datum in perfdata.split(' ') {
            let (label, values) = datum.split_once('=').unwrap();
            assert!(!label.is_empty() && label.bytes().all(|b| b.is_ascii_lowercase()), "{datum}");
            let values: Vec<&str> = values.split(';').collect();
            assert!(values.len() <= 5 && values[0].trim_end_matches('s').parse::<f64>().is_ok(), "{datum}");
            assert!(values[1..].iter().all(|v| v.is_empty() || v.parse::<f64>().is_ok()), "{datum}");
        }
        assert!(!rest.contains('|'), "{rest}");
    }
}

#[test]
fn npd_fits_its_line() {
    for report in [full(), report(&[Status::Pass], FailOn::Fail)] {
        let shown = npd::render(&report);
        assert!(shown.len() <= 81 && shown.matches('\n').count() == 1, "{shown}");
    }
    assert!(npd::render(&full()).starts_with("docker-client "));
}

#[test]
fn annotations_stay_within_what_github_keeps() {
    let shown = github::render(&full());
    assert_eq!(shown.matches("::error title").count(), 10, "{shown}");
    let lines: Vec<&str> = shown.lines().collect();
    assert!(
        lines.iter().all(|line| line.starts_with("::error ")
            || line.starts_with("::warning ")
            || line.starts_with("gdoctor: "))
    );
    assert!(
        lines[0].starts_with("::error ")
            && !lines[0]["::error title=".len()..].split("::").next().unwrap().contains([',', ':'])
    );
}

/// In a real browser: no script error, every filter, nothing wider than the page at three widths.
#[test]
fn html_works_in_a_browser() {
    let page = html::render(&full());
    assert!(!page.contains("http-equiv=\"refresh\"") && !page.contains("src=\"http") && !page.contains("<link"));
    let Some(browser) = ["chromium", "chromium-browser", "google-chrome"].into_iter().find(|name| has(name)) else {
        return left_out("chromium is not installed");
    };
    // The page tells about itself in its title, which the browser prints with the document.
    let probe = "<script>const e=[];window.onerror=m=>{e.push(m)};</script>";
    let tell = "<script>const n=[];for(const f of document.querySelectorAll('input[name=f]')){f.checked=true;\
        n.push([...document.querySelectorAll('article')].filter(a=>getComputedStyle(a).display!='none').length);}\
        const levels=[...document.querySelectorAll('h1,h2,h3,h4')].map(h=>+h.tagName[1]);\
        const all=q=>[...document.querySelectorAll(q)];const reach=[];for(const f of all('a,button,input,pre,summary')){f.focus();\
        if(document.activeElement!=f&&f.offsetParent)reach.push(f.outerHTML)}\
        document.title=JSON.stringify({errors:e,main:all('main').length,h1:levels.filter(l=>l==1).length,reach,\
        jumps:levels.filter((l,i)=>i&&l>levels[i-1]+1).length,\
        nameless:all('button,pre').filter(b=>!b.getAttribute('aria-label')).length+all('input').filter(i=>!i.labels.length).length\
        +all('img').filter(i=>!i.alt||!i.naturalWidth).length+all('svg').filter(s=>!s.getAttribute('aria-label')).length,\
        bars:all('svg rect.taken').filter(r=>r.getBoundingClientRect().width>1).length,shown:n,copy:document.querySelectorAll('button').length,\
        fits:document.documentElement.scrollWidth<=innerWidth});</script>";
    // The policy allows inline scripts, so the page's own must run unhindered.
    let watched = page.replace("<style>", &format!("{probe}<style>")).replace("</body>", &format!("{tell}</body>"));
    let (folder, file) = file("report.html", &watched);
    for width in [500, 800, 1400] {
        let profile = folder.path().join(format!("profile-{width}"));
        let mut command = Command::new(browser);
        command
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"])
            .arg(format!("--window-size={width},900"))
            .arg(format!("--user-data-dir={}", profile.display()))
            .arg(format!("file://{}", file.display()));
        let output = command.stderr(Stdio::null()).output().unwrap();
        let dom = String::from_utf8_lossy(&output.stdout).into_owned();
        let title = dom.split_once("<title>").and_then(|(_, r)| r.split_once("</title>")).map_or("", |(t, _)| t);
        let told: serde_json::Value = serde_json::from_str(title).unwrap_or_else(|why| panic!("{why}: {title:?}"));
        let full = full();
        let shown = ["fail", "warn", "unknown", "pass", "skip", "waiting", "waived"].map(|word| full.count(word));
        // First what needs care, then all.
        let mut expect = vec![shown[0] + shown[1] + shown[2], full.results.len()];
        expect.extend(shown);
        assert_eq!(told["shown"], serde_json::json!(expect), "{told}");
        assert_eq!((told["errors"].as_array().map(Vec::len), told["fits"].as_bool()), (Some(0), Some(true)), "{told}");
        assert!(told["copy"].as_u64() > Some(0), "{told}");
        // One way for everybody: landmarks, headings in order, a name for each control and picture, all of it by keyboard.
        let counts = ["main", "h1", "jumps", "nameless", "bars"].map(|name| told[name].as_u64());
        assert_eq!(counts, [Some(1), Some(1), Some(0), Some(0), Some(2)], "{told}");
        assert_eq!(told["reach"], serde_json::json!([]), "{told}");
    }
}

/// What waits for another check is counted in JUnit's suites as everywhere, and each case says for what.
#[test]
fn junit_counts_what_waits() {
    let full = full();
    let page = junit::render(&full);
    let numbers = page.lines().filter_map(|line| line.split_once("\"gdoctor.waiting\" value=\""));
    let told: usize = numbers.filter_map(|(_, rest)| rest.split('"').next()?.parse::<usize>().ok()).sum();
    assert!(told > 0 && told == full.count("waiting"), "{told}: {}", full.count("waiting"));
    assert_eq!(
        page.matches("message=\"waits until ").count(),
        full.results.iter().filter(|o| o.cause.is_some()).count()
    );
}

/// The number by which a format tells how many results stand under a word.
fn told(format: &str, word: &str, report: &Report) -> usize {
    let number = |page: &str, before: &str, after: &str| -> usize {
        let after: Vec<&str> = page.split(before).skip(1).map(|rest| rest.split(after).next().unwrap_or("")).collect();
        let found: Vec<usize> = after.iter().filter_map(|number| number.parse().ok()).collect();
        assert!(!found.is_empty(), "{format} does not tell how many are {word}:\n{page}");
        found.iter().sum()
    };
    // A page that has the sentence with all counts.
    let of_sentence = |page: String| {
        let counts = status::counts(report);
        assert!(page.contains(&counts), "{counts}: {page}");
        let before = if word == "fail" { "^" } else { ", " };
        number(&format!("^{counts}, "), before, &format!(" {}", status_word(word)))
    };
    match format {
        "text" => of_sentence(text::render(report, Detail::Verbose, 120)),
        "md" => of_sentence(md::render(report)),
        "github" => of_sentence(github::render(report)),
        "issue" => of_sentence(issue::render(report, r#"{"checksum": "x"}"#)),
        "html" => number(&html::render(report), &format!("class=\"{word}\">{word} "), "<"),
        "junit" => number(&junit::render(report), &format!("\"gdoctor.{word}\" value=\""), "\""),
        "prom" => number(&prom::render(report, 0), &format!("gdoctor_checks{{status=\"{word}\"}} "), "\n"),
        _ => number(&json::render(report).replace(",\n", "\n"), &format!("\n    \"{word}\": "), "\n"),
    }
}

fn status_word(word: &str) -> &str {
    match word {
        "fail" => "failed",
        "warn" => "warned",
        "pass" => "passed",
        "skip" => "skipped",
        other => other,
    }
}

/// A result stands under one word, and every format counts as many under it, each result with all findings that it tells.
#[test]
fn every_format_counts_alike() {
    let mut report = report(
        &[&Status::ALL[..], &[Status::Unknown, Status::Unknown, Status::Fail, Status::Pass]].concat(),
        FailOn::Fail,
    );
    let at = |status: Status, nth: usize, report: &Report| {
        report.results.iter().enumerate().filter(|(_, o)| o.status == status).nth(nth).unwrap().0
    };
    // Their reasons are the same, and here each is told by itself.
    report.results.iter_mut().for_each(|outcome| outcome.cause = None);
    // One of three waits, one nobody has asked for, one is lived with, one tells three.
    let (waiting, unasked) = (at(Status::Unknown, 0, &report), at(Status::Unknown, 1, &report));
    report.results[waiting].cause = Some("docker-engine".into());
    report.results[waiting].waits = "waits until the Docker daemon answers".into();
    report.results[unasked].required = false;
    let (told_by_one, waived) = (at(Status::Pass, 1, &report), at(Status::Fail, 1, &report));
    report.results[told_by_one].stands_for = 3;
    report.results[waived].summary = "lived with".into();
    report.results[waived].code = "docker-client/lived-with".into();
    let waiver = Waiver {
        code: "docker-client/lived-with".into(),
        subject: String::new(),
        until: "2999-01-31".into(),
        owner: "ops".into(),
        reason: "later".into(),
    };
    let report = report.waive(&[waiver], FailOn::Fail, "2026-01-31", Gate::default());
    let expect = [("fail", 1), ("warn", 1), ("unknown", 2), ("pass", 4), ("skip", 1), ("waiting", 1), ("waived", 1)];
    for (word, count) in expect {
        assert_eq!(report.count(word), count, "{word}");
        for format in ["text", "md", "github", "issue", "html", "junit", "prom", "json"] {
            assert_eq!(told(format, word, &report), count, "{format}: {word}");
        }
    }
    // And each result stands there under its word.
    let document: serde_json::Value = serde_json::from_str(&json::render(&report)).unwrap();
    let (whole, table, page) =
        (text::render(&report, Detail::Verbose, 120), md::render(&report), html::render(&report));
    for (word, _) in expect {
        let results = report.results.iter().filter(|o| o.counted_as() == word).count();
        let states = document["results"].as_array().unwrap().iter().filter(|result| result["state"] == word);
        assert_eq!(states.count(), results, "{word}");
        let capitals = word.to_uppercase();
        let lines = whole.lines().filter(|line| line.starts_with(&format!("  {capitals} ")));
        assert_eq!(lines.count(), results, "{word}: {whole}");
        let (row, head) = (format!("| {capitals} |"), format!("### {capitals} "));
        assert_eq!(table.matches(&row).count() + table.matches(&head).count(), results, "{word}: {table}");
        let article = format!("<article class=\"{word}");
        assert_eq!(page.matches(&article).count(), results, "{word}");
    }
    assert!(
        nagios::render(&report)
            .starts_with("GDOCTOR CRITICAL - 1 failed, 1 warning, 4 ok, 2 unknown, 1 waiting, 1 waived")
    );
}

/// The same page where scripts are switched off, and on paper.
#[test]
fn html_works_without_scripts_and_on_paper() {
    let Some(browser) = ["chromium", "chromium-browser", "google-chrome"].into_iter().find(|name| has(name)) else {
        return left_out("chromium is not installed");
    };
    let page = html::render(&full());
    // The page's policy then keeps its own script from running.
    let (folder, off) = file("report.html", &page.replace("script-src 'unsafe-inline'", "script-src 'none'"));
    let run = |arguments: &[&str]| {
        let mut command = Command::new(browser);
        command.args(["--headless", "--no-sandbox", "--disable-gpu"]).args(arguments);
        command.arg(format!("--user-data-dir={}", folder.path().join("profile").display()));
        command.arg(format!("file://{}", off.display())).stderr(Stdio::null()).output().unwrap()
    };
    let dom = String::from_utf8_lossy(&run(&["--dump-dom"]).stdout).into_owned();
    assert!(!dom.contains("<button type"), "a button that nothing can press");
    assert_eq!(dom.matches("<article").count(), full().results.len());
    let paper = folder.path().join("report.pdf");
    run(&[&format!("--print-to-pdf={}", paper.display())]);
    assert!(std::fs::read(&paper).unwrap().starts_with(b"%PDF"));
}

#[test]
fn hostile_words_stay_words() {
    let full = full();
    let page = html::render(&full);
    assert!(!page.contains("<b>") && page.matches("<script>").count() == 1);
    let shown = md::render(&full);
    assert!(!shown.replace("--gpus 'all' <b>", "").contains("<b>"));
    assert!(
        shown.contains("### The corrected command\n\n```sh\ndocker run") && shown.contains("waived until 2999-01-31")
    );
    let all = [page, md::render(&full), junit::render(&full), sarif::render(&full, true), tap::render(&full)];
    let more = [nagios::render(&full), npd::render(&full), github::render(&full), prom::render(&full, 0)];
    for shown in all.iter().chain(&more) {
        assert!(!shown.chars().any(|c| c.is_control() && c != '\n'), "{shown:?}");
    }
}

/// Several files in one run, the text still on standard output, and exit codes in the reader's numbers.
#[test]
fn one_run_gives_every_format() {
    let folder = tempfile::tempdir().unwrap();
    let formats = ["text", "json", "junit", "sarif", "html", "md", "prom", "github", "nagios", "npd", "tap"];
    let outs: Vec<String> = formats.iter().map(|f| format!("{f}={}", folder.path().join(f).display())).collect();
    let mut command = Command::new(env!("CARGO_BIN_EXE_gdoctor"));
    command.args(["--only", "host,docker-client", "--color", "always"]);
    outs.iter().for_each(|out| {
        command.args(["--out", out]);
    });
    let output = command.output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("gdoctor 0."));
    for format in formats {
        let text = std::fs::read_to_string(folder.path().join(format)).unwrap();
        assert!(!text.is_empty() && !text.contains('\u{1b}'), "{format}: {text}");
    }
    let code = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_gdoctor")).args(arguments).output().unwrap();
        output.status.code().unwrap_or(-1)
    };
    assert_eq!(code(&["--format", "nagios", "--no-such-flag"]), 3);
    assert_eq!(code(&["--exit-codes=npd", "--no-such-flag"]), i32::from(policy::MISUSE));
    assert_eq!(code(&["--out", "pdf=x"]), 2);
    std::fs::create_dir_all(folder.path().join("usr/bin")).unwrap();
    let none = ["--root", text(folder.path()), "--only", "docker-client", "--format"];
    let failing = |format: &str| code(&[&none[..], &[format]].concat());
    assert_eq!((failing("text"), failing("nagios"), failing("npd")), (1, 2, 1));
}

#[test]
fn the_job_summary_gets_the_table() {
    let folder = tempfile::tempdir().unwrap();
    let summary = folder.path().join("summary.md");
    std::fs::write(&summary, "before\n").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_gdoctor"));
    command.args(["--only", "docker-client", "--format", "github"]).env("GITHUB_STEP_SUMMARY", &summary);
    command.output().unwrap();
    let text = std::fs::read_to_string(&summary).unwrap();
    assert!(text.starts_with("before\n## gdoctor: ") && text.contains("docker-client"), "{text}");
}

/// A file in a folder of its own.
fn file(name: &str, content: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    (folder, path)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn has(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// Runs a validator; `None`, after saying so, where it is not installed.
fn tool(program: &str, arguments: &[&str], input: &str) -> Option<Output> {
    if !has(program) {
        left_out(&format!("{program} is not installed"));
        return None;
    }
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    Some(child.wait_with_output().unwrap())
}

/// What the project lives with for a time alarms nobody, and every format that a person reads says who does and until when; a
/// waiver that has run out counts for nothing.
#[test]
fn waivers_are_told_in_every_format() {
    let waiver = |until: &str| Waiver {
        code: "docker-client/not-installed".into(),
        subject: String::new(),
        reason: "built elsewhere".into(),
        owner: "ops@example.org".into(),
        until: until.into(),
    };
    let waived = |until: &str| {
        report(&[Status::Fail], FailOn::Fail).waive(&[waiver(until)], FailOn::Fail, "2026-01-31", Gate::default())
    };
    let told = |report: &Report| {
        let formats = [
            text::render(report, Detail::Normal, 200),
            md::render(report),
            html::render(report),
            junit::render(report),
            sarif::render(report, false),
            tap::render(report),
        ];
        formats.into_iter().filter(|text| text.contains("built elsewhere") && text.contains("2026-01-3")).count()
    };
    let now = waived("2026-01-31");
    assert_eq!((now.exit_code, nagios::exit_code(&now), told(&now)), (0, 0, 6));
    assert!(junit::render(&now).contains("<skipped message=") && !junit::render(&now).contains("<failure"));
    assert!(tap::render(&now).contains("# SKIP"));
    assert_eq!(github::render(&now).matches("::error").count(), 0);
    let document: serde_json::Value = serde_json::from_str(&sarif::render(&now, false)).unwrap();
    let result = &document["runs"][0]["results"][0];
    assert_eq!((&result["level"], &result["suppressions"][0]["status"]), (&"error".into(), &"accepted".into()));

    let over = waived("2026-01-30");
    assert_eq!((over.exit_code, nagios::exit_code(&over), told(&over)), (1, 2, 5), "SARIF suppresses nothing then");
    assert!(junit::render(&over).contains("<failure"));
    let document: serde_json::Value = serde_json::from_str(&sarif::render(&over, false)).unwrap();
    assert_eq!(document["runs"][0]["results"][0]["suppressions"], serde_json::Value::Array(Vec::new()));
}

/// What `--label` says stands in every format that machines read, and in those that people pass on.
#[test]
fn labels_are_in_every_format() {
    let mut report = full();
    report.labels.insert("host".into(), "web1".into());
    for (name, text) in [
        ("junit", junit::render(&report)),
        ("sarif", sarif::render(&report, false)),
        ("github", github::render(&report)),
        ("nagios", nagios::render(&report)),
        ("tap", tap::render(&report)),
        ("md", md::render(&report)),
        ("html", html::render(&report)),
    ] {
        assert!(text.contains("web1"), "{name}: {text}");
    }
}

/// A runner's label says what was seen to work, and nothing of what fails or could not be told.
#[test]
fn labels_of_what_works() {
    let told = |status| {
        let mut report = report(&[status], FailOn::Fail);
        report.host.docker = "28.5.1".into();
        report.host.driver = "580.95.05".into();
        report.host.toolkit = "1.17.8-1".into();
        let gpu = |total| Gauge { kind: "GPU memory", name: HOSTILE.into(), free: 0, total };
        report.gauges = vec![gpu(24 << 30), gpu(48 << 30)];
        let mut families = report.families.clone();
        families[0].name = "nvidia";
        report.families.append(&mut families);
        labels::render(&report)
    };
    let all = "docker,docker-28,gpu,gpu-2,gpu-memory-24g,nvidia-driver-580,nvidia-container-toolkit-1.17\n";
    for status in Status::ALL {
        let works = matches!(status, Status::Pass | Status::Warn);
        assert_eq!(told(status), if works { all } else { "\n" }, "{status:?}");
    }
}
