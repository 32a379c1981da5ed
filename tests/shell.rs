//! The reading of shell text against bash itself: which scripts are scripts, and which words a command gets.
#![allow(clippy::disallowed_methods)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use gdoctor::need::run_line::{self, Shell};
use gdoctor_checks::model::run::RunLine;

fn parse(text: &str) -> Result<Vec<RunLine>, run_line::Wrong> {
    let variable = |name: &str| match name {
        "HOME" => Some("/root".to_owned()),
        "TWO" => Some("one two".to_owned()),
        _ => None,
    };
    let shell =
        Shell { variable: &variable, passed: &variable, cwd: "/work", home: Some("/root"), uid: 0, ..Shell::BARE };
    run_line::parse(text, &shell)
}

/// Shell scripts below a folder, by their first line.
fn scripts(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, kind) = (entry.path(), entry.file_type());
        if kind.as_ref().is_ok_and(|kind| kind.is_dir()) && depth > 0 {
            scripts(&path, depth - 1, found);
        } else if kind.is_ok_and(|kind| kind.is_file()) && entry.metadata().is_ok_and(|meta| meta.len() < 100_000) {
            let text = std::fs::read(&path).unwrap_or_default();
            let first = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
            let first = String::from_utf8_lossy(first);
            if first.starts_with("#!")
                && ["/sh", "/bash", "/dash", " bash", " sh"].iter().any(|end| first.trim_end().ends_with(end))
            {
                found.push(path);
            }
        }
    }
}

/// What bash takes for a script is one here: the machine's own, some hundreds.
#[test]
fn scripts_that_bash_takes_are_read() {
    let mut found = Vec::new();
    for (folder, depth) in [("/usr/bin", 0), ("/usr/sbin", 0), ("/etc", 2), ("/usr/share", 3), ("/usr/lib", 3)] {
        scripts(Path::new(folder), depth, &mut found);
    }
    let (mut read, mut wrong) = (0, Vec::new());
    for path in found {
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        let bash = Command::new("bash").arg("-n").arg(&path).stderr(Stdio::null()).status();
        if !bash.is_ok_and(|status| status.success()) {
            continue;
        }
        match parse(&text) {
            Ok(_) => read += 1,
            // Whoever insists on a variable is taken by its word.
            Err(why) if why.what.contains("starts no container") || why.what.contains("insists") => read += 1,
            Err(why) if why.what.contains("no `docker run`") || why.what.contains("is no `docker run`") => read += 1,
            Err(why) => wrong.push(format!("{}: {} at {}", path.display(), why.what, why.span.start)),
        }
    }
    assert!(wrong.len() * 200 <= read, "{read} are read, these not: {wrong:#?}");
}

/// Each text, run by bash with a `docker` that only prints its words, gives the words that are read here.
#[test]
fn commands_get_the_words_that_bash_gives_them() {
    let texts = [
        "docker run --rm x true",
        "A=1; B=\"$A 2\"; docker run -e V=$A -e \"W=$B\" x $B",
        "args=(--rm -e 'A=1 2' --name \"n m\"); docker run \"${args[@]}\" x ${args[0]} ${#args[@]}",
        "args=(); args+=(-e A=1); args+=(-e B=2); docker run \"${args[@]}\" x",
        "f() { docker run --name \"$1\" \"${@:2}\" x; }; f a -e A=1 -e 'B=2 3'",
        "for n in a b; do docker run --name c$n x; done",
        "if [ -z \"$NOBODY\" ]; then N=yes; else N=no; fi; docker run x $N",
        "if [[ $TWO == one* && -n $HOME ]]; then docker run x yes; else docker run x no; fi",
        "case $TWO in one) docker run x a;; one*two|z) docker run x b;; *) docker run x c;; esac",
        "docker run x ${NOBODY:-default} ${HOME:+set} ${NOBODY-a} \"${NOBODY-b c}\"",
        "F=/a/b.tar.gz; docker run x ${F##*/} ${F%.*} ${F%%.*} ${F#/a} ${F/b/c} ${F:1:3} ${#F}",
        "docker run x $((1 + 2 * 3)) $((PORT + 1)) a{b,c}d {1..3} {a,b}{1,2} '{a,b}' {x}",
        "docker run x $TWO \"$TWO\" '$TWO' \"a\"b'c' \\$TWO",
        "docker run x $'a\\tb' $'\\x41' \"a\\\"b\" 'it'\\''s'",
        "X=$(echo hi there); docker run x $X \"$X\"",
        "D=$(dirname /a/b/c); docker run x $D $(basename /a/b.sh .sh)",
        "cat <<EOF >/dev/null\nit's $(echo x) `echo y`\nEOF\ndocker run x after",
        "docker run x a `#comment` b",
        "docker run \\\n  -e A=1 \\\n  x # why\n",
        "docker run x 2>/dev/null >/dev/null a </dev/null",
        "{ docker run x group; }; (docker run x sub)",
        "i=0; while [ $i -lt 1 ]; do docker run x loop; i=1; done",
        "true && docker run x and; false || docker run x or; false && docker run x never",
        "set -- p q; docker run x \"$@\" $# $1",
        "bash -c 'docker run x inner \"a b\"'",
        "CMD=\"docker run x\"; $CMD more; eval \"$CMD 'a b'\"",
        "env A=1 timeout 5 docker run x wrapped",
        "g() { local v=1; docker run x $v; }; g; docker run x \"[$v]\"",
        "IFS_TEST='a  b'; docker run x $IFS_TEST",
        "docker run -v ~/d:/d -v '~/e:/e' x ~ ~/f",
        "unset TWO; docker run x \"[$TWO]\"",
        "docker run x \"${args[@]}\" end",
        "y=a; y+=b; docker run x $y ${y^^} ${y,,}",
        "docker run x \"$(printf '%s' a)\"",
    ];
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    let docker = folder.path().join("docker");
    std::fs::write(&docker, "#!/bin/bash\nshift\nprintf '%s\\0' \"$@\" >> \"$OUT\"\nprintf '\\n\\0' >> \"$OUT\"\n")
        .unwrap();
    std::fs::set_permissions(&docker, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let mut wrong = Vec::new();
    for text in texts {
        let out = folder.path().join("out");
        let _ = std::fs::remove_file(&out);
        let path = format!("{}:/usr/bin:/bin", folder.path().display());
        let mut bash = Command::new("bash");
        bash.args(["-c", text])
            .env_clear()
            .env("PATH", path)
            .env("HOME", "/root")
            .env("TWO", "one two")
            .env("OUT", &out);
        assert!(bash.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok());
        let printed = std::fs::read_to_string(&out).unwrap_or_default();
        let given: Vec<Vec<&str>> =
            printed.split_terminator("\n\0").map(|run| run.split_terminator('\0').collect()).collect();
        let read = parse(text).unwrap_or_else(|why| panic!("{text:?}: {why:?}"));
        let read: Vec<Vec<&str>> = read.iter().map(|line| line.words.iter().map(String::as_str).collect()).collect();
        if given != read {
            wrong.push(format!("{text}\n  bash {given:?}\n  here {read:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whatever stands in a file, reading it ends: no stack runs over, no loop goes on.
#[test]
fn no_text_takes_long_or_breaks_the_reader() {
    let nested =
        |open: &str, middle: &str, close: &str, times: usize| open.repeat(times) + middle + &close.repeat(times);
    for text in [
        nested("(", "docker run x", ")", 5000),
        nested("if true; then ", "docker run x", "; fi", 5000),
        nested("echo $(", "docker run x", ")", 5000),
        nested("echo ${A:-", "x", "}", 5000),
        nested("while true; do ", "docker run x", "; done", 12),
        format!("f() {{ f; f; docker run x; }}; {}", "f;".repeat(50)),
        "for i in {1..200}; do for j in {1..200}; do for k in {1..200}; do A=$A$i; done; done; done; docker run $A"
            .into(),
        "A=aaaaaaaaaaaaaaaa; ".to_owned() + &"A=$A$A;".repeat(40) + "docker run $A",
        format!("docker run $(({}1{}))", "(".repeat(5000), ")".repeat(5000)),
        format!("case a in {}) docker run x;; esac", "*a".repeat(2000)),
    ] {
        let begun = std::time::Instant::now();
        let _ = parse(&text);
        // A bound against what never ends, not a measure.
        assert!(begun.elapsed().as_secs() < 60, "{}…", &text[..40]);
    }
}
