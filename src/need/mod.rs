//! Makes the need of a run: what flags ask, then the line that is going to be run; without a line, what the host evidently has
//! and what the usual guide suggests.

mod flags;
mod host;
pub mod run_line;

use gdoctor_checks::model::need::Need;
use gdoctor_checks::model::run::Span;

use crate::cli::{LineArgs, Wishes};
use crate::host::Host;

/// Larger texts are no command line.
const CAP: usize = 1 << 20;

/// Why a text of the user cannot be read. With a place: the text, what it is called, and where in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub what: String,
    pub help: String,
    pub place: Option<(String, String, Span)>,
}

impl Refusal {
    fn plain(what: String) -> Self {
        Self { what, help: String::new(), place: None }
    }
}

/// Flags first. A run line says all the rest; without one, of each kind of thing that no flag speaks of, what the host shows and
/// the guide suggests.
pub fn gather(wishes: &Wishes, line: &LineArgs, host: &Host) -> Result<Need, Refusal> {
    match line_text(line, host)? {
        Some((name, text, environment)) => {
            let mut need = flags::need(wishes);
            let variable = |name: &str| environment.then(|| host.env(name)).flatten();
            let shell = run_line::Shell {
                variable: &variable,
                passed: &|name| host.env(name),
                cwd: host.cwd(),
                home: host.env("HOME"),
                uid: nix::unistd::geteuid().as_raw(),
                gid: nix::unistd::getegid().as_raw(),
            };
            let line = run_line::parse(&text, &shell).map_err(|wrong| Refusal {
                what: wrong.what,
                help: wrong.help,
                place: Some((name, text, wrong.span)),
            })?;
            run_line::add(&mut need, line);
            Ok(need)
        }
        None => Ok(of_wishes(wishes, host)),
    }
}

/// What flags ask, what the host evidently has, and what the guide suggests: without a line.
pub fn of_wishes(wishes: &Wishes, host: &Host) -> Need {
    let mut need = flags::need(wishes);
    host::add(&mut need, host);
    need
}

/// What the line is called in messages, the line, and whether the shell has still to replace variables in it.
fn line_text(line: &LineArgs, host: &Host) -> Result<Option<(String, String, bool)>, Refusal> {
    if !line.line.is_empty() {
        return Ok(Some(("the command line".into(), run_line::join(&line.line), false)));
    }
    let Some(path) = &line.run_file else { return Ok(None) };
    let (name, bytes) = if path.as_os_str() == "-" {
        let bytes = host.standard_input(CAP).map_err(|why| Refusal::plain(format!("standard input: {why}")))?;
        ("standard input".to_owned(), bytes)
    } else {
        let name = path.display().to_string();
        // The user's own file: a relative path counts from the working directory, and --root does not move it.
        let place = std::path::Path::new(&host.cwd()).join(path);
        let fact = host.live().bytes(place, CAP);
        let why = fact.gap().map(|gap| gap.reason());
        match fact.value() {
            Some(bytes) => (name, bytes.clone()),
            None => {
                let why = why.unwrap_or_else(|| "there is no such file".into());
                return Err(Refusal::plain(format!("--run-file {name}: {why}")));
            }
        }
    };
    let text = String::from_utf8(bytes).map_err(|_| Refusal::plain(format!("{name}: this is not UTF-8 text")))?;
    Ok(Some((name, text, true)))
}
