//! Do the steps of the Dockerfile still end well on its bases?

mod packages;
mod text;

pub use text::is_plain;

use crate::model::dockerfile::{Dockerfile, Does, Said, Stage, Step};
use crate::model::facts::run::Brings;
use crate::model::prelude::*;
use crate::readings::known_image::{self, System};

pub static CHECK: Check = Check {
    id: "dockerfile-steps",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.dockerfile.as_ref().and_then(|file| file.by()),
    tells: Tells::Anywhere,
    judge,
};

/// Images whose Python is the one that the distribution's packages bring.
const WITHOUT_PYTHON: [&str; 14] = [
    "debian",
    "ubuntu",
    "cuda",
    "node",
    "golang",
    "rust",
    "ruby",
    "php",
    "gcc",
    "openjdk",
    "eclipse-temurin",
    "buildpack-deps",
    "dev-ubuntu-22.04",
    "dev-ubuntu-24.04",
];
/// Images that have no libGL.so.1 of their own: python's larger ones neither (opencv/opencv-python#370).
const WITHOUT_GL: [&str; 5] = ["debian", "ubuntu", "cuda", "python", "pytorch"];
/// Official images on Debian besides its own, without lists of apt (each of their Dockerfiles removes them).
const WITH_APT: [&str; 10] =
    ["python", "node", "golang", "ruby", "php", "rust", "gcc", "perl", "buildpack-deps", "openjdk"];
/// Official images that set PATH alone.
const SET_PATH_ALONE: [&str; 7] = ["alpine", "debian", "ubuntu", "busybox", "fedora", "rockylinux", "amazonlinux"];
/// Packages that are in no image of Debian's, Ubuntu's or NVIDIA's own base and runtime.
const NEVER_THERE: [&str; 14] = [
    "ffmpeg",
    "python3-pip",
    "git",
    "vim",
    "nano",
    "cmake",
    "wget",
    "sudo",
    "unzip",
    "nginx",
    "build-essential",
    "openssh-server",
    "libgl1",
    "software-properties-common",
];
/// Packages of Debian's component non-free, 11 to 13 (packages.debian.org), that are no part of the driver.
const NON_FREE: [&str; 7] = [
    "nvidia-cuda-toolkit",
    "nvidia-cuda-dev",
    "nvidia-cuda-gdb",
    "nvidia-visual-profiler",
    "libcupti-dev",
    "intel-media-va-driver-non-free",
    "unrar",
];

/// Each of these is a cause of its own by what it names; of the others one is told a stage.
const EACH: [Does; 9] = [
    Does::UnsetArgument,
    Does::Calls,
    Does::NoStage,
    Does::Swallowed,
    Does::EqualsApart,
    Does::NoShellText,
    Does::Redirected,
    Does::NotCopied,
    Does::NoUser,
];

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    let Some(file) = &need.dockerfile else { return Ok(Findings::new()) };
    let mut findings = Findings::new();
    for stage in file.stages.iter().filter(|stage| stage.built) {
        let seen = Seen::of(facts, file, stage);
        if let Some(step) = stage.steps.first().filter(|_| seen.base.contains('$')) {
            let gap = Gap::Unsupported("the base's name has a form of ${…} that gdoctor does not know".into());
            findings.push(about(Finding::unknown(gap, Default::default()), &step.said));
            continue;
        }
        findings.extend(seen.gone_packages(stage));
        findings.extend(seen.other_component(stage));
        let mut told: Vec<(Does, &str)> = Vec::new();
        for step in &stage.steps {
            let by_file = facts.run.context.as_ref().is_some_and(|folder| folder.step_brings(step, Brings::OpenCv));
            let does = if by_file { Does::OpenCv } else { step.does };
            // One cause is told once a stage, at its first place; each variable is one.
            let each = EACH.contains(&does);
            let cause = (does, if each { step.said.text.trim_matches(['$', '{', '}']) } else { "" });
            let Some(finding) = seen.step(stage, does, step).filter(|_| !told.contains(&cause)) else {
                continue;
            };
            told.push(cause);
            findings.push(about(finding, &step.said));
        }
    }
    if findings.is_empty() {
        findings.push(Finding::pass("none").evidence("the Dockerfile", &*file.path));
    }
    Ok(findings)
}

fn about(finding: Finding, said: &Said) -> Finding {
    finding.about(&said.text).evidence("the Dockerfile", &*said.text).asked_by(&said.at)
}

/// What a stage has from those that it stands on.
struct Seen<'a> {
    file: &'a Dockerfile,
    stage: &'a Stage,
    line: Vec<&'a Stage>,
    base: &'a str,
    /// The last part of the base's name.
    name: &'a str,
    system: Option<System>,
    /// The base's name says the system itself, or no older copy of the base is here.
    is_sure: bool,
}

impl<'a> Seen<'a> {
    fn of(facts: &Facts, file: &'a Dockerfile, stage: &'a Stage) -> Self {
        let line = file.line_of(stage);
        let base = line.last().map_or("", |stage| stage.base.reference.as_str());
        let path = base.split('@').next().unwrap_or_default();
        let last = path.rsplit('/').next().unwrap_or_default();
        Self {
            file,
            stage,
            line,
            base,
            name: last.split(':').next().unwrap_or_default(),
            system: known_image::system(base),
            is_sure: known_image::names_system(base)
                || facts.run.bases.get(base).is_none_or(|fact| fact.value().is_none()),
        }
    }

    fn says(&self, words: &[&str]) -> bool {
        self.file.line_says(self.stage, words)
    }

    fn sets(&self, name: &str) -> bool {
        self.line.iter().flat_map(|stage| &stage.variables).any(|setting| setting.name == name)
    }

    fn installs(&self, is: impl Fn(&str) -> bool) -> bool {
        self.line.iter().flat_map(|stage| &stage.packages).any(|package| is(&package.text))
    }

    fn step(&self, stage: &Stage, does: Does, step: &Step) -> Option<Finding> {
        let said = &step.said;
        match does {
            Does::AptKey => {
                let system = self.system.filter(|system| since(*system, 13, (25, 4)))?;
                (!self.says(&["/apt-key"])).then(|| Finding::warn("apt-key-gone", "keyring").with("system", system))
            }
            Does::OldKey => (!self.says(&["3bf863cc", "cuda-keyring"]))
                .then(|| Finding::warn("old-key", "new-key").with("repository", self.repository())),
            Does::Pip => self.pip(&said.text),
            Does::OpenCv => self.opencv(stage),
            Does::Conda => self.conda(),
            Does::Daemon => (!self.says(&["dockerd"])).then(|| Finding::warn("no-daemon", "outside")),
            Does::Ollama => Some(Finding::fail("no-server", "serve-there")),
            Does::Calls => self.program(&said.text),
            Does::Asks => {
                (!self.says(&["ssume-Yes", "assumeyes", "apt.conf"])).then(|| Finding::warn("asks-back", "say-yes"))
            }
            Does::NoLists => self.no_lists(stage, said),
            Does::ListsRemoved => Some(self.without_lists("lists-removed", stage, said)),
            Does::UnsetArgument => self.unset(&said.text),
            Does::Swallowed if step.meant == "fails" => Some(Finding::fail("swallowed", "end-line")),
            Does::Swallowed => Some(Finding::warn("swallowed", "end-line")),
            Does::EqualsApart => {
                let name = said.text.split_whitespace().next().unwrap_or_default();
                Some(Finding::warn("equals-apart", "close-up").with("name", name))
            }
            Does::NoTarget => Some(Finding::warn("no-target", "name-target")),
            Does::NoStage => Some(Finding::warn("no-stage", "name-stage").with("near", &step.meant)),
            Does::Source => self.source(),
            Does::OnlyBash => self.only_bash(step.meant == "never"),
            Does::NoShellText => Some(Finding::fail("no-shell-text", "finish-text").with("why", &step.meant)),
            Does::Redirected if step.meant == "read" => Some(Finding::fail("version-read", "quote-version")),
            Does::Redirected => Some(Finding::warn("version-written", "quote-version")),
            Does::Installer => Some(Finding::fail("installer-asks", "answer-installer")),
            Does::TooEarly => self.too_early(step),
            Does::NotCopied => self.not_copied(step),
            Does::NotRoot => self.not_root(&step.meant),
            Does::NoUser => self.no_user(&said.text),
            Does::NoList => Some(Finding::fail("no-list", "double-quotes")),
            // The checks of GPUs in builds and of bases tell of these.
            Does::CudaExtension | Does::SetupPy | Does::PipFiles | Does::ImportTensorFlow | Does::Update => None,
        }
    }

    /// A program that the base does not have and no step brings.
    fn program(&self, name: &str) -> Option<Finding> {
        // What scripts, files of packages and other images bring is not read.
        const UNREAD: [&str; 9] =
            ["--from=", "--mount", "xargs", ".deb", "<<", "conda", "get-pip", "ensurepip", "apt-file"];
        let slim = WITH_APT.contains(&self.repository_name()) && self.base.contains("slim");
        let of_python = name.starts_with("pip");
        if !(self.is_small() || (slim && !of_python)) || self.says(&UNREAD) || self.runs_script() {
            return None;
        }
        let own_path = of_python && self.line.iter().any(|stage| !stage.paths.is_empty());
        if own_path || self.installs(|package| packages::brings(package, name)) {
            return None;
        }
        // Of NVIDIA's images it is not told what their packages bring.
        let sure = self.repository_name() != "nvidia/cuda" && !of_python;
        let finding =
            if sure { Finding::fail("no-program", "install-it") } else { Finding::warn("no-program", "install-it") };
        let package = if of_python { "python3-pip" } else { name };
        Some(finding.with("base", self.base).with("package", package))
    }

    /// A file that is a script, and is none on the web.
    fn runs_script(&self) -> bool {
        let text = self.line.iter().flat_map(|stage| stage.rest.split_whitespace());
        text.into_iter().any(|word| word.trim_end_matches([';', '"', ')']).ends_with(".sh") && !word.contains("://"))
    }

    /// pip of the distribution, in no environment of its own.
    fn pip(&self, said: &str) -> Option<Finding> {
        const ELSEWHERE: [&str; 9] = [
            "break-system-packages",
            "break_system_packages",
            "externally-managed",
            "venv",
            "virtualenv",
            "conda",
            "pyenv",
            "get-pip",
            "altinstall",
        ];
        let system = self.system.filter(|system| since(*system, 12, (23, 4)))?;
        let own_path = self.line.iter().flat_map(|stage| &stage.paths).any(|path| !path.text.contains("cuda"));
        let fits = WITHOUT_PYTHON.contains(&self.name)
            && self.installs(|package| package == "python3-pip" || package == "python3-full")
            && !self.says(&ELSEWHERE)
            && !self.sets("PIP_BREAK_SYSTEM_PACKAGES")
            && !self.sets("VIRTUAL_ENV")
            && !own_path;
        // A Python of another number, or one that is made the usual one, need not be the system's.
        let program = said.split(' ').next().and_then(|path| path.rsplit('/').next()).unwrap_or_default();
        let own = ["pip", "pip3", "python3"].contains(&program) && !self.says(&["alternatives", "ln -s", "deadsnakes"]);
        let bad = if own { Finding::fail } else { Finding::warn };
        fits.then(|| bad("pip-managed", "environment").with("system", system))
    }

    fn opencv(&self, stage: &Stage) -> Option<Finding> {
        let named = self.line.iter().any(|stage| packages::names_gl(&stage.rest.to_ascii_lowercase()));
        let fits = stage.runs
            && WITHOUT_GL.contains(&self.name)
            && !self.base.contains("alpine")
            && !named
            && !self.installs(packages::brings_gl)
            && !self.says(&["headless", "xargs", "with-deps", "conda install"]);
        fits.then(|| Finding::warn("opencv-without-gl", "add-gl").with("base", self.base))
    }

    fn conda(&self) -> Option<Finding> {
        const SETTLED: [&str; 10] = [
            "tos accept",
            "auto_accept_tos",
            "override-channels",
            "miniforge",
            "mambaforge",
            "micromamba",
            "nodefaults",
            "default_channels",
            "--remove channels",
            ".condarc",
        ];
        let of_anaconda = ["miniconda3", "anaconda3"].contains(&self.name)
            && (!self.base.contains(':') || self.base.ends_with(":latest"));
        let newest = self.says(&["miniconda3-latest", "anaconda3-latest"]);
        let fits = (of_anaconda || newest) && !self.says(&SETTLED) && !self.sets("CONDA_PLUGINS_AUTO_ACCEPT_TOS");
        fits.then(|| Finding::warn("conda-terms", "accept-terms"))
    }

    /// Its /bin/sh is dash, as on all of Debian and Ubuntu.
    fn has_dash(&self) -> bool {
        let known = self.is_small()
            || WITH_APT.contains(&self.repository_name())
            || ["ros", "osrf/ros"].contains(&self.repository_name());
        let of_debian = known
            && !["alpine", "rockylinux", "ubi", "centos", "windows"].iter().any(|other| self.base.contains(other));
        of_debian && !self.says(&["/bin/sh", "dpkg-reconfigure"])
    }

    /// dash has no `source`.
    fn source(&self) -> Option<Finding> {
        let is_sure = self.is_small() && !self.says(&["||", "if "]);
        let bad = if is_sure { Finding::fail } else { Finding::warn };
        self.has_dash().then(|| bad("no-source", "use-bash").with("base", self.base))
    }

    /// Packages that a distribution has no more, or never had.
    fn gone_packages(&self, stage: &Stage) -> Vec<Finding> {
        let Some(system) = self.system else { return Vec::new() };
        let bad = || if self.is_sure && !self.says(&["||", "sources.list"]) { Finding::fail } else { Finding::warn };
        let others = self.says(&["sources.list", "ppa:", "add-apt", "deadsnakes", "/etc/apt", "<<"]);
        let gone = |package: &Said| {
            let other = packages::instead(&package.text, system)?;
            Some(bad()("package-gone", "other-package").with("other", other))
        };
        let python = |package: &Said| {
            let other = packages::own_python(&package.text, system).filter(|_| !others)?;
            Some(bad()("package-of-other", "own-python").with("other", other))
        };
        let tell =
            |package: &Said| Some(about(gone(package).or_else(|| python(package))?.with("system", system), package));
        let mut told: Vec<&str> = Vec::new();
        let fresh = stage.packages.iter().filter(|package| {
            let new = !told.contains(&&*package.text);
            told.push(&package.text);
            new
        });
        fresh.filter_map(tell).collect()
    }

    /// Official images remove apt's lists.
    fn no_lists(&self, stage: &Stage, said: &Said) -> Option<Finding> {
        let known = self.is_small() || WITH_APT.contains(&self.repository_name());
        known.then(|| self.without_lists("no-lists", stage, said).with("base", self.base))
    }

    /// What is installed already needs no lists: only of some packages is known that they are in no such image.
    fn without_lists(&self, code: &'static str, stage: &Stage, said: &Said) -> Finding {
        let place = |said: &Said| if let Origin::File { span, .. } = &said.at { span.start } else { 0 };
        let here = place(said);
        let updates = stage.steps.iter().filter(|step| step.does == Does::Update).map(|step| place(&step.said));
        let end = updates.filter(|at| *at > here).min().unwrap_or(usize::MAX);
        let all = || self.line.iter().flat_map(|stage| &stage.packages);
        let missing = |package: &&Said| {
            let at = place(package);
            let before = || all().any(|other| other.text == package.text && place(other) < here);
            (here..end).contains(&at) && NEVER_THERE.contains(&package.text.as_str()) && !before()
        };
        let certain =
            self.is_small() && !self.base.contains("devel") && stage.packages.iter().any(|package| missing(&package));
        let bad = if certain { Finding::fail } else { Finding::warn };
        bad(code, "fetch-lists")
    }

    /// Images with few packages.
    fn is_small(&self) -> bool {
        ["debian", "ubuntu", "nvidia/cuda"].contains(&self.repository_name())
    }

    /// `$NAME` of an ARG that the stage does not have, on a base that hardly sets it either.
    fn unset(&self, said: &str) -> Option<Finding> {
        let name = said.trim_matches(['$', '{', '}']);
        let plain = SET_PATH_ALONE.contains(&self.repository_name());
        // Bases set versions, keys and folders of their own, and what their name is made of.
        let own = ["NV", "CUDA", "LANG", "LC_", "PATH", "LD_", "LIBRARY_PATH", "GPG"]
            .iter()
            .any(|begin| name.starts_with(begin))
            || ["VERSION", "PATH", "HOME", "URL", "KEY", "KEYS", "DIR", "DISTRO"].iter().any(|end| name.ends_with(end));
        let of_name = || self.line.last().is_some_and(|stage| stage.base.arguments.iter().any(|used| used == name));
        let known = WITH_APT.contains(&self.repository_name()) || self.repository_name() == "nvidia/cuda";
        // No such base is of ROS.
        let own = own && !(known && name.ends_with("DISTRO"));
        let likely = !own && (known || !of_name());
        (plain || likely).then(|| Finding::warn("unset-argument", "declare").with("name", name))
    }

    /// The base's name without Docker Hub's own parts and the tag.
    fn repository_name(&self) -> &'a str {
        let bare =
            self.base.trim_start_matches("docker.io/").trim_start_matches("nvcr.io/").trim_start_matches("library/");
        bare.split(['@', ':']).next().unwrap_or_default()
    }

    /// Packages of a component of Debian that the official images do not name as a source.
    fn other_component(&self, stage: &Stage) -> Option<Finding> {
        let of_debian = self.repository_name() == "debian" || WITH_APT.contains(&self.repository_name());
        const ELSEWHERE: [&str; 9] = [
            "non-free",
            "contrib",
            "sources",
            "/etc/apt",
            "add-apt",
            "||",
            "developer.download",
            "cuda-keyring",
            "--mount",
        ];
        if !of_debian
            || !(matches!(self.system, Some(System::Debian(_))) || self.usual_debian())
            || self.says(&ELSEWHERE)
        {
            return None;
        }
        let package = stage.packages.iter().find(|package| NON_FREE.contains(&package.text.as_str()))?;
        // What a script adds is not read.
        let bad = if self.says(&[".sh", "| bash", "| sh", ".deb"]) { Finding::warn } else { Finding::fail };
        Some(about(bad("other-component", "name-component").with("component", "non-free"), package))
    }

    /// An official image of Debian whose tag names no system: all but Alpine, Windows and Ubuntu.
    fn usual_debian(&self) -> bool {
        self.system.is_none()
            && !["alpine", "windows", "nanoserver", "ubuntu"].iter().any(|word| self.base.contains(word))
    }

    /// NVIDIA's name of the distribution in the addresses of its repositories.
    fn repository(&self) -> String {
        match self.system {
            Some(System::Debian(release)) => format!("debian{release}"),
            Some(System::Ubuntu(year, month)) => format!("ubuntu{year}{month:02}"),
            None => "ubuntu2204".into(),
        }
    }
}

/// The release, or a later one of the same distribution.
fn since(system: System, debian: u32, ubuntu: (u32, u32)) -> bool {
    match system {
        System::Debian(release) => release >= debian,
        System::Ubuntu(year, month) => (year, month) >= ubuntu,
    }
}
