//! The command line: one clap tree, from which help, completions and the man page come too. Values are validated here;
//! what they ask for is `src/need`'s matter.

use std::ffi::OsString;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use gdoctor_checks::model::doc::Doc;
use gdoctor_checks::model::need::{self, Capability, Codec, ContainerUser, Gpus, Port, Protocol, Registry};
use gdoctor_checks::model::require::Condition;
use gdoctor_checks::model::version::Version;
use gdoctor_checks::{ALL, FAMILIES};

use crate::policy::FailOn;

#[derive(Debug, Parser)]
#[command(
    name = "gdoctor",
    version,
    about = "Says what will fail before your first GPU container, why, and which documented commands mend it",
    long_about = "Looks at this host and says, before the first `docker run`, what will fail, why, and the documented commands \
that mend it: Docker, NVIDIA driver and toolkit, driver capabilities, X11 display, cameras, ports, registry, disk. \
Nothing on the host is changed, pulled or started; a service that systemd would start at the first connection is left alone.",
    after_help = "Examples:\n  gdoctor\n  gdoctor --gpu --capability video --display --camera any --port 8080\n  \
gdoctor --format json -o report.json\n  gdoctor explain docker-access\n\n\
Exit codes: 0 nothing failed; 1 something failed (or warned, with --fail-on warn); 2 misuse; 3 nothing failed, but \
something that was asked for could not be determined; 130, 143 ended by Ctrl-C or SIGTERM, with nothing left behind.",
    args_conflicts_with_subcommands = true,
    infer_subcommands = false
)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten)]
    pub check: CheckArgs,
}

impl Cli {
    /// The flags of a look, where this is one.
    pub fn look_mut(&mut self) -> Option<&mut CheckArgs> {
        match &mut self.command {
            None => Some(&mut self.check),
            Some(Command::Check(check) | Command::Issue(check)) => Some(check),
            Some(Command::Prove(prove)) => Some(&mut prove.check),
            Some(Command::Fix(fix)) => Some(&mut fix.check),
            Some(_) => None,
        }
    }
}

/// Programs that a line begins with which starts a container.
pub const STARTERS: [&str; 5] = ["docker", "podman", "sudo", "nvidia-docker", "docker-compose"];

/// `gdoctor check docker run ...` as if `--` stood before the line.
pub fn line_last(arguments: Vec<OsString>) -> Vec<OsString> {
    let at = first_word(&arguments);
    let starts = |word: &str| {
        // In one pair of quotes it is a line as well.
        let (first, whole) = word.split_once(char::is_whitespace).map_or((word, false), |(first, _)| (first, true));
        // `docker` alone is no line: it names the checks.
        (whole || at + 1 < arguments.len()) && STARTERS.contains(&first.rsplit('/').next().unwrap_or_default())
    };
    if !arguments.get(at).and_then(|word| word.to_str()).is_some_and(starts) {
        return arguments;
    }
    let (before, line) = arguments.split_at(at);
    before.iter().cloned().chain([OsString::from("--")]).chain(line.iter().cloned()).collect()
}

/// Where the first word stands that is no flag and no flag's value, behind a command that takes a line; the end where none is.
pub fn first_word(arguments: &[OsString]) -> usize {
    use clap::CommandFactory;
    let tree = Cli::command();
    match arguments.get(1).and_then(|word| word.to_str()) {
        Some(name @ ("check" | "fix" | "init" | "issue" | "prove")) => {
            tree.find_subcommand(name).map_or(arguments.len(), |command| word_behind(command, arguments, 2))
        }
        _ => word_behind(&tree, arguments, 1),
    }
}

/// The same behind any command, whose own words begin at `first`.
pub fn word_behind(command: &clap::Command, arguments: &[OsString], first: usize) -> usize {
    let takes_next = |flag: &str| {
        let named = |arg: &&clap::Arg| match flag.strip_prefix("--") {
            Some(long) => arg.get_long() == Some(long),
            None => flag.strip_prefix('-').is_some_and(|short| {
                arg.get_short().is_some_and(|letter| short.len() == letter.len_utf8() && short.starts_with(letter))
            }),
        };
        let arg = command.get_arguments().find(named);
        arg.is_some_and(|arg| arg.get_action().takes_values() && !arg.is_require_equals_set())
    };
    let mut at = first;
    while let Some(word) = arguments.get(at).and_then(|word| word.to_str()) {
        if !word.starts_with('-') || word == "--" {
            return at;
        }
        at += if takes_next(word) { 2 } else { 1 };
    }
    arguments.len()
}

/// The same command without what selects checks.
pub fn unselected(arguments: &[OsString]) -> Vec<OsString> {
    let mut kept = Vec::new();
    let mut words = arguments.iter().cloned();
    while let Some(word) = words.next() {
        let text = word.to_str().unwrap_or_default();
        let (flag, is_joined) = text.split_once('=').map_or((text, false), |(flag, _)| (flag, true));
        match flag {
            "--" => return kept.into_iter().chain([word]).chain(words).collect(),
            "--only" | "--skip" if is_joined => {}
            "--only" | "--skip" => drop(words.next()),
            _ => kept.push(word),
        }
    }
    kept
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Look at this host (what plain `gdoctor` does)
    Check(Box<CheckArgs>),
    /// Write a gdoctor.toml from flags, a run line, a compose file or a Dockerfile: gdoctor init --gpu --camera any
    Init(Box<InitArgs>),
    /// Print the `docker run` command, or the compose service, that does this on this host: gdoctor suggest --gpu --camera any
    Suggest(Box<SuggestArgs>),
    /// Start a container of gdoctor's own with these options, look from within, take it away: gdoctor prove -- docker run ...
    Prove(Box<ProveArgs>),
    /// Mend what fails, one cause at a time: shown first, done when you say so, looked at again, and taken back by --undo
    Fix(Box<FixArgs>),
    /// Save this host's facts, without names, addresses and secrets, to be judged elsewhere: gdoctor check --facts FILE
    Collect(Box<CollectArgs>),
    /// Tell what changed between two reports or two facts files; exit 1 when something got worse
    Diff {
        /// The earlier one
        before: PathBuf,
        /// The later one
        after: PathBuf,
        /// What follows from another change too, and the facts that differ
        #[arg(short, long)]
        verbose: bool,
    },
    /// Make one page of the reports of many hosts: which cause is where, which versions differ, who is silent
    Fleet(FleetArgs),
    /// List the checks by family, the site's own too: gdoctor list gpu
    List {
        /// Only this family (docker, gpu, camera ...), or the checks whose name has this word
        #[arg(value_name = "FAMILY")]
        topic: Option<String>,
        /// A folder of own checks besides the usual ones (repeatable)
        #[arg(long, value_name = "DIR")]
        checks: Vec<PathBuf>,
    },
    /// Tell all about a check or a code, or what an error message or a log means: `docker run ... 2>&1 | gdoctor explain -`
    Explain(ExplainArgs),
    /// Print what an issue form asks for, in at most 25 lines without names, addresses and secrets
    Issue(Box<CheckArgs>),
    /// Print labels for a CI runner, of what this host has and what was seen to work: docker-28,gpu,nvidia-driver-580
    Labels(Box<CheckArgs>),
    /// Print the JSON Schema of the report, of gdoctor.toml, of files of own checks, or of what `fix` and `fleet` print with --format json
    Schema {
        #[arg(value_enum, default_value_t)]
        of: SchemaOf,
    },
    /// Print the version, and how far gdoctor's knowledge goes: the newest engine, toolkit, driver and CUDA that it knows
    Version {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Print a completion script for a shell
    Completions {
        /// The shell that reads the script
        shell: clap_complete::Shell,
    },
    /// Print the man page of gdoctor, or of one of its commands
    Man {
        /// One of gdoctor's commands: check, fix, explain
        command: Option<String>,
    },
    /// Look from within a container that `prove` started
    #[command(name = "__within", hide = true)]
    Within { asked: String },
    /// Look at a file or put one, as `fix` asks on standard input
    #[command(name = "__state", hide = true)]
    State,
    /// Run one probe of foreign code and print facts as JSON lines
    #[command(name = "__probe", hide = true)]
    Probe {
        kind: ProbeKind,
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
}

/// What `check` takes; a container is started besides.
#[derive(Debug, Args)]
#[command(
    after_help = "The image is made here of gdoctor itself: nothing is pulled. The options are the line's as they are, but for its name, \
-d, --rm, --restart, entry point and command. Container and image are taken away again, also after Ctrl-C."
)]
pub struct ProveArgs {
    #[command(flatten)]
    pub check: CheckArgs,
}

/// What `check` takes; what it tells is mended besides.
#[derive(Debug, Args)]
#[command(
    after_help = "Without a terminal, and without --yes, it only says what would be done. What is done is written down before it is done, in \
/var/lib/gdoctor for root and in $XDG_STATE_HOME/gdoctor for a user. What deletes data, widens a permission, restarts the machine or has to be \
decided by you is shown and never done.\n\nExamples:\n  gdoctor fix\n  gdoctor fix --plan --gpu\n  \
gdoctor fix --yes docker-forwarding/off\n  gdoctor fix --undo"
)]
pub struct FixArgs {
    #[command(flatten)]
    pub check: CheckArgs,
    /// Only say what would be done
    #[arg(long, conflicts_with_all = ["yes", "yes_safe", "undo", "journal"], help_heading = "What is done")]
    pub plan: bool,
    /// Do the fixes of these codes without asking, and no others (repeatable, or separated by commas)
    #[arg(long, value_name = "CODE", value_delimiter = ',', value_parser = code, help_heading = "What is done")]
    pub yes: Vec<String>,
    /// Do those without asking that need no root and restart nothing
    #[arg(long, help_heading = "What is done")]
    pub yes_safe: bool,
    /// Take fixes back: those of these names in the journal (separated by commas; the newest goes first), else the last one
    #[arg(long, value_name = "ID", num_args = 0..=1, default_missing_value = "last", conflicts_with_all = ["yes", "yes_safe", "journal"], help_heading = "What is done")]
    pub undo: Option<String>,
    /// List the fixes that were done here, and how far each came
    #[arg(long, conflicts_with_all = ["yes", "yes_safe"], help_heading = "What is done")]
    pub journal: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum SchemaOf {
    #[default]
    Report,
    Need,
    Fix,
    Checks,
    Fleet,
}

/// Reports of many hosts.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "A report is named by its label (gdoctor --label host=NAME --format json), else by its file: robot-7.json, robot-7/report.json. Of \
several reports of a host the newest counts.\n\nExamples:\n  gdoctor fleet reports/\n  gdoctor fleet --expect hosts.txt --stale 2d --format html -o fleet.html reports/\n  \
gdoctor fleet diff monday.json reports/\n\nExit codes: 0 all hosts are well; 1 something failed on one; 2 misuse; 3 nothing failed, and of one it could not be told"
)]
pub struct FleetArgs {
    #[command(subcommand)]
    pub command: Option<FleetCommand>,
    /// Reports (--format json) or facts files (gdoctor collect), folders of them, or `-` for a document a line
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// A file with the names of all hosts that there should be, one a line
    #[arg(long, value_name = "FILE")]
    pub expect: Option<PathBuf>,
    /// A report that is older says nothing of its host any more: 36h, 7d
    #[arg(long, value_name = "TIME", default_value = "1d", value_parser = age)]
    pub stale: Duration,
    #[arg(long, value_enum, default_value_t)]
    pub format: FleetFormat,
    /// Write it to a file, whole or not at all; `-` is standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub enum FleetCommand {
    /// Tell what changed between two days; exit 1 when a host got worse
    Diff {
        /// The earlier day: what `fleet --format json` wrote, or reports as `fleet` takes them
        before: PathBuf,
        /// The later day
        after: PathBuf,
    },
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum FleetFormat {
    /// For people
    #[default]
    Text,
    /// All of it; its schema is what `gdoctor schema fleet` prints
    Json,
    /// One page, without network
    Html,
    /// Markdown, for a ticket or a chat
    Md,
    /// A test case a host
    Junit,
    /// Prometheus text, for node_exporter's textfile collector
    Prom,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ProbeKind {
    Nvml,
    Cuda,
    Cuvid,
    Nvenc,
    Open,
    X11,
    V4l2,
    Frame,
}

#[derive(Debug, Args)]
pub struct SuggestArgs {
    #[command(flatten)]
    pub wishes: Wishes,
    /// As a service of a compose file
    #[arg(long)]
    pub compose: bool,
    /// For the host whose facts are in this file of `gdoctor collect`, not for this one
    #[arg(long, value_name = "FILE", conflicts_with = "root")]
    pub facts: Option<PathBuf>,
    #[command(flatten)]
    pub look: LookArgs,
}

#[derive(Debug, Args)]
pub struct CollectArgs {
    #[command(flatten)]
    pub wishes: Wishes,
    /// The file to write; what stands for what goes beside it, in FILE.map, for you alone
    #[arg(short, long, value_name = "FILE", default_value = "host.gdoctor")]
    pub output: PathBuf,
    /// What to take out
    #[arg(long, value_enum, default_value_t)]
    pub redact: Redact,
    /// Do not ask before writing unredacted facts
    #[arg(long)]
    pub yes: bool,
    #[command(flatten)]
    pub look: LookArgs,
}

/// How the host is looked at.
#[derive(Debug, Args)]
pub struct LookArgs {
    /// Read files from another root: a mounted disk, a recorded host
    #[arg(long, value_name = "DIR", default_value = "/")]
    pub root: PathBuf,
    /// The most that one probe may take: 5s, 800ms, 1m
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = duration)]
    pub timeout: Duration,
    /// A folder of the site's own checks, besides /etc/gdoctor/checks.d and ~/.config/gdoctor/checks.d (repeatable)
    #[arg(long, value_name = "DIR")]
    pub checks: Vec<PathBuf>,
    /// Connect to sockets that systemd holds for a service which is not running: that starts the service
    #[arg(long)]
    pub wake: bool,
}

impl LookArgs {
    /// The flags that say where is looked, with their values.
    pub fn places(&self) -> Vec<String> {
        let root = Some(&self.root).filter(|root| root.as_os_str() != "/").map(|root| ("--root", root));
        let folders = self.checks.iter().map(|folder| ("--checks", folder));
        let pairs = root.into_iter().chain(folders);
        pairs.flat_map(|(flag, path)| [flag.to_owned(), path.display().to_string()]).collect()
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Redact {
    /// Users, hosts, addresses, ids and credentials become pseudonyms
    #[default]
    Private,
    /// Nothing
    None,
}

#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// A check's id, a code as reports print it, an error message, a log file, or `-` for standard input
    #[arg(value_name = "TOPIC|TEXT|FILE|-")]
    pub text: Vec<String>,
    #[arg(long, value_enum, default_value_t)]
    pub format: ExplainFormat,
    /// Tell all of a check or a code: every fix, note and message; of a text why each cause has its place
    #[arg(short, long)]
    pub verbose: bool,
    /// The commands of every system, not of this one alone
    #[arg(long)]
    pub all_systems: bool,
    /// Do not look at this host: neither for what a code has here, nor to tell the causes of one message apart
    #[arg(long)]
    pub no_look: bool,
    #[command(flatten)]
    pub look: LookArgs,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ExplainFormat {
    #[default]
    Text,
    Json,
}

#[derive(Debug, Args)]
pub struct CheckArgs {
    #[command(flatten)]
    pub wishes: Wishes,
    #[command(flatten)]
    pub line: LineArgs,
    #[command(flatten)]
    pub conduct: Conduct,
}

impl CheckArgs {
    /// The flags that say what is looked at: another root, a facts file, the user's own files. Another look needs them too.
    pub fn places(&self) -> Vec<String> {
        let (line, conduct) = (&self.line, &self.conduct);
        let path = |path: &PathBuf| path.display().to_string();
        let one = [
            ("--facts", conduct.facts.as_ref().map(path)),
            ("--need", line.need.as_ref().map(path)),
            ("--run-file", line.run_file.as_ref().filter(|file| file.as_os_str() != "-").map(path)),
            ("--service", line.service.clone()),
            ("--dockerfile", line.dockerfile.as_ref().map(path)),
            ("--target", line.target.clone()),
        ];
        let compose = line.compose.iter().map(|file| ("--compose", path(file)));
        let profile = line.profile.iter().map(|name| ("--profile", name.clone()));
        let build = line.build_arg.iter().map(|arg| ("--build-arg", arg.clone()));
        let single = one.into_iter().filter_map(|(flag, value)| Some((flag, value?)));
        let own = single.chain(compose).chain(profile).chain(build).flat_map(|(flag, value)| [flag.to_owned(), value]);
        conduct.look.places().into_iter().chain(own).collect()
    }
}

#[derive(Debug, Args)]
pub struct InitArgs {
    #[command(flatten)]
    pub wishes: Wishes,
    #[command(flatten)]
    pub line: LineArgs,
    /// Where to write it; `-` is standard output
    #[arg(short, long, value_name = "FILE", default_value = "gdoctor.toml")]
    pub output: PathBuf,
    /// Replace a file that is there
    #[arg(short, long)]
    pub force: bool,
}

/// The command that is going to be run.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "The command that is going to be run")]
pub struct LineArgs {
    /// A file with the `docker run` line as it would be pasted; `-` is standard input. It is read, never executed
    #[arg(long, value_name = "FILE", conflicts_with = "line")]
    pub run_file: Option<PathBuf>,
    /// The line itself: gdoctor check -- docker run --gpus all IMAGE
    #[arg(last = true, value_name = "docker run ...")]
    pub line: Vec<String>,
    /// A compose file, of which one service is judged; repeated, later files are laid over the first, as for `docker compose -f`
    #[arg(long, value_name = "FILE", conflicts_with_all = ["line", "run_file"])]
    pub compose: Vec<PathBuf>,
    /// The service of the compose file; needless where only one is active
    #[arg(long, value_name = "NAME", requires = "compose")]
    pub service: Option<String>,
    /// Profiles of the compose file that are active
    #[arg(long, value_name = "NAME", requires = "compose", value_delimiter = ',')]
    pub profile: Vec<String>,
    /// The Dockerfile of the image. It is read, nothing is built
    #[arg(long, value_name = "FILE")]
    pub dockerfile: Option<PathBuf>,
    /// The stage of the Dockerfile that is built; the last one unless given
    #[arg(long, value_name = "STAGE", requires = "dockerfile")]
    pub target: Option<String>,
    /// The folder that the build is given, the last word of `docker build`; unless given, it is taken to be the Dockerfile's own
    #[arg(long, value_name = "FOLDER", requires = "dockerfile")]
    pub build_context: Option<PathBuf>,
    /// An argument of the build
    #[arg(long, value_name = "NAME=VALUE", requires = "dockerfile")]
    pub build_arg: Vec<String>,
    /// What the project needs: a gdoctor.toml. Without this flag it is the nearest one from the working directory up to the root
    /// of the repository, if nobody but root and this user may write to it; `none` reads none. Flags beat it
    #[arg(long, value_name = "FILE|none")]
    pub need: Option<PathBuf>,
    /// Print what is wanted and who wants it, and look at nothing
    #[arg(long)]
    pub show_need: bool,
}

/// What is wanted of the host.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "What is wanted (what is asked for and broken or absent fails)")]
pub struct Wishes {
    /// GPUs: all of them, or at least N
    #[arg(long, value_name = "N", num_args = 0..=1, require_equals = true, default_missing_value = "all", value_parser = gpus)]
    pub gpu: Option<Gpus>,
    /// Memory that is free on the GPU: 8GiB
    #[arg(long, value_name = "SIZE")]
    pub gpu_memory: Option<Bytes>,
    /// The GPU's compute capability, at least: 7.5
    #[arg(long, value_name = "VERSION", value_parser = version)]
    pub compute_capability: Option<Version>,
    /// A condition on the driver's version: '>=535', '<580', '=550.54.15'; a version alone means at least that
    #[arg(long, value_name = "CONDITION", value_parser = condition)]
    pub driver: Option<Condition>,
    /// The CUDA version of the image: 12.4
    #[arg(long, value_name = "VERSION", value_parser = version)]
    pub cuda: Option<Version>,
    /// An image that is on this host: whether driver and GPUs suit it. It is read, never pulled
    #[arg(long, value_name = "IMAGE", value_parser = image)]
    pub image: Vec<String>,
    /// Driver capabilities, as NVIDIA_DRIVER_CAPABILITIES spells them: compute, utility, video, graphics, display, compat32,
    /// ngx, or all
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = capabilities())]
    pub capability: Vec<Capabilities>,
    /// Codecs that the GPU itself is to decode: h264, hevc, vp9, av1
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = codec())]
    pub decode: Vec<Codec>,
    /// Codecs that the GPU itself is to encode: h264, hevc, av1. Opens a session of the encoder for a moment
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = encoded())]
    pub encode: Vec<Codec>,
    /// A window on the X server that DISPLAY names
    #[arg(long)]
    pub display: bool,
    /// A camera: a device path, a part of its name, or `any`
    #[arg(long, value_name = "PATH|NAME|any")]
    pub camera: Vec<CameraArg>,
    /// The pixel format that the camera shall deliver: MJPG, YUYV
    #[arg(long, value_name = "FOURCC", value_parser = fourcc)]
    pub camera_format: Option<String>,
    /// The picture size that the camera shall deliver, with a rate if it matters: 1280x720, 1280x720@30
    #[arg(long, value_name = "WxH[@FPS]")]
    pub camera_size: Option<CameraSize>,
    /// A port to publish: 8080, 127.0.0.1:8080, 8000-8010, 5353/udp, [::1]:80
    #[arg(long, value_name = "[IP:]PORT[/udp]", value_parser = port)]
    pub port: Vec<Port>,
    /// A registry to pull from or push to
    #[arg(long, value_name = "HOST:PORT", value_parser = registry)]
    pub registry: Vec<Registry>,
    /// Deleting images from the registries. Asks each by a DELETE of an image that cannot be there
    #[arg(long)]
    pub registry_delete: bool,
    /// Room that images and containers are going to take: 20GiB, 500MB
    #[arg(long, value_name = "SIZE")]
    pub disk: Option<Bytes>,
    /// To know what each of Docker's own commands would free. Docker counts that for minutes on a large host, here for TIME
    /// at most
    #[arg(long, value_name = "TIME", num_args = 0..=1, require_equals = true, default_missing_value = "5m", value_parser = duration)]
    pub reclaim: Option<Duration>,
    /// The user inside the container, by number; root unless given
    #[arg(long, value_name = "UID[:GID]", value_parser = container_user)]
    pub container_user: Option<ContainerUser>,
}

/// How to look and how to tell.
#[derive(Debug, Args)]
#[command(next_help_heading = "How to look and how to tell")]
pub struct Conduct {
    /// Only these checks, by id or family (repeatable, or separated by commas)
    #[arg(long, value_name = "CHECK", value_delimiter = ',', value_parser = selector(), hide_possible_values = true)]
    pub only: Vec<String>,
    /// All checks but these
    #[arg(long, value_name = "CHECK", value_delimiter = ',', value_parser = selector(), hide_possible_values = true)]
    pub skip: Vec<String>,
    /// Judge the facts of a file of `gdoctor collect` instead of this host
    #[arg(long, value_name = "FILE", conflicts_with = "root")]
    pub facts: Option<PathBuf>,
    /// Take names, addresses and secrets out of every output
    #[arg(long)]
    pub share: bool,
    /// Put a name on the report, in the formats that machines read: host=robot-7 (repeatable)
    #[arg(long, value_name = "NAME=VALUE", value_parser = label)]
    pub label: Vec<(String, String)>,
    /// Take a picture of each camera that is wanted, of every one where none is named: they stream for about a second
    #[arg(long)]
    pub frame: bool,
    /// Save the pictures as PNG or JPEG in this folder, under the cameras' stable names; nothing is overwritten
    #[arg(long, value_name = "DIR", requires = "frame", conflicts_with_all = ["facts", "wait"])]
    pub frame_dir: Option<PathBuf>,
    /// Look again until nothing fails any more, for as long as this: 5m
    #[arg(long, value_name = "TIME", value_parser = duration, conflicts_with = "facts")]
    pub wait: Option<Duration>,
    /// How long --wait pauses between two looks
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "2s", requires = "wait")]
    pub interval: Duration,
    #[command(flatten)]
    pub look: LookArgs,
    /// The verdict from which on the exit code is 1
    #[arg(long, value_enum, default_value_t)]
    pub fail_on: FailOn,
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// Write the report in one more format to a file, whole or not at all (repeatable); --format stays what it is
    #[arg(long, value_name = "FORMAT=FILE")]
    pub out: Vec<Out>,
    /// The numbers to exit with; those of --format nagios and npd unless given
    #[arg(long, value_enum, value_name = "SET")]
    pub exit_codes: Option<ExitCodes>,
    /// Write the report to a file, whole or not at all; `-` is standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// When to colour: --color, then NO_COLOR, CLICOLOR_FORCE, CLICOLOR=0, TERM=dumb, then whether it is a terminal
    #[arg(long, value_enum, default_value_t, value_name = "WHEN")]
    pub color: Color,
    /// The verdict in a line, and what failed, warned, or was asked for and could not be determined
    #[arg(short, long, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Every check, with evidence and timings
    #[arg(short, long)]
    pub verbose: bool,
    /// The command as it was typed, to be typed again.
    #[arg(skip)]
    pub typed: String,
    /// The same without what selects checks.
    #[arg(skip)]
    pub unselected: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Text,
    /// The whole report; its schema is what `gdoctor schema` prints
    Json,
    /// Test results, for Jenkins and GitLab
    Junit,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// One page, without network
    Html,
    /// Markdown, for a ticket
    #[value(alias = "markdown")]
    Md,
    /// Prometheus text, for node_exporter's textfile collector
    #[value(alias = "prometheus")]
    Prom,
    /// Annotations, and the table in the job's summary
    Github,
    /// A Nagios plugin's output and exit codes
    Nagios,
    /// A node-problem-detector plugin's output and exit codes
    Npd,
    /// TAP version 13
    Tap,
    /// The facts, without names, addresses and secrets, as `gdoctor collect` saves them
    Facts,
    /// What `gdoctor issue` prints.
    #[value(skip)]
    Issue,
    /// What `gdoctor labels` prints.
    #[value(skip)]
    Labels,
}

/// Which numbers the exit code is told in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ExitCodes {
    /// 0 fine, 1 failed, 2 misuse, 3 undetermined
    #[default]
    Gdoctor,
    /// 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN
    Nagios,
    /// 0 no problem, 1 problem, 2 unknown
    Npd,
}

/// One more output: `junit=report.xml`.
#[derive(Clone, Debug)]
pub struct Out {
    pub format: Format,
    pub path: PathBuf,
}

impl FromStr for Out {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let (format, path) = text.split_once('=').ok_or("give FORMAT=FILE, such as junit=report.xml")?;
        if path.is_empty() || path == "-" {
            return Err("give a file; standard output is what --format is for".into());
        }
        let format = Format::from_str(format, false).map_err(|_| {
            let all: Vec<String> = Format::value_variants()
                .iter()
                .filter_map(|f| Some(f.to_possible_value()?.get_name().to_owned()))
                .collect();
            format!("{format:?} is no format: {}", all.join(", "))
        })?;
        Ok(Self { format, path: path.into() })
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    #[default]
    Auto,
    Always,
    Never,
}

/// One capability, or `all`.
#[derive(Clone, Copy, Debug)]
pub struct Capabilities(Option<Capability>);

impl Capabilities {
    pub fn each(self) -> Vec<Capability> {
        self.0.map_or(Capability::ALL.into(), |one| vec![one])
    }
}

#[derive(Clone, Debug)]
pub struct CameraArg(String);

impl CameraArg {
    pub fn as_typed(&self) -> &str {
        &self.0
    }

    pub fn wish(&self) -> need::Camera {
        match self.0.as_str() {
            "any" => need::Camera::Any,
            path if path.starts_with('/') => need::Camera::Path(path.into()),
            name => need::Camera::Name(name.into()),
        }
    }
}

impl FromStr for CameraArg {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() || text.chars().any(char::is_control) {
            return Err("give a device path such as /dev/video0, a part of the camera's name, or `any`".into());
        }
        Ok(Self(text.into()))
    }
}

/// `1280x720` or `1280x720@30`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CameraSize {
    pub width: u32,
    pub height: u32,
    pub rate: Option<u32>,
}

impl FromStr for CameraSize {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "give width x height, such as 1280x720 or 1280x720@30".to_owned();
        let number = |text: &str| text.parse::<u32>().ok().filter(|n| (1..=65_535).contains(n)).ok_or_else(wrong);
        let (size, rate) = text.split_once('@').map_or((text, None), |(size, rate)| (size, Some(rate)));
        let (width, height) = size.split_once('x').ok_or_else(wrong)?;
        Ok(Self { width: number(width)?, height: number(height)?, rate: rate.map(number).transpose()? })
    }
}

impl fmt::Display for CameraSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)?;
        self.rate.map_or(Ok(()), |rate| write!(f, "@{rate}"))
    }
}

/// Four letters, in capitals as drivers and OpenCV spell them; MJPEG and YUY2 are what others call MJPG and YUYV.
fn fourcc(text: &str) -> Result<String, String> {
    let code = text.to_ascii_uppercase();
    match code.as_str() {
        "MJPEG" => Ok("MJPG".into()),
        "YUY2" => Ok("YUYV".into()),
        _ if code.len() == 4 && code.chars().all(|c| c.is_ascii_graphic()) => Ok(code),
        _ => Err("give the four letters of a pixel format, such as MJPG or YUYV".into()),
    }
}

/// A size in bytes, shown in the unit it was most likely typed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bytes(pub u64);

/// Nobody counts so few bytes: a number without a unit means something else.
const FEW_BYTES: u64 = 1 << 20;

impl FromStr for Bytes {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let factor: u64 = match text[digits..].trim().to_ascii_lowercase().as_str() {
            "" | "b" => 1,
            "k" | "kb" => 1_000,
            "m" | "mb" => 1_000_000,
            "g" | "gb" => 1_000_000_000,
            "t" | "tb" => 1_000_000_000_000,
            "kib" => 1 << 10,
            "mib" => 1 << 20,
            "gib" => 1 << 30,
            "tib" => 1 << 40,
            _ => return Err("give a whole number and a unit, such as 20GiB or 500MB".into()),
        };
        let number: u64 = text[..digits].parse().map_err(|_| "give a whole number and a unit, such as 20GiB")?;
        if digits == text.len() && (1..FEW_BYTES).contains(&number) {
            return Err(format!("{number} has no unit: {number}GiB, {number}MiB?"));
        }
        number.checked_mul(factor).map(Self).ok_or("that is more than can be counted".into())
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units: [(u64, &str); 4] = [(1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
        match units.into_iter().find(|(unit, _)| self.0 >= *unit && self.0.is_multiple_of(*unit)) {
            Some((unit, name)) => write!(f, "{}{name}", self.0 / unit),
            None => write!(f, "{}B", self.0),
        }
    }
}

fn version(text: &str) -> Result<Version, String> {
    Version::parse(text).ok_or_else(|| "give numbers and dots, such as 12.4".into())
}

fn condition(text: &str) -> Result<Condition, String> {
    Condition::parse(text).ok_or_else(|| "give a comparison and a version, such as '>=535'".into())
}

fn gpus(text: &str) -> Result<Gpus, String> {
    match text {
        "all" => Ok(Gpus::All),
        "0" => Err("0 asks for no GPU; `--gpu` asks for all, `--gpu=1` for one".into()),
        _ => text.parse().map(Gpus::Count).map_err(|_| "give a number of GPUs, or `all`".into()),
    }
}

fn capabilities() -> impl TypedValueParser<Value = Capabilities> {
    let words = Capability::ALL.map(Capability::word).into_iter().chain(["all"]);
    PossibleValuesParser::new(words).map(|word| Capabilities(Capability::from_word(&word)))
}

fn codec() -> impl TypedValueParser<Value = Codec> {
    PossibleValuesParser::new(Codec::ALL.map(Codec::word)).map(|word| Codec::from_word(&word).unwrap_or(Codec::H264))
}

/// No GPU of NVIDIA's encodes VP9.
fn encoded() -> impl TypedValueParser<Value = Codec> {
    PossibleValuesParser::new(Codec::ENCODED.map(Codec::word))
        .map(|word| Codec::from_word(&word).unwrap_or(Codec::H264))
}

/// `NAME=VALUE`, with a name that Prometheus takes.
fn label(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("give NAME=VALUE, such as host=robot-7")?;
    let letter = |c: char| c.is_ascii_alphabetic() || c == '_';
    let taken = ["system", "kernel", "machine", "driver", "docker", "instance", "job"];
    if !name.starts_with(letter) || !name.chars().all(|c| letter(c) || c.is_ascii_digit()) || name.starts_with("__") {
        return Err(format!("{name:?} is no name of a label: letters, digits and _"));
    }
    if taken.contains(&name) {
        return Err(format!("{name} is what gdoctor or Prometheus itself calls something; take another name"));
    }
    Ok((name.to_owned(), value.to_owned()))
}

fn selector() -> Named {
    let families = FAMILIES.iter().map(|family| family.name);
    Named(families.chain(ALL.iter().map(|check| check.id)).collect())
}

/// Err names the nearest of all names, where a word of `--only` or `--skip` is neither gdoctor's own nor one of `own`.
pub fn named(flag: &str, words: &[String], own: &[String]) -> Result<(), String> {
    let Named(known) = selector();
    let names = || known.iter().copied().chain(own.iter().map(String::as_str));
    match words.iter().find(|word| !names().any(|name| name == *word)) {
        None => Ok(()),
        Some(odd) => Err(unknown_name(flag, odd, names())),
    }
}

fn unknown_name<'a>(flag: &str, given: &str, names: impl Iterator<Item = &'a str>) -> String {
    let near = names.map(|name| (strsim::damerau_levenshtein(name, given), name)).min();
    let hint = near.filter(|(far, _)| *far <= 3).map(|(_, name)| format!("; did you mean {name}?")).unwrap_or_default();
    format!("--{flag}: no check and no family is named {given:?}{hint} (`gdoctor list` names all)")
}

/// A code as reports print it.
fn code(text: &str) -> Result<String, String> {
    let known = |(id, name): (&str, &str)| {
        let check = ALL.iter().find(|check| check.id == id)?;
        Doc::parse_part(check.doc, |code| code == name).ok()?.code(name).map(|_| format!("{id}/{name}"))
    };
    text.to_ascii_lowercase()
        .split_once('/')
        .and_then(known)
        .ok_or_else(|| "no check has this code; reports print them, as docker-access/not-in-group".into())
}

/// One of many names: completions know them all, and an error names only the nearest.
#[derive(Clone)]
struct Named(Vec<&'static str>);

impl TypedValueParser for Named {
    type Value = String;

    fn parse_ref(
        &self,
        _: &clap::Command,
        argument: Option<&clap::Arg>,
        value: &std::ffi::OsStr,
    ) -> Result<String, clap::Error> {
        let given = value.to_string_lossy();
        if let Some(name) = self.0.iter().find(|name| name.eq_ignore_ascii_case(&given)) {
            return Ok((*name).to_owned());
        }
        // The first screen calls families by their titles.
        if let Some(family) = FAMILIES.iter().find(|family| family.title.eq_ignore_ascii_case(&given)) {
            return Ok(family.name.to_owned());
        }
        // One of the site's own may have this name: `named` tells when they are read.
        let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if !given.is_empty() && given.chars().all(is_word) {
            return Ok(given.into_owned());
        }
        let flag = argument.and_then(|argument| argument.get_long()).unwrap_or("only");
        let why = format!("{}\n", unknown_name(flag, &given, self.0.iter().copied()));
        Err(clap::Error::raw(clap::error::ErrorKind::ValueValidation, why))
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = clap::builder::PossibleValue> + '_>> {
        Some(Box::new(self.0.iter().map(|name| clap::builder::PossibleValue::new(*name))))
    }
}

/// `[IP:]FIRST[-LAST][/tcp|/udp]`; a bare IPv6 address stands in brackets.
fn port(text: &str) -> Result<Port, String> {
    let (rest, protocol) = match text.split_once('/') {
        None | Some((_, "tcp")) => (text.trim_end_matches("/tcp"), Protocol::Tcp),
        Some((rest, "udp")) => (rest, Protocol::Udp),
        Some((_, other)) => return Err(format!("{other:?} is neither tcp nor udp")),
    };
    let (ip, range) = match rest.rsplit_once(':') {
        None => (None, rest),
        Some((ip, range)) => {
            let bare = ip.strip_prefix('[').and_then(|ip| ip.strip_suffix(']')).unwrap_or(ip);
            // What `-p` of docker takes has the container's port behind the host's.
            let published = ip.rsplit(':').next().filter(|port| port.parse::<u16>().is_ok());
            let address: IpAddr = bare.parse().map_err(|_| match published {
                Some(port) => format!("give the port of this machine alone, without the container's: --port {port}"),
                None => format!("{ip:?} is not an IP address of this host"),
            })?;
            (Some(address), range)
        }
    };
    let number = |text: &str| text.parse::<u16>().map_err(|_| format!("{text:?} is not a port (0 to 65535)"));
    let (first, last) = match range.split_once('-').filter(|(first, _)| !first.is_empty()) {
        None => (number(range)?, number(range)?),
        Some((first, last)) => (number(first)?, number(last)?),
    };
    if first > last {
        return Err(format!("the range ends before it begins: {first}-{last}"));
    }
    Ok(Port { ip, first, last, protocol })
}

fn image(text: &str) -> Result<String, String> {
    crate::reference::image(text).map(|_| text.to_owned())
}

fn registry(text: &str) -> Result<Registry, String> {
    if text.contains("://") || text.contains('/') {
        return Err("give HOST:PORT alone, without http:// and without a path".into());
    }
    let (host, port) = text.rsplit_once(':').ok_or("give HOST:PORT, such as 192.168.1.10:5000")?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let named = |c: char| c.is_ascii_alphanumeric() || "-._:".contains(c);
    if host.is_empty() || !host.chars().all(named) {
        return Err(format!("{host:?} is not a host name or address"));
    }
    let port = port.parse().ok().filter(|p| *p != 0).ok_or(format!("{port:?} is not a port (1 to 65535)"))?;
    Ok(Registry { host: host.into(), port })
}

fn container_user(text: &str) -> Result<ContainerUser, String> {
    let number = |text: &str| text.parse::<u32>().map_err(|_| format!("{text:?} is not a numeric id"));
    match text.split_once(':') {
        None => Ok(ContainerUser { uid: number(text)?, gid: 0 }),
        Some((uid, gid)) => Ok(ContainerUser { uid: number(uid)?, gid: number(gid)? }),
    }
}

/// How old a report may be.
fn age(text: &str) -> Result<Duration, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..digits].parse().map_err(|_| "give a time such as 36h or 7d")?;
    let unit = match &text[digits..] {
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        other => return Err(format!("{other:?} is no unit of time: m, h or d")),
    };
    Ok(Duration::from_secs(number.saturating_mul(unit)))
}

pub fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..digits].parse().map_err(|_| "give a time such as 5s or 800ms")?;
    let span = match &text[digits..] {
        "ms" => Duration::from_millis(number),
        "" | "s" => Duration::from_secs(number),
        "m" => Duration::from_secs(number.saturating_mul(60)),
        other => return Err(format!("{other:?} is no unit of time: ms, s or m")),
    };
    match span {
        Duration::ZERO => Err("a probe needs some time: at least 1ms".into()),
        span if span > Duration::from_secs(3600) => Err("an hour at most".into()),
        span => Ok(span),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_as_docker_spells_them() {
        let shown = |text: &str| port(text).map(|p| p.to_string());
        for (typed, read) in [
            ("8080", "8080/tcp"),
            ("5353/udp", "5353/udp"),
            ("127.0.0.1:80", "127.0.0.1:80/tcp"),
            ("[::1]:80-81/tcp", "[::1]:80-81/tcp"),
            ("::1:80", "[::1]:80/tcp"),
        ] {
            assert_eq!(shown(typed).as_deref(), Ok(read));
        }
        for wrong in ["", "70000", "90-80", "host:80", "80/sctp", "127.0.0.1:", "-1"] {
            assert!(shown(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes_and_times() {
        assert_eq!("20GiB".parse::<Bytes>(), Ok(Bytes(20 << 30)));
        assert_eq!("500mb".parse::<Bytes>(), Ok(Bytes(500_000_000)));
        assert_eq!(Bytes(20 << 30).to_string(), "20GiB");
        assert_eq!("20".parse::<Bytes>(), Err("20 has no unit: 20GiB, 20MiB?".into()));
        assert_eq!("20b".parse::<Bytes>(), Ok(Bytes(20)));
        assert!("twenty".parse::<Bytes>().is_err() && "99999999999TiB".parse::<Bytes>().is_err());
        assert_eq!(duration("800ms"), Ok(Duration::from_millis(800)));
        assert!(duration("0s").is_err() && duration("5 parsecs").is_err());
    }

    #[test]
    fn pictures_of_cameras() {
        let size = |text: &str| text.parse::<CameraSize>().map(|size| size.to_string());
        assert_eq!(size("1280x720@30").as_deref(), Ok("1280x720@30"));
        assert_eq!(size("640x480").as_deref(), Ok("640x480"));
        for wrong in ["", "640", "x480", "640x", "0x480", "640x480@", "640x480@0", "-1x2", "99999x1"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
        assert_eq!(fourcc("mjpeg").as_deref(), Ok("MJPG"));
        assert_eq!(fourcc("H264").as_deref(), Ok("H264"));
        assert!(fourcc("jpeg!").is_err() && fourcc("").is_err());
    }

    #[test]
    fn registries_are_host_and_port() {
        assert_eq!(registry("[::1]:5000").unwrap().to_string(), "[::1]:5000");
        for wrong in ["localhost", "http://localhost:5000", "a b:5000", "host:0", "host:5000/v2"] {
            assert!(registry(wrong).is_err(), "{wrong}");
        }
    }
}
