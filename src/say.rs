//! What gdoctor says besides its reports: texts on standard output, and on standard error what is wrong with what it was given.

use std::borrow::Cow;

use crate::host::{Deadline, Host, output};
use crate::{need, plan, policy, render, report, secret};

/// Where there is no report to say so.
pub fn warn_of_left(project: Option<&need::ProjectFile>) {
    if let Some(words) = project.and_then(|file| report::NeedFile::new(file, report::Gate::default()).left_words()) {
        eprintln!("gdoctor: {words}");
    }
}

/// Says on standard error what is waited for, whenever that has changed.
pub fn waiting(checks: &[&str], until: Deadline, told: &mut String) {
    let now = checks.join(", ");
    if now != *told {
        output::tell(&format!("gdoctor: waiting for {now}, {} s at most", until.left().as_secs()));
        *told = now;
    }
}

/// Returns the exit code, as all of these do.
pub fn print(text: &str) -> u8 {
    output::write_stdout(text.as_bytes()).map_or_else(|why| misuse(&why), |()| policy::OK)
}

/// gdoctor's own words, as the locale's letters can write them.
pub fn spelled(text: &str) -> Cow<'_, str> {
    match plan::speaks_utf8(&Host::new("/", std::time::Duration::ZERO)) {
        true => Cow::Borrowed(text),
        false => text.replace('…', "...").into(),
    }
}

pub fn print_words(text: &str) -> u8 {
    print(&spelled(text))
}

/// A text of the user that cannot be read: shown with a marker at the spot.
pub fn refuse(refusal: &need::Refusal, width: usize) -> u8 {
    match &refusal.place {
        None => misuse(&refusal.what),
        Some((name, text, span)) => {
            let (what, help) = (report::harmless(&refusal.what), report::harmless(&refusal.help));
            let (name, text) = (report::harmless(name), secret::overwritten(text));
            let (what, help) = (spelled(&what), spelled(&help));
            output::tell(&render::snippet::refusal(&name, &text, *span, &what, &help, width));
            policy::MISUSE
        }
    }
}

/// What is wrong with the arguments, in a sentence.
pub fn misuse(why: &str) -> u8 {
    output::tell(&format!("gdoctor: {}", spelled(&report::harmless(why))));
    policy::MISUSE
}
