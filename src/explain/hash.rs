//! Tables by words and numbers of words: a quick hash is enough for what is bounded and was made here.

use std::collections::{HashMap, HashSet};

use foldhash::fast::FixedState;

pub type QuickMap<K, V> = HashMap<K, V, FixedState>;
pub type QuickSet<K> = HashSet<K, FixedState>;
