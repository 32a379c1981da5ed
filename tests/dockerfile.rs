//! gdoctor reads Dockerfiles: the guide's own, where its findings point, every form of the file, and how broken ones end.
#![allow(clippy::disallowed_methods)]

mod part;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use gdoctor::need::dockerfile;
use gdoctor_checks::model::dockerfile::{Dockerfile, Does};
use gdoctor_checks::model::need::Origin;
use part::{Part, has_engine};
use serde_json::Value;

fn gdoctor(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gdoctor"));
    // No daemon: what the file itself shows is the same everywhere.
    command.env("DOCKER_HOST", "unix:///nowhere/docker.sock").env_remove("DISPLAY");
    command.arg("check").args(arguments).current_dir(folder).output().unwrap()
}

fn read(text: &str) -> Dockerfile {
    dockerfile::parse("Dockerfile", text, None, &[]).unwrap_or_else(|wrong| panic!("{wrong:?}")).0
}

fn place(origin: &Origin) -> (usize, usize, String, usize, usize) {
    match origin {
        Origin::File { line, column, what, span, .. } => (*line, *column, what.clone(), span.start, span.end),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_guides_dockerfile_is_judged() {
    let text = std::fs::read_to_string("tests/guide/Dockerfile").unwrap();
    let output =
        gdoctor(Path::new("tests/guide"), &["--dockerfile", "Dockerfile", "--only", "dockerfile", "--format", "json"]);
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let found = |code: &str| {
        let result = report["results"].as_array().unwrap().iter().find(|result| result["code"] == code);
        let file = result.unwrap_or_else(|| panic!("no {code} in {report}"))["askedBy"]["file"].clone();
        let bytes = file["start"].as_u64().unwrap() as usize..file["end"].as_u64().unwrap() as usize;
        (file["line"].as_u64().unwrap(), file["column"].as_u64().unwrap(), text[bytes].to_owned())
    };
    assert_eq!(found("dockerfile-base/gone"), (1, 6, "nvidia/cuda:11.3.0-devel-ubuntu20.04".into()));
    assert_eq!(found("dockerfile-path/other-folder"), (7, 11, "/root/anaconda2/bin".into()));

    let shown = gdoctor(Path::new("tests/guide"), &["--dockerfile", "Dockerfile", "--only", "dockerfile"]).stdout;
    let shown = String::from_utf8(shown).unwrap();
    assert!(shown.contains("Dockerfile:7:11"), "{shown}");
    assert!(shown.contains("7 | ENV PATH=\"/root/anaconda2/bin:${PATH}\""), "{shown}");
    assert!(shown.contains("Put /root/anaconda3/bin on PATH instead"), "{shown}");
    let wanted = gdoctor(Path::new("tests/guide"), &["--dockerfile", "Dockerfile", "--show-need"]).stdout;
    let wanted = String::from_utf8(wanted).unwrap();
    assert!(
        wanted.contains("cuda 11.3") && wanted.contains("Dockerfile:1:6") && wanted.contains("gpu all"),
        "{wanted}"
    );
}

/// Whoever builds it: the command, a script that starts what it builds, a service.
#[test]
fn what_a_build_reads_is_judged() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write(
        "docker/App",
        "ARG TAG=12.4.1\nFROM nvidia/cuda:${TAG}-devel-ubuntu20.04 AS app\nCOPY run.sh /\nFROM busybox\n",
    );
    write("run.sh", "#!/bin/sh\n");
    let build = "build -t app -f docker/App --target app --build-arg TAG=11.3.0";
    write("start.sh", &format!("set -e\ndocker {build} .\ndocker run --rm --gpus all app\n"));
    write("other.sh", &format!("docker {build} .\ndocker run --rm --gpus all another\n"));
    write("folder.sh", &format!("docker {build} $(cat where)\ndocker run --rm --gpus all app\n"));
    let service = |more: &str| {
        format!("services:\n  app:\n    build: {{context: ., dockerfile: docker/App, target: app{more}}}\n")
    };
    write("compose.yaml", &service(", args: {TAG: 11.3.0}"));
    write("list.yaml", &service(", args: [TAG=11.3.0]"));
    write("inner.yaml", &service(", additional_contexts: {'nvidia/cuda:12.4.1-devel-ubuntu20.04': ./other}"));
    write("gone.yaml", "services:\n  app:\n    build: ./not-here\n");
    let told = |words: &str| {
        let arguments: Vec<&str> = "--only dockerfile --format json".split(' ').chain(words.split(' ')).collect();
        let output = gdoctor(folder.path(), &arguments);
        let report: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{words}: {}", String::from_utf8_lossy(&output.stderr)));
        let told = report["results"].as_array().unwrap().iter().find(|result| result["code"] == "dockerfile-base/gone");
        told.map(|result| result["askedBy"]["file"]["path"].as_str().unwrap().to_owned())
    };
    let by_command = [format!("docker {build} ."), format!("podman {build} ./"), format!("docker buildx {build} .")];
    let by_file = ["--run-file start.sh", "--compose compose.yaml", "--compose list.yaml"].map(str::to_owned);
    for words in by_command.iter().cloned().chain(by_file) {
        assert_eq!(told(&words).as_deref(), Some("docker/App"), "{words}");
    }
    for words in ["--run-file other.sh", "--run-file folder.sh", "--compose inner.yaml", "--compose gone.yaml"] {
        assert_eq!(told(words), None, "{words}");
    }

    // An image that is made with CUDA and started without a GPU is not meant to have one.
    let wants = |words: &str| {
        let arguments: Vec<&str> = std::iter::once("--show-need").chain(words.split(' ')).collect();
        String::from_utf8(gdoctor(folder.path(), &arguments).stdout).unwrap().contains("gpu all")
    };
    assert!(wants("--run-file start.sh") && wants(&by_command[0]) && !wants("--compose compose.yaml"));

    // What is built and is not here, or is no Dockerfile, is refused as the builder would.
    let refused = |words: &str| {
        let output = gdoctor(folder.path(), &words.split(' ').collect::<Vec<_>>());
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (status, told) = refused("docker build not-here");
    assert!(status == Some(2) && told.contains("not-here/Dockerfile"), "{told}");
    let (status, told) = refused("docker build https://example.com/a.git");
    assert!(status == Some(2) && told.contains("cannot be told from the line"), "{told}");
}

/// The files by which steps install are read where COPY takes them from; what is wrong is a document, too.
#[test]
fn what_the_builds_folder_adds_is_judged() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("setup.py", "setup(ext_modules=[CUDAExtension('a', ['a.cu'])])\n");
    write("app/requirements.txt", "torch\nultralytics\n");
    write("plain.txt", "numpy\n# git+https://github.com/facebookresearch/pytorch3d\n");
    write("gpu.txt", "git+https://github.com/facebookresearch/pytorch3d.git@stable\n");
    let codes = |base: &str, steps: &str| -> Vec<String> {
        write("docker/Dockerfile", &format!("FROM {base}\n{steps}\n"));
        let output =
            gdoctor(folder.path(), &["--dockerfile", "docker/Dockerfile", "--only", "dockerfile", "--format", "json"]);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let bad = |result: &&Value| ["fail", "warn"].contains(&result["status"].as_str().unwrap());
        let results = report["results"].as_array().unwrap().iter().filter(bad);
        results.map(|result| result["code"].as_str().unwrap().to_owned()).collect()
    };
    let torch = "pytorch/pytorch:2.4.0-cuda12.4-cudnn9-runtime";
    for steps in [
        "COPY . /src\nRUN pip install .",
        "WORKDIR /src\nCOPY . .\nRUN pip install -e .",
        "WORKDIR /src\nADD $PWD/setup.py .\nRUN python setup.py install",
        "COPY . /src\nRUN apt-get update && apt-get install -y curl && pip3 install -r /src/gpu.txt",
        "COPY gpu.txt /tmp/\nRUN cd /tmp && pip install -rgpu.txt",
    ] {
        assert_eq!(codes(torch, steps), ["dockerfile-build/no-nvcc"], "{steps}");
    }
    for steps in [
        "COPY . /src\nRUN pip install -r /src/plain.txt",
        "RUN pip install numpy",
        "RUN git clone https://x/y && cd y && pip install .",
        "WORKDIR /src\nCOPY . .\nRUN cd other && pip install -r gpu.txt",
    ] {
        assert!(codes(torch, steps).is_empty(), "{steps}");
    }
    let slim = "python:3.11-slim-bookworm";
    for steps in [
        "WORKDIR /app\nCOPY app .\nRUN pip install -r requirements.txt",
        "COPY app/ /app/\nRUN pip install -r /app/requirements.txt",
        "WORKDIR /w\nCOPY . .\nRUN pip install --no-cache-dir -r app/requirements.txt",
    ] {
        assert_eq!(codes(slim, steps), ["dockerfile-steps/opencv-without-gl"], "{steps}");
    }

    write("bad/Dockerfile", "FROM scratch\nCOPI a b\n");
    let output = gdoctor(folder.path(), &["--dockerfile", "bad/Dockerfile", "--format", "json"]);
    assert_eq!(output.status.code(), Some(2));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((document["exitCode"].as_u64(), document["results"].as_array().map(Vec::len)), (Some(2), Some(0)));
    let schema: Value = serde_json::from_str(include_str!("../docs/gdoctor-report-1.json")).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    assert!(validator.is_valid(&document), "{document}");
    assert_eq!(document["refused"]["help"], "did you mean COPY?");
    assert_eq!(document["refused"]["file"]["line"], 2);

    // Each build of a text that starts nothing.
    write("a/Dockerfile", "FROM scratch\nCOPY nope /\n");
    write("b/Dockerfile", "FROM centos:7\nRUN yum install -y git\n");
    write("builds.sh", "docker build -t a a\ndocker -H ssh://far build -t c c\ndocker build -t b b\n");
    let output = gdoctor(folder.path(), &["--run-file", "builds.sh", "--only", "dockerfile"]);
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(shown.contains("There is no nope") && shown.contains("CentOS 7"), "{shown}");
    let output = gdoctor(folder.path(), &["docker", "-H", "ssh://far", "build", "a"]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(2) && told.contains("another daemon is named"), "{told}");
}

#[test]
fn every_form_of_the_file_is_read() {
    let file = read(concat!(
        "# syntax=docker/dockerfile:1\n# escape=`\n\nARG TAG=1 UNUSED\nARG NAME=cuda\n",
        "from --platform=$BUILDPLATFORM nvidia/${NAME}:12.4.1-${FLAVOUR:-devel}-ubuntu22.04 As Build\n",
        "RUN apt-get install -y `\n  # a comment\n\n  gcc `  \n  libnvidia-compute-535\n",
        "RUN <<-'ONE' cat <<TWO\n\tdnf -y install nvidia-driver\n\tONE\nFROM is no instruction here\nTWO\n",
        "FROM build\nARG TAG\nENV A=\"x y\" NVIDIA_VISIBLE_DEVICES='all' B=$TAG\nENV PATH /opt/${TAG}/bin:${PATH:+a:b}:$PATH\n",
        "FROM scratch\nCOPY --from=1 /x /x\n",
    ));
    assert_eq!(file.stages.len(), 3);
    let build = &file.stages[0];
    assert_eq!(build.base.reference, "nvidia/cuda:12.4.1-devel-ubuntu22.04");
    assert_eq!((build.base.platform.is_none(), build.built, build.runs), (true, true, false));
    let packages: Vec<&str> = build.packages.iter().map(|said| said.text.as_str()).collect();
    assert_eq!(packages, ["gcc", "libnvidia-compute-535", "nvidia-driver"]);
    assert_eq!(place(&build.packages[1].at).0, 11);
    assert_eq!(place(&build.packages[2].at).0, 13);
    let second = &file.stages[1];
    assert_eq!((second.base.stage, second.built), (Some(0), true));
    assert_eq!(second.variables[1].value.as_deref(), Some("all"));
    assert_eq!(second.paths[0].text, "/opt/1/bin");
    assert_eq!(file.ground().unwrap().reference, "scratch");

    let file = dockerfile::parse("D", "ARG B=a\nFROM $B AS x\nFROM y\n", Some("X"), &["B=c:1".into()]).unwrap().0;
    assert_eq!((file.stages.len(), file.stages[0].base.reference.as_str()), (1, "c:1"));
}

/// What the builder takes though it looks odd. Each was put before `docker buildx build --call=targets`.
#[test]
fn what_the_builder_takes_is_read() {
    let file = read("\u{feff}FROM busybox\nRUN cat > /a << 'EOF'\n{\n  x\n}\nEOF\nRUN cat<<EOF\nCOPY --link a b\n");
    assert_eq!(file.stages[0].base.reference, "busybox");
    let native = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    let file = read("ARG FLAVOR=${TARGETARCH}\nFROM busybox AS amd64\nFROM busybox AS arm64\nFROM ${FLAVOR} AS out\n");
    assert_eq!(file.stages[2].base.reference, native);
    let file = read(
        "FROM --platform=linux/${TARGETARCH} busybox\nARG TARGETARCH\nARG TARGETOS=plan9\nENV PATH=/opt/$TARGETARCH/$TARGETOS\n",
    );
    assert!(file.stages[0].base.platform.is_none());
    assert_eq!(file.stages[0].paths[0].text, format!("/opt/{native}/plan9"));
    read("# syntax=company/frontend:1\nFROM busybox\nINCLUDE other\nRUN --new=1 x\n");
}

/// What the builder refuses, with its place. Each was put before `docker buildx build`.
#[test]
fn what_the_builder_refuses_is_refused() {
    let rows = [
        ("FROM busybox\nENV A\n", 2, "A has no value", "ENV NAME=VALUE"),
        ("FROM busybox\nCOPY a\n", 2, "COPY takes", "COPY SOURCE"),
        ("FROM busybox\nCOPY [\"a\"]\n", 2, "COPY takes", "COPY SOURCE"),
        ("FROM busybox AS 1a\n", 1, "1a is no name", "a letter first"),
        ("ARG V\nFROM nvidia/cuda:${V}-base-ubuntu22.04\n", 2, "no name of an image", "ARG in it is empty"),
        ("ARG V\nFROM --platform=$V busybox\n", 2, "platform is empty", "default"),
        ("FROM Busybox\n", 1, "no name of an image", "small letters"),
        ("FROM busybox\nWORKDIR\n", 2, "nothing behind it", "WORKDIR FOLDER"),
        ("FROM busybox\nCOPY --form=a b c\n", 2, "no option --form", "did you mean --from?"),
        ("FROM busybox\nSHELL /bin/bash\n", 2, "a list in brackets", "SHELL ["),
        ("FROM busybox\nHEALTHCHECK\n", 2, "nothing behind it", "HEALTHCHECK CMD"),
        ("FROM busybox\nHEALTHCHECK curl x\n", 2, "takes CMD", "HEALTHCHECK CMD COMMAND"),
        ("FROM busybox\nHEALTHCHECK CMD\n", 2, "no command", "HEALTHCHECK CMD COMMAND"),
        ("FROM busybox\nHEALTHCHECK NONE x\n", 2, "nothing more", "HEALTHCHECK NONE"),
        ("FROM busybox\nHEALTHCHECK --interval=30 CMD x\n", 2, "has no unit", "--interval=30s"),
        ("FROM busybox\nHEALTHCHECK --interval=soon CMD x\n", 2, "is no time", "--interval=30s"),
        ("FROM busybox\nHEALTHCHECK --retries=three CMD x\n", 2, "takes a number", "--retries=3"),
        ("FROM busybox\nEXPOSE http\n", 2, "http is no port", "EXPOSE 8080"),
        ("FROM busybox\nEXPOSE 80 8080/htcp\n", 2, "8080/htcp is no port", "udp"),
        ("FROM busybox\nSTOPSIGNAL SIGHALT\n", 2, "no signal SIGHALT", "SIGINT"),
        ("FROM busybox\nMAINTAINER\n", 2, "nothing behind it", "LABEL maintainer"),
        ("FROM busybox\nONBUILD FROM x\n", 2, "ONBUILD takes no FROM", "COPY"),
        ("FROM busybox\nARG VERSION = 1.0\n", 2, "value without a name", "ARG NAME=VALUE"),
        ("ARG VERSION = 1.0\nFROM busybox\n", 1, "value without a name", "ARG NAME=VALUE"),
        ("FROM busybox\nLABEL x=\"y\nRUN true\n", 2, "never closed", "both ends"),
        ("FROM busybox\nLABEL a=1 b\n", 2, "no `=` is", "quotes"),
        ("FROM busybox\nWORKDIR \"/a\n", 2, "never closed", "both ends"),
        ("FROM busybox\nCOPY --chown a:a b c\n", 2, "--chown has no value", "--chown="),
        ("FROM busybox\nCOPY --link=maybe b c\n", 2, "true or false", "--link"),
        ("FROM busybox\nADD --keep-git-dir=maybe b c\n", 2, "true or false", "--keep-git-dir"),
        ("FROM busybox\nCOPY --chmod=1 --chmod=2 b c\n", 2, "a second time", "one of the two"),
        (
            "ARG TOOLS=tools\nFROM busybox\nCOPY --from=${TOOLS} /a /b\n",
            3,
            "takes no variable",
            "FROM ${TOOLS} AS NAME",
        ),
        ("FROM busybox\nRUN --network=hosts x\n", 2, "does not take hosts", "host"),
        ("FROM busybox\nRUN --mount=type=chache,target=/x y\n", 2, "no mount of the type", "cache"),
        ("FROM busybox\nRUN --mount=type=cache,taget=/x y\n", 2, "no key taget", "target"),
        ("FROM busybox\nRUN --mount=type=cache,target y\n", 2, "has no value", "target="),
        ("FROM busybox\nRUN --mount=type=bind,target=/x,sharing=locked y\n", 2, "is not taken", "type cache"),
        ("FROM busybox\nRUN --mount=type=secret y\n", 2, "no name", "id=NAME"),
        ("FROM busybox\nENV A=1 \\\nRUN true\n", 3, "RUN belongs to the ENV", "backslash"),
        ("FROM busybox\nRUN apk add a\n    git \\\n  b\n", 3, "git is no instruction", "end with a backslash"),
        ("FROM busybox\nRUN true\n&& false\n", 3, "&& is no instruction", "end with a backslash"),
        ("FROM busybox\nRUN cat <<- EOF\nhello\nEOF\n", 3, "hello is no instruction", "<<-WORD"),
        ("FROM busybox\nCOPY --from=1 a b\n", 2, "no stage 1: the file has 1 stage", "--from=NAME"),
        ("FROM busybox AS a\nCOPY --from=a b c\n", 2, "from itself", "before it"),
        (
            "FROM busybox AS a\nCOPY --from=1 b c\nFROM busybox AS b\nCOPY --from=a b c\n",
            2,
            "and this one from it",
            "before it",
        ),
        (
            "FROM busybox AS a\nCOPY --from=b b c\nFROM busybox AS b\nFROM a\n",
            2,
            "comes later",
            "put that stage before",
        ),
    ];
    for (text, line, what, help) in rows {
        let wrong = dockerfile::parse("Dockerfile", text, None, &[]).unwrap_err();
        let at = text[..wrong.span.start].matches('\n').count() + 1;
        assert_eq!(at, line, "{text}");
        assert!(wrong.what.contains(what) && wrong.help.contains(help), "{text}: {wrong:?}");
    }
}

/// What looks odd, and the builder takes.
#[test]
fn what_the_builder_takes_is_taken() {
    let rows = [
        "HEALTHCHECK --interval=1m30s --timeout=0s --retries=3 \\\n  CMD curl -f http://localhost || exit 1",
        "HEALTHCHECK none",
        "EXPOSE 8080 8554/UDP 9000-9010/tcp 8000:8000 $PORT",
        "STOPSIGNAL 2\nSTOPSIGNAL RTMIN+3\nSTOPSIGNAL ${SIGNAL}",
        "LABEL a=\"b c\" d='e' f=\\\"",
        "ARG A B=1 C=\nENV A=b=c",
        "COPY --link --chown=$A:$B a b\nCOPY --link=FALSE --exclude=a --exclude=b c d/",
        "RUN --mount=type=bind,source=.,target=/s,rw --mount=type=cache,target=/c,sharing=locked,uid=1,mode=0755 true",
        "RUN --mount=type=secret,id=a,required --mount=type=ssh --mount=type=tmpfs,target=/t,size=64m --network=none true",
        "RUN --mount=target=/x --mount=type=cache,dst=/y,id=$A true",
        "ONBUILD RUN true",
        // Nothing of the last stage is made of these.
        "FROM busybox AS a\nCOPY --from=b x y\nFROM busybox AS b\nFROM busybox",
        "FROM busybox AS a\nFROM busybox\nCOPY --from=0 x y\nRUN --mount=from=7,target=/x true",
    ];
    for text in rows {
        let text = format!("FROM busybox\n{text}\n");
        let read = dockerfile::parse("Dockerfile", &text, None, &[]);
        assert!(read.is_ok(), "{text}{:?}", read.err());
    }
}

#[test]
fn secrets_of_the_file_are_not_repeated() {
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    let text = "FROM nvidia/cuda:11.3.0-base\nENV NVIDIA_VISIBLE_DEVICES=void API_TOKEN=hunter2 PATH=/opt/x/bin\nARG PASSWORD=hunter2\n";
    std::fs::write(folder.path().join("Dockerfile"), text).unwrap();
    for format in ["text", "json", "html"] {
        let output = gdoctor(folder.path(), &["--dockerfile", "Dockerfile", "--format", format, "-v"]);
        let shown = String::from_utf8(output.stdout).unwrap();
        assert!(shown.contains("never-made") || shown.contains("/opt/x/bin"), "{shown}");
        assert!(!shown.contains("hunter2"), "{format}: {shown}");
    }
}

/// What is wrong, and where.
#[test]
fn broken_files_are_refused_with_their_place() {
    let wrong = |text: &str| {
        let wrong = dockerfile::parse("Dockerfile", text, None, &[]).unwrap_err();
        (text[..wrong.span.start].matches('\n').count() + 1, wrong.what, wrong.help)
    };
    assert_eq!(
        wrong("FROM a\nRNU b\n"),
        (2, "RNU is no instruction of a Dockerfile".into(), "did you mean RUN?".into())
    );
    assert_eq!(wrong("RUN a\n").1, "RUN stands before any FROM");
    assert_eq!(wrong("ARG X\nFROM $X\n"), (2, "the base's name is empty".into(), wrong("ARG X\nFROM $X\n").2));
    assert_eq!(wrong("").1, "there is no FROM in it");
    assert_eq!(wrong("FROM\n").1, "FROM names no base");
    assert_eq!(wrong("FROM a b\n").1, "FROM takes no such words");
    assert_eq!(wrong("FROM ${a\n").1, "this ${ is never closed");
    assert_eq!(wrong("FROM a\nENV A='x\n").0, 2);
    assert_eq!(wrong("FROM a\nRUN <<EOF\nx\n").0, 2);
    assert_eq!(wrong("# escape=x\nFROM a\n").0, 1);
    let growing: String = (0..40).map(|_| "ENV A=$A$A$A$A\n").collect();
    assert_eq!(wrong(&format!("FROM a\nENV A=aaaa\n{growing}")).1, "the variables make this too long");
    let deep = format!("FROM {}a{}\n", "${A:-".repeat(50), "}".repeat(50));
    assert_eq!(wrong(&deep).1, "the defaults are nested too deeply");

    let folder = tempfile::tempdir_in("/tmp").unwrap();
    let many = "FROM a\n".repeat(30_000);
    let big = "x".repeat(1 << 20);
    for (name, text) in
        [("many", many.as_bytes()), ("big", big.as_bytes()), ("binary", b"\x7fELF\x02\xff\0"), ("zero", b"\0\0\0")]
    {
        std::fs::write(folder.path().join(name), text).unwrap();
        let output = gdoctor(folder.path(), &["--dockerfile", name]);
        assert_eq!(output.status.code(), Some(2), "{name}");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(errors.contains(name) && errors.len() < 2000 && output.stdout.is_empty(), "{name}: {errors}");
    }
    for name in ["/dev/zero", "/no/such/file", "/"] {
        assert_eq!(gdoctor(folder.path(), &["--dockerfile", name]).status.code(), Some(2), "{name}");
    }
}

/// Nothing panics, and every place lies in the file.
#[test]
fn bitten_files_never_break_the_reader() {
    let guide = std::fs::read_to_string("tests/guide/Dockerfile").unwrap();
    let other = "# escape=`\nARG A=1\nFROM --platform=x ${A:-b} AS c\nRUN --mount=from=c <<-E\n\tapt install x\n\tE\nENV B 'c' \nENV é=\"ü$A\" PATH=/é:$PATH\nCOPY --from=0 a b\n";
    let pieces = [
        "'", "\"", "\\", "\n", "$", "${", "}", ":-", "<<E", "`", " ", "=", "é", "\0", "\r", "FROM ", "ENV ", "#",
        "ARG X",
    ];
    let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut random = move |below: usize| {
        // xorshift64: the same texts in every run.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below.max(1) as u64) as usize
    };
    for round in 0..20_000 {
        let mut text = if round % 2 == 0 { guide.clone() } else { other.to_owned() };
        for _ in 0..=random(5) {
            let mut at = random(text.len() + 1);
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            if random(4) == 0 {
                text.truncate(at);
            } else {
                text.insert_str(at, pieces[random(pieces.len())]);
            }
        }
        match dockerfile::parse("D", &text, None, &[]) {
            Ok((file, source)) => {
                assert_eq!(source.shown().len(), text.len(), "{text:?}");
                let places = file.stages.iter().flat_map(|stage| {
                    let said =
                        stage.packages.iter().chain(&stage.paths).chain(&stage.base.platform).map(|said| &said.at);
                    said.chain([&stage.base.at]).chain(stage.variables.iter().map(|setting| &setting.at))
                });
                for (line, column, _, start, end) in places.map(place) {
                    assert!(text.get(start..end).is_some(), "{start}..{end} in {text:?}");
                    assert!(line >= 1 && column >= 1 && line <= text.matches('\n').count() + 1, "{text:?}");
                }
            }
            Err(wrong) => assert!(text.get(wrong.span.start..wrong.span.end).is_some(), "{wrong:?} in {text:?}"),
        }
    }
}

/// What an image will want shows in its base, its packages and its commands, each with its line.
#[test]
fn what_the_image_will_want_is_known() {
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    let rows = [
        ("FROM nvcr.io/nvidia/pytorch:25.03-py3\n", vec!["cuda 12.8", "Dockerfile:1:6", "gpu all"]),
        ("FROM tensorflow/tensorflow:2.18.0-gpu\n", vec!["cuda 12.3"]),
        (
            "FROM nvidia/cuda:11.8.0-runtime-ubuntu22.04\nRUN pip install torch --index-url https://download.pytorch.org/whl/cu128\n",
            vec!["cuda 12.8", "Dockerfile:2:"],
        ),
        (
            "FROM ubuntu:22.04\nRUN conda install -y pytorch pytorch-cuda=12.1 -c pytorch\n",
            vec!["cuda 12.1", "gpu all"],
        ),
        (
            "FROM nvidia/cuda:12.2.2-runtime-ubuntu22.04\nCMD [\"ffmpeg\",\"-hwaccel\",\"cuda\",\"-c:v\",\"h264_cuvid\"]\n",
            vec!["capability video", "Dockerfile:2:"],
        ),
    ];
    for (text, wishes) in rows {
        std::fs::write(folder.path().join("Dockerfile"), text).unwrap();
        let shown = gdoctor(folder.path(), &["--dockerfile", "Dockerfile", "--need", "none", "--show-need"]).stdout;
        let shown = String::from_utf8(shown).unwrap();
        assert!(wishes.iter().all(|wish| shown.contains(wish)), "{wishes:?} of {text}{shown}");
    }
}

/// Built for real by BuildKit: what ends well is told nothing of, what fails is refused or told.
#[test]
fn builds_end_as_told() {
    const WELL: [&str; 9] = [
        "FROM lab/busybox:1\nCOPY ../a /a\nCOPY a no* /x/\nRUN test -f /x/a\n",
        "FROM lab/busybox:1\nCOPY <<EOF /x\nnope\nEOF\nARG F=a\nCOPY $F a /y/\nRUN test -f /x\n",
        "FROM lab/busybox:1\nCOPY a /a\nWORKDIR /w\nADD a ./\nRUN test -f /w/a\n",
        "\u{feff}FROM lab/busybox:1\nRUN cat > /a << 'EOF'\n{\n}\nEOF\nRUN test -s /a\n",
        "ARG T=1\nFROM lab/busybox:${T}\nARG T\nENV B=\"x y\" C=$T\nRUN <<EOF\ntest \"$B$C\" = 'x y1'\nEOF\n",
        "FROM lab/busybox:1 AS made\nRUN echo x > /x\nFROM lab/busybox:1\nCOPY --from=made /x /x\nCOPY --from=0 /x /y\n",
        "FROM lab/busybox:1\nRUN nvidia-smi || true\nRUN if nvidia-smi; then false; fi\n",
        "# escape=`\nFROM lab/busybox:1\nRUN true `\n  # a comment\n\n  && true\n",
        "FROM lab/busybox:1 AS never\nRUN nvidia-smi\nFROM lab/busybox:1\n",
    ];
    const BADLY: [&str; 11] = [
        "FROM lab/busybox:1\nCOPY nope /x\n",
        "FROM lab/busybox:1\nCOPY ../../nope/x /x\n",
        "FROM lab/busybox:1\nADD [\"kept\", \"/x\"]\n",
        "FROM lab/busybox:1\nRUN true && nvidia-smi -L\n",
        "FROM lab/busybox:1 AS made\nRUN nvidia-smi\nFROM lab/busybox:1\nCOPY --from=made /x /x\n",
        "FROM lab/busybox:1\nRUN docker run --rm busybox true\n",
        "FROM lab/busybox:1\nENV A\n",
        "FROM lab/busybox:1\nCOPY a\n",
        "FROM lab/busybox:1 AS 1a\n",
        "ARG V\nFROM lab/busybox:${V}\n",
        "FROM lab/busybox:1\nCOPY --form=x a /a\n",
    ];
    /// They build well, and this is what comes of starting them.
    const STARTS: [(&str, bool); 9] = [
        ("COPY closed.sh /s\nENTRYPOINT [\"/s\"]\n", false),
        ("COPY --chmod=755 closed.sh /s\nENTRYPOINT [\"/s\"]\n", true),
        ("COPY closed.sh /s\nRUN chmod +x /s\nENTRYPOINT [\"/s\"]\n", true),
        ("COPY closed.sh /s\nENTRYPOINT [\"sh\", \"/s\"]\n", true),
        ("WORKDIR /w\nCOPY returns.sh .\nCMD [\"./returns.sh\"]\n", false),
        ("WORKDIR /w\nCOPY bare.sh ./\nCMD [\"/w/bare.sh\"]\n", false),
        ("COPY good.sh /s\nCMD [\"/s\"]\n", true),
        ("ENTRYPOINT ['/bin/true']\n", false),
        ("ENTRYPOINT [\"/bin/true\"]\n", true),
    ];
    if !has_engine("sid") {
        return;
    }
    let Some(lab) = Part::start("docker", &["--engine", "sid"]) else { return };
    assert!(lab.call("import", &[]).status.success(), "the image can be imported");
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    let files = [
        ("a", "a", 0o644),
        ("kept", "a", 0o644),
        (".dockerignore", "kept\n", 0o644),
        ("closed.sh", "#!/bin/sh\ntrue\n", 0o644),
        ("returns.sh", "#!/bin/sh\r\ntrue\r\n", 0o755),
        ("bare.sh", "true\n", 0o755),
        ("good.sh", "#!/bin/sh\ntrue\n", 0o755),
    ];
    for (name, text, mode) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
        let mode = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(folder.path().join(name), mode).unwrap();
    }
    let docker = |arguments: &[&str]| {
        let mut docker = Command::new("tests/lab/docker");
        docker.arg("exec").arg(lab.path()).arg("docker").args(arguments).env("DOCKER_HOST", lab.get("DOCKER_HOST"));
        docker.output().unwrap()
    };
    for (text, well) in STARTS {
        let text = format!("FROM lab/busybox:1\n{text}");
        std::fs::write(folder.path().join("Dockerfile"), &text).unwrap();
        let context = folder.path().to_str().unwrap();
        let built = docker(&["build", "--quiet", "--network", "none", "--tag", "lab/started:1", context]);
        assert!(built.status.success(), "{text}\n{}", String::from_utf8_lossy(&built.stderr));
        let ran = docker(&["run", "--rm", "--network", "none", "lab/started:1"]);
        assert_eq!(ran.status.success(), well, "{text}\n{}", String::from_utf8_lossy(&ran.stderr));
        let told = gdoctor(folder.path(), &["--dockerfile", "Dockerfile", "--only", "dockerfile", "--fail-on", "warn"]);
        assert_eq!(told.status.code() == Some(1), !well, "{text}\n{}", String::from_utf8_lossy(&told.stdout));
    }
    for (text, well) in WELL.iter().map(|text| (text, true)).chain(BADLY.iter().map(|text| (text, false))) {
        std::fs::write(folder.path().join("Dockerfile"), text).unwrap();
        let mut build = Command::new("tests/lab/docker");
        build.arg("exec").arg(lab.path()).args(["docker", "build", "--quiet", "--network", "none"]).arg(folder.path());
        let built = build.env("DOCKER_HOST", lab.get("DOCKER_HOST")).output().unwrap();
        assert_eq!(built.status.success(), well, "{text}\n{}", String::from_utf8_lossy(&built.stderr));
        let told = gdoctor(folder.path(), &["--dockerfile", "Dockerfile", "--only", "dockerfile", "--fail-on", "warn"]);
        let code = told.status.code();
        assert_eq!([Some(1), Some(2)].contains(&code), !well, "{text}\n{}", String::from_utf8_lossy(&told.stdout));
    }
}

/// Texts of RUN, and what comes of them when any one word or sign is missing.
const TEXTS: [&str; 24] = [
    "apt-get update && apt-get install -y --no-install-recommends curl git && rm -rf /var/lib/apt/lists/*",
    "if [ -f /x ]; then echo a; elif [ -d /y ]; then echo b; else echo c; fi",
    "for f in a b c; do echo \"$f\"; done && true",
    "while read -r line; do echo \"$line\"; done < /etc/passwd",
    "case \"$(uname -m)\" in x86_64) arch=amd64 ;; aarch64|arm64) arch=arm64 ;; *) exit 1 ;; esac; echo $arch",
    "set -eux; { echo a; echo b; } > /x; ( cd /tmp && ls )",
    "echo 'it is' \"$HOME/\\\"x\\\"\" `date` $(date +%s) ${A:-b c}",
    "curl -fsSL https://localhost/x.sh | sh -s -- -y || true",
    "printf '%s\\n' \"a b\" 'c d' >> /etc/x 2>&1 & wait",
    "f() { echo \"$1\"; } ; f a",
    "! grep -q x /y && echo $((1 + 2)) $(( (3) * 2 ))",
    "until false; do break; done; echo done fi esac",
    "pip install 'numpy>=1.2' \"torch<2\" && python -c 'import x; print(\"(\")'",
    "echo \"a; b && c\" '`' \\; find / -name x -exec rm {} \\; -o -print",
    "export A=1 B=\"2 3\"; unset A; : ${B:?no} ${B%x} ${#B}",
    "cat <<X > /y",
    "if ! command -v x >/dev/null 2>&1; then exit 1; fi # a comment's end",
    "a=$(case x in x) echo y;; esac); echo $a",
    "(((1)))",
    "if true; then (echo a) fi; if true; then { echo b; } fi",
    "echo a;; echo b",
    "echo a & & echo b",
    "echo ( a )",
    "; echo a",
];

/// What neither dash nor bash reads is told, and what both read is not: `-n` runs nothing.
#[test]
fn the_text_of_a_step_is_read_as_shells_read_it() {
    let takes = |shell: &str, text: &str| {
        let output = Command::new(shell).args(["-n", "-c", "--", text]).output().ok()?;
        Some(output.status.success())
    };
    let parts = |text: &str| -> Vec<String> {
        let words: Vec<&str> = text.split(' ').collect();
        let signs = text.char_indices().filter(|(_, c)| "\"'`(){};&|<>$\\".contains(*c));
        let without_sign = signs.map(|(at, c)| format!("{}{}", &text[..at], &text[at + c.len_utf8()..]));
        let cut = (0..words.len()).map(|number| words[..number].join(" "));
        let without_word = (0..words.len()).map(|number| {
            words
                .iter()
                .enumerate()
                .filter(|(at, _)| *at != number)
                .map(|(_, word)| *word)
                .collect::<Vec<_>>()
                .join(" ")
        });
        without_sign.chain(cut).chain(without_word).chain([text.to_owned()]).collect()
    };
    let (mut refused, mut taken, mut wrong) = (0, 0, Vec::new());
    for text in TEXTS.iter().flat_map(|text| parts(text)) {
        // The builder has its own way with these.
        if text.trim().is_empty() || text.trim_end().ends_with('\\') || text.contains("<<") && !text.contains("<<X") {
            continue;
        }
        let (Some(dash), Some(bash)) = (takes("dash", &text), takes("bash", &text)) else { return };
        let file = format!("FROM debian:12\nRUN {text}\n{}", if text.contains("<<X") { "X\n" } else { "" });
        let Ok((file, _)) = dockerfile::parse("Dockerfile", &file, None, &[]) else { continue };
        let told = file.stages[0].steps.iter().any(|step| step.does == Does::NoShellText);
        match (dash || bash, dash && bash) {
            (false, _) if told => refused += 1,
            (_, true) if !told => taken += 1,
            (false, _) => wrong.push(format!("no shell reads: {text}")),
            (_, true) => wrong.push(format!("all shells read: {text}")),
            _ => {}
        }
    }
    assert!(wrong.is_empty(), "{refused} refused, {taken} taken, {} not: {wrong:#?}", wrong.len());
    assert!(refused > 100 && taken > 200, "{refused} {taken}");
}
