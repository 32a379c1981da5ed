//! The user's own text whole, with markers: a run line wrapped between its words, and the lines of a compose file that change.

use std::fmt::Write;

use colored::Colorize;
use gdoctor_checks::model::run::Span;
use textwrap::core::display_width;

use super::wrap;
use crate::report::{Place, Report};

/// Columns before the first row; those after it have twice as many.
const MARGIN: usize = 2;

/// `text` in rows of at most `width` columns, broken at blanks, and under each row `~~1~~` where a span lies.
pub fn show(text: &str, marks: &[(Span, usize)], width: usize) -> String {
    let mut out = String::new();
    for (number, (start, end)) in rows(text, width.saturating_sub(2 * MARGIN)).into_iter().enumerate() {
        let margin = " ".repeat(if number == 0 { MARGIN } else { 2 * MARGIN });
        let row = &text[start..end];
        let _ = writeln!(out, "{margin}{}", row.trim_end().replace('\t', " "));
        let under = under(row, start, marks);
        if !under.is_empty() {
            let _ = writeln!(out, "{margin}{}", under.bold());
        }
    }
    out.trim_end().to_owned()
}

/// Where each row begins and ends, in bytes. An option and the word behind it stay together.
fn rows(text: &str, width: usize) -> Vec<(usize, usize)> {
    let mut units: Vec<(usize, usize)> = Vec::new();
    let mut at = 0;
    let mut after_option = false;
    for word in text.split_inclusive(' ') {
        let end = at + word.len();
        let is_option = word.starts_with('-');
        match units.last_mut().filter(|_| after_option && !is_option) {
            Some(unit) => unit.1 = end,
            None => units.push((at, end)),
        }
        after_option = is_option && !word.contains('=');
        at = end;
    }
    let mut rows: Vec<(usize, usize)> = Vec::new();
    for (start, end) in units {
        match rows.last_mut().filter(|row| display_width(text[row.0..end].trim_end()) <= width) {
            Some(row) => row.1 = end,
            None => rows.push((start, end)),
        }
    }
    rows
}

/// What meets in the text shares a marker, `~~3,4~~`.
fn together(marks: &[(Span, usize)]) -> Vec<(Span, String)> {
    let mut sorted = marks.to_vec();
    sorted.sort_by_key(|(span, number)| (span.start, *number));
    let mut found: Vec<(Span, String)> = Vec::new();
    for (span, number) in sorted {
        match found.last_mut().filter(|(last, _)| span.start < last.end) {
            Some((last, numbers)) => {
                last.end = last.end.max(span.end);
                numbers.push_str(&format!(",{number}"));
            }
            None => found.push((span, number.to_string())),
        }
    }
    found
}

/// The row of markers under the row that begins at byte `start` of the text.
fn under(row: &str, start: usize, marks: &[(Span, usize)]) -> String {
    let mut line: Vec<u8> = Vec::new();
    for (span, number) in together(marks) {
        let (from, to) = (span.start.max(start), span.end.min(start + row.len()));
        let (Some(before), Some(inside)) =
            (row.get(..from.saturating_sub(start)), row.get(from.saturating_sub(start)..to.saturating_sub(start)))
        else {
            continue;
        };
        let (left, wide) = (display_width(before), display_width(inside.trim_end()));
        if wide == 0 {
            continue;
        }
        let wide = wide.max(number.len());
        if line.len() < left + wide {
            line.resize(left + wide, b' ');
        }
        line[left..left + wide].fill(b'~');
        let middle = left + (wide - number.len()) / 2;
        line[middle..middle + number.len()].copy_from_slice(number.as_bytes());
    }
    String::from_utf8_lossy(&line).trim_end().to_owned()
}

/// The lines of a compose file that change, and why each does.
pub fn changes(out: &mut String, report: &Report, width: usize) {
    let Some(compose) = report.compose.as_ref().filter(|compose| !compose.changes.is_empty()) else { return };
    let _ = writeln!(out, "\n{}", "The corrected lines".bold());
    for change in &compose.changes {
        let place = format!("{}:{}", change.file.path, change.file.line);
        let what = if change.adds { format!(", added to {}", compose.service) } else { String::new() };
        let _ = writeln!(out, "\n  {place}{what}");
        let indent: String = change.file.text.chars().take_while(|c| *c == ' ').collect();
        if !change.adds {
            let _ = writeln!(out, "{}", format!("  - {}", change.file.text).red());
        }
        match in_brackets(&change.file, &change.lines) {
            Some(line) => drop(writeln!(out, "{}", format!("  + {line}").green())),
            None => change.lines.iter().for_each(|line| {
                let _ = writeln!(out, "{}", format!("  + {indent}{line}").green());
            }),
        }
        let _ = writeln!(out, "    {}", wrap(&change.reason, width, 4));
    }
}

/// The file's line with this item of a list in brackets, `[a, b]`, changed or gone; `None` where the item has a line of its own.
fn in_brackets(place: &Place, lines: &[String]) -> Option<String> {
    let skipped = place.column.saturating_sub(1 + place.text_after);
    let from = place.text.char_indices().nth(skipped).map(|(at, _)| at)?;
    let to = from.checked_add(place.end.saturating_sub(place.start))?;
    let (before, after) = (place.text.get(..from)?, place.text.get(to..)?);
    if !before.contains('[') || !before.trim_end().ends_with(['[', ',']) {
        return None;
    }
    match lines {
        [] => match before.trim_end().strip_suffix(',') {
            Some(before) => Some(format!("{before}{after}")),
            None => Some(format!("{before}{}", after.trim_start().trim_start_matches(',').trim_start())),
        },
        [line] => Some(format!("{before}{}{after}", line.strip_prefix("- ")?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_in_brackets_stays_in_them() {
        let told = |item: &str, lines: &[&str]| {
            let text = r#"  ports: ["80:80", "81:81"]"#.to_owned();
            let at = text.find(item).unwrap();
            let place = Place {
                path: "a.yaml".into(),
                line: 1,
                column: at + 1,
                start: 100,
                end: 100 + item.len(),
                text,
                text_after: 0,
            };
            in_brackets(&place, &lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>())
        };
        let second = r#""81:81""#;
        assert_eq!(told(second, &[r#"- "82:81""#]).unwrap(), r#"  ports: ["80:80", "82:81"]"#);
        assert_eq!(told(second, &[]).unwrap(), r#"  ports: ["80:80"]"#);
        assert_eq!(told(r#""80:80""#, &[]).unwrap(), r#"  ports: ["81:81"]"#);
        assert_eq!(told("ports", &["- x"]), None);
    }

    #[test]
    fn markers_stand_under_what_they_mean_in_wrapped_rows_too() {
        let text = "docker run -v /dev/video0:/dev/video0 -e DISPLAY=:0 IMG";
        let at = |part: &str| {
            let start = text.find(part).unwrap();
            Span::new(start, start + part.len())
        };
        let marks = [(at("-v /dev/video0:/dev/video0"), 1), (at("DISPLAY=:0"), 2)];
        assert_eq!(
            show(text, &marks, 80),
            "  docker run -v /dev/video0:/dev/video0 -e DISPLAY=:0 IMG\n             ~~~~~~~~~~~~1~~~~~~~~~~~~~    ~~~~2~~~~~"
        );
        assert_eq!(
            show(text, &marks, 44),
            "  docker run -v /dev/video0:/dev/video0\n             ~~~~~~~~~~~~1~~~~~~~~~~~~~\n    -e DISPLAY=:0 IMG\n       ~~~~2~~~~~"
        );
        let two = [(at("-v /dev/video0:/dev/video0"), 3), (at("/dev/video0:/dev/video0"), 4)];
        assert_eq!(
            show(text, &two, 80),
            "  docker run -v /dev/video0:/dev/video0 -e DISPLAY=:0 IMG\n             ~~~~~~~~~~~3,4~~~~~~~~~~~~"
        );
        assert_eq!(show("画 画像 x", &[(Span::new(4, 10), 7)], 80), "  画 画像 x\n     ~7~~");
    }
}
