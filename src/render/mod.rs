//! One output format a file, each a pure function of the report.

pub mod json;
pub mod snippet;
pub mod text;
