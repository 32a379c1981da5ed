//! What gdoctor can explain and no check can see on a host: what is inside an image, what a container was started with, what a
//! package manager or a registry's own set-up says. A note has words and no judge.

/// One note: `checks/notes/NAME/doc.md`, with the texts that must lead to its codes in `cases.toml` beside it.
#[derive(Debug)]
pub struct Note {
    /// Stable, kebab-case, never reused, and never the id of a check.
    pub id: &'static str,
    /// See [`crate::model::doc::Doc::parse_note`].
    pub doc: &'static str,
}

/// Every note.
pub static NOTES: &[&Note] = &[
    &Note { id: "in-image", doc: include_str!("in_image/doc.md") },
    &Note { id: "at-run", doc: include_str!("at_run/doc.md") },
    &Note { id: "host-setup", doc: include_str!("host_setup/doc.md") },
    &Note { id: "registry-server", doc: include_str!("registry_server/doc.md") },
    &Note { id: "on-kubernetes", doc: include_str!("on_kubernetes/doc.md") },
];
