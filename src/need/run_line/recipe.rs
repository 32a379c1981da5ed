//! Commands in files that are no scripts: the recipes of a Makefile, the Exec lines of a systemd unit. What make or systemd puts into
//! them is known only when they do.

use std::collections::BTreeMap;

use gdoctor_checks::model::run::Span;

use super::places::{lines, starts_container};

/// In the place of what only the running program knows: the output of a command that nobody runs here.
const UNKNOWN: &str = "$(unknown)";
const EXEC: [&str; 6] = ["ExecStart", "ExecStartPre", "ExecStartPost", "ExecReload", "ExecStop", "ExecStopPost"];

/// What a shell would be given, each byte with its place in the file.
pub struct Recipe {
    pub text: String,
    pub places: Vec<Span>,
    /// A service has no terminal.
    pub service: bool,
}

/// `None` for a text that is a script.
pub fn of(text: &str) -> Option<Recipe> {
    let mut out =
        Writer { text, recipe: Recipe { text: String::new(), places: Vec::new(), service: false }, quote: None };
    if is_unit(text) {
        out.recipe.service = true;
        out.commands(|line, goes_on| if goes_on { Some(0) } else { exec(line) }, Writer::of_unit);
    } else if is_makefile(text) {
        let values = values(text);
        let recipe = |line: &str, goes_on: bool| {
            let command = line.strip_prefix('\t')?.trim_start();
            let command = if goes_on { command } else { command.trim_start_matches(['@', '-', '+', ' ']) };
            Some(line.len() - command.len())
        };
        let of_make = |out: &mut Writer, at| out.of_make(at, &values);
        out.commands(|line, goes_on| recipe(line, goes_on).or(goes_on.then_some(0)), of_make);
    } else {
        return None;
    }
    Some(out.recipe)
}

/// Where the command begins: `ExecStart=-/usr/bin/docker run …`.
fn exec(line: &str) -> Option<usize> {
    let (key, value) = line.split_once('=')?;
    EXEC.contains(&key.trim())
        .then(|| line.len() - value.trim_start().trim_start_matches(['-', '@', ':', '+', '!', '|']).len())
}

/// It begins as a unit does: a script may write one.
fn is_unit(text: &str) -> bool {
    let mut begins = lines(text).filter(|(_, line)| !line.trim().is_empty() && !line.starts_with(['#', ';']));
    begins
        .next()
        .is_some_and(|(_, line)| line.starts_with('[') && line.trim_end().ends_with(']') || exec(line).is_some())
        && lines(text).any(|(_, line)| starts_container(line) && exec(line).is_some())
}

/// A rule, `name: what it needs`, and right below it lines behind a tab, of which one starts a container.
fn is_makefile(text: &str) -> bool {
    let rule = |line: &str| {
        let head = line.split_once(':').filter(|(_, behind)| !behind.starts_with('='));
        let name = |c: char| c.is_ascii_alphanumeric() || "_-./%$(){} ".contains(c);
        head.is_some_and(|(head, _)| head.starts_with(|c: char| !c.is_whitespace()) && head.chars().all(name))
    };
    let is_script = text.lines().next().is_some_and(|first| first.starts_with("#!") && !first.contains("make"));
    let mut below = false;
    let mut goes_on = false;
    let mut found = false;
    for (_, line) in lines(text) {
        let of_recipe = line.starts_with('\t') || goes_on || line.trim().is_empty() || line.starts_with('#');
        below = if of_recipe { below } else { rule(line) };
        found |= below && line.starts_with('\t') && starts_container(line);
        goes_on = line.ends_with('\\');
    }
    found && !is_script
}

/// Variables of a Makefile that are set once, to a plain text.
fn values(text: &str) -> BTreeMap<&str, Option<&str>> {
    let mut values = BTreeMap::new();
    for (_, line) in lines(text).filter(|(_, line)| !line.starts_with(['\t', '#'])) {
        let Some((name, value)) = line.split_once('=') else { continue };
        let name = name.trim_end_matches(['?', ':', '+', '!', ' ', '\t']);
        let name = name.strip_prefix("export ").unwrap_or(name).trim();
        let value = value.trim();
        let plain = !value.contains(['$', '#', '\\', '\'', '"']) && !line.contains("+=");
        let known = if values.contains_key(name) { None } else { Some(value).filter(|_| plain) };
        values.insert(name, known);
    }
    values
}

struct Writer<'t> {
    text: &'t str,
    recipe: Recipe,
    quote: Option<char>,
}

impl Writer<'_> {
    /// The lines that are commands, from where `begins` says, byte for byte but for what `replaces` has written: it gives the end of
    /// what it took.
    fn commands(
        &mut self,
        begins: impl Fn(&str, bool) -> Option<usize>,
        replaces: impl Fn(&mut Self, usize) -> Option<usize>,
    ) {
        let mut goes_on = false;
        for (start, line) in lines(self.text) {
            let begin = begins(line, goes_on);
            goes_on = begin.is_some() && line.ends_with('\\');
            let end = start + line.len();
            let mut at = begin.map_or(end, |begin| start + begin);
            while let Some(c) = self.text[at..end].chars().next() {
                if let Some(after) = replaces(self, at) {
                    at = after.min(end);
                    continue;
                }
                match self.quote {
                    Some(open) if c == open => self.quote = None,
                    None if c == '\'' || c == '"' => self.quote = Some(c),
                    _ => {}
                }
                at += c.len_utf8();
                self.put(&self.text[at - c.len_utf8()..at], Span::new(at - c.len_utf8(), at));
            }
            if !goes_on {
                self.quote = None;
            }
            self.put("\n", Span::new(end, (end + 1).min(self.text.len())));
        }
    }

    fn put(&mut self, piece: &str, place: Span) {
        self.recipe.text.push_str(piece);
        self.recipe.places.extend(std::iter::repeat_n(place, piece.len()));
    }

    /// Something that only the running program knows, within the quotes that stand around it; `sh -c '…'` has quotes for another shell.
    fn put_unknown(&mut self, place: Span) {
        let inner = lines(self.text)
            .any(|(start, line)| start <= place.start && place.end <= start + line.len() && line.contains("sh -c "));
        match self.quote {
            Some('\'') if !inner => self.put(&format!("'\"{UNKNOWN}\"'"), place),
            _ => self.put(UNKNOWN, place),
        }
    }

    /// `$$` is the shell's `$`; `$(NAME)`, `${NAME}` and `$<` are make's own.
    fn of_make(&mut self, at: usize, values: &BTreeMap<&str, Option<&str>>) -> Option<usize> {
        let rest = self.text[at..].strip_prefix('$')?;
        let next = rest.chars().next()?;
        let (start, of_shell) = if next == '$' { (at + 2, true) } else { (at + 1, false) };
        let rest = &self.text[start..];
        let length = match rest.chars().next()? {
            '{' => closed(rest)?,
            '(' if !of_shell => closed(rest)?,
            _ if of_shell => rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').count(),
            next => next.len_utf8(),
        };
        let name = rest[..length].trim_matches(['(', ')', '{', '}']);
        let end = start + length;
        // What the Makefile exports is the shell's as well.
        if of_shell && !values.contains_key(name) {
            self.put("$", Span::new(at, at + 2));
            return Some(at + 2);
        }
        match values.get(name) {
            Some(Some(value)) => self.put(value, Span::new(at, end)),
            _ => self.put_unknown(Span::new(at, end)),
        }
        Some(end)
    }

    /// systemd fills in `%n` and `$NAME` and knows none of a shell's other signs.
    fn of_unit(&mut self, at: usize) -> Option<usize> {
        let rest = &self.text[at..];
        let mut letters = rest.chars();
        let (c, next) = (letters.next()?, letters.next());
        let literal = |out: &mut Self, length: usize| {
            let sign = if out.quote == Some('\'') { c.to_string() } else { format!("\\{c}") };
            out.put(&sign, Span::new(at, at + length));
            Some(at + length)
        };
        let unknown = |out: &mut Self, length: usize| {
            out.put_unknown(Span::new(at, at + length));
            Some(at + length)
        };
        match (c, next) {
            ('%', Some('%')) => {
                self.put("%", Span::new(at, at + 2));
                Some(at + 2)
            }
            ('%', Some(next)) if next.is_ascii_alphabetic() => unknown(self, 2),
            ('$', Some('$')) => literal(self, 2),
            ('$', Some('{')) => unknown(self, 1 + closed(&rest[1..])?),
            ('$', Some(next)) if next.is_ascii_alphabetic() || next == '_' => {
                let name = rest[1..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').count();
                unknown(self, 1 + name)
            }
            ('$' | '`', _) => literal(self, 1),
            ('#' | '(' | ')' | '&' | '|' | '<' | '>' | '*' | '?' | '~' | ';', _) if self.quote.is_none() => {
                literal(self, 1)
            }
            _ => None,
        }
    }
}

/// How long `(…)` or `{…}` is.
fn closed(text: &str) -> Option<usize> {
    let mut depth = 0usize;
    let end = text.char_indices().find(|(_, c)| {
        depth += usize::from("({".contains(*c));
        depth -= usize::from(")}".contains(*c));
        depth == 0
    })?;
    Some(end.0 + 1)
}
