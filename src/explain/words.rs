//! Cuts a line into the words that carry meaning: without case, quotes, endings, counters and articles, with the spellings of one
//! thing ("could not", "unable to"; "EACCES", "permission denied", "权限不够") made one word.

use super::hash::QuickMap;
use super::names;
use super::trie::Trie;

/// A word of a text that no declaration has.
pub const OTHER: u32 = u32::MAX;
/// Numbers share the space of words: this bit and the number.
const NUMBER: u32 = 1 << 30;

/// A word and the bytes of its line that it stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    pub word: u32,
    pub from: u32,
    pub to: u32,
}

impl Token {
    /// The number that the token is.
    pub fn number(self) -> Option<u32> {
        (self.word != OTHER && self.word & NUMBER != 0).then_some(self.word & !NUMBER)
    }
}

/// A line, or lines that are one sentence, each with its own line's end, cut.
#[derive(Clone, Debug, Default)]
pub struct Row {
    pub text: String,
    pub tokens: Vec<Token>,
}

impl Row {
    /// What stands from a byte on.
    pub fn from(&self, byte: usize) -> Self {
        let text = self.text.get(byte..).unwrap_or_default().to_owned();
        let behind = self.tokens.iter().filter(|token| token.from as usize >= byte);
        let shift = byte as u32;
        let tokens = behind.map(|token| Token { from: token.from - shift, to: token.to - shift, ..*token }).collect();
        Self { text, tokens }
    }
}

/// Words of all declarations, numbered, and the spellings that count as one word.
#[derive(Debug, Default)]
pub struct Vocabulary {
    words: QuickMap<String, u32>,
    same: Trie,
    /// Words that carry no meaning, left out wherever they stand.
    silent: Vec<u32>,
    /// Beginnings of words and the word that each stands for.
    beginnings: Vec<(String, u32)>,
}

impl Vocabulary {
    /// `same`: lines of `word = spelling | spelling`. `silent`: words to leave out.
    pub fn new<'a>(same: impl Iterator<Item = (&'a str, Vec<&'a str>)>, silent: &str) -> Self {
        let mut this = Self::default();
        this.silent = silent.split_whitespace().map(|word| this.learn_word(word)).collect();
        for (name, spellings) in same {
            let name = this.learn_word(name);
            for spelling in spellings {
                let words: Vec<u32> = this.learn(spelling);
                this.same.insert(&words, name);
            }
        }
        this
    }

    /// How many words there are.
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// Cuts a declaration, learning its words.
    pub fn learn(&mut self, text: &str) -> Vec<u32> {
        for piece in pieces(text).filter(|piece| number(piece).is_none()) {
            self.learn_word(piece);
        }
        self.cut(text).iter().map(|token| token.word).collect()
    }

    /// The word that stands for every unknown one that begins so.
    pub fn learn_beginning(&mut self, beginning: &str) -> u32 {
        let next = self.words.len() as u32;
        let beginning = beginning.to_ascii_lowercase();
        let word = *self.words.entry(format!("{beginning}*")).or_insert(next);
        self.beginnings.push((beginning, word));
        word
    }

    fn learn_word(&mut self, word: &str) -> u32 {
        let mut scratch = String::new();
        normalise(word, &mut scratch);
        let next = self.words.len() as u32;
        *self.words.entry(scratch).or_insert(next)
    }

    /// A line with its words, but for those in names, which say nothing of what they are called after.
    pub fn row(&self, text: &str) -> Row {
        let mut tokens = self.tokens(text);
        for token in &mut tokens {
            if names::is_part_of_one(text, token.from as usize..token.to as usize) {
                token.word = OTHER;
            }
        }
        Row { text: text.to_owned(), tokens: self.merge(tokens) }
    }

    /// Cuts a line.
    pub fn cut(&self, line: &str) -> Vec<Token> {
        self.merge(self.tokens(line))
    }

    fn tokens(&self, line: &str) -> Vec<Token> {
        let mut scratch = String::new();
        let mut tokens = Vec::with_capacity(16);
        for piece in pieces(line) {
            let from = piece.as_ptr() as usize - line.as_ptr() as usize;
            // `camera(s)`: the ending is no word.
            if piece == "s" && line[..from].ends_with('(') {
                continue;
            }
            if let Some(word) = self.word(piece, &mut scratch).filter(|word| !self.silent.contains(word)) {
                tokens.push(Token { word, from: from as u32, to: (from + piece.len()) as u32 });
            }
        }
        tokens
    }

    /// Puts a line behind another that it goes on with. A word that the end of the line has torn is put together where that makes
    /// a known one.
    pub fn join(&self, head: &Row, tail: &Row) -> Row {
        let shift = head.text.len() as u32 + 1;
        let mut tokens = head.tokens.clone();
        let mut rest = tail.tokens.as_slice();
        if let ([.., last], [first, ..]) = (head.tokens.as_slice(), rest)
            && last.to as usize == head.text.len()
            && first.from == 0
            && let Some(word) = self.torn(head, *last, tail, *first)
        {
            tokens.last_mut().into_iter().for_each(|token| token.word = word);
            rest = &rest[1..];
        }
        tokens.extend(rest.iter().map(|token| Token { from: token.from + shift, to: token.to + shift, ..*token }));
        Row { text: format!("{}\n{}", head.text, tail.text), tokens: self.merge(tokens) }
    }

    fn torn(&self, head: &Row, last: Token, tail: &Row, first: Token) -> Option<u32> {
        if last.word != OTHER && first.word != OTHER {
            return None;
        }
        let (a, b) = (head.text.get(last.from as usize..)?, tail.text.get(..first.to as usize)?);
        let mut scratch = String::new();
        normalise(&format!("{a}{b}"), &mut scratch);
        self.words.get(&scratch).copied()
    }

    fn word(&self, piece: &str, scratch: &mut String) -> Option<u32> {
        if let Some(number) = number(piece) {
            return number.map(|n| NUMBER | n);
        }
        normalise(piece, scratch);
        let begins =
            || self.beginnings.iter().find(|(beginning, _)| scratch.starts_with(beginning)).map(|(_, word)| *word);
        let word = self.words.get(scratch.as_str()).copied().or_else(begins);
        Some(word.unwrap_or(OTHER)).filter(|_| !scratch.is_empty())
    }

    /// Spellings of spellings count: "could not resolve host" is "cannot resolve host" first.
    fn merge(&self, tokens: Vec<Token>) -> Vec<Token> {
        let count = tokens.len();
        let merged = self.merge_once(tokens);
        if merged.len() < count { self.merge_once(merged) } else { merged }
    }

    fn merge_once(&self, tokens: Vec<Token>) -> Vec<Token> {
        if !tokens.iter().any(|token| self.same.begins(token.word)) {
            return tokens;
        }
        let mut merged = Vec::with_capacity(tokens.len());
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            let longest = self.same.walk(tokens[at..].iter().map(|t| t.word)).last();
            let (taken, word) = longest.unwrap_or((1, token.word));
            merged.push(Token { word, to: tokens[at + taken - 1].to, ..*token });
            at += taken;
        }
        merged
    }
}

/// Runs of letters and digits. Chinese has no blanks: each of its characters is a piece.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let from = rest.bytes().position(|b| b.is_ascii_alphanumeric() || !b.is_ascii())?;
        rest = &rest[from..];
        let end = rest.bytes().position(|b| !b.is_ascii_alphanumeric()).unwrap_or(rest.len());
        if end > 0 && rest.as_bytes().get(end).is_none_or(u8::is_ascii) {
            let (piece, after) = rest.split_at(end);
            rest = after;
            return Some(piece);
        }
        rest = rest.trim_start_matches(|c: char| !c.is_alphanumeric());
        let first = rest.chars().next()?;
        let end = match is_ideograph(first) {
            true => first.len_utf8(),
            false => rest.find(|c: char| !c.is_alphanumeric() || is_ideograph(c)).unwrap_or(rest.len()),
        };
        let (piece, after) = rest.split_at(end);
        rest = after;
        Some(piece)
    })
}

fn is_ideograph(c: char) -> bool {
    ('\u{3400}'..='\u{9fff}').contains(&c)
}

/// `Some(Some(n))` for a number, `Some(None)` for one that identifies nothing (an id, an address), `None` for a word.
fn number(piece: &str) -> Option<Option<u32>> {
    let bytes = piece.as_bytes();
    let (mut digits, mut hex) = (0, true);
    for byte in bytes {
        digits += usize::from(byte.is_ascii_digit());
        hex &= byte.is_ascii_hexdigit();
    }
    if digits == bytes.len() {
        return Some(piece.parse().ok().filter(|_| bytes.len() <= 5));
    }
    let prefixed = piece.strip_prefix("0x").is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_hexdigit()));
    let placeholder = bytes.len() > 1 && bytes.iter().all(|b| matches!(b, b'x' | b'X'));
    (prefixed || placeholder || (hex && digits > 0 && (bytes.len() >= 8 || digits * 2 >= bytes.len()))).then_some(None)
}

/// Lower case, without a trailing counter (`video0`) and without the endings of English words.
fn normalise(piece: &str, out: &mut String) {
    out.clear();
    match piece.get(..48).or((piece.len() < 48).then_some(piece)).filter(|piece| piece.is_ascii()) {
        Some(piece) => {
            out.push_str(piece);
            out.make_ascii_lowercase();
        }
        None => out.extend(piece.chars().take(48).flat_map(char::to_lowercase)),
    }
    let letters = out.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    if letters >= 3 && out.as_bytes()[letters - 3..letters].iter().all(u8::is_ascii_alphabetic) {
        out.truncate(letters);
    }
    if !out.is_ascii() || out.len() < 4 {
        return;
    }
    for (ending, keep) in [("ing", 3), ("ed", 3), ("s", 3)] {
        if out.len() >= ending.len() + keep && out.ends_with(ending) && !(ending == "s" && out.ends_with("ss")) {
            out.truncate(out.len() - ending.len());
            break;
        }
    }
    if out.len() > 3 && out.ends_with('e') {
        out.truncate(out.len() - 1);
    }
    let bytes = out.as_bytes();
    if let [.., a, b] = bytes
        && a == b
        && bytes.len() > 4
        && !matches!(b, b's' | b'l')
    {
        out.truncate(out.len() - 1);
    }
}
