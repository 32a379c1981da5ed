//! Shows a place in the user's own text with a marker under it.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use gdoctor_checks::model::run::Span;

use crate::policy::Status;
use crate::report::Place;

/// The line that holds `span`, marked; lines longer than `width` are shown around the marker. No line end at the end.
pub fn mark(text: &str, span: Span, label: &str, status: Status, width: usize) -> String {
    let annotation = AnnotationKind::Primary.span(range(text, span)).label(label);
    let group = Group::with_level(level(status)).element(Snippet::source(text).annotation(annotation));
    renderer(width).render(&[group])
}

/// The same of a file of which only the line is at hand, with the file's name and the line's number.
pub fn mark_line(place: &Place, status: Status, width: usize) -> String {
    let indent =
        place.text.chars().take(place.column.saturating_sub(1 + place.text_after)).map(char::len_utf8).sum::<usize>();
    let span = Span::new(indent, indent.saturating_add(place.end.saturating_sub(place.start)));
    let annotation = AnnotationKind::Primary.span(range(&place.text, span));
    let snippet = Snippet::source(place.text.as_str()).path(place.path.as_str()).line_start(place.line);
    let group = Group::with_level(level(status)).element(snippet.annotation(annotation));
    renderer(width).render(&[group])
}

/// A text that cannot be read: what is wrong, where, and what helps.
pub fn refusal(name: &str, text: &str, span: Span, what: &str, help: &str, width: usize) -> String {
    let shown: String = text.chars().map(visible).collect();
    let annotation = AnnotationKind::Primary.span(range(text, span)).label("here");
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
fn range(text: &str, span: Span) -> std::ops::Range<usize> {
    let whole = |mut at: usize| {
        at = at.min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let (start, end) = (whole(span.start), whole(span.end));
    start..end.max(start)
}
