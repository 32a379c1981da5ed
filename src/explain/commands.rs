//! Commands that somebody typed, as they stand in a paste above what they printed. They say nothing of themselves, and show what was
//! asked for: a cause that the command rules out comes later, one that it shows comes first.

use super::inside;
use super::rows::{begins, has_any};
use super::started::Started;

/// A typed command, from its program on.
#[derive(Clone, Debug)]
pub struct Command {
    /// The line it begins on, from 1.
    pub line: u32,
    /// The line it ends on.
    pub last: u32,
    pub text: String,
    /// Nothing stood below it before the next prompt or the end.
    pub silent: bool,
    /// Typed behind `sudo`, which `text` does not have.
    pub by_sudo: bool,
    /// Typed in a container, or what it starts there prints below.
    pub inside: bool,
    /// Whose prompt stands before it, on a host.
    pub user: Option<String>,
}

impl Command {
    /// The command of a line.
    pub fn new(line: u32, whole: &str, command: &str) -> Self {
        let by_sudo = whole.strip_suffix(command).is_some_and(|before| before.trim_end().ends_with("sudo"));
        let inside = inside::is_prompt(whole) || inside::enters(command);
        let text = command.trim_end_matches('\\').to_owned();
        let user = user(whole).filter(|_| !inside).map(str::to_owned);
        Self { line, last: line, text, silent: true, by_sudo, inside, user }
    }

    /// With its next line.
    pub fn go_on(&mut self, line: u32, more: &str) {
        self.text = format!("{} {}", self.text, more.trim_end_matches('\\'));
        self.last = line;
    }

    /// Options alone on a line go on with a run that begins on the line before, as templates of NAS systems write it.
    pub fn takes(&self, line: u32, text: &str) -> bool {
        let option = text.starts_with([' ', '\t']) && text.trim_start().starts_with('-');
        option && self.last + 1 == line && is_run(&self.text)
    }
}

/// Programs that start containers, with the words that follow them.
const ENGINES: [&str; 5] = ["docker", "podman", "nerdctl", "docker-compose", "nvidia-docker"];
const SUBCOMMANDS: [&str; 24] = [
    "run",
    "create",
    "exec",
    "start",
    "restart",
    "stop",
    "build",
    "buildx",
    "compose",
    "pull",
    "push",
    "login",
    "up",
    "image",
    "images",
    "container",
    "network",
    "volume",
    "context",
    "info",
    "version",
    "logs",
    "inspect",
    "system",
];
/// What a shell's prompt ends with.
const PROMPTS: [&str; 3] = ["❯ ", "➜ ", "$ "];

/// The command of a line: behind a prompt, or that of an engine without one; as Markdown's code, too.
pub fn typed(line: &str) -> Option<&str> {
    let line = line.trim().trim_matches('`').trim();
    let shown = PROMPTS.iter().find_map(|prompt| line.strip_prefix(prompt)).or_else(|| behind_a_host(line));
    // `# ` begins comments, too.
    let rooted = || line.strip_prefix("# ").filter(|rest| is_program(rest));
    let command = shown.or_else(rooted).unwrap_or(line).trim_start();
    let command = command.strip_prefix("~ ").unwrap_or(command).trim_start();
    let bare = command.strip_prefix("sudo ").unwrap_or(command).trim_start();
    let mut words = bare.split_whitespace();
    let engine = words.next().is_some_and(|word| ENGINES.contains(&word))
        && words.next().is_some_and(|word| SUBCOMMANDS.contains(&word));
    (shown.is_some() || engine || rooted().is_some()).then_some(bare)
}

/// `root@host:/srv# command`, `[user@host ~]$ command`.
fn behind_a_host(line: &str) -> Option<&str> {
    let end = memchr::memchr2(b'#', b'$', line.as_bytes()).filter(|end| *end < 80)?;
    let (host, rest) = (&line[..end], &line[end + 1..]);
    let place = host.split_once('@').is_some_and(|(user, place)| {
        let name = |c: char| c.is_ascii_alphanumeric() || "-_.[".contains(c);
        !user.is_empty() && user.chars().all(name) && place.contains([':', ' ', ']'])
    });
    (place && (rest.is_empty() || rest.starts_with(' '))).then_some(rest)
}

/// `ann` of `ann@host:~$ docker ps`.
fn user(line: &str) -> Option<&str> {
    behind_a_host(line)?;
    let (user, _) = line.trim_start_matches(['[', '(']).split_once('@')?;
    let name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c);
    (user != "root" && user.chars().all(name)).then_some(user)
}

/// True for a name and its arguments: no sentence, no heading.
fn is_program(text: &str) -> bool {
    let mut words = text.split_whitespace();
    let name = words.next().unwrap_or("");
    let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_./".contains(c);
    let argument = words.next().is_none_or(|word| word.starts_with(['-', '/']) || SUBCOMMANDS.contains(&word));
    !name.is_empty() && name.chars().all(letters) && argument
}

/// True where the command above was typed again with sudo, and something was printed then: who was refused has gone round it.
fn gone_round(commands: &[Command], line: u32) -> bool {
    let at = commands.iter().rposition(|command| command.line < line);
    let Some((refused, later)) = at.and_then(|at| commands[at..].split_first()) else { return false };
    !refused.by_sudo && later.iter().any(|again| again.by_sudo && !again.silent && again.text == refused.text)
}

/// True when a command shows that a code's cause is there, false when it shows that it is not.
pub fn shows(code: &str, matched: &str, commands: &[Command], started: &Started, line: u32) -> Option<bool> {
    started.shows(code, line).or_else(|| by_words(code, matched, commands, line))
}

/// The same by the words of a command, where a run line alone does not decide, and of commands that start nothing.
fn by_words(code: &str, matched: &str, commands: &[Command], line: u32) -> Option<bool> {
    let above = || commands.iter().filter(|command| command.line < line);
    let run = || above().rfind(|command| is_run(&command.text)).map(|command| command.text.as_str());
    match code {
        "run-line-gpu/not-asked" => Some(!asks_for_gpu(run()?)),
        "run-line-camera/not-in-line" => Some(!brings_camera(run()?, matched)),
        "run-line-gpu/variables-alone" => {
            let command = run()?;
            Some(command.contains("NVIDIA_") && !calls_nvidia(command))
        }
        "run-line-capabilities/missing" => {
            let command = run()?;
            let all = has_any(command, &["CAPABILITIES=all", "CAPABILITIES=\"all", "CAPABILITIES='all"]);
            (all || !calls_nvidia(command)).then_some(false)
        }
        // The line itself is the nearer cause.
        "camera-node/not-passed" => brings_camera(run()?, matched).then_some(false),
        "run-line-display/no-socket" => {
            Some(!has_any(run()?, &["X11-unix", "--net host", "--network host", "=host", ":/tmp"]))
        }
        "port-free/process" | "port-free/container" => {
            let listed =
                commands.iter().any(|command| command.silent && begins(&command.text, &["lsof ", "ss ", "fuser "]));
            listed.then_some(false)
        }
        code if code.split_once('/').is_some_and(|(id, _)| id == "docker-access") => {
            gone_round(commands, line).then_some(false)
        }
        "port-free/connection" => by_words("port-free/process", matched, commands, line).map(|shown| !shown),
        _ => None,
    }
}

/// True for a command that starts a container.
pub fn is_run(command: &str) -> bool {
    let mut words = command.split_whitespace().skip(1);
    words.any(|word| matches!(word, "run" | "create"))
}

/// True when something on the line calls NVIDIA's hook or runtime, or brings a CDI device.
fn calls_nvidia(command: &str) -> bool {
    has_any(command, &["--gpus", "--runtime", "nvidia.com/gpu", "nvidia-docker"])
}

fn asks_for_gpu(command: &str) -> bool {
    calls_nvidia(command) || has_any(command, &["NVIDIA_VISIBLE_DEVICES", "/dev/nvidia"])
}

/// True when the camera that the message names, or any where it names none, comes into the container.
fn brings_camera(command: &str, matched: &str) -> bool {
    const ALL: [&str; 4] = ["--privileged", "/dev:/dev", "/dev/:/dev", "\"/dev"];
    let named = matched.find("/dev/video").map(|at| {
        let rest = &matched[at + "/dev/video".len()..];
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        &matched[at..at + "/dev/video".len() + digits]
    });
    has_any(command, &ALL) || command.contains(named.unwrap_or("/dev/video"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_told_from_what_they_print() {
        for (line, command) in [
            ("$ sudo docker run --rm x", "docker run --rm x"),
            ("root@host:/srv# nvidia-smi", "nvidia-smi"),
            ("[user@host ~]$ lsof -i :80", "lsof -i :80"),
            ("# lsof -i :80", "lsof -i :80"),
            ("➜  ~ docker pull mysql", "docker pull mysql"),
            ("❯ podman run x", "podman run x"),
            ("docker run -it x", "docker run -it x"),
        ] {
            assert_eq!(typed(line), Some(command), "{line}");
        }
        for line in [
            "docker: Error response from daemon: x",
            "# a comment on what follows",
            "docker run requires at least 1 argument.",
            "user@example.org: $5 are not enough",
        ] {
            assert!(typed(line).is_none_or(|_| line.starts_with("docker run")), "{line}");
        }
    }

    #[test]
    fn variables_bring_nothing_alone() {
        let shown =
            |code: &str, text: &str| by_words(code, "", &[Command { silent: false, ..Command::new(1, text, text) }], 2);
        let alone = "docker run -e NVIDIA_DRIVER_CAPABILITIES=all -e NVIDIA_VISIBLE_DEVICES=all x";
        assert_eq!(shown("run-line-gpu/variables-alone", alone), Some(true));
        assert_eq!(shown("run-line-capabilities/missing", alone), Some(false));
        let asked = "docker run --gpus all -e NVIDIA_DRIVER_CAPABILITIES=compute x";
        assert_eq!(shown("run-line-gpu/variables-alone", asked), Some(false));
        assert_eq!(shown("run-line-capabilities/missing", asked), None);
    }

    #[test]
    fn sudo_goes_round_what_was_refused() {
        let command = |line, text: &str, by_sudo| Command { silent: false, by_sudo, ..Command::new(line, text, text) };
        let shown = |commands: &[Command]| by_words("docker-access/not-in-group", "", commands, 2);
        let refused = command(1, "docker run x", false);
        assert_eq!(shown(&[refused.clone(), command(3, "docker run x", true)]), Some(false));
        assert_eq!(shown(&[refused.clone(), command(3, "docker ps", true)]), None);
        assert_eq!(shown(&[refused]), None);
    }

    #[test]
    fn a_camera_is_brought_by_its_own_name() {
        let line = "docker run --device /dev/video2 x";
        assert!(!brings_camera(line, "cannot open /dev/video8: gone"));
        assert!(brings_camera(line, "cannot open /dev/video2"));
        assert!(brings_camera(line, "cannot open camera by index"));
        assert!(brings_camera("docker run --privileged x", "cannot open /dev/video8"));
    }
}
