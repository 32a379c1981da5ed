//! Commands of RUN whose end depends on the base, or on what others have changed since they were written: apt-key, NVIDIA's old
//! signing key, pip in a system's Python, OpenCV's windows, conda's own channels.

use gdoctor_checks::model::dockerfile::Does;
use gdoctor_checks::readings::python_packages;

/// What pip's own options say: it installs elsewhere, or anyhow.
const ELSEWHERE: [&str; 7] =
    ["--target", "-t", "--prefix", "--root", "--break-system-packages", "--dry-run", "--python"];
/// What conda's own options say: the channels that it has by itself are left out.
const OTHER_CHANNELS: [&str; 2] = ["--override-channels", "--offline"];

/// Programs that bases are often thought to have.
const PROGRAMS: [&str; 6] = ["curl", "wget", "git", "unzip", "pip", "pip3"];

/// What a command does of these, each with the place that shows it. `words`: the places of its words.
pub fn of(text: &str, words: &[(usize, usize)]) -> Vec<(Does, (usize, usize))> {
    let word = |place: &(usize, usize)| &text[place.0..place.1];
    let name = |place: &(usize, usize)| word(place).rsplit('/').next().unwrap_or_default();
    let assigned = |place: &&(usize, usize)| word(place).contains('=') && !word(place).starts_with('-');
    let before = words.iter().take_while(|place| assigned(place) || name(place) == "sudo").count();
    let (all, words) = (words, &words[before..]);
    let sudo = all[..before].iter().find(|place| name(place) == "sudo");
    let Some((first, rest)) = words.split_first() else { return Vec::new() };
    let says = |option: &str| rest.iter().any(|place| word(place).split('=').next() == Some(option));
    // The line goes on whatever comes of it.
    let behind = &text[words[words.len() - 1].1..];
    let caught = behind.split([';', '\n']).next().is_some_and(|line| line.contains("||"));
    let mut found = Vec::new();
    if name(first) == "apt-key" && !says("del") && !caught {
        found.push((Does::AptKey, *first));
    }
    if let Some(key) =
        words.iter().find(|place| is_old_key(word(place))).filter(|_| !says("del") && name(first) != "rm")
    {
        found.push((Does::OldKey, *key));
    }
    if let Some((verb, behind)) =
        of_pip(text, words).filter(|_| !caught && !ELSEWHERE.iter().any(|option| says(option)))
    {
        found.push((Does::Pip, (first.0, verb)));
        let package = |place: &&(usize, usize)| python_packages::is_opencv(word(place));
        found.extend(behind.iter().find(package).map(|place| (Does::OpenCv, *place)));
    }
    let daemon = match name(first) {
        "docker" => rest.first().is_some_and(|verb| ["run", "build", "pull", "compose", "exec"].contains(&word(verb))),
        "systemctl" => rest.first().is_some_and(|verb| ["start", "restart"].contains(&word(verb))),
        _ => false,
    };
    if daemon && !caught {
        found.push((Does::Daemon, (first.0, rest[0].1)));
    }
    let asks_ollama = ["pull", "run", "create", "list", "show"];
    if name(first) == "ollama" && rest.first().is_some_and(|verb| asks_ollama.contains(&word(verb))) && !caught {
        let starts = text.contains("ollama serve") || text.contains("ollama\", \"serve");
        found.extend((!starts).then(|| (Does::Ollama, (first.0, rest[0].1))));
    }
    // What stands in a value may as well be empty.
    let in_value = |place: &(usize, usize)| text[..place.0].ends_with(['(', '`']);
    let called = sudo.into_iter().chain(Some(first).filter(|place| PROGRAMS.contains(&word(place))));
    found.extend(called.filter(|place| !caught && !in_value(place)).map(|place| (Does::Calls, *place)));
    found.extend(compiles(text, words).filter(|_| !caught));
    if is_python(name(first)) && !caught && !["if ", "try:"].iter().any(|word| text.contains(word)) {
        let imports = |pair: &&[(usize, usize)]| {
            word(&pair[0]) == "import" && word(&pair[1]).trim_end_matches(';') == "tensorflow"
        };
        let import = says("-c").then(|| words.windows(2).find(imports)).flatten();
        found.extend(import.map(|pair| (Does::ImportTensorFlow, (pair[0].0, pair[1].0 + "tensorflow".len()))));
    }
    let updates: &[&str] = match name(first) {
        "apt-get" | "apt" | "aptitude" => &["update"],
        "yum" | "dnf" => &["update", "upgrade", "makecache"],
        _ => &[],
    };
    if let Some(verb) = rest.iter().find(|place| updates.contains(&word(place))).filter(|_| !caught) {
        found.push((Does::Update, (first.0, verb.1)));
    }
    found.extend(asks_back(text, words).filter(|_| !caught));
    found.extend(installer_asks(text, words).filter(|_| !caught));
    let asks = rest.first().is_some_and(|verb| ["install", "create", "update"].contains(&word(verb)));
    if name(first) == "conda" && asks && !caught && !OTHER_CHANNELS.iter().any(|option| says(option)) {
        found.push((Does::Conda, (first.0, rest[0].1)));
    }
    found
}

/// Says yes to every question: `-y`, also among others as in `-qy`; `-qq` means it, too (apt-get(8)).
fn says_yes(word: &str) -> bool {
    let short = word.strip_prefix('-').filter(|letters| letters.bytes().all(|b| b.is_ascii_lowercase()));
    short.is_some_and(|letters| letters.contains('y') || letters.contains("qq"))
        || ["--yes", "--assume-yes", "--force-yes", "--assumeyes"].contains(&word)
        || word.to_ascii_lowercase().contains("assume-yes")
}

/// `apt-get install git`: it lists what else comes and asks, and a build has no terminal.
fn asks_back(text: &str, words: &[(usize, usize)]) -> Option<(Does, (usize, usize))> {
    const ONLY_LOOKS: [&str; 6] = ["-s", "--simulate", "--dry-run", "--print-uris", "--version", "--help"];
    let word = |place: &(usize, usize)| &text[place.0..place.1];
    let (first, rest) = words.split_first()?;
    let program = word(first).rsplit('/').next().unwrap_or_default();
    let installs: &[&str] = match program {
        "apt-get" | "apt" => &["install", "upgrade", "dist-upgrade", "full-upgrade", "build-dep"],
        "dnf" | "yum" => &["install", "upgrade", "groupinstall", "localinstall"],
        _ => return None,
    };
    let verb = rest.iter().find(|place| !word(place).starts_with('-'))?;
    let silent = rest.iter().map(word).any(|word| says_yes(word) || ONLY_LOOKS.contains(&word) || word.contains('$'));
    // Somebody answers, or the settings do.
    let answered = ["yes |", "yes|", "<<", "echo y", "printf y"].iter().any(|answer| text.contains(answer));
    (installs.contains(&word(verb)) && !silent && !answered).then_some((Does::Asks, (first.0, verb.1)))
}

/// What comes of the next instruction's word behind a step's text: it is started as a program, or asked for as a package.
pub fn ends_by(text: &str, commands: &[Vec<(usize, usize)>]) -> &'static str {
    const INSTALLERS: [&str; 7] = ["apt-get", "apt", "apk", "dnf", "yum", "pip", "pip3"];
    let bare = text.trim_end();
    let word = |place: &(usize, usize)| &text[place.0..place.1];
    let installs = commands.last().is_some_and(|last| {
        INSTALLERS.contains(&word(&last[0])) && last.iter().any(|place| ["install", "add"].contains(&word(place)))
    });
    let starts = bare.ends_with("&&") || (bare.ends_with('|') && !bare.ends_with("||"));
    if (starts || installs) && !text.contains("||") { "fails" } else { "" }
}

/// `curl … | sh` of rustup, Miniconda's installer: they ask, and a build has no terminal.
fn installer_asks(text: &str, words: &[(usize, usize)]) -> Option<(Does, (usize, usize))> {
    let word = |place: &(usize, usize)| &text[place.0..place.1];
    let (first, rest) = words.split_first()?;
    let program = word(first).rsplit('/').next().unwrap_or_default();
    if !["sh", "bash"].contains(&program)
        || ["yes |", "yes|", "<<", "echo ", "printf "].iter().any(|answer| text.contains(answer))
    {
        return None;
    }
    let line = text[..first.0].rsplit([';', '\n']).next().unwrap_or_default();
    let line = line.rsplit("&&").next().unwrap_or_default();
    let says = |letter: char, long: &str| {
        let short = |word: &str| {
            word.strip_prefix('-').is_some_and(|letters| !letters.starts_with('-') && letters.contains(letter))
        };
        rest.iter().map(word).any(|word| short(word) || word == long)
    };
    let piped = line.trim_end().ends_with('|') && line.contains("sh.rustup.rs") && !says('y', "--yes");
    let of_conda = |place: &&(usize, usize)| {
        let name = word(place).rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
        name.ends_with(".sh")
            && ["miniconda", "anaconda", "miniforge", "mambaforge"].iter().any(|known| name.starts_with(known))
    };
    let script = rest.iter().find(of_conda).filter(|_| !says('b', "--batch"));
    match script {
        Some(script) => Some((Does::Installer, (first.0, script.1))),
        None => piped.then_some((Does::Installer, *first)),
    }
}

/// The files by which a step installs, as it names them.
pub fn files(does: Does, step: &str) -> Vec<&str> {
    let words = || step.split_whitespace();
    match does {
        Does::PipFiles if words().any(|word| [".", "./"].contains(&word)) => vec!["setup.py"],
        // `--requirement=all.txt`, `-rall.txt`.
        Does::PipFiles => {
            let bare = |word: &str| word.rsplit('=').next().unwrap_or(word).trim_start_matches("-r").len();
            words().filter(|word| word.ends_with(".txt")).map(|word| &word[word.len() - bare(word)..]).collect()
        }
        Does::SetupPy => words().filter(|word| word.ends_with(".py")).collect(),
        _ => Vec::new(),
    }
}

/// Verbs of a setup.py that compile.
const COMPILE: [&str; 6] = ["build", "build_ext", "develop", "install", "bdist_wheel", "bdist_egg"];

/// `python setup.py … develop`, `pip install git+https://github.com/facebookresearch/detectron2.git`.
fn compiles(text: &str, words: &[(usize, usize)]) -> Option<(Does, (usize, usize))> {
    let word = |place: &(usize, usize)| &text[place.0..place.1];
    let first = words.first()?;
    if let Some((_, behind)) = of_pip(text, words) {
        let known = |place: &&(usize, usize)| python_packages::is_extension(word(place));
        let found = behind.iter().find(known).map(|place| (Does::CudaExtension, *place));
        let of_file = |place: &&(usize, usize)| {
            let word = word(place);
            ["-r", "--requirement", ".", "./"].contains(&word)
                || word.starts_with("--requirement=")
                || word.starts_with("-r")
        };
        return found.or_else(|| {
            Some((Does::PipFiles, (first.0, behind.iter().find(of_file).map(|_| behind[behind.len() - 1].1)?)))
        });
    }
    let script = words.iter().position(|place| {
        let name = word(place).rsplit('/').next().unwrap_or_default();
        name.starts_with("setup") && name.ends_with(".py")
    })?;
    let verb = words[script + 1..].iter().find(|place| COMPILE.contains(&word(place)))?;
    let does = if word(&words[script]).contains("cuda") { Does::CudaExtension } else { Does::SetupPy };
    Some((does, (first.0, verb.1)))
}

fn is_python(program: &str) -> bool {
    let version = program.strip_prefix("python");
    version.is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit() || b == b'.'))
}

/// The repository of CUDA's packages; that of machine learning kept the key to its end.
fn is_old_key(word: &str) -> bool {
    word.ends_with("7fa2af80.pub") && !word.contains("machine-learning")
}

/// The end of `pip install`, `python3 -m pip install`, and the words behind it.
fn of_pip<'a>(text: &str, words: &'a [(usize, usize)]) -> Option<(usize, &'a [(usize, usize)])> {
    let word = |at: usize| words.get(at).map_or("", |place| &text[place.0..place.1]);
    let program = word(0).rsplit('/').next().unwrap_or_default();
    let versioned = |name: &str| {
        program.strip_prefix(name).is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit() || b == b'.'))
    };
    let verb = match program {
        _ if versioned("pip") => 1,
        _ if versioned("python") && word(1) == "-m" && word(2) == "pip" => 3,
        _ => return None,
    };
    let options = words.get(verb..)?.iter().take_while(|place| text[place.0..place.1].starts_with('-')).count();
    let (install, behind) = words.get(verb + options..)?.split_first()?;
    (word(verb + options) == "install").then_some((install.1, behind))
}
