//! One output format a file, each a pure function of the report.

pub mod github;
pub mod html;
pub mod json;
pub mod junit;
pub mod md;
pub mod nagios;
pub mod npd;
pub mod prom;
pub mod sarif;
pub mod snippet;
pub mod status;
pub mod tap;
pub mod text;
