//! One TLS handshake to learn whether a server's certificate is trusted, and if not, why. No request is sent.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gdoctor_checks::model::facts::registry::{Certificate, Distrust};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore, SignatureScheme};

use super::{Deadline, Host, certificate, connect};

/// Where Go, and so dockerd, finds the system's authorities: the first of these that is there (crypto/x509, root_linux.go).
const BUNDLES: [&str; 6] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
];
/// Bundles have some hundred kilobytes.
pub const BUNDLE_CAP: usize = 8 << 20;

/// The authorities that this system trusts, as PEM; none where it has no such file.
pub fn system_authorities(host: &Host) -> Vec<u8> {
    BUNDLES.iter().find_map(|path| host.bytes(path, BUNDLE_CAP).value().cloned()).unwrap_or_default()
}

/// What a handshake showed.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Why the certificate, or the handshake itself, would be refused; `None`: there is nothing to object to.
    pub distrust: Option<Distrust>,
    pub certificate: Option<Certificate>,
}

/// One handshake. Err is the connection's own.
pub fn inspect(addresses: &[SocketAddr], name: &str, authorities: &[u8], deadline: Deadline) -> io::Result<Seen> {
    let mut stream = connect::tcp(addresses, deadline)?;
    let wait = deadline.left().max(Duration::from_millis(1));
    stream.set_read_timeout(Some(wait))?;
    stream.set_write_timeout(Some(wait))?;
    let Ok(server) = ServerName::try_from(name.to_owned()) else {
        return Ok(Seen { distrust: Some(Distrust::WrongName), ..Seen::default() });
    };
    let verifier = Arc::new(Examiner::new(authorities));
    let config = ClientConfig::builder_with_provider(Arc::clone(&verifier.provider))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(&verifier) as Arc<dyn ServerCertVerifier>)
        .with_no_client_auth();
    let mut session = ClientConnection::new(Arc::new(config), server).map_err(io::Error::other)?;
    while session.is_handshaking() {
        match session.complete_io(&mut stream) {
            Ok((0, 0)) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) => {}
            Err(error) => {
                let why = tls_error(error)?;
                let seen = verifier.seen();
                // What was said of the certificate itself comes before what the handshake ended with because of it.
                let known = seen.distrust.filter(|_| why == Distrust::Other);
                return Ok(Seen { distrust: known.or(Some(why)), ..seen });
            }
        }
    }
    Ok(verifier.seen())
}

/// rustls hands its own errors on inside I/O errors.
fn tls_error(error: io::Error) -> io::Result<Distrust> {
    let Some(why) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) else { return Err(error) };
    Ok(match why {
        rustls::Error::InvalidMessage(_) => Distrust::NoTls,
        rustls::Error::AlertReceived(
            rustls::AlertDescription::CertificateRequired | rustls::AlertDescription::BadCertificate,
        ) => Distrust::WantsClientCertificate,
        _ => Distrust::Other,
    })
}

/// Takes every certificate, and keeps what a strict client would have said.
#[derive(Debug)]
struct Examiner {
    provider: Arc<rustls::crypto::CryptoProvider>,
    strict: Option<Arc<WebPkiServerVerifier>>,
    authorities: Vec<CertificateDer<'static>>,
    seen: Mutex<Seen>,
}

impl Examiner {
    fn new(authorities: &[u8]) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let authorities: Vec<_> = CertificateDer::pem_slice_iter(authorities).filter_map(Result::ok).collect();
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(authorities.iter().cloned());
        let strict = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build().ok();
        Self { provider, strict, authorities, seen: Mutex::default() }
    }

    fn seen(&self) -> Seen {
        self.seen.lock().map(|seen| seen.clone()).unwrap_or_default()
    }

    fn examine(
        &self,
        leaf: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Option<Distrust> {
        let answer = match &self.strict {
            Some(strict) => strict.verify_server_cert(leaf, chain, name, &[], now).map(|_| ()),
            None => Err(CertificateError::UnknownIssuer.into()),
        };
        let Err(error) = answer else { return None };
        let rustls::Error::InvalidCertificate(why) = error else { return Some(Distrust::Other) };
        let names_it = ParsedCertificate::try_from(leaf)
            .and_then(|parsed| rustls::client::verify_server_name(&parsed, name))
            .is_ok();
        match why {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => Some(Distrust::Expired),
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => Some(Distrust::NotYetValid),
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                Some(Distrust::WrongName)
            }
            CertificateError::UnknownIssuer if names_it => Some(Distrust::UnknownAuthority),
            CertificateError::UnknownIssuer => Some(Distrust::WrongName),
            // A self-signed certificate that is marked as an authority, as `openssl req -x509` makes it: Go, and so dockerd,
            // trusts it when it is itself among the trusted ones. Dates have been checked before this error.
            _ if is_authority_as_leaf(&why) => match (names_it, self.authorities.iter().any(|known| known == leaf)) {
                (false, _) => Some(Distrust::WrongName),
                (true, true) => None,
                (true, false) => Some(Distrust::UnknownAuthority),
            },
            // Of version 1, which has no room for names: Go says that first.
            _ if certificate::read(leaf).is_some_and(|read| read.subject_alt_names.is_empty()) => {
                Some(Distrust::WrongName)
            }
            _ => Some(Distrust::Other),
        }
    }
}

fn is_authority_as_leaf(why: &CertificateError) -> bool {
    matches!(why, CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity"))
}

impl ServerCertVerifier for Examiner {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if let Ok(mut seen) = self.seen.lock() {
            let distrust = self.examine(leaf, chain, name, now);
            let unlinked = chain.is_empty().then(|| certificate::unknown_issuer(leaf, &self.authorities)).flatten();
            let certificate = certificate::read(leaf).map(|read| Certificate { unlinked, ..read });
            *seen = Seen { distrust, certificate };
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, leaf, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, leaf, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
