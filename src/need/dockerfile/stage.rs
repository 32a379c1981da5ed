//! One stage: its variables, what it installs, the folders it puts on PATH, the stages it copies from.

use std::collections::{BTreeMap, BTreeSet};

use gdoctor_checks::model::dockerfile::{Base, Does, GpuStep, Said, Setting, Source, Stage, Step, Wheel};
use gdoctor_checks::model::version::Version;
use gdoctor_checks::readings::known_image;

use crate::need::run_line::Wrong;
use crate::need::text::SourceText;
use crate::need::video;
use crate::secret;

use super::expand::{self, Scope};
use super::lines::{Instruction, Text};
use super::script::{self, Shell, Told};
use super::there::{self, Awaited, Files};
use super::{Arguments, apt, argument, automatic, copy, options, start, steps, values, words};

/// A stage while it is read.
pub struct Making {
    pub name: Option<String>,
    pub stage: Stage,
    /// ENV as it stands, inherited ones too.
    pub environment: BTreeMap<String, String>,
    arguments: Arguments,
    globals: Arguments,
    /// What COPY, ADD and mounts take files from.
    pub copies: Vec<Taken>,
    /// ARGs that it has, of the stages that it stands on too.
    declared: BTreeSet<String>,
    lists: apt::Lists,
    /// Where it works; nothing where the base decides.
    folder: String,
    /// Who reads its steps.
    shell: Shell,
    /// USER, where that is not root; nothing where the base or a variable decides.
    user: Option<String>,
    files: Files,
}

/// What a stage takes files from.
pub struct Taken {
    pub said: Said,
    /// By COPY, which knows stages by their numbers too, and by no mount.
    pub by_copy: bool,
}

struct Inside<'a> {
    making: &'a Making,
    escape: char,
}

impl Scope for Inside<'_> {
    /// ENV beats ARG.
    fn value(&self, name: &str) -> Option<String> {
        self.making.environment.get(name).or_else(|| self.making.arguments.set.get(name)).cloned()
    }

    fn escape(&self) -> char {
        self.escape
    }
}

impl Making {
    /// `on`: the earlier stage that it stands on.
    pub fn new(name: Option<String>, base: Base, on: Option<&Making>, globals: &Arguments) -> Self {
        let stage = Stage {
            base,
            built: false,
            runs: false,
            packages: Vec::new(),
            gpu_steps: Vec::new(),
            video: Vec::new(),
            wheels: Vec::new(),
            steps: Vec::new(),
            copied: Vec::new(),
            variables: Vec::new(),
            paths: Vec::new(),
            sources: Vec::new(),
            entrypoint: None,
            command: None,
            rest: String::new(),
        };
        let shell = on.map_or_else(|| Shell::of_base(&stage.base.reference), |on| on.shell);
        let arguments = Arguments { given: globals.given.clone(), set: BTreeMap::new() };
        Self {
            name,
            stage,
            environment: on.map(|on| on.environment.clone()).unwrap_or_default(),
            arguments,
            globals: globals.clone(),
            copies: Vec::new(),
            declared: on.map(|on| on.declared.clone()).unwrap_or_default(),
            lists: on.map(|on| on.lists).unwrap_or_default(),
            folder: on.map(|on| on.folder.clone()).unwrap_or_default(),
            shell,
            user: on.and_then(|on| on.user.clone()),
            files: on.map(|on| on.files.clone()).unwrap_or_default(),
        }
    }

    pub fn take(&mut self, instruction: &Instruction, source: &mut SourceText, escape: char) -> Result<(), Wrong> {
        self.unset_arguments(instruction, source);
        values::closed(instruction, &Inside { making: self, escape })?;
        if let Some(place) = instruction.swallowed {
            let meant = steps::ends_by(&instruction.text.text[..place.0], &commands(&instruction.text.text[..place.0]));
            let told = Told { does: Does::Swallowed, place, name: None, meant: meant.to_owned() };
            self.told(told, &instruction.text, source);
        }
        if ["RUN", "CMD", "ENTRYPOINT"].contains(&instruction.keyword.as_str()) {
            self.script(instruction, source);
        }
        match instruction.keyword.as_str() {
            "ENTRYPOINT" => {
                self.stage.entrypoint = Some(start::of(&instruction.keyword, &instruction.text, &self.folder, source));
                // A CMD from before is none of this one's.
                self.stage.command = None;
            }
            "CMD" => {
                self.stage.command = Some(start::of(&instruction.keyword, &instruction.text, &self.folder, source))
            }
            "ARG" => {
                // A step has it as a variable, whatever value it is given.
                self.stage.rest.push_str(&format!("ARG {}\n", instruction.text.text));
                return self.argument(&instruction.text, source, escape);
            }
            "ENV" => return self.variables(instruction, source, escape),
            "LABEL" => pairs(instruction).map(|_| ())?,
            "SHELL" => self.shell = Shell::named(&instruction.text.text),
            "USER" => self.user(&instruction.text, source, escape),
            "RUN" => {
                self.mounts(&instruction.text, source);
                self.lists(instruction, source);
                self.commands(&instruction.text, source, escape);
                self.gpu_steps(instruction, source);
                for body in &instruction.bodies {
                    self.commands(body, source, escape);
                }
            }
            "COPY" | "ADD" => {
                let text = &instruction.text;
                let flag = words(&text.text).into_iter().find(|(a, b)| text.text[*a..*b].starts_with("--from="));
                self.takes_from(text, flag.map(|(start, end)| (start + "--from=".len(), end)), source, escape);
                self.lists.copied(&text.text);
                self.sources(text, flag.is_some(), source, escape);
                let scope = Inside { making: self, escape };
                let copying = copy::read(&text.text)
                    .map(|copying| copying.expanded(|word| expand::word(word, &scope).ok().flatten()));
                let late = self.files.copied(&self.folder, copying, flag.is_some());
                self.late(Does::TooEarly, late);
            }
            "WORKDIR" => {
                let word = expand::word(instruction.text.text.trim(), &Inside { making: self, escape }).ok().flatten();
                self.folder = word.map_or_else(String::new, |word| copy::joined(&self.folder, &word));
            }
            _ => {}
        }
        if ["RUN", "CMD", "ENTRYPOINT"].contains(&instruction.keyword.as_str()) {
            for text in std::iter::once(&instruction.text).chain(&instruction.bodies) {
                self.video(text, source);
                self.wheels(text, source);
            }
        }
        self.stage.rest.push_str(&instruction.keyword);
        self.stage.rest.push(' ');
        for text in std::iter::once(&instruction.text).chain(&instruction.bodies) {
            self.stage.rest.push_str(&text.text);
            self.stage.rest.push('\n');
        }
        Ok(())
    }

    /// `USER NAME[:GROUP]`.
    fn user(&mut self, text: &Text, source: &SourceText, escape: char) {
        let Some(&(start, end)) = words(&text.text).first() else { return };
        let known = expand::word(&text.text[start..end], &Inside { making: self, escape }).ok().flatten();
        let name =
            known.map(|word| word.split(':').next().unwrap_or_default().to_owned()).filter(|name| !name.contains('$'));
        self.user = name.filter(|name| !["", "root", "0"].contains(&name.as_str()));
        if let Some(name) = self.user.clone().filter(|name| name.parse::<u32>().is_err()) {
            self.told(
                Told { does: Does::NoUser, place: (start, end), name: Some(name), meant: String::new() },
                text,
                source,
            );
        }
    }

    /// `ARG NAME` takes what was given, what stands before the first FROM, or nothing.
    fn argument(&mut self, text: &Text, source: &mut SourceText, escape: char) -> Result<(), Wrong> {
        for (start, end) in words(&text.text) {
            let (name, default) = argument(text, start, end, &Inside { making: self, escape }, source)?;
            let given = self.arguments.given.get(&name).cloned();
            let outside = || self.globals.set.get(&name).cloned().or_else(|| automatic(&name, &self.globals.given));
            self.declared.insert(name.clone());
            let value = given.or(default).or_else(outside);
            self.arguments.set.extend(value.map(|value| (name, value)));
        }
        Ok(())
    }

    /// `ENV NAME=value …`, and the old `ENV NAME value`.
    fn variables(&mut self, instruction: &Instruction, source: &mut SourceText, escape: char) -> Result<(), Wrong> {
        for (name, value) in pairs(instruction)? {
            let text = &instruction.text;
            // The old form takes all that stands behind the name.
            if text.text[value.0..value.1].starts_with("= ") {
                self.step(Does::EqualsApart, text, (name.0, value.0 + 1), source);
            }
            self.variable(text, name, value, source, escape)?;
        }
        Ok(())
    }

    fn variable(
        &mut self,
        text: &Text,
        name: (usize, usize),
        value: (usize, usize),
        source: &mut SourceText,
        escape: char,
    ) -> Result<(), Wrong> {
        let called = text.text[name.0..name.1].to_owned();
        if secret::is_secret(&called) {
            source.hide(text.span(value.0, value.1));
        }
        if called == "PATH" {
            self.folders(text, value, source, escape);
        }
        let held = expand::word(&text.text[value.0..value.1], &Inside { making: self, escape })
            .map_err(|why| Wrong::at(text.span(value.0, value.1), &why, "see the Dockerfile reference on variables"))?;
        let shown = match held.as_deref() {
            Some(value) if called.starts_with("NVIDIA_") => format!("ENV {called}={value}"),
            _ => format!("ENV {called}"),
        };
        let at = source.origin(text.span(name.0, value.1), shown);
        if let Some(value) = &held {
            self.environment.insert(called.clone(), value.clone());
        }
        // Of others the value is of no matter, and may be secret.
        let kept =
            held.filter(|_| called.starts_with("NVIDIA_") || ["CUDA_VERSION", "PATH"].contains(&called.as_str()));
        self.stage.variables.push(Setting { name: called, value: kept, at });
        Ok(())
    }

    /// What ENV PATH adds: all parts but the PATH from before.
    fn folders(&mut self, text: &Text, value: (usize, usize), source: &SourceText, escape: char) {
        for (start, end) in parts(&text.text, value) {
            let raw = &text.text[start..end];
            if raw.contains("$PATH") || raw.contains("${PATH") {
                continue;
            }
            if let Ok(Some(folder)) = expand::word(raw, &Inside { making: self, escape }) {
                let folder = folder.trim_end_matches('/');
                if folder.starts_with('/') {
                    let at = source.origin(text.span(start, end), format!("ENV PATH {folder}"));
                    self.stage.paths.push(Said { text: folder.to_owned(), at });
                }
            }
        }
    }

    fn video(&mut self, text: &Text, source: &SourceText) {
        let found = video::asked(&text.text);
        self.stage.video.extend(found.into_iter().map(|(start, end)| {
            let word = text.text[start..end].to_owned();
            Said { at: source.origin(text.span(start, end), word.clone()), text: word }
        }));
    }

    fn wheels(&mut self, text: &Text, source: &SourceText) {
        const INSTALLERS: [&str; 7] = ["pip", "pip3", "python", "python3", "conda", "mamba", "uv"];
        let word = |place: &(usize, usize)| &text.text[place.0..place.1];
        let program = |place: &(usize, usize)| word(place).rsplit('/').next().unwrap_or_default();
        let installs = |command: &Vec<(usize, usize)>| {
            command.iter().any(|place| INSTALLERS.contains(&program(place)))
                && command.iter().any(|place| ["install", "create", "add", "sync"].contains(&word(place)))
        };
        let mut found: Vec<((usize, usize), Version)> = Vec::new();
        for command in commands(&text.text).iter().filter(|command| installs(command)) {
            found.extend(command.iter().filter_map(|place| Some((*place, package(word(place))?))));
        }
        for place in words(&text.text) {
            let known = found.iter().any(|(known, _)| place.0 <= known.0 && known.1 <= place.1);
            found.extend(wheel(word(&place)).filter(|_| !known).map(|cuda| (place, cuda)));
        }
        found.sort_by_key(|(place, _)| *place);
        for ((start, end), cuda) in found {
            let word = text.text[start..end].to_owned();
            let said = Said { at: source.origin(text.span(start, end), word.clone()), text: word };
            self.stage.wheels.push(Wheel { cuda, said });
        }
    }

    /// What asks for a GPU, unless the RUN itself gets one.
    fn gpu_steps(&mut self, instruction: &Instruction, source: &SourceText) {
        if instruction.text.text.contains("--device") {
            return;
        }
        for (number, text) in std::iter::once(&instruction.text).chain(&instruction.bodies).enumerate() {
            for (start, end) in gpu_steps(&text.text) {
                let said = text.text[start..end].to_owned();
                let at = source.origin(text.span(start, end), format!("RUN {said}"));
                self.stage.gpu_steps.push(GpuStep { said: Said { text: said, at }, in_script: number > 0 });
            }
        }
    }

    /// What COPY and ADD take from the folder of the build.
    fn sources(&mut self, text: &Text, from_elsewhere: bool, source: &SourceText, escape: char) {
        let Some(copied) = copy::read(&text.text).filter(|_| !from_elsewhere) else { return };
        let scope = Inside { making: self, escape };
        // What a variable without a value stands for is not what was meant.
        let known = |word: &str| {
            let all = start::plain_variables(word);
            // The shell's own are none of a build's: the builder takes nothing for them.
            let is_told = |name: &str| ["PWD", "OLDPWD"].contains(&name) || scope.value(name).is_some();
            let set = all.len() == word.matches('$').count() && all.iter().all(|(_, name)| is_told(name));
            expand::word(word, &scope).ok().flatten().filter(|_| set)
        };
        let Some(target) = known(&copied.target) else { return };
        let many = copied.sources.len() > 1;
        let mut found = Vec::new();
        for ((start, end), word) in &copied.sources {
            let Some(path) = known(word).and_then(|word| copy::path(&word)) else { continue };
            let target = copy::target(&self.folder, &target, &path, many);
            let at = source.origin(text.span(*start, *end), path.clone());
            let said = Said { text: path.clone(), at };
            found.push(Source { path, target, mode_set: copied.mode_set, said });
        }
        self.stage.sources.extend(found);
    }

    /// Where apt installs without lists.
    fn lists(&mut self, instruction: &Instruction, source: &SourceText) {
        for text in std::iter::once(&instruction.text).chain(&instruction.bodies) {
            for (does, (start, end)) in self.lists.run(&text.text, &commands(&text.text)) {
                self.step(does, text, (start, end), source);
            }
        }
    }

    fn step(&mut self, does: Does, text: &Text, (start, end): (usize, usize), source: &SourceText) {
        let said = text.text[start..end].to_owned();
        let at = source.origin(text.span(start, end), said.clone());
        self.stage.steps.push(Step::new(does, Said { text: said, at }));
    }

    /// `$NAME` of an ARG that stands before the first FROM and is not declared in the stage: it is empty there.
    fn unset_arguments(&mut self, instruction: &Instruction, source: &SourceText) {
        if !["RUN", "ENV", "COPY", "ADD", "WORKDIR", "USER"].contains(&instruction.keyword.as_str()) {
            return;
        }
        let mut found = Vec::new();
        for text in std::iter::once(&instruction.text).chain(&instruction.bodies) {
            for (place, name) in start::plain_variables(&text.text) {
                let outside = self.globals.set.get(name).is_some_and(|value| !value.is_empty());
                let sets = [format!("{name}="), format!("for {name} "), format!("read {name}")];
                let own = sets.iter().any(|set| text.text.contains(set.as_str()));
                if outside && !own && !self.declared.contains(name) && !self.environment.contains_key(name) {
                    found.push((text, place));
                }
            }
        }
        for (text, place) in found {
            self.step(Does::UnsetArgument, text, place, source);
        }
    }

    /// What a shell makes of the text of RUN, CMD and ENTRYPOINT, and whether the files and the user are there that it takes.
    fn script(&mut self, instruction: &Instruction, source: &SourceText) {
        let is_run = instruction.keyword == "RUN";
        let Some(begin) = script::begin(&instruction.text.text).filter(|_| self.shell != Shell::Other) else {
            // A list of JSON runs a program that is not followed.
            return if is_run {
                self.files.changed()
            };
        };
        let text = instruction.text.text.trim_end();
        if is_run && start::is_meant_as_list(&text[begin..]) {
            let name = Some(format!("RUN {}", text[begin..].split_whitespace().next().unwrap_or_default()));
            let told = Told { does: Does::NoList, place: (begin, text.len()), name, meant: String::new() };
            return self.told(told, &instruction.text, source);
        }
        let mut texts = vec![(&instruction.text, begin)];
        if script::is_document(&instruction.text.text[begin..]) {
            let of_shell = |body: &&Text| !body.text.starts_with("#!");
            texts = instruction.bodies.iter().filter(of_shell).map(|body| (body, 0)).collect();
        }
        for (text, begin) in texts {
            let outline = match script::read(&instruction.keyword, text, begin) {
                Ok(outline) => outline,
                // What was swallowed is the cause.
                Err(_) if instruction.swallowed.is_some() => continue,
                Err(told) => {
                    self.told(told, text, source);
                    continue;
                }
            };
            for told in script::told(&text.text, &outline, self.shell) {
                self.told(told, text, source);
            }
            if !is_run {
                continue;
            }
            if let Some(told) = self.user.as_deref().and_then(|user| there::not_root(&outline, user)) {
                self.told(told, text, source);
            }
            let mounts = instruction.text.text[..begin].contains("--mount");
            self.files.ran(&self.folder, &outline, !mounts, &|place| said(text, place, source));
        }
        if !instruction.bodies.is_empty() {
            self.files.changed();
        }
    }

    fn told(&mut self, told: Told, text: &Text, source: &SourceText) {
        let mut said = said(text, told.place, source);
        said.text = told.name.unwrap_or(said.text);
        self.stage.steps.push(Step { meant: told.meant, ..Step::new(told.does, said) });
    }

    /// Files that steps took before the line that brings them.
    fn late(&mut self, does: Does, awaited: Vec<Awaited>) {
        let step = |one: Awaited| {
            let meant = if one.certain { "fails" } else { "goes on" };
            Step { meant: meant.to_owned(), files: vec![one.file], ..Step::new(does, one.said) }
        };
        self.stage.steps.extend(awaited.into_iter().map(step));
    }

    /// What is known at the end of the stage alone: files that no line brought, for a step or for what is started.
    pub fn end(&mut self) {
        let never = self.files.never();
        self.late(Does::NotCopied, never);
        for started in [&mut self.stage.entrypoint, &mut self.stage.command].into_iter().flatten() {
            if let Some((file, other)) = self.files.missing(&self.folder, started) {
                (started.missing, started.lies) = (file, other.unwrap_or_default());
            }
        }
    }

    /// Mounts that name no target, which then is the folder where the step works; and files of the build that they bring.
    fn mounts(&mut self, text: &Text, source: &SourceText) {
        for (start, end) in words(&text.text) {
            let Some(value) = text.text[start..end].strip_prefix("--mount=") else { return };
            let fields = options::fields(value);
            let of =
                |keys: &[&str]| fields.iter().find(|(key, _)| keys.contains(&key.as_str())).and_then(|(_, text)| *text);
            let kind = of(&["type"]).unwrap_or("bind");
            if ["bind", "cache", "tmpfs"].contains(&kind) && of(&["target", "dst", "destination"]).is_none() {
                self.step(Does::NoTarget, text, (start, end), source);
            }
            let brought =
                of(&["source", "src"]).filter(|path| kind == "bind" && of(&["from"]).is_none() && !path.contains('$'));
            if let Some(path) = brought.and_then(copy::path) {
                let at = source.origin(text.span(start, end), path.clone());
                let said = Said { text: path.clone(), at };
                let target = of(&["target", "dst", "destination"]).unwrap_or(".");
                let target = copy::target(&self.folder, target, &path, false);
                self.stage.sources.push(Source { path, target, mode_set: true, said });
            }
        }
    }

    /// What a script installs with a package manager or an installer of NVIDIA's.
    fn commands(&mut self, text: &Text, source: &SourceText, escape: char) {
        for place in mounted(&text.text) {
            self.takes_from(text, Some(place), source, escape);
        }
        let script = commands(&text.text);
        let fetched = fetched(&text.text, &script);
        let mut folder = self.folder.clone();
        for command in &script {
            if let [cd, (start, end)] = command[..]
                && &text.text[cd.0..cd.1] == "cd"
            {
                folder = copy::joined(&folder, &text.text[start..end]);
            }
            for (does, place) in steps::of(&text.text, command) {
                self.step(does, text, place, source);
                if let Some(step) = self.stage.steps.last_mut() {
                    let files = steps::files(does, &step.said.text);
                    step.files = files.into_iter().map(|file| copy::joined(&folder, file)).collect();
                }
            }
            let found: Vec<(usize, usize, &str)> = match started(&text.text, command, &fetched) {
                Some(renamed) => vec![renamed],
                None => installed(&text.text, command).into_iter().map(|(a, b)| (a, b, &text.text[a..b])).collect(),
            };
            for (start, end, raw) in found {
                let known = expand::word(raw, &Inside { making: self, escape });
                let name = known.ok().flatten().unwrap_or_else(|| raw.to_owned());
                let at = source.origin(text.span(start, end), name.clone());
                self.stage.packages.push(Said { text: name, at });
            }
        }
    }

    /// A stage, or an image that only a registry can have.
    fn takes_from(&mut self, text: &Text, place: Option<(usize, usize)>, source: &SourceText, escape: char) {
        let by_copy = !text.text.contains("--mount=");
        let Some((start, end)) = place else { return };
        let name = text.text[start..end].to_owned();
        // Names of stages and of the build's contexts have neither.
        if name.contains(['/', ':']) {
            let known = expand::word(&name, &Inside { making: self, escape }).ok().flatten();
            let at = source.origin(text.span(start, end), name.clone());
            let reference = known.unwrap_or_else(|| name.clone());
            let base = Base { reference, stage: None, arguments: Vec::new(), platform: None, at };
            self.stage.copied.push(base);
        }
        let at = source.origin(text.span(start, end), name.clone());
        self.copies.push(Taken { said: Said { text: name, at }, by_copy });
    }

    /// The stages that COPY, ADD and mounts name, by name or number.
    pub fn copies_from(&self, names: &[Option<String>]) -> Vec<usize> {
        let number = |name: &String| {
            let known = names.iter().rposition(|known| known.as_deref() == Some(&name.to_ascii_lowercase()));
            known.or_else(|| name.parse().ok()).filter(|number| *number < names.len())
        };
        self.copies.iter().map(|taken| &taken.said.text).filter_map(number).collect()
    }
}

fn said(text: &Text, (start, end): Place, source: &SourceText) -> Said {
    let said = text.text[start..end].to_owned();
    Said { at: source.origin(text.span(start, end), said.clone()), text: said }
}

type Place = (usize, usize);

/// Names and values of ENV and LABEL: `NAME=value …`, or the old `NAME value`.
fn pairs(instruction: &Instruction) -> Result<Vec<(Place, Place)>, Wrong> {
    let (text, keyword) = (&instruction.text, instruction.keyword.as_str());
    let found = words(&text.text);
    let Some(&(first, first_end)) = found.first() else { return Ok(Vec::new()) };
    if !text.text[first..first_end].contains('=') {
        let end = text.text.trim_end().len();
        let Some(&(value, _)) = found.get(1) else {
            let what = format!("{} has no value here", &text.text[first..first_end]);
            return Err(Wrong::at(text.span(first, first_end), &what, &format!("{keyword} NAME=VALUE")));
        };
        return Ok(vec![((first, first_end), (value, end))]);
    }
    let pair = |(start, end): Place| match text.text[start..end].find('=').map(|at| start + at) {
        Some(equals) => Ok(((start, equals), (equals + 1, end))),
        None if instruction.swallowed.is_some_and(|(from, _)| from == start) => {
            let what = format!("{} belongs to the {keyword} above here", &text.text[start..end]);
            let help = "the line before it ends with a backslash: take that out";
            Err(Wrong::at(text.span(start, end), &what, help))
        }
        None => {
            let what = format!("{keyword} takes NAME=value, and here no `=` is");
            Err(Wrong::at(text.span(start, end), &what, "a value with blanks stands in quotes"))
        }
    };
    found.into_iter().map(pair).collect()
}

/// The CUDA of a word of an installer of Python's packages: `cupy-cuda12x`, `jax[cuda12]`, `nvidia-cublas-cu12`,
/// `pytorch-cuda=12.1`, `cudatoolkit=11.3`, `nvidia/label/cuda-12.1.0`.
fn package(word: &str) -> Option<Version> {
    const OF_CONDA: [&str; 4] = ["pytorch-cuda=", "cudatoolkit=", "cuda-version=", "nvidia/label/cuda-"];
    if let Some(version) = OF_CONDA.iter().find_map(|begin| word.strip_prefix(begin)) {
        let version = Version::leading(version.trim_start_matches(['=', '>', '~']))?;
        return Some(Version::new(&[version.major(), version.minor()]));
    }
    // A file, a folder and an address are no package.
    let is_package = !word.contains("://") && !word.starts_with(['/', '.', '$', '-']);
    let bare = word.split(['=', '<', '>', '~', '!']).next().unwrap_or_default();
    is_package.then(|| bare.split(['-', '_']).find_map(numbered)).flatten()
}

/// The CUDA of `…/whl/cu128`, `torch==2.0.1+cu118`, `…/torch-2.0.0+cu118.html`, wherever it stands.
fn wheel(word: &str) -> Option<Version> {
    let word = word.trim_matches(['"', '\'']);
    let behind = word.split_once("/whl/").map(|(_, rest)| rest);
    let built = word.split_once('+').or_else(|| word.split_once("%2B")).map(|(_, rest)| rest);
    let mut parts = behind
        .into_iter()
        .flat_map(|rest| rest.split('/'))
        .chain(built.into_iter().flat_map(|rest| rest.split(['-', '/'])));
    parts.find_map(|part| numbered(part.trim_end_matches(".html")))
}

/// `cu118`, `cuda12x`: with two figures at least, so that the name tells a release.
fn numbered(part: &str) -> Option<Version> {
    let digits = part.strip_prefix("cuda").or_else(|| part.strip_prefix("cu"))?.trim_end_matches('x');
    (digits.len() >= 2 && digits.bytes().all(|b| b.is_ascii_digit())).then(|| known_image::named(part)).flatten()
}

/// Installers of NVIDIA's driver that a script fetches under another name: that name, and the place of their own.
fn fetched<'a>(text: &'a str, script: &[Vec<(usize, usize)>]) -> Vec<(&'a str, &'a str)> {
    let word = |place: &(usize, usize)| &text[place.0..place.1];
    let one = |command: &Vec<(usize, usize)>| {
        let url = command.iter().map(word).find(|word| word.contains("://") && is_driver(word))?;
        let output =
            command.iter().map(word).position(|word| ["-O", "-o", "--output", "--output-document"].contains(&word))?;
        let file = command.get(output + 1).map(word).filter(|file| !is_driver(file))?;
        Some((file, url.rsplit('/').next()?))
    };
    script.iter().filter_map(one).collect()
}

/// The fetched installer that a command starts, by its own name.
fn started<'a>(
    text: &'a str,
    command: &[(usize, usize)],
    fetched: &[(&'a str, &'a str)],
) -> Option<(usize, usize, &'a str)> {
    let file = |name: &'a str| name.rsplit('/').next().unwrap_or_default();
    let shells = ["sh", "bash", "sudo"];
    let at = command.iter().position(|place| !shells.contains(&&text[place.0..place.1]))?;
    let (start, end) = command[at];
    let own = fetched.iter().find(|(name, _)| file(name) == file(&text[start..end]))?;
    Some((start, end, own.1))
}

/// `…/NVIDIA-Linux-x86_64-550.54.14.run`.
fn is_driver(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    name.starts_with("NVIDIA-Linux-") && name.ends_with("run")
}

/// Where a RUN asks a GPU outright, and the build ends without one: as a command of its own whose failure nothing catches.
fn gpu_steps(text: &str) -> Vec<(usize, usize)> {
    /// What raises without a GPU; `is_available` and `device_count` do not.
    const TORCH: [&str; 4] = [
        "torch.cuda.get_device_name(",
        "torch.cuda.get_device_capability(",
        "torch.cuda.get_device_properties(",
        "torch.cuda.current_device(",
    ];
    let guarded = ["||", "if ", "is_available", "try:"].iter().any(|word| text.contains(word));
    if guarded {
        return Vec::new();
    }
    let ends = |at: usize| {
        let rest = text[at..].trim_start_matches(|c: char| c == ' ' || "\"']".contains(c));
        rest.trim().is_empty() || rest.starts_with("&&") || rest.starts_with('\n')
    };
    let smi = commands(text).into_iter().filter_map(|command| {
        let (first, last) = (*command.first()?, command.last()?.1);
        let program = text[first.0..first.1].rsplit('/').next()?;
        (program == "nvidia-smi" && ends(last)).then_some(first)
    });
    let torch = TORCH.iter().filter_map(|call| {
        let at = text.find(call).filter(|at| text[..*at].contains("python"))?;
        Some((at, at + call.len() - 1))
    });
    smi.chain(torch).collect()
}

/// `RUN --mount=type=bind,from=NAME`: the places of the names.
fn mounted(text: &str) -> Vec<(usize, usize)> {
    let options = words(text).into_iter().filter(|(start, end)| text[*start..*end].starts_with("--mount="));
    let fields = options.flat_map(|(start, end)| {
        let mut at = start + "--mount=".len();
        let parts: Vec<(usize, usize)> = text[at..end]
            .split(',')
            .map(|field| {
                let place = (at, at + field.len());
                at += field.len() + 1;
                place
            })
            .collect();
        parts
    });
    fields.filter(|(start, end)| text[*start..*end].starts_with("from=")).map(|(start, end)| (start + 5, end)).collect()
}

/// The parts of a PATH between colons, those within braces aside, without quotes.
fn parts(text: &str, (start, end): (usize, usize)) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let (mut from, mut depth) = (start, 0usize);
    let mut push = |from: usize, to: usize| {
        let raw = &text[from..to];
        let left = raw.trim_start_matches(['"', '\'', ' ']);
        let right = left.trim_end_matches(['"', '\'', ' ']);
        let from = from + raw.len() - left.len();
        if !right.is_empty() {
            found.push((from, from + right.len()));
        }
    };
    for (at, c) in text[start..end].char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ':' if depth == 0 => {
                push(from, start + at);
                from = start + at + 1;
            }
            _ => {}
        }
    }
    push(from, end);
    found
}

/// Start and end of each word of each command of a script; of a list in brackets too.
fn commands(text: &str) -> Vec<Vec<(usize, usize)>> {
    let mut found = vec![Vec::new()];
    let mut start = None;
    let ends = |c: char| c.is_whitespace() || ";&|()\"'[],".contains(c);
    for (at, c) in text.char_indices().chain([(text.len(), '\n')]) {
        if !ends(c) {
            start.get_or_insert(at);
            continue;
        }
        if let (Some(start), Some(command)) = (start.take(), found.last_mut()) {
            command.push((start, at));
        }
        if ";&|\n()".contains(c) {
            found.push(Vec::new());
        }
    }
    found.retain(|command| !command.is_empty());
    found
}

/// The packages that a command installs.
fn installed(text: &str, command: &[(usize, usize)]) -> Vec<(usize, usize)> {
    const MANAGERS: [(&str, &[&str]); 11] = [
        ("apt-get", &["install"]),
        ("apt", &["install"]),
        ("aptitude", &["install"]),
        ("dnf", &["install"]),
        ("yum", &["install"]),
        ("microdnf", &["install"]),
        ("tdnf", &["install"]),
        ("zypper", &["install", "in"]),
        ("apk", &["add"]),
        ("pacman", &["-S", "-Sy", "-Syu"]),
        ("emerge", &[]),
    ];
    let word = |place: &(usize, usize)| &text[place.0..place.1];
    let program = |place: &(usize, usize)| word(place).rsplit('/').next().unwrap_or_default().to_owned();
    let manager = command.iter().position(|place| MANAGERS.iter().any(|(name, _)| *name == program(place)));
    if let Some(at) = manager {
        let verbs =
            MANAGERS.iter().find(|(name, _)| *name == program(&command[at])).map_or(&[][..], |(_, verbs)| *verbs);
        let verb = command[at..].iter().position(|place| verbs.contains(&word(place)));
        let behind = verb.map_or(&[][..], |verb| &command[at + verb + 1..]);
        return behind.iter().copied().filter(|place| !word(place).starts_with('-')).collect();
    }
    // Ubuntu's own program for it.
    if command.iter().any(|place| program(place) == "ubuntu-drivers")
        && command.iter().any(|place| ["install", "autoinstall"].contains(&word(place)))
    {
        return command.iter().copied().filter(|place| program(place) == "ubuntu-drivers").collect();
    }
    // NVIDIA's own installers: the driver's, and the toolkit's that brings a driver unless told not to.
    let file = |place: &(usize, usize)| word(place).rsplit('/').next().unwrap_or_default().to_owned();
    let toolkit = |name: &str| name.starts_with("cuda_") && name.ends_with("_linux.run");
    let alone = command.iter().any(|place| word(place).starts_with("--toolkit"));
    let runs = command
        .first()
        .is_some_and(|place| ["sh", "bash", "sudo"].contains(&word(place)) || word(place).ends_with("run"));
    // Options that only the driver's installer has, whatever the file is called; and scripts whose name says it.
    let options = ["--no-kernel-module", "--no-kernel-modules", "--ui=none", "--no-nouveau-check"];
    let by_option = runs && command.iter().any(|place| options.contains(&word(place)));
    let is_installer = |place: &&(usize, usize)| {
        let name = file(place).to_ascii_lowercase();
        let script = name.ends_with(".sh")
            && name.contains("nvidia")
            && !name.contains("toolkit")
            && !name.contains("container");
        (by_option && name.ends_with("run")) || (script && (name.contains("install") || name.contains("driver")))
    };
    let program =
        command.iter().find(|place| !["sh", "bash", "sudo"].contains(&word(place)) && !word(place).contains('='));
    if let Some(place) = program.filter(is_installer) {
        return vec![*place];
    }
    let fits = |place: &&(usize, usize)| runs && (is_driver(word(place)) || (toolkit(&file(place)) && !alone));
    command.iter().filter(fits).copied().collect()
}
