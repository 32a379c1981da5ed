//! Where a variable's name and its braces end, in compose files and Dockerfiles alike.

/// The byte of the `}` that closes what was opened before.
pub fn closing(text: &str) -> Option<usize> {
    let mut depth = 1usize;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => {
                depth -= 1;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

/// Bytes of the name that `text` begins with; 0 when it begins with none.
pub fn name_length(text: &str) -> usize {
    let first = text.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    if first { text.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count() } else { 0 }
}
