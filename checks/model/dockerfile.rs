//! A Dockerfile as the builder reads it, down to what decides whether its image runs on this host: bases, packages, variables,
//! folders. Everything keeps the place where it stands.

use alloc::string::String;
use alloc::vec::Vec;

use super::place;
use serde::{Deserialize, Serialize};

use super::origin::Origin;
use super::version::Version;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Dockerfile {
    /// As named on the command line.
    #[serde(serialize_with = "place::path")]
    pub path: String,
    /// The folder that the build is given, where that is told; else it is likely the file's own.
    #[serde(default, serialize_with = "place::path")]
    pub context: Option<String>,
    /// In the order of the file.
    pub stages: Vec<Stage>,
    /// What whoever builds it names, and is not there: then there are no stages.
    pub absent: Option<Absent>,
}

/// A part of a build that is not there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Absent {
    pub part: Part,
    /// A path, or the stage's name.
    pub said: Said,
    /// No image is named that could be pulled in the place of a build.
    pub is_sole: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    Folder,
    Dockerfile,
    Stage,
    /// A folder that the build gives a name to.
    NamedFolder,
}

/// From one `FROM` to the next.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    pub base: Base,
    /// The builder makes it: the image or something that is copied into it comes from here.
    pub built: bool,
    /// What it holds is in the image that will run.
    pub runs: bool,
    /// Packages that the package manager is told to install.
    pub packages: Vec<Said>,
    /// Commands of RUN that do nothing but fail where no GPU is: `nvidia-smi`, torch.cuda's questions. Not those of a RUN with a
    /// device.
    #[serde(default)]
    pub gpu_steps: Vec<GpuStep>,
    /// Where it decodes or encodes video by the GPU: an option of ffmpeg, an element of GStreamer's, a module of OpenCV's.
    #[serde(default)]
    pub video: Vec<Said>,
    /// Where it takes packages of Python or conda that are made for a CUDA of their own: `whl/cu128`, `pytorch-cuda=12.1`.
    #[serde(default)]
    pub wheels: Vec<Wheel>,
    /// What fails on some bases, or since some day.
    #[serde(default)]
    pub steps: Vec<Step>,
    /// ENV, the variables of the file replaced; `None` where a value cannot be known.
    pub variables: Vec<Setting>,
    /// Folders that ENV PATH adds.
    pub paths: Vec<Said>,
    /// Images from a registry that COPY, ADD and mounts take files from.
    #[serde(default)]
    pub copied: Vec<Base>,
    /// What COPY and ADD take from the folder of the build, as far as their names are known; not what has wildcards.
    #[serde(default)]
    pub sources: Vec<Source>,
    /// ENTRYPOINT and CMD as they stand last in the stage.
    #[serde(default)]
    pub entrypoint: Option<Started>,
    #[serde(default)]
    pub command: Option<Started>,
    /// What else the stage says: the text of RUN, COPY, ADD, WORKDIR and the like, where a folder of PATH may come from.
    pub rest: String,
}

/// What a stage starts from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Base {
    /// Arguments replaced: `nvidia/cuda:12.4.1-base-ubuntu22.04`, or an earlier stage's name.
    #[serde(serialize_with = "place::image")]
    pub reference: String,
    /// The earlier stage, by its place among the stages.
    pub stage: Option<usize>,
    /// The ARGs that its name is made of.
    #[serde(default)]
    pub arguments: Vec<String>,
    /// `--platform`, where it names another machine than the one that builds.
    pub platform: Option<Said>,
    pub at: Origin,
}

/// A word of the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Said {
    pub text: String,
    pub at: Origin,
}

/// Packages made for a CUDA.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wheel {
    pub cuda: Version,
    pub said: Said,
}

/// A command whose end depends on the base, or on what others have changed since it was written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    pub does: Does,
    /// Of one that installs by files their paths in the image; `./NAME` lies where the base works.
    #[serde(default, serialize_with = "place::path")]
    pub files: Vec<String>,
    /// What was likely meant, where that is known.
    #[serde(default)]
    pub meant: String,
    pub said: Said,
}

impl Step {
    pub fn new(does: Does, said: Said) -> Self {
        Self { does, files: Vec::new(), meant: String::new(), said }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Does {
    /// Calls apt-key.
    AptKey,
    /// Takes the key with which NVIDIA signed its repository until April 2022.
    OldKey,
    /// Has pip install into the Python that it belongs to.
    Pip,
    /// Has pip install OpenCV with its windows.
    OpenCv,
    /// Has conda install from the channels that it has by itself.
    Conda,
    /// Asks a Docker daemon, or systemd.
    Daemon,
    /// Asks Ollama's server, which the same step does not start.
    Ollama,
    /// Calls a program that small bases do not have.
    Calls,
    /// Compiles what is known to be an extension of PyTorch for CUDA.
    CudaExtension,
    /// Compiles what a setup.py says, which may be one.
    SetupPy,
    /// Has pip install what files of the build's context say.
    PipFiles,
    /// Has the package manager ask its mirrors for their lists.
    Update,
    /// Has apt install where no step of the file has fetched lists; whether the base has some is another matter.
    /// apt, dnf or yum asks whether it may go on, and nobody answers.
    Asks,
    NoLists,
    /// Has apt install after a step that took the lists away.
    ListsRemoved,
    /// Has Python import TensorFlow.
    ImportTensorFlow,
    /// Takes an ARG from before the first FROM, which the stage does not have.
    UnsetArgument,
    /// Goes on in a line that reads like the next instruction; `meant`: the step `fails` by it, where that is certain.
    Swallowed,
    /// Sets a variable to a value that begins with `=`.
    EqualsApart,
    /// Mounts something without saying where.
    NoTarget,
    /// Takes files from a stage that the file does not have.
    NoStage,
    /// Has /bin/sh read a script by bash's `source`.
    Source,
    /// Has another word or form of bash's; `meant`: what comes behind it runs `never`, or `perhaps`.
    OnlyBash,
    /// Is no text of a shell; `meant`: why.
    NoShellText,
    /// Asks for a version as one sends to a file; `meant`: the file is `read` or `written`.
    Redirected,
    /// Starts an installer that asks, and nobody answers.
    Installer,
    /// Takes a file that a later line brings; `meant`: without it the step `fails` or `goes on`.
    TooEarly,
    /// Takes a file that no line brings.
    NotCopied,
    /// Needs root, and USER has named another; `meant`: whom.
    NotRoot,
    /// Is done as a user that nobody makes.
    NoUser,
    /// Is meant as a list, and is no JSON.
    NoList,
}

/// What ENTRYPOINT or CMD starts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Started {
    pub form: Form,
    /// Of a list its words, else the text.
    pub words: Vec<String>,
    /// The program that a list starts, as a path in the image; `./NAME` lies where the base works.
    #[serde(default, serialize_with = "place::path")]
    pub program: Option<String>,
    /// The script that it starts, where no line brings it into the image.
    #[serde(default, serialize_with = "place::path")]
    pub missing: String,
    /// And where one of that name lies.
    #[serde(default, serialize_with = "place::path")]
    pub lies: String,
    pub said: Said,
}

/// One source of a COPY or ADD.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// In the folder of the build, as the builder looks for it: without `..` and slashes at its ends; empty for all of it.
    #[serde(serialize_with = "place::path")]
    pub path: String,
    /// Where a file of it comes to lie in the image; `./NAME` lies where the base works.
    #[serde(serialize_with = "place::path")]
    pub target: String,
    /// Its mode is set by `--chmod`.
    pub mode_set: bool,
    pub said: Said,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// A list of JSON: it is started as it stands.
    List,
    /// A text for the shell.
    Shell,
    /// Meant as a list, and no JSON: a text for the shell too.
    NoList,
}

/// A command that asks a GPU.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GpuStep {
    pub said: Said,
    /// It stands in a here-document: whether its failure ends the build is the script's affair.
    pub in_script: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setting {
    #[serde(serialize_with = "place::word")]
    pub name: String,
    pub value: Option<String>,
    pub at: Origin,
}

impl Dockerfile {
    /// Bases that come from a registry, of stages that are built.
    pub fn bases(&self) -> impl Iterator<Item = &Base> {
        let built = self.stages.iter().filter(|stage| stage.built);
        let built = built.flat_map(|stage| core::iter::once(&stage.base).chain(&stage.copied));
        built.filter(|base| base.stage.is_none() && base.reference != "scratch")
    }

    /// Stages whose content will run, the last one first.
    pub fn running(&self) -> impl Iterator<Item = &Stage> {
        self.stages.iter().rev().filter(|stage| stage.runs)
    }

    /// The image from a registry that the running image stands on.
    pub fn ground(&self) -> Option<&Base> {
        self.running().map(|stage| &stage.base).find(|base| base.stage.is_none())
    }

    /// A stage and those that it stands on, itself first.
    pub fn line_of<'a>(&'a self, stage: &'a Stage) -> Vec<&'a Stage> {
        let mut line = alloc::vec![stage];
        // No stage stands on a later one.
        while let Some(base) = line.last().and_then(|last| self.stages.get(last.base.stage?))
            && line.len() <= self.stages.len()
        {
            line.push(base);
        }
        line
    }

    /// One of these words, in small letters, stands in what a stage says or in those that it stands on.
    pub fn line_says(&self, stage: &Stage, words: &[&str]) -> bool {
        let text = |stage: &&Stage| stage.rest.to_ascii_lowercase();
        self.line_of(stage).iter().map(text).any(|text| words.iter().any(|word| text.contains(word)))
    }

    /// A variable as the image has it, from the file alone.
    pub fn variable(&self, name: &str) -> Option<&Setting> {
        self.running().find_map(|stage| stage.variables.iter().rev().find(|setting| setting.name == name))
    }

    /// Who asks: the last `FROM`.
    pub fn by(&self) -> Option<&Origin> {
        self.stages.last().map(|stage| &stage.base.at)
    }
}
