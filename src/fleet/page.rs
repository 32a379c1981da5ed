//! A fleet as one HTML page, in the dress of a host's report: no network, no script.

use std::fmt::Write;

use super::{Cause, Fleet, Member, State};
use crate::render::html;

const STYLE: &str = "table { border-collapse: collapse; width: 100%; margin: .3rem 0; } \
td, th { text-align: left; vertical-align: top; padding: .2rem .6rem .2rem 0; border-bottom: 1px solid var(--line); } \
.outlier { color: var(--warn); }";

pub fn render(fleet: &Fleet) -> String {
    let mut out = html::head(&fleet.verdict(), STYLE);
    let when = html::text(&fleet.generated_at);
    let verdict = html::text(&fleet.verdict());
    let _ = write!(
        out,
        "<header>\n<h1>{verdict}</h1>\n<p><time datetime=\"{when}\">{when}</time> · gdoctor {}</p>\n</header>\n<main>\n",
        env!("CARGO_PKG_VERSION")
    );
    fleet.causes.iter().for_each(|cause| self::cause(&mut out, cause));
    versions(&mut out, fleet);
    hosts(&mut out, fleet);
    if !fleet.unread.is_empty() {
        out.push_str("<h2>Not read</h2>\n<ul>\n");
        for file in &fleet.unread {
            let _ = writeln!(out, "<li>{}: {}</li>", html::text(&file.file), html::text(&file.why));
        }
        out.push_str("</ul>\n");
    }
    for (title, names) in [("Not expected", &fleet.unexpected), ("Other documents, not counted", &fleet.others)] {
        if !names.is_empty() {
            let _ = writeln!(out, "<h2>{title}</h2>\n<p>{}</p>", html::text(&names.join(", ")));
        }
    }
    out.push_str("</main>\n</body>\n</html>\n");
    out
}

fn cause(out: &mut String, cause: &Cause) {
    let (word, count) = (class(cause.state), cause.hosts.len());
    let _ = write!(
        out,
        "<article class=\"{word}\">\n<h3><span class=\"mark\">{}</span> {}</h3>\n<p>{}</p>\n",
        word.to_uppercase(),
        html::text(&cause.code),
        html::text(&cause.summary)
    );
    if cause.other_words > 0 {
        let _ = writeln!(out, "<p class=\"why\">Said in {} other ways too.</p>", cause.other_words);
    }
    let noun = if count == 1 { "host" } else { "hosts" };
    let names = html::text(&cause.hosts.join(", "));
    let _ = write!(
        out,
        "<details{}>\n<summary>{count} {noun}</summary>\n<p>{names}</p>\n</details>\n<p class=\"why\">gdoctor explain {}</p>\n</article>\n",
        if count <= 8 { " open" } else { "" },
        html::text(&cause.code)
    );
}

fn versions(out: &mut String, fleet: &Fleet) {
    if fleet.versions.is_empty() {
        return;
    }
    out.push_str("<h2>Versions</h2>\n<table>\n<tr><th>Of</th><th>Version</th><th>Hosts</th></tr>\n");
    for of in &fleet.versions {
        for version in &of.values {
            let names = if version.outlier { html::text(&version.hosts.join(", ")) } else { String::new() };
            let _ = writeln!(
                out,
                "<tr{}><td>{}</td><td>{}</td><td>{} {names}</td></tr>",
                if version.outlier { " class=\"outlier\"" } else { "" },
                html::text(&of.of),
                html::text(&version.value),
                version.hosts.len()
            );
        }
    }
    out.push_str("</table>\n");
}

fn hosts(out: &mut String, fleet: &Fleet) {
    out.push_str("<h2>Hosts</h2>\n<table>\n<tr><th>Host</th><th></th><th>Report of</th><th>Causes</th></tr>\n");
    let row = |host: &Member| {
        let codes: Vec<&str> = host.told.iter().map(|told| told.code.as_str()).collect();
        let (name, when) = (html::text(&host.name), html::text(&host.generated_at));
        let word = host.state.word();
        format!(
            "<tr class=\"{}\"><td>{name}</td><td><span class=\"mark\">{}</span></td><td>{when}</td><td>{}</td></tr>\n",
            class(host.state),
            word.to_uppercase(),
            html::text(&codes.join(", "))
        )
    };
    for state in State::ALL {
        fleet.in_state(state).for_each(|host| out.push_str(&row(host)));
    }
    out.push_str("</table>\n");
}

/// The colours of a report's own states.
fn class(state: State) -> &'static str {
    match state {
        State::Stale | State::Silent => State::Unknown.word(),
        state => state.word(),
    }
}
