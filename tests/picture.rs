//! docs/guide.svg shows what gdoctor says of the guide's long command. `GDOCTOR_PICTURE=write cargo test --test picture` draws
//! it anew from the real output; without that the picture has to be what would be drawn.
#![allow(clippy::disallowed_methods)]

use std::fmt::Write;
use std::path::Path;
use std::process::Command;

/// The guide's command of step 4, on a desktop's first display.
const LINE: &str = "docker run --name mydocker -p 8080:8080 --gpus all --shm-size=1g --ulimit memlock=-1 -v /dev/video0:/dev/video0 --device=/dev/video0 -it -v /tmp/.X11-unix:/tmp/.X11-unix -e DISPLAY=:0 myimage:latest";
/// Checks of the line alone, which say the same on every host.
const ONLY: &str = "run-line-syntax,run-line-display,run-line-camera,run-line-ports";
/// Columns of the terminal, and the size of one letter.
const COLUMNS: usize = 100;
const LETTER: (f32, f32) = (8.4, 19.0);

#[test]
fn the_picture_is_of_the_real_output() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gdoctor"));
    let output = command.args(["check", "--need", "none", "--color", "always", "--only", ONLY, "--"]);
    let output = output.args(LINE.split(' ')).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let rows: Vec<String> = text.lines().map(str::to_owned).collect();
    let typed = format!("\u{1b}[1m$ gdoctor check --only {ONLY} -- {LINE}\u{1b}[0m");
    let drawn = draw(&[vec![typed, String::new()], rows].concat());

    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/guide.svg");
    if std::env::var("GDOCTOR_PICTURE").as_deref() == Ok("write") {
        std::fs::write(&file, &drawn).unwrap();
    }
    let committed = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(committed == drawn, "docs/guide.svg is of another output: GDOCTOR_PICTURE=write cargo test --test picture");
    assert!(drawn.contains("is needless") && drawn.contains("Corrected"), "{drawn}");
    assert!(!drawn.contains('\u{1b}'), "an escape is left");
}

/// A letter and how it is written.
#[derive(Clone, PartialEq)]
struct Cell {
    letter: char,
    class: String,
}

fn draw(rows: &[String]) -> String {
    let cells: Vec<Vec<Cell>> = rows.iter().flat_map(|row| wrapped(&cells(row))).collect();
    let width = (COLUMNS as f32 * LETTER.0).ceil() + 32.0;
    let height = cells.len() as f32 * LETTER.1 + 32.0;
    let mut svg = format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" aria-labelledby="title">
<title id="title">gdoctor judges the guide's long command: a marker under the argument, and the corrected command</title>
<style>
  text {{ font: 14px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; white-space: pre; fill: #1f2328 }}
  .paper {{ fill: #ffffff; stroke: #d1d9e0 }}
  .bold {{ font-weight: 700 }} .dim {{ fill: #59636e }}
  .red {{ fill: #b42318 }} .green {{ fill: #136c2e }} .yellow {{ fill: #7a4f01 }} .blue {{ fill: #0550ae }}
  .magenta {{ fill: #8250df }} .cyan {{ fill: #0b6b70 }}
  @media (prefers-color-scheme: dark) {{
    text {{ fill: #e6edf3 }} .paper {{ fill: #0d1117; stroke: #3d444d }} .dim {{ fill: #9198a1 }}
    .red {{ fill: #ff7b72 }} .green {{ fill: #57c96b }} .yellow {{ fill: #e3b341 }} .blue {{ fill: #79c0ff }}
    .magenta {{ fill: #d2a8ff }} .cyan {{ fill: #56d4dd }}
  }}
</style>
<rect class="paper" x="0.5" y="0.5" width="{}" height="{}" rx="8"/>
"#,
        width - 1.0,
        height - 1.0
    );
    for (number, row) in cells.iter().enumerate() {
        let mut spans = String::new();
        for run in row.chunk_by(|a, b| a.class == b.class) {
            let text: String = run.iter().map(|cell| cell.letter).collect();
            let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            let class = run.first().map_or("", |cell| cell.class.as_str());
            let _ = match class {
                "" => write!(spans, "{text}"),
                class => write!(spans, r#"<tspan class="{class}">{text}</tspan>"#),
            };
        }
        if !spans.trim().is_empty() {
            let y = 16.0 + LETTER.1 * (number as f32 + 0.8);
            let _ = writeln!(svg, r#"<text x="16" y="{y:.1}" xml:space="preserve">{spans}</text>"#);
        }
    }
    svg.push_str("</svg>\n");
    svg
}

/// As a terminal breaks a row that is too long.
fn wrapped(row: &[Cell]) -> Vec<Vec<Cell>> {
    if row.is_empty() { vec![Vec::new()] } else { row.chunks(COLUMNS).map(<[Cell]>::to_vec).collect() }
}

/// Letters with what the escapes before them say: weight, dimness, one of eight colours.
fn cells(row: &str) -> Vec<Cell> {
    let (mut found, mut bold, mut dim, mut colour) = (Vec::new(), false, false, "");
    let mut rest = row;
    while let Some(letter) = rest.chars().next() {
        let Some((codes, after)) = rest.strip_prefix("\u{1b}[").and_then(|rest| rest.split_once('m')) else {
            let words = [if bold { "bold" } else { "" }, if dim { "dim" } else { "" }, colour];
            let class = words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
            found.push(Cell { letter, class });
            rest = &rest[letter.len_utf8()..];
            continue;
        };
        for code in codes.split(';') {
            match code {
                "" | "0" => (bold, dim, colour) = (false, false, ""),
                "1" => bold = true,
                "2" | "90" => dim = true,
                "31" | "91" => colour = "red",
                "32" | "92" => colour = "green",
                "33" | "93" => colour = "yellow",
                "34" | "94" => colour = "blue",
                "35" | "95" => colour = "magenta",
                "36" | "96" => colour = "cyan",
                _ => {}
            }
        }
        rest = after;
    }
    found
}
