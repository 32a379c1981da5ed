//! gdoctor against real parts.
fn main() {}
