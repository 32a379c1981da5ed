//! The command line as consoles in Markdown: the README's own examples, and `tests/cli/*.md`.

#[test]
fn consoles() {
    trycmd::TestCases::new().case("README.md").case("tests/cli/*.md").env("NO_COLOR", "1");
}
