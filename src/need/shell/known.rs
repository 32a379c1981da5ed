//! What a command in `$(…)` prints, of those that only look at what is known here already. None is run.

use super::read::Reader;
use super::state::{Text, absolute};
use super::walker::Walker;
use super::word::Word;
use super::{Command, Join, Kind, Part, Script, Wrong};

const WHY: &str = "only the command would tell, and gdoctor runs none";

impl Walker<'_, '_> {
    /// The output of `$(…)` without the line ends at its end.
    pub(super) fn output(&mut self, script: &Script, shown: &str) -> Result<Text, Wrong> {
        let before = self.state.clone();
        let printed = self.printed(script);
        if let Ok(Some(text)) = &printed {
            self.state = before;
            let mut text = text.clone();
            while text.letters.last().is_some_and(|letter| letter.c == '\n') {
                text.letters.pop();
            }
            return Ok(text);
        }
        // What is started in there is started all the same.
        self.state = before.clone();
        self.state.printed = Some(Text::default());
        let was_deciding = std::mem::replace(&mut self.deciding, false);
        let left = std::mem::take(&mut self.returned);
        let walked = self.script(script);
        self.returned = left;
        self.deciding = was_deciding;
        let (earlier, printed) = (std::mem::take(&mut self.state.earlier), self.state.printed.take());
        self.state = before;
        self.state.earlier.merge(earlier);
        walked?;
        let mut text = printed.filter(|_| self.steps > 0).unwrap_or_else(|| Text::unknown(shown, WHY));
        if text.unknown.is_some() {
            let ways = text.ways.iter().flat_map(|ways| ways.iter()).map(|way| way.trim_end_matches('\n').to_owned());
            let ways: Vec<String> = ways.collect();
            text = Text::unknown(shown, WHY);
            text.ways = (!ways.is_empty()).then(|| ways.into());
        }
        while text.letters.last().is_some_and(|letter| letter.c == '\n') {
            text.letters.pop();
        }
        Ok(text)
    }

    /// Within `$(…)`: a command whose output is known adds it. True when it was one.
    pub(super) fn prints(&mut self, program: &str, words: &[Word]) -> bool {
        if self.state.printed.is_none() {
            return false;
        }
        let words: Vec<&Word> = words.iter().collect();
        let text = match (self.line(program, &words), program) {
            (Some(text), _) => text,
            (None, "echo" | "printf") if words.first().is_none_or(|word| word.value != "-v") => {
                Text::unknown("$(…)", WHY)
            }
            _ => return false,
        };
        if let Some(printed) = &mut self.state.printed {
            printed.append(text);
        }
        true
    }

    /// Within `$(…)`: a command prints what nobody knows.
    pub(super) fn prints_unknown(&mut self) {
        if let Some(printed) = &mut self.state.printed {
            printed.append(Text::unknown("$(…)", WHY));
        }
    }

    fn printed(&mut self, script: &Script) -> Result<Option<Text>, Wrong> {
        let mut out = Text::default();
        for item in &script.items {
            let pipelines =
                std::iter::once((Join::And, &item.first)).chain(item.rest.iter().map(|(join, one)| (*join, one)));
            for (join, pipeline) in pipelines {
                if join == Join::Or {
                    // What is printed is known so far: nothing has failed.
                    break;
                }
                let [command] = pipeline.commands.as_slice() else { return Ok(None) };
                match self.line_of(command)? {
                    Some(text) => out.append(text),
                    None => return Ok(None),
                }
            }
        }
        Ok(Some(out))
    }

    /// What `cat <<END` prints.
    fn document(&mut self, command: &Command) -> Result<Option<Text>, Wrong> {
        let Kind::Simple { assigned, tokens } = &command.kind else { return Ok(None) };
        let ([cat], [redirect], true) = (tokens.as_slice(), command.redirects.as_slice(), assigned.is_empty()) else {
            return Ok(None);
        };
        let Some(document) = redirect.document.as_ref().and_then(|document| document.get()) else { return Ok(None) };
        if cat.plain() != "cat" || self.state.functions.contains_key("cat") {
            return Ok(None);
        }
        let literal = redirect.target.parts.iter().any(|part| !matches!(part, Part::Letter { quoted: false, .. }));
        if literal {
            return Ok(Some(Text::outside(&document.text)));
        }
        let mut reader = Reader::new(&document.text, Some(&document.places), 1);
        let token = reader.document_token()?;
        self.text(&token).map(Some)
    }

    fn line_of(&mut self, command: &Command) -> Result<Option<Text>, Wrong> {
        if let Some(text) = self.document(command)? {
            return Ok(text.unknown.is_none().then_some(text));
        }
        if command.redirects.iter().any(|redirect| !redirect.operator.starts_with('>') && redirect.operator != "&>") {
            return Ok(None);
        }
        let Kind::Simple { assigned, tokens } = &command.kind else { return Ok(None) };
        if !assigned.is_empty() {
            return Ok(None);
        }
        let words = self.words(tokens)?;
        let Some((first, rest)) = words.split_first() else { return Ok(None) };
        if first.unknown.is_some() || self.state.functions.contains_key(&first.value) {
            return Ok(None);
        }
        let rest: Vec<&Word> = rest.iter().collect();
        Ok(self.line(&first.value, &rest))
    }

    fn line(&mut self, program: &str, words: &[&Word]) -> Option<Text> {
        let values: Vec<&str> = words.iter().map(|word| word.value.as_str()).collect();
        let known = || words.iter().all(|word| word.unknown.is_none()).then_some(());
        let line = |text: &str| Some(Text::outside(&format!("{text}\n")));
        let outside = self.outside;
        let uid = self.uid();
        let user = if uid == Some(0) { Some("root") } else { outside.user };
        match (program, values.as_slice()) {
            ("pwd", [] | ["-P" | "-L"]) if !self.state.folder_unknown => line(self.state.cwd(outside)),
            ("cd", _) => {
                known()?;
                let to = values.iter().rfind(|value| !value.starts_with('-'))?;
                self.change_folder(to);
                Some(Text::default())
            }
            ("id", ["-u"]) => line(&uid?.to_string()),
            ("id", ["-g"]) => line(&if uid == Some(0) { 0 } else { outside.gid? }.to_string()),
            ("id", ["-un" | "-nu"]) | ("id", ["-u", "-n"]) | ("whoami", []) => line(user?),
            ("hostname", [] | ["-s"]) | ("uname", ["-n"]) => line(outside.host?),
            ("uname", ["-s"] | []) => line("Linux"),
            ("uname", ["-m" | "-p" | "-i"]) | ("arch", []) | ("dpkg", ["--print-architecture"])
                if outside.elsewhere =>
            {
                None
            }
            ("uname", ["-m" | "-p" | "-i"]) | ("arch", []) => line(std::env::consts::ARCH),
            ("dpkg", ["--print-architecture"]) => line(match std::env::consts::ARCH {
                "x86_64" => "amd64",
                "aarch64" => "arm64",
                other => other,
            }),
            ("date", _) => Some(Text::any("20260102030405\n")),
            ("uuidgen" | "mktemp", []) => Some(Text::any("c0ffee00\n")),
            ("basename", [path]) => {
                known()?;
                line(path.trim_end_matches('/').rsplit('/').next()?)
            }
            ("basename", [path, ending]) => {
                known()?;
                let name = path.trim_end_matches('/').rsplit('/').next()?;
                line(name.strip_suffix(ending).unwrap_or(name))
            }
            ("dirname", [path]) => {
                known()?;
                line(parent(path))
            }
            ("realpath" | "readlink", _) => {
                known()?;
                let path = values.iter().rfind(|value| !value.starts_with('-'))?;
                (!self.state.folder_unknown).then_some(())?;
                line(&absolute(path, self.state.cwd(outside)))
            }
            ("command", ["-v", name]) | ("which", [name]) if ["docker", "podman", "sudo"].contains(name) => line(name),
            ("echo", ["-n", ..]) => joined(&words[1..], ""),
            ("echo", ["-e", ..]) => None,
            ("echo", _) => joined(words, "\n"),
            ("printf", ["%s" | "%s\\n", _]) => joined(&words[1..], ""),
            ("printf", [text]) if !text.contains(['%', '\\']) => joined(words, ""),
            ("true" | ":", _) => Some(Text::default()),
            _ => None,
        }
    }

    pub(super) fn change_folder(&mut self, to: &str) {
        if to == "-" {
            self.state.folder_unknown = true;
        } else if to.starts_with('/') || !self.state.folder_unknown {
            let folder = absolute(to, self.state.cwd(self.outside));
            self.state.folder = Some(folder);
            self.state.folder_unknown = false;
        }
    }
}

fn joined(words: &[&Word], end: &str) -> Option<Text> {
    let mut out = Text::default();
    for (at, word) in words.iter().enumerate() {
        if at > 0 {
            out.append(Text::outside(" "));
        }
        out.append(word.text());
    }
    out.append(Text::outside(end));
    out.span = None;
    out.unknown.is_none().then_some(out)
}

fn parent(path: &str) -> &str {
    match path.trim_end_matches('/').rsplit_once('/') {
        None => ".",
        Some(("", _)) => "/",
        Some((parent, _)) => parent,
    }
}
