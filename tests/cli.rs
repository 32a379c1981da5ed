//! The command line as consoles in Markdown: the examples of docs/usage.md, and `tests/cli/*.md`. Completions in real shells, and man
//! pages.
#![allow(clippy::disallowed_methods)]

mod part;

use std::process::Command;

use part::left_out;

fn gdoctor(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_gdoctor")).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn consoles() {
    trycmd::TestCases::new().case("docs/usage.md").case("tests/cli/*.md").env("NO_COLOR", "1");
}

/// Each shell takes its script, and completes commands, ids of checks, codes and words of flags, but not what gdoctor itself calls.
#[test]
fn completions_complete_in_their_shells() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        let script = gdoctor(&["completions", shell]);
        assert!(!script.contains("__probe"), "{shell} offers what only gdoctor itself calls");
        for word in ["suggest", "docker-access", "docker-access/not-in-group", "utility"] {
            assert!(script.contains(word), "{shell} has no {word}");
        }
        let file = folder.path().join(shell);
        std::fs::write(&file, script).unwrap();
        match Command::new(shell).arg("-n").arg(&file).output() {
            Ok(output) => assert!(output.status.success(), "{shell}: {output:?}"),
            Err(_) => left_out(&format!("{shell} is not installed")),
        }
    }
    let typed = |words: &str| {
        let count = words.split(' ').count() - 1;
        let script = format!(
            "source {}; COMP_WORDS=({words}); [ ${{#COMP_WORDS[@]}} -gt {count} ] || COMP_WORDS+=(''); COMP_CWORD={count}; \
             _gdoctor gdoctor \"${{COMP_WORDS[{count}]}}\" \"${{COMP_WORDS[$(({count}-1))]}}\"; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            folder.path().join("bash").display()
        );
        let output = Command::new("bash").args(["-c", &script]).output().unwrap();
        String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(typed("gdoctor sug"), ["suggest"]);
    assert_eq!(typed("gdoctor --only docker-acc"), ["docker-access"]);
    assert!(typed("gdoctor explain docker-access/not-in").contains(&"docker-access/not-in-group".to_owned()));
    assert!(typed("gdoctor --capability vid").contains(&"video".to_owned()));
    // Commands behind a flag without its value, lists, topics of notes, files, and words of arguments that have no flag.
    let wanted = [
        ("gdoctor sug", "suggest"),
        ("gdoctor --gpu expl", "explain"),
        ("gdoctor --only docker-acc", "docker-access"),
        ("gdoctor --only docker-access,docker-versi", "docker-version"),
        ("gdoctor check --capability compute,vid", "video"),
        ("gdoctor --format js", "json"),
        ("gdoctor explain docker-access/not-in", "docker-access/not-in-group"),
        ("gdoctor explain in-image/brings", "in-image/brings-driver-files"),
        ("gdoctor explain /etc/passw", "passwd"),
        ("gdoctor man expl", "explain"),
        ("gdoctor schema ne", "need"),
        ("gdoctor completions fi", "fish"),
        ("gdoctor prove --gpu-m", "--gpu-memory"),
    ];
    let file = |shell: &str| folder.path().join(shell).display().to_string();
    for (shell, arguments) in [
        ("fish", vec!["-c".to_owned(), format!("source {}; complete -C $argv[1]", file("fish"))]),
        ("zsh", vec!["-f".to_owned(), "tests/cli/complete.zsh".into(), file("zsh")]),
    ] {
        for (line, word) in wanted {
            let Ok(output) = Command::new(shell).args(&arguments).arg(line).output() else {
                left_out(&format!("{shell} is not installed"));
                break;
            };
            let told = String::from_utf8_lossy(&output.stdout);
            let offers = |line: &str| {
                let word_of = line.split(['\t', ' ']).next().unwrap_or_default();
                word_of == word || word_of.rsplit([',', '/']).next() == Some(word)
            };
            assert!(told.lines().any(offers), "{shell}: {line}: {told}{}", String::from_utf8_lossy(&output.stderr));
        }
    }
}

#[test]
fn every_command_has_a_man_page() {
    let main = gdoctor(&["man"]);
    for section in ["NAME", "SYNOPSIS", "EXIT STATUS", "FILES", "ENVIRONMENT", "EXAMPLES"] {
        assert!(main.contains(&format!(".SH \"{section}\"")) || main.contains(&format!(".SH {section}")), "{section}");
    }
    let ends = |page: &str| page.split(".SH \"EXIT STATUS\"").nth(1).unwrap_or_default().to_owned();
    let commands = main.lines().filter_map(|line| line.strip_prefix("gdoctor\\-")?.strip_suffix("(1)"));
    let commands: Vec<&str> = commands.filter(|name| *name != "help").collect();
    assert!(commands.len() >= 14 && commands.contains(&"prove"), "{commands:?}");
    for command in commands {
        let page = gdoctor(&["man", command]);
        assert!(page.contains(&format!("gdoctor\\-{command}")), "{page}");
        for section in ["EXIT STATUS", "FILES", "ENVIRONMENT", "EXAMPLES"] {
            assert_eq!(
                page.matches(&format!("\n.SH {section}\n")).count()
                    + page.matches(&format!("\n.SH \"{section}\"\n")).count(),
                1,
                "{command}: {section}"
            );
        }
        let own = page.replace("\\-", "-");
        assert!(own.contains(&format!("gdoctor {command}")), "{command} shows itself in no example");
        assert_ne!(ends(&page), ends(&main), "{command} ends as the main page does");
    }
    let output = Command::new(env!("CARGO_BIN_EXE_gdoctor")).args(["man", "suggets"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

/// What an issue form gets: few lines, none of this host's names.
#[test]
fn an_issue_gets_few_lines() {
    let output =
        Command::new(env!("CARGO_BIN_EXE_gdoctor")).args(["issue", "--gpu", "--need", "none"]).output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(told.lines().count() <= 25 && told.starts_with("gdoctor ") && told.contains("\nfacts: "), "{told}");
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    assert!(!told.contains(name.trim()), "{told}");
}
