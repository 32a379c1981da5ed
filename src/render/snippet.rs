//! Shows a place in the user's own text with a marker under it.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use gdoctor_checks::model::run::Span;

use crate::policy::Status;
use crate::report::Place;

/// The line that holds `span`, marked; lines longer than `width` are shown around the marker. No line end at the end.
pub fn mark(text: &str, span: Span, label: &str, status: Status, width: usize) -> String {
    let range = whole(text, span);
    let (near, from) = around(text, &range, width);
    let annotation = AnnotationKind::Primary.span(range.start - from..range.end - from).label(label);
    let before = memchr::memchr_iter(b'\n', &text.as_bytes()[..from]).count();
    let snippet = Snippet::source(near).line_start(before + 1).annotation(annotation);
    let group = Group::with_level(level(status)).element(snippet);
    renderer(width).render(&[group])
}

/// Of a long text as much as is shown of it: the renderer looks at all that it is given. Where it begins, besides.
fn around<'a>(text: &'a str, range: &Range<usize>, width: usize) -> (&'a str, usize) {
    let room = 8 * width.max(80);
    let edge = |at: usize| (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
    let from = text[..range.start].rfind('\n').map_or(0, |end| end + 1).max(edge(range.start.saturating_sub(room)));
    let end = text[range.end..].find('\n').map_or(text.len(), |length| range.end + length);
    (&text[from..end.min(edge(range.end.saturating_add(room)))], from)
}

/// The same of a file of which only the line is at hand, with the file's name and the line's number.
pub fn mark_line(place: &Place, status: Status, width: usize) -> String {
    let indent =
        place.text.chars().take(place.column.saturating_sub(1 + place.text_after)).map(char::len_utf8).sum::<usize>();
    let span = Span::new(indent, indent.saturating_add(place.end.saturating_sub(place.start)));
    let annotation = AnnotationKind::Primary.span(whole(&place.text, span));
    let snippet = Snippet::source(place.text.as_str()).path(place.path.as_str()).line_start(place.line);
    let group = Group::with_level(level(status)).element(snippet.annotation(annotation));
    renderer(width).render(&[group])
}

/// A text that cannot be read: what is wrong, where, and what helps.
pub fn refusal(name: &str, text: &str, span: Span, what: &str, help: &str, width: usize) -> String {
    let shown: String = text.chars().map(visible).collect();
    let annotation = AnnotationKind::Primary.span(whole(text, span)).label("here");
    let snippet = Snippet::source(shown.as_str()).path(name).annotation(annotation);
    let mut group = Level::ERROR.primary_title(what).element(snippet);
    if !help.is_empty() {
        group = group.element(Level::HELP.message(help));
    }
    renderer(width).render(&[group])
}

/// Control characters as one-byte signs, so that places stay where they are and a terminal does not act on them.
fn visible(c: char) -> char {
    if c.is_ascii_control() && c != '\n' && c != '\t' { '?' } else { c }
}

fn level(status: Status) -> Level<'static> {
    match status {
        Status::Fail => Level::ERROR,
        Status::Warn => Level::WARNING,
        _ => Level::NOTE,
    }
}

fn renderer(width: usize) -> Renderer {
    let renderer =
        if colored::control::SHOULD_COLORIZE.should_colorize() { Renderer::styled() } else { Renderer::plain() };
    renderer.term_width(width.max(40))
}

/// `span` on whole characters of `text`.
fn whole(text: &str, span: Span) -> Range<usize> {
    let edge = |mut at: usize| {
        at = at.min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let (start, end) = (edge(span.start), edge(span.end));
    start..end.max(start)
}
