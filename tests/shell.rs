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
    let shell = Shell {
        variable: &variable,
        passed: &variable,
        cwd: "/work",
        home: Some("/root"),
        uid: Some(0),
        ..Shell::BARE
    };
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
        "docker run x ${HOME[0]} \"${TWO[0]}\"",
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
        "docker run x ${NOBODY:-\"a b\"} ${NOBODY:-a b} ${NOBODY:-\"\"} ${NOBODY:-}",
        "if [ ${NOBODY:-\"\"} == x ]; then docker run x a; else docker run x b; fi",
        "if [ $NOBODY == x ]; then docker run x a; else docker run x b; fi",
        "if [ $TWO = one ]; then docker run x a; else docker run x b; fi",
        "engine() { if [ -n \"$HOME\" ]; then echo docker; return 0; fi; echo podman; }; E=$(engine); $E run x e",
        "f() { X=a; if [ -z \"$NOBODY\" ]; then X=b; return; fi; X=c; }; f; docker run x $X",
        "f() { echo one >&2; echo two 2>/dev/null; }; docker run x $(f)",
        "docker run x $(for n in a b; do echo $n; done)",
        "R='docker run'; if [ -n \"$HOME\" ]; then R=\"$R -i\"; fi; $R x y",
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

/// What a script's caller gives it, and what a condition leaves open: every run is found, and what is not known is no more than that.
#[test]
fn what_only_the_running_script_knows_hides_no_run() {
    let texts: [(&str, &[&str]); 17] = [
        ("docker run -d --name ab \"$@\"", &["$@"]),
        ("list=()\nfor a in \"$@\"; do list+=(\"$a\"); done\ndocker run --rm $EXTRA_FLAGS \"${list[@]}\"", &["$@"]),
        ("if [ \"$1\" = up ]; then docker run a; else docker run b; fi", &["b", "a"]),
        ("case ${1:-none} in up) docker run a ;; *) docker run b ;; esac", &["b", "a"]),
        ("if command -v podman >/dev/null; then E=podman; else E=docker; fi\n$E run --rm a", &["a"]),
        ("which() { if grep -q x y; then echo docker; else echo podman; fi; }\nE=$(which)\n$E run --rm a", &["a"]),
        (
            "set_up() { r=\"docker run --cpus 4\"; if grep -q a b; then r=\"$r --gpus all\"; fi; }\nset_up\n$r -i --rm a",
            &["a"],
        ),
        ("links=$(cat f)\nrun_image=$(cat g)\ndocker run -d $links --name ab $run_image", &["$(cat g)"]),
        ("go() { docker run --name n$1 a; }\ncase $1 in x) go 1 ;; y) go 1 ;; esac", &["a"]),
        ("f() { if grep -q a b; then I=a; return; fi; I=b; }\nf\ndocker run $I", &["$I"]),
        ("if [ -f no/file ]; then docker run a; fi", &["a"]),
        ("[ -d no/folder ] || mkdir -p x; docker run a", &["a"]),
        ("for d in no/*/; do docker run -v $d:/x a; done", &["a"]),
        ("if docker run --gpus all p; then GPU_ARGS=--gpus=all; fi\ndocker run $GPU_ARGS a", &["a"]),
        ("if docker run --help | grep -q -- --gpus; then :; fi\ndocker run a", &["a"]),
        ("if grep -q a b; then C='docker run --gpus all'; else C='nvidia-docker run'; fi\n$C -i a", &["a"]),
        ("nvidia-docker run a\ndocker run b", &["a", "b"]),
    ];
    for (text, images) in texts {
        let lines = parse(text).unwrap_or_else(|why| panic!("{text:?}: {why:?}"));
        let found: Vec<&str> = lines.iter().map(|line| line.image.as_ref().map_or("", |i| &i.reference)).collect();
        assert_eq!(found, images, "{text}");
    }
}

/// Where a script lies is where its folder is, by each of bash's names for it.
#[test]
fn a_script_knows_its_folder() {
    let nothing = |_: &str| None;
    let shell =
        Shell { variable: &nothing, passed: &nothing, cwd: "/work", script: Some("tools/run.sh"), ..Shell::BARE };
    for text in [
        "cd \"$(dirname \"${BASH_SOURCE[0]}\")\"\ndocker run -v $PWD:/x a",
        "D=\"$(cd \"$(dirname \"${BASH_SOURCE[0]:-$0}\")\" >/dev/null 2>&1 && pwd)\"\ndocker run -v $D:/x a",
        "D=$(realpath \"$(dirname \"$BASH_SOURCE\")\")\ndocker run -v $D:/x a",
        "docker run -v \"$(cd \"${BASH_SOURCE%/*}\" && pwd)\":/x a",
        "cd $(dirname $0)\ndocker run -v \"$(pwd)\":/x a",
    ] {
        let lines = run_line::parse(text, &shell).unwrap_or_else(|why| panic!("{text}: {why:?}"));
        assert_eq!(lines[0].mounts.first().map(|mount| mount.source.as_str()), Some("/work/tools"), "{text}");
    }
}

/// What stands around a command where it was copied, and what is no command of this shell's.
#[test]
fn pasted_text_is_what_it_is() {
    let read = [
        "└─➜  docker run --rm a",
        "┌──(kali㉿kali)-[~]\n└─$ sudo docker run --rm a",
        "➜  ~ git:(main) ✗ docker run --rm a",
        "❯ docker run --rm a",
        "C:\\Users\\me>docker run --rm a\ninvalid argument \"'x",
        "PS C:\\> docker run `\n>> --rm `\n>> a",
        ">> docker run ^\n>> --rm ^\n>> a",
        "C:\\>docker run ^\nMore? --rm ^\nMore? a",
        "0 3 * * 1-5 /usr/bin/docker run --rm a",
        "@daily root docker run --rm a",
        "*/5 * * jan,feb sun root /usr/bin/docker run --rm a",
        "docker run --rm a\ndocker: Error response from daemon: it's \"odd",
        "repo$ docker run --rm a\nhello",
        "~/src/repo$ docker run \\\n> --rm \\\n> a",
        "(venv) me@host:~/x$ docker run --rm a",
        "$docker run --rm a",
        "docker run --rm -v /long/\\\npath:/x -e A=b,\\\nc a",
    ];
    for text in read {
        let lines = parse(text).unwrap_or_else(|why| panic!("{text:?}: {why:?}"));
        let images: Vec<&str> = lines.iter().map(|line| line.image.as_ref().map_or("", |i| &i.reference)).collect();
        assert_eq!((images, lines[0].switch("rm").is_some()), (vec!["a"], true), "{text}");
    }
    let wrong = [
        ("docker run \\ --rm \\ a", "this backslash"),
        ("docker run -it \\\n  --env A=b\n  me/image:1", "no backslash goes on"),
        ("podman run -d\n  --name x\n  me/image:1", "no backslash goes on"),
        ("docker run a\n  --rm", "no backslash goes on"),
        ("docker run -it \\\n  --gpus all # each \\\n  --shm-size 8g a", "a comment stands here"),
        ("docker run -it \\\n  # each\n  # of them\n  --gpus all a", "a comment stands here"),
        ("docker run -it \\\n\n  --gpus all a", "an empty line stands"),
        ("docker run ^ # why\n  --rm a", "a comment stands"),
        ("docker run -v %cd%/x:/x a", "%cd% is a variable of cmd's"),
        ("docker run -v $env:USERPROFILE/x:/x a", "is a variable of PowerShell's"),
        ("docker run -e A='b a", "never closed"),
        ("docker run a b   (PC)\nor", "`(` is not expected here"),
        ("docker run a b &&", "the text ends behind `&&`"),
        ("docker run --rm $my-name", "$my-name is not set here"),
        ("docker run --rm $my-image", "$my-image is not set here"),
        ("docker run --runtime=nvidia\\\n--gpus all a", "no blank stands before this backslash"),
        ("docker run -p 80:80\\\n-e A=b a", "no blank stands before this backslash"),
        ("docker run --rm \\\\\n  -e A=b a", "two backslashes"),
        ("docker run --rm \\\r\n  -e A=b a", "a carriage return"),
        ("docker run --it a", "--it is no option"),
        ("docker run \"--gpus all\" a", "--gpus all is no option"),
    ];
    for (text, what) in wrong {
        let why = parse(text).expect_err(text);
        assert!(why.what.contains(what), "{text}: {why:?}");
    }
    // Output that begins like an option, a redirection of a script's.
    for text in
        ["docker run a\n-bash: docker: command not found", "docker run a \\\n>> log", "date +%cd%\ndocker run a"]
    {
        let lines = parse(text).unwrap_or_else(|why| panic!("{text:?}: {why:?}"));
        assert_eq!(lines[0].image.as_ref().map(|image| image.reference.as_str()), Some("a"), "{text}");
    }
}

/// The words of a Makefile's recipe are those that make gives to the shell, which gives them to a `docker` that only prints them.
#[test]
fn recipes_get_the_words_that_make_gives_them() {
    let makefile = "IMG := ros:humble\nexport NAME=n1\nHERE = $(shell pwd)\n.PHONY: run\nrun: build\n\
                    \t@docker run --rm -u $$(id -u):$$(id -g) --name=$$NAME \\\n\
                    -e 'A=$(IMG)' -e \"B=$$HOME\" $(IMG) sh $<\n\nbuild:\n\t-@echo $$(date) > /dev/null\n";
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    std::fs::write(folder.path().join("Makefile"), makefile).unwrap();
    let docker = folder.path().join("docker");
    std::fs::write(&docker, "#!/bin/sh\nfor word; do echo \"$word\"; done\n").unwrap();
    std::fs::set_permissions(&docker, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", folder.path().display());
    let mut make = Command::new("make");
    make.args(["-s", "run"]).current_dir(&folder).env_clear().env("PATH", path).env("HOME", "/root");
    let Ok(output) = make.output() else { return eprintln!("left out: there is no make") };
    let said = String::from_utf8(output.stdout).unwrap();
    let line = &parse(makefile).unwrap_or_else(|why| panic!("{why:?}"))[0];
    // What make alone knows, here the name of the first thing that the rule needs, is known when it runs.
    let said: Vec<&str> = said.lines().map(|word| if word == "build" { "$(unknown)" } else { word }).collect();
    let user = said[3].to_owned();
    let words: Vec<String> = line.words.iter().map(|word| word.replace("$(id -u):$(id -g)", &user)).collect();
    assert_eq!([&["run".to_owned()], &words[..]].concat(), said);
    assert_eq!(line.image.as_ref().map(|image| image.reference.as_str()), Some("ros:humble"));
}

/// systemd fills in specifiers and variables, and knows nothing else of a shell's: its services have no terminal.
#[test]
fn the_exec_lines_of_a_unit_are_read() {
    let unit = "[Service]\nExecStartPre=-/usr/bin/docker rm -f x\n\
                ExecStart=/usr/bin/docker run -t --rm --name %n -e HOST=%H -e A=${A} -v $(pwd):/x:ro \\\n  -e B=a;b r:1 # why\n\
                # docker run other\nRestart=always\n";
    let lines = parse(unit).unwrap_or_else(|why| panic!("{why:?}"));
    let [line] = &lines[..] else { panic!("{lines:#?}") };
    assert!(line.scheduled && line.number == 3);
    let open: Vec<&str> = line.options.iter().filter(|option| option.at.opaque).map(|o| o.name.as_str()).collect();
    assert_eq!(open, ["name", "env", "env"]);
    assert_eq!(line.last("volume").map(|option| option.value.as_str()), Some("$(pwd):/x:ro"));
    assert!(line.last("volume").is_some_and(|option| option.refused.is_some()));
    let behind: Vec<&str> = line.arguments.iter().map(|word| word.text.as_str()).collect();
    assert_eq!(behind, ["#", "why"]);
    let inner = parse("[Service]\nExecStart=/bin/sh -c 'docker run --rm --name %n r:1'\n").unwrap();
    assert!(inner[0].last("name").is_some_and(|option| option.at.opaque));
}

/// What looks like a rule or a unit within a script is the script's.
#[test]
fn a_script_that_writes_a_unit_is_a_script() {
    for text in [
        "#!/bin/sh\ncat > /tmp/x.service <<EOF\n[Service]\nExecStart=/usr/bin/docker run other\nEOF\ndocker run --rm a\n",
        "echo Starting: now\nif true; then\n\tdocker run --rm a\nfi\n",
        "#!/bin/bash\nnote: b\n\tdocker run --rm a\n",
    ] {
        let lines = parse(text).unwrap_or_else(|why| panic!("{text}: {why:?}"));
        let images: Vec<&str> = lines.iter().map(|line| line.image.as_ref().map_or("", |i| &i.reference)).collect();
        assert_eq!(images, ["a"], "{text}");
    }
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
