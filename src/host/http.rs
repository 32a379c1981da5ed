//! HTTP over a unix socket, TCP or TLS, for the Docker API and registries: one request, one deadline, a capped body. `ureq` does
//! the protocol; this adds the unix socket and tells apart why nothing came.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use gdoctor_checks::model::fact::{Gap, State};
use gdoctor_checks::model::facts::registry::Unfit;
use ureq::RequestBuilder;
use ureq::http::Uri;
use ureq::tls::{Certificate, ClientCert, PrivateKey, RootCerts, TlsConfig, parse_pem};
use ureq::typestate::WithoutBody;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, DefaultConnector, LazyBuffers, NextTimeout, Transport,
};

use super::{Deadline, certificate, connect, listener, resolve};

/// As many as ureq takes.
const MOST_ADDRESSES: usize = 16;

/// Where to send requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A unix socket by its path on this machine.
    Unix(PathBuf),
    /// `http://host:port` or `https://host:port`, without a trailing slash.
    Url(String),
}

/// Whom TLS trusts and who we say we are; PEM bytes. Default: nobody, no certificate.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    pub authorities: Vec<u8>,
    pub certificate: Vec<u8>,
    pub key: Vec<u8>,
    /// Accept any certificate, as `insecure-registries` does.
    pub skip_verify: bool,
}

/// An answer: any status counts as one.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

/// Why there was no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoReply {
    /// The socket's path or the name does not exist.
    NotThere,
    Refused,
    Denied,
    TimedOut,
    /// Nothing was sent: connecting would start a service.
    Waiting(String),
    /// The other side spoke TLS that we do not trust, or none at all; the library's words.
    Tls(String),
    /// It closed early, or what it sent is not HTTP; the library's words.
    Garbled(String),
    Unreachable(String),
    /// gdoctor itself cannot ask so.
    Unsupported(String),
    TooLarge,
}

impl NoReply {
    pub fn gap(&self) -> Gap {
        match self {
            NoReply::NotThere => Gap::ToolMissing("the other side".into()),
            NoReply::Denied => Gap::Denied,
            NoReply::TimedOut => Gap::TimedOut,
            NoReply::Waiting(why) => Gap::Waiting(why.clone()),
            NoReply::Refused => Gap::Unsupported("connection refused".into()),
            NoReply::Unsupported(why) => Gap::Unsupported(why.clone()),
            NoReply::TooLarge => Gap::Unparsable("the answer is too large".into()),
            NoReply::Tls(why) | NoReply::Garbled(why) | NoReply::Unreachable(why) => Gap::Unparsable(why.clone()),
        }
    }
}

/// A client with kept connections to one target.
#[derive(Debug)]
pub struct Client {
    agent: ureq::Agent,
    base: String,
    /// Why our own certificate cannot be shown. Nothing is asked then.
    unfit: Option<Unfit>,
}

impl Client {
    pub fn new(target: &Target, tls: &Tls) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .max_redirects(0)
            // The library's own 128 KiB each are cleared for every connection.
            .input_buffer_size(32 << 10)
            .output_buffer_size(4 << 10)
            .user_agent(concat!("gdoctor/", env!("CARGO_PKG_VERSION")))
            .tls_config(tls_config(tls))
            .build();
        let unfit = tls.unfit();
        match target {
            Target::Unix(path) => Self {
                unfit,
                agent: ureq::Agent::with_parts(config, UnixConnector { path: path.clone() }, NoResolver),
                base: "http://localhost".into(),
            },
            Target::Url(url) => Self {
                unfit,
                agent: ureq::Agent::with_parts(config, LookingConnector(DefaultConnector::new()), Names),
                base: url.clone(),
            },
        }
    }

    /// GET `path` (with its leading slash), a body of at most `cap` bytes.
    pub fn get(&self, path: &str, headers: &[(&str, &str)], cap: usize, deadline: Deadline) -> Result<Reply, NoReply> {
        self.fit()?;
        let request = self.agent.get(format!("{}{path}", self.base));
        send(headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)), cap, deadline)
    }

    /// DELETE `path`. Only for what cannot be there: gdoctor changes nothing.
    pub fn delete(&self, path: &str, cap: usize, deadline: Deadline) -> Result<Reply, NoReply> {
        self.fit()?;
        send(self.agent.delete(format!("{}{path}", self.base)), cap, deadline)
    }
}

impl Client {
    fn fit(&self) -> Result<(), NoReply> {
        match self.unfit {
            Some(why) if why.is_refused_by_go() => Err(NoReply::Tls(format!("the client certificate {}", why.words()))),
            Some(why) => Err(NoReply::Unsupported(format!("the client certificate {}", why.words()))),
            None => Ok(()),
        }
    }
}

impl Tls {
    fn unfit(&self) -> Option<Unfit> {
        let none = self.certificate.is_empty() || self.key.is_empty();
        if none { None } else { certificate::client(&self.certificate, &self.key).err() }
    }
}

fn send(request: RequestBuilder<WithoutBody>, cap: usize, deadline: Deadline) -> Result<Reply, NoReply> {
    let left = deadline.left().max(Duration::from_millis(1));
    let response = request.config().timeout_global(Some(left)).build().call().map_err(no_reply)?;
    let (parts, body) = response.into_parts();
    let headers = parts
        .headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    let mut bytes = Vec::new();
    body.into_with_config()
        .limit(cap as u64)
        .reader()
        .read_to_end(&mut bytes)
        .map_err(|error| no_reply(ureq::Error::from(error)))?;
    Ok(Reply { status: parts.status.as_u16(), headers, body: bytes })
}

fn tls_config(tls: &Tls) -> TlsConfig {
    let roots: Vec<Certificate<'static>> = parse_pem(&tls.authorities)
        .filter_map(|item| match item {
            Ok(ureq::tls::PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    // ureq panics where the two do not fit.
    let certificate = Certificate::from_pem(&tls.certificate).ok().filter(|_| tls.unfit().is_none());
    let client = certificate.zip(PrivateKey::from_pem(&tls.key).ok());
    let client = client.map(|(certificate, key)| ClientCert::new_with_certs(&[certificate], key));
    TlsConfig::builder()
        .root_certs(RootCerts::new_with_certs(&roots))
        .client_cert(client)
        .disable_verification(tls.skip_verify)
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .build()
}

fn no_reply(error: ureq::Error) -> NoReply {
    match error {
        ureq::Error::Timeout(_) => NoReply::TimedOut,
        ureq::Error::HostNotFound => NoReply::NotThere,
        ureq::Error::Tls(why) => NoReply::Tls(why.into()),
        ureq::Error::Rustls(why) => NoReply::Tls(why.to_string()),
        ureq::Error::BodyExceedsLimit(_) => NoReply::TooLarge,
        ureq::Error::Io(error) => from_io(error),
        other => NoReply::Garbled(other.to_string()),
    }
}

fn from_io(error: io::Error) -> NoReply {
    if let Some(why) = listener::reason(&error) {
        return NoReply::Waiting(why.to_string());
    }
    match error.kind() {
        io::ErrorKind::NotFound => NoReply::NotThere,
        io::ErrorKind::ConnectionRefused => NoReply::Refused,
        io::ErrorKind::PermissionDenied => NoReply::Denied,
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => NoReply::TimedOut,
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable | io::ErrorKind::NetworkDown => {
            NoReply::Unreachable(error.to_string())
        }
        // rustls reports through I/O errors of this kind.
        io::ErrorKind::InvalidData => NoReply::Tls(error.to_string()),
        _ => NoReply::Garbled(error.to_string()),
    }
}

/// The library's own, which connects to any of these addresses, after a look at who listens there.
#[derive(Debug)]
struct LookingConnector(DefaultConnector);

impl Connector for LookingConnector {
    type Out = <DefaultConnector as Connector>::Out;

    fn connect(&self, details: &ConnectionDetails, chained: Option<()>) -> Result<Option<Self::Out>, ureq::Error> {
        details.addrs.iter().try_for_each(|address| listener::look_at(*address))?;
        self.0.connect(details, chained)
    }
}

#[derive(Debug)]
struct UnixConnector {
    path: PathBuf,
}

impl Connector for UnixConnector {
    type Out = UnixTransport;

    fn connect(&self, details: &ConnectionDetails, _: Option<()>) -> Result<Option<UnixTransport>, ureq::Error> {
        let stream = connect::unix(&self.path, Deadline::after(*details.timeout.after))?;
        let buffers = LazyBuffers::new(details.config.input_buffer_size(), details.config.output_buffer_size());
        Ok(Some(UnixTransport { stream, buffers }))
    }
}

#[derive(Debug)]
struct NoResolver;

impl Resolver for NoResolver {
    fn resolve(&self, _: &Uri, _: &ureq::config::Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let mut nowhere = self.empty();
        nowhere.push(SocketAddr::from(([127, 0, 0, 1], 0)));
        Ok(nowhere)
    }
}

/// Names by the resolver that has a deadline and needs no thread to be had.
#[derive(Debug)]
struct Names;

impl Resolver for Names {
    fn resolve(
        &self,
        uri: &Uri,
        _: &ureq::config::Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let authority = uri.authority().ok_or(ureq::Error::HostNotFound)?;
        let port = authority.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
        let name = authority.host().trim_start_matches('[').trim_end_matches(']');
        let mut addresses = self.empty();
        match resolve::resolve(name, Deadline::after(*timeout.after)).state {
            State::Present(found) => {
                found.iter().take(MOST_ADDRESSES).for_each(|ip| addresses.push(SocketAddr::new(*ip, port)));
            }
            State::Unknown(Gap::TimedOut) => return Err(ureq::Error::Timeout(timeout.reason)),
            State::Unknown(gap) => return Err(io::Error::other(gap.reason()).into()),
            State::Absent => {}
        }
        if addresses.is_empty() { Err(ureq::Error::HostNotFound) } else { Ok(addresses) }
    }
}

struct UnixTransport {
    stream: UnixStream,
    buffers: LazyBuffers,
}

impl std::fmt::Debug for UnixTransport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("UnixTransport")
    }
}

impl Transport for UnixTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        self.stream.set_write_timeout(Some(*timeout.after))?;
        let output = &self.buffers.output()[..amount];
        self.stream.write_all(output).map_err(|error| timed_out(error, timeout))
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        self.stream.set_read_timeout(Some(*timeout.after))?;
        let count = self.stream.read(self.buffers.input_append_buf()).map_err(|error| timed_out(error, timeout))?;
        self.buffers.input_appended(count);
        Ok(count > 0)
    }

    fn is_open(&mut self) -> bool {
        let open = self.stream.set_nonblocking(true).is_ok()
            && matches!(self.stream.read(&mut [0]), Err(error) if error.kind() == io::ErrorKind::WouldBlock);
        open && self.stream.set_nonblocking(false).is_ok()
    }
}

fn timed_out(error: io::Error, timeout: NextTimeout) -> ureq::Error {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => ureq::Error::Timeout(timeout.reason),
        _ => error.into(),
    }
}
