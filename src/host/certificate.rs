//! What a certificate says of itself: a server's names and dates, and whether a client's fits its key and can be shown.

use std::net::IpAddr;

use gdoctor_checks::model::facts::registry::{Certificate, Unfit};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};
use x509_cert::certificate::{CertificateInner, Raw, Version};
use x509_cert::der::Decode;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{BasicConstraints, SubjectAltName};

use super::clock;

const DAY: u64 = 86_400;

/// As browsers and Go do, this takes certificates that do not keep to every rule of RFC 5280.
type Lenient = CertificateInner<Raw>;

/// `None` for what is no certificate.
pub fn read(leaf: &CertificateDer<'_>) -> Option<Certificate> {
    let parsed = Lenient::from_der(leaf).ok()?;
    let said = parsed.tbs_certificate();
    let (from, until) = (said.validity().not_before, said.validity().not_after);
    let (from, until) = (from.to_unix_duration().as_secs(), until.to_unix_duration().as_secs());
    // The common name does not count.
    let names = said.get_extension::<SubjectAltName>().ok()?.map(|(_, names)| names.0).unwrap_or_default();
    let day = |seconds: u64| clock::rfc3339(seconds).chars().take(10).collect();
    Some(Certificate {
        subject_alt_names: names.iter().filter_map(plain).collect(),
        from: day(from),
        until: day(until),
        days_left: until.saturating_sub(clock::unix_seconds()) / DAY,
        unlinked: None,
    })
}

/// Who signed a certificate, where that is neither itself nor one of these.
pub fn unknown_issuer(leaf: &CertificateDer<'_>, authorities: &[CertificateDer<'_>]) -> Option<String> {
    let parsed = Lenient::from_der(leaf).ok()?;
    let issuer = parsed.tbs_certificate().issuer();
    let is_it = |der: &CertificateDer<'_>| {
        Lenient::from_der(der).is_ok_and(|authority| authority.tbs_certificate().subject() == issuer)
    };
    let known = parsed.tbs_certificate().subject() == issuer || authorities.iter().any(is_it);
    (!known).then(|| issuer.to_string())
}

/// Host names and addresses; other kinds name no server.
fn plain(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::DnsName(name) => Some(name.as_str().to_owned()),
        GeneralName::IpAddress(bytes) => {
            let bytes = bytes.as_bytes();
            let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
            v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok().map(|ip| ip.to_string())
        }
        _ => None,
    }
}

/// Whether the first certificate of a PEM text signs others (`Ok`), or why there is none.
pub fn authorities(text: &[u8]) -> Result<bool, Unfit> {
    let first = CertificateDer::pem_slice_iter(text).find_map(|found| Lenient::from_der(&found.ok()?).ok());
    match first {
        Some(first) => {
            let constraints = first.tbs_certificate().get_extension::<BasicConstraints>();
            Ok(constraints.ok().flatten().is_some_and(|(_, found)| found.ca))
        }
        None if Lenient::from_der(text).is_ok() => Err(Unfit::Der),
        None => Err(Unfit::Unreadable),
    }
}

/// Whether a client's certificate, with those of its chain, can be shown with this key; both are PEM texts.
pub fn client(certificate: &[u8], key: &[u8]) -> Result<(), Unfit> {
    let chain: Vec<CertificateDer<'static>> =
        CertificateDer::pem_slice_iter(certificate).collect::<Result<_, _>>().map_err(|_| Unfit::Unreadable)?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| Unfit::UnreadableKey)?;
    let leaf = chain.first().ok_or(Unfit::Unreadable)?;
    let leaf = Lenient::from_der(leaf).map_err(|_| Unfit::Unreadable)?;
    if leaf.tbs_certificate().version() == Version::V1 {
        return Err(Unfit::VersionOne);
    }
    match CertifiedKey::from_der(chain, key, &rustls::crypto::ring::default_provider()) {
        Ok(_) => Ok(()),
        Err(Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => Err(Unfit::OtherKey),
        Err(Error::InvalidCertificate(_)) => Err(Unfit::NotShown),
        Err(_) => Err(Unfit::UnreadableKey),
    }
}
