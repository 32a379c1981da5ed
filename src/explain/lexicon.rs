//! The parts that statements are made of, and their spellings: who speaks, what was done, to what, and why it failed. The tables
//! are `lexicon/*.txt`; this reads them, and finds the parts in a row of words.

use super::hash::QuickMap;
use super::numbers::{Candidates, Numbers};
use super::seek;
use super::trie::Trie;
use super::words::{OTHER, Row, Token, Vocabulary};

/// Spellings that are one word.
const SAME: &str = include_str!("lexicon/same.txt");
/// `kind:value = spelling | spelling`; `NvRm*` stands for every other word that begins so.
const PARTS: [&str; 4] = [
    include_str!("lexicon/speakers.txt"),
    include_str!("lexicon/actions.txt"),
    include_str!("lexicon/objects.txt"),
    include_str!("lexicon/reasons.txt"),
];

/// A part that stands in a row of words, by its number, and the place of its first word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    pub id: u32,
    pub at: u32,
}

/// A row of pieces with a gap between them: `cannot open … display`.
#[derive(Debug)]
struct Gapped {
    pieces: Vec<u32>,
    part: u32,
}

/// All parts that declarations speak of.
#[derive(Debug)]
pub struct Lexicon {
    pub vocabulary: Vocabulary,
    names: QuickMap<String, u32>,
    /// By part: its name, `errno:enoent`; a phrase's is empty.
    kinds: Vec<(String, String)>,
    /// By part: how it is told to a person.
    told: Vec<String>,
    /// Spellings, and pieces of gapped ones from `PIECE` on.
    spellings: Trie,
    pieces: u32,
    gapped: Vec<Gapped>,
    numbers: Numbers,
    other_library: u32,
    build: u32,
    windows: u32,
    so: u32,
    /// Words that are an error's text, with which a sentence ends.
    errors: Vec<u32>,
}

/// Values from here on are pieces of gapped spellings.
const PIECE: u32 = 1 << 24;
/// So many words at most stand in a gap.
const GAP: usize = 14;
/// Carry no meaning, wherever they stand.
const SILENT: &str = "a an the";

impl Lexicon {
    pub fn new() -> Self {
        let same = entries(SAME);
        let mut vocabulary = Vocabulary::new(same, SILENT);
        let so = vocabulary.learn("so")[0];
        let mut this = Self {
            vocabulary,
            names: QuickMap::default(),
            kinds: Vec::new(),
            told: Vec::new(),
            spellings: Trie::default(),
            pieces: 0,
            gapped: Vec::new(),
            numbers: Numbers::default(),
            other_library: 0,
            build: 0,
            windows: 0,
            so,
            errors: Vec::new(),
        };
        this.other_library = this.part("library:other", "a library");
        this.build = this.part("place:build", "an image's build");
        this.windows = this.part("place:windows", "Windows");
        for (name, spellings) in PARTS.into_iter().flat_map(entries) {
            let part = this.part(name, spellings.first().copied().unwrap_or_default());
            for spelling in spellings {
                this.spell(spelling, part);
                if name.starts_with("errno:") {
                    this.errors.extend(this.vocabulary.learn(spelling).last());
                }
            }
        }
        this.numbers = Numbers::new(&mut |name, told| this.part(name, told));
        this
    }

    /// The part of a name, made if it is new.
    fn part(&mut self, name: &str, told: &str) -> u32 {
        if let Some(part) = self.names.get(name) {
            return *part;
        }
        let part = self.kinds.len() as u32;
        let (kind, value) = match name.starts_with('"') {
            true => ("phrase", ""),
            false => name.split_once(':').unwrap_or((name, "")),
        };
        self.kinds.push((kind.to_owned(), value.to_owned()));
        self.told.push(told.to_owned());
        self.names.insert(name.to_owned(), part);
        part
    }

    fn spell(&mut self, spelling: &str, part: u32) {
        let mut learn = |piece: &str| match piece.strip_suffix('*') {
            Some(beginning) => vec![self.vocabulary.learn_beginning(beginning)],
            None => self.vocabulary.learn(piece),
        };
        let pieces: Vec<Vec<u32>> = spelling.split('…').map(&mut learn).collect();
        match pieces.as_slice() {
            [words] => self.spellings.insert(words, part),
            pieces => {
                let ids: Vec<u32> = (self.pieces..).take(pieces.len()).collect();
                for (id, words) in ids.iter().zip(pieces) {
                    self.spellings.insert(words, PIECE + id);
                }
                self.pieces += ids.len() as u32;
                self.gapped.push(Gapped { pieces: ids, part });
            }
        }
    }

    /// The number of a part that the tables have: `errno:enoent`.
    pub fn find(&self, name: &str) -> Option<u32> {
        self.names.get(name).copied()
    }

    /// All parts of a kind.
    pub fn of_kind(&self, kind: &str) -> Vec<u32> {
        (0..self.kinds.len() as u32).filter(|part| self.kinds[*part as usize].0 == kind).collect()
    }

    /// The part that stands for a phrase of a declaration.
    pub fn phrase(&mut self, phrase: &str) -> u32 {
        let name = format!("\"{phrase}");
        if let Some(part) = self.names.get(&name) {
            return *part;
        }
        let part = self.part(&name, "");
        self.spell(phrase, part);
        part
    }

    /// How many parts there are.
    pub fn len(&self) -> usize {
        self.kinds.len()
    }

    /// `errno`, `enoent`.
    pub fn name(&self, part: u32) -> (&str, &str) {
        self.kinds.get(part as usize).map_or(("", ""), |(kind, value)| (kind, value))
    }

    /// The words for a part.
    pub fn told(&self, part: u32) -> &str {
        self.told.get(part as usize).map_or("", String::as_str)
    }

    /// True for a row that ends with an error's text: it has said all.
    pub fn ends(&self, row: &Row) -> bool {
        row.tokens.iter().rev().take(2).any(|token| self.errors.contains(&token.word))
    }

    /// The parts in a row of words, without those that a longer one of the same kind covers.
    pub fn read(&self, row: &Row, numbers: &Candidates) -> Vec<Part> {
        let (text, tokens) = (row.text.as_str(), row.tokens.as_slice());
        let mut parts: Vec<Part> = Vec::new();
        let mut pieces: Vec<(u32, usize, usize)> = Vec::new();
        let mut covered: Vec<(usize, usize, u32)> = Vec::new();
        for at in 0..tokens.len() {
            if tokens[at].word == OTHER || !self.spellings.begins(tokens[at].word) {
                continue;
            }
            for (taken, value) in self.spellings.walk(tokens[at..].iter().map(|t| t.word)) {
                match value.checked_sub(PIECE) {
                    Some(piece) => pieces.push((piece, at, at + taken)),
                    None => covered.push((at, at + taken, value)),
                }
            }
        }
        let within = |a: &(usize, usize, u32), b: &(usize, usize, u32)| {
            a.0 >= b.0
                && a.1 <= b.1
                && a.1 - a.0 < b.1 - b.0
                && !self.name(a.2).1.is_empty()
                && self.name(a.2).0 == self.name(b.2).0
        };
        parts.extend(
            covered
                .iter()
                .filter(|one| !covered.iter().any(|other| within(one, other)))
                .map(|(at, _, id)| Part { id: *id, at: *at as u32 }),
        );
        let program = program(text);
        parts.retain(|part| {
            let token = tokens[part.at as usize];
            let inside = program.contains(&(token.from as usize));
            let kind = self.name(part.id).0;
            !inside || !["socket", "node"].contains(&kind)
        });
        if is_build_step(text) {
            parts.push(Part { id: self.build, at: 0 });
        }
        if has_windows_path(text) {
            parts.push(Part { id: self.windows, at: 0 });
        }
        self.read_gapped(&pieces, &mut parts);
        self.read_libraries(text, tokens, &mut parts);
        self.numbers.read(numbers, tokens, &|part, kind| self.name(part).0 == kind, &mut parts);
        parts
    }

    fn read_gapped(&self, pieces: &[(u32, usize, usize)], parts: &mut Vec<Part>) {
        if pieces.is_empty() {
            return;
        }
        for gapped in &self.gapped {
            let Some(&(_, first, mut end)) = pieces.iter().find(|p| p.0 == gapped.pieces[0]) else { continue };
            let whole = gapped.pieces[1..].iter().all(|piece| {
                let next = pieces.iter().find(|p| p.0 == *piece && p.1 >= end && p.1 - end <= GAP);
                next.inspect(|p| end = p.2).is_some()
            });
            if whole {
                parts.push(Part { id: gapped.part, at: first as u32 });
            }
        }
    }

    /// `libfoo.so.3`, where the tables do not know libfoo.
    fn read_libraries(&self, text: &str, tokens: &[Token], parts: &mut Vec<Part>) {
        for (at, pair) in tokens.windows(2).enumerate() {
            let unnamed = !parts.iter().any(|part| part.at == at as u32 && self.name(part.id).0 == "library");
            if pair[1].word == self.so
                && unnamed
                && text.get(pair[0].from as usize..).is_some_and(|t| t.starts_with("lib"))
            {
                parts.push(Part { id: self.other_library, at: at as u32 });
            }
        }
    }
}

/// A step of an image's build: `RUN make` of a Dockerfile, `Step 3/7 : RUN make`, `STEP 3/7: RUN make`, `=> ERROR [3/7] RUN make`.
fn is_build_step(text: &str) -> bool {
    let line = text.trim_start().trim_start_matches(['#', '=', '>', ' ']);
    let step = |line: &str| {
        let rest = line.strip_prefix("Step ").or_else(|| line.strip_prefix("STEP "));
        rest.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()) && rest.contains(':'))
    };
    line.starts_with("RUN ") || step(line) || seek::has(text, "] RUN ")
}

/// `C:\builds\hipInfo.cpp`.
fn has_windows_path(text: &str) -> bool {
    let letter = |at: usize| text[..at].ends_with(|c: char| c.is_ascii_uppercase());
    seek::each(text, ":\\").any(letter)
}

/// The bytes of `PATH` in `fork/exec PATH: …`: what is started is a program, whatever its path.
fn program(text: &str) -> std::ops::Range<usize> {
    const STARTED: &str = "fork/exec ";
    let Some(from) = seek::find(text, STARTED).map(|at| at + STARTED.len()) else { return 0..0 };
    let end = text[from..].find([':', ' ', '\n']).map_or(text.len(), |at| from + at);
    from..end
}

/// Lines of `name = spelling | spelling`; `#` begins a comment.
pub fn entries(table: &'static str) -> impl Iterator<Item = (&'static str, Vec<&'static str>)> {
    table.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).filter_map(|line| {
        let (name, spellings) = line.split_once(" = ")?;
        Some((name.trim(), spellings.split(" | ").map(str::trim).collect()))
    })
}
