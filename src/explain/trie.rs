//! Sequences of words, found at a place of a text in one walk.

use super::hash::QuickMap;

/// Sequences with a value each.
#[derive(Debug, Default)]
pub struct Trie {
    steps: QuickMap<(u32, u32), u32>,
    values: Vec<Vec<u32>>,
    /// By word: some sequence begins with it.
    firsts: Vec<bool>,
}

impl Trie {
    /// An empty sequence is left out.
    pub fn insert(&mut self, words: &[u32], value: u32) {
        let Some(first) = words.first() else { return };
        if self.values.is_empty() {
            self.values.push(Vec::new());
        }
        let mut node = 0;
        for word in words {
            let next = self.values.len() as u32;
            node = *self.steps.entry((node, *word)).or_insert(next);
            if node == next {
                self.values.push(Vec::new());
            }
        }
        self.values[node as usize].push(value);
        let first = *first as usize;
        if first < 1 << 24 {
            self.firsts.resize(self.firsts.len().max(first + 1), false);
            self.firsts[first] = true;
        }
    }

    /// True if some sequence begins with the word; numbers may.
    pub fn begins(&self, word: u32) -> bool {
        self.firsts.get(word as usize).copied().unwrap_or(word as usize >= 1 << 24)
    }

    /// Every sequence that the words begin with, shortest first: how many words it has, and a value.
    pub fn walk(&self, words: impl Iterator<Item = u32>) -> impl Iterator<Item = (usize, u32)> {
        let mut node = 0;
        let mut words = words;
        let mut taken = 0;
        std::iter::from_fn(move || {
            node = *self.steps.get(&(node, words.next()?))?;
            taken += 1;
            Some((taken, node))
        })
        .flat_map(|(taken, node)| self.values[node as usize].iter().map(move |value| (taken, *value)))
    }
}
