//! Makes words of tokens: braces, variables, quotes and blanks, as bash does it. Every byte keeps its place.

use gdoctor_checks::model::run::Span;

use super::glob;
use super::parameter::ELSEWHERE;
use super::state::{Letter, Text, Variable};
use super::walker::Walker;
use super::word::Word;
use super::{Part, Token, Wrong};

/// Variables may blow a word up to this many letters.
const GROWTH: usize = 1 << 18;
/// Words that braces may make of one.
const BRACES: usize = 256;

/// A word in the making, and the words that an unquoted variable has split off before it.
#[derive(Default)]
struct Making {
    done: Vec<Word>,
    word: Word,
    /// For every byte: where it was written, if it came in by a variable.
    written: Vec<Option<Span>>,
    /// It is a word even when empty.
    exists: bool,
    /// It is one of several that a variable made.
    split: bool,
    /// The whole word in the list that it is an element of.
    element: Option<Span>,
    /// Something stands in it besides what a variable made.
    mixed: bool,
}

impl Making {
    fn push(&mut self, c: char, place: Span, quoted: bool, written: Option<Span>) {
        self.put(c, place, quoted, written, false);
    }

    fn put(&mut self, c: char, place: Span, quoted: bool, written: Option<Span>, open: bool) {
        self.word.value.push(c);
        for _ in 0..c.len_utf8() {
            self.word.places.push(place);
            self.word.quoted.push(quoted);
            self.word.open.push(open);
            self.written.push(written);
        }
        self.exists = true;
    }

    /// Ends the word. One of several that stands somewhere as it is has its place there.
    fn split_off(&mut self, token: Span) {
        let mut word = std::mem::take(&mut self.word);
        let written = std::mem::take(&mut self.written);
        let element = self.element.take();
        if std::mem::take(&mut self.exists) {
            let places: Option<Vec<Span>> = written.into_iter().collect();
            word.span = token;
            word.ways = word.ways.filter(|_| !self.mixed);
            if self.split && !self.mixed {
                match places.filter(|places| element.is_some() || !places.is_empty()) {
                    Some(places) => {
                        let ends =
                            places.first().zip(places.last()).map(|(a, b)| Span::new(a.start, b.end.max(a.start)));
                        word.span = element.or(ends).unwrap_or(token);
                        word.places = places;
                    }
                    None => word.fixed = true,
                }
            } else if self.split {
                word.fixed = true;
            }
            self.done.push(word);
        }
        self.mixed = false;
    }
}

impl Walker<'_, '_> {
    /// The words that the tokens become.
    pub(super) fn words(&mut self, tokens: &[Token]) -> Result<Vec<Word>, Wrong> {
        let mut words = Vec::new();
        for token in tokens {
            for token in braced(token) {
                let made = self.token_words(&token)?;
                words.extend(made.into_iter().flat_map(|word| glob::found(word, self.outside)));
            }
        }
        Ok(words)
    }

    /// What a token is where the shell does not part it: an assignment's value, a pattern, a redirection.
    pub(super) fn text(&mut self, token: &Token) -> Result<Text, Wrong> {
        let mut making = Making::default();
        for part in &token.parts {
            self.part(part, true, &mut making)?;
        }
        making.exists = true;
        making.split_off(token.span);
        let word = making.done.pop().unwrap_or_default();
        Ok(word.text())
    }

    fn token_words(&mut self, token: &Token) -> Result<Vec<Word>, Wrong> {
        let mut making = Making::default();
        // "$@" of nothing is no word.
        let list = token
            .parts
            .iter()
            .any(|part| matches!(part, Part::Parameter { parameter, quoted: true, .. } if parameter.is_list()));
        for part in token.parts.iter().filter(|part| !(list && matches!(part, Part::Nothing))) {
            self.part(part, false, &mut making)?;
            if making.word.value.len() + making.done.len() > GROWTH {
                return Err(Wrong::at(token.span, "the variables make the line too long", "256 KiB is the most"));
            }
        }
        let names: Vec<String> = making.word.variables.iter().map(|(name, ..)| name.clone()).collect();
        making.split_off(token.span);
        if making.done.is_empty() {
            self.vanished.extend(names.into_iter().map(|name| (name, token.span)));
        }
        Ok(making.done)
    }

    fn part(&mut self, part: &Part, whole: bool, making: &mut Making) -> Result<(), Wrong> {
        match part {
            Part::Letter { c, place, quoted } => {
                making.mixed = true;
                making.push(*c, *place, *quoted, None);
            }
            Part::Nothing => making.exists = true,
            Part::Home { place } => {
                let home =
                    if self.state.root && self.outside.uid != Some(0) { Some("/root") } else { self.outside.home };
                let is_set = matches!(self.state.variables.get("HOME"), Some(Variable::One(_)));
                if home.is_none() && !is_set && self.outside.elsewhere {
                    self.put(None, &Text::unknown("~", ELSEWHERE), *place, true, making);
                    return Ok(());
                }
                let home = match self.state.variables.get("HOME") {
                    Some(Variable::One(text)) => text.shown(),
                    _ => home.unwrap_or("~").to_owned(),
                };
                making.mixed = true;
                home.chars().for_each(|c| making.push(c, *place, true, None));
            }
            Part::Arithmetic { text, place } => {
                let value = match self.arithmetic(text) {
                    Some(number) => Text::outside(&number.to_string()),
                    None => Text::unknown(&format!("$(({text}))"), "only the running script would count that"),
                };
                self.put(None, &value, *place, true, making);
            }
            Part::Command { script, shown, place, quoted } => {
                let value = self.output(script, shown)?;
                self.put(None, &value, *place, *quoted || whole, making);
            }
            Part::Parameter { parameter, place, quoted } => {
                self.parameter(parameter, *place, *quoted, whole, making)?
            }
        }
        Ok(())
    }

    fn parameter(
        &mut self,
        parameter: &super::Parameter,
        place: Span,
        quoted: bool,
        whole: bool,
        making: &mut Making,
    ) -> Result<(), Wrong> {
        let values = self.values(parameter, place)?;
        if let Some(name) = values.unset {
            making.word.unset.push(name);
        }
        let name = parameter.name.as_str();
        if !values.list {
            let value = values.texts.into_iter().next().unwrap_or_default();
            making.exists |= quoted || values.exists;
            self.put(Some(name), &value, place, quoted || whole, making);
            return Ok(());
        }
        if whole {
            for (at, text) in values.texts.iter().enumerate() {
                if at > 0 {
                    making.push(' ', place, true, None);
                }
                self.put(Some(name), text, place, true, making);
            }
            return Ok(());
        }
        // Each element is a word of its own; the first goes on with what stands before it, the last with what follows.
        for (at, text) in values.texts.iter().enumerate() {
            if at > 0 {
                let span = place;
                making.split = true;
                making.split_off(span);
            }
            making.split = true;
            if quoted {
                making.exists = true;
                making.element = text.span;
            }
            self.put(Some(name), text, place, quoted, making);
            // An element that is not known may stand for several.
            making.word.may_part |= text.unknown.is_some();
        }
        Ok(())
    }

    /// A variable's value in the place of its name. Unquoted, blanks in it part words.
    fn put(&mut self, name: Option<&str>, value: &Text, place: Span, quoted: bool, making: &mut Making) {
        let start = making.word.value.len();
        if making.word.value.len() + value.letters.len() > GROWTH {
            making.word.unknown = Some("it grows longer than a command line may be".into());
            return;
        }
        making.word.ways = value.ways.clone().filter(|_| start == 0 && !making.mixed);
        let several = !quoted && value.letters.split(Letter::is_blank).filter(|word| !word.is_empty()).count() > 1;
        if several {
            making.split = true;
        }
        for letter in &value.letters {
            if !quoted && letter.is_blank() {
                making.split_off(place);
                continue;
            }
            if letter.unknown && making.word.unknown.is_none() {
                making.word.unknown.clone_from(&value.unknown);
                making.word.may_part |= !quoted && !making.mixed && making.word.value.is_empty();
            }
            making.word.any |= value.any;
            making.put(letter.c, place, quoted, letter.place, letter.unknown);
        }
        let end = making.word.value.len();
        if let Some(name) = name {
            making.word.variables.push((name.to_owned(), start.min(end), end));
        }
    }
}

/// `a{b,c}d` is `abd acd`, `{1..3}` is `1 2 3`. Braces that are no list stay.
fn braced(token: &Token) -> Vec<Token> {
    let mut done = Vec::new();
    let mut open = vec![token.clone()];
    while let Some(token) = open.pop() {
        match alternatives(&token.parts) {
            Some((before, lists, after)) if open.len() + done.len() + lists.len() <= BRACES => {
                for list in lists.into_iter().rev() {
                    let parts = before.iter().chain(&list).chain(&after).cloned().collect();
                    open.push(Token { span: token.span, parts });
                }
            }
            _ => done.push(token),
        }
    }
    done
}

type Alternatives = (Vec<Part>, Vec<Vec<Part>>, Vec<Part>);

fn alternatives(parts: &[Part]) -> Option<Alternatives> {
    let bare = |part: &Part| match part {
        Part::Letter { c, quoted: false, .. } => Some(*c),
        _ => None,
    };
    for (open, part) in parts.iter().enumerate() {
        if bare(part) != Some('{') {
            continue;
        }
        let (mut depth, mut commas) = (0usize, vec![open]);
        for (at, part) in parts.iter().enumerate().skip(open) {
            match bare(part) {
                Some('{') => depth += 1,
                Some(',') if depth == 1 => commas.push(at),
                Some('}') => {
                    depth -= 1;
                    if depth == 0 {
                        let (before, after) = (parts[..open].to_vec(), parts[at + 1..].to_vec());
                        if commas.len() > 1 {
                            commas.push(at);
                            let lists = commas.windows(2).map(|pair| parts[pair[0] + 1..pair[1]].to_vec()).collect();
                            return Some((before, lists, after));
                        }
                        if let Some(lists) = sequence(&parts[open + 1..at]) {
                            return Some((before, lists, after));
                        }
                        break;
                    }
                }
                _ => {}
            }
        }
    }
    None
}

/// `1..5`, `5..1`, `a..e`.
fn sequence(parts: &[Part]) -> Option<Vec<Vec<Part>>> {
    let mut text = String::new();
    let mut place = Span::default();
    for part in parts {
        let Part::Letter { c, quoted: false, place: at } = part else { return None };
        text.push(*c);
        place = *at;
    }
    let (first, last) = text.split_once("..")?;
    let word = |text: String| text.chars().map(|c| Part::Letter { c, place, quoted: false }).collect::<Vec<_>>();
    if let (Ok(first), Ok(last)) = (first.parse::<i32>(), last.parse::<i32>()) {
        let (low, high) = (first.min(last), first.max(last));
        if high.abs_diff(low) as usize >= BRACES {
            return None;
        }
        let numbers = (low..=high).map(|number| word(number.to_string()));
        return Some(if first <= last { numbers.collect() } else { numbers.rev().collect() });
    }
    let single = |text: &str| text.chars().next().filter(|c| text.len() == 1 && c.is_ascii_alphabetic());
    let (first, last) = (single(first)?, single(last)?);
    (first <= last).then(|| (first..=last).map(|c| word(c.to_string())).collect())
}
