//! What a server's certificate says of itself: its names and its dates. No ASN.1 is read here: rustls' verifier tells both when it
//! is asked for a name or a time that cannot fit.

use std::sync::Arc;
use std::time::Duration;

use gdoctor_checks::model::facts::registry::Certificate;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, Error, RootCertStore};

use super::clock;

/// 9999-12-31, the last day that a certificate can have.
const LAST: u64 = 253_402_300_799;
/// A name that nobody can have (RFC 2606).
const NOBODY: &str = "nobody.invalid";
const DAY: u64 = 86_400;

/// `None` for what is no certificate.
pub fn read(leaf: &CertificateDer<'_>, provider: &Arc<CryptoProvider>) -> Option<Certificate> {
    let nobody = ServerName::try_from(NOBODY).ok()?;
    let mut roots = RootCertStore::empty();
    // The verifier wants an authority; dates are looked at before it matters which.
    roots.add(leaf.clone().into_owned()).ok()?;
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider)).build().ok()?;
    let at = |seconds: u64| {
        let time = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        verifier.verify_server_cert(leaf, &[], &nobody, &[], time)
    };
    let until = match at(LAST) {
        Err(Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. })) => not_after.as_secs(),
        _ => LAST,
    };
    let from = match at(0) {
        Err(Error::InvalidCertificate(CertificateError::NotValidYetContext { not_before, .. })) => not_before.as_secs(),
        _ => 0,
    };
    let day = |seconds: u64| clock::rfc3339(seconds).chars().take(10).collect();
    let left = until.saturating_sub(clock::unix_seconds()) / DAY;
    Some(Certificate { subject_alt_names: names(leaf, &nobody)?, from: day(from), until: day(until), days_left: left })
}

/// The names of subjectAltName; the common name does not count.
fn names(leaf: &CertificateDer<'_>, nobody: &ServerName<'_>) -> Option<Vec<String>> {
    let parsed = ParsedCertificate::try_from(leaf).ok()?;
    match rustls::client::verify_server_name(&parsed, nobody) {
        Err(Error::InvalidCertificate(CertificateError::NotValidForNameContext { presented, .. })) => {
            Some(presented.iter().filter_map(|name| plain(name)).collect())
        }
        _ => Some(Vec::new()),
    }
}

/// `DnsName("registry.lan")` and `IpAddress(192.168.1.10)`, without their kind.
fn plain(name: &str) -> Option<String> {
    let (kind, rest) = name.split_once('(')?;
    let inner = rest.strip_suffix(')')?.trim_matches('"');
    ["DnsName", "IpAddress"].contains(&kind).then(|| inner.to_owned())
}
