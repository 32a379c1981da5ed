//! What the wanted registries answer, over https as the daemon would trust it, and over http.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::IpAddr;

use crate::model::place;
use serde::{Deserialize, Serialize};

use crate::model::fact::Fact;
use crate::model::facts::disk::Space;
use crate::model::need::Registry;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RegistryFacts {
    /// One for each wished registry, in the order of the wishes.
    pub looks: Fact<Vec<Look>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Look {
    pub registry: Registry,
    /// What the name means on this host; Absent when it does not resolve.
    pub addresses: Fact<Vec<IpAddr>>,
    /// `GET /v2/` over https, trusting whom the daemon trusts: the system's authorities and those of `certs_dir`.
    pub https: Fact<Answer>,
    /// The same with every certificate accepted; not asked when `https` has an answer.
    #[serde(default)]
    pub https_unverified: Fact<Answer>,
    /// The same over http; not asked when https has an answer.
    #[serde(default)]
    pub http: Fact<Answer>,
    /// The folder of this engine for the registry's certificates, and what lies in it; Absent when there is none.
    #[serde(default)]
    pub certs_dir: Fact<CertsDir>,
    /// Authorities for the same host that lie in folders of other ports, or of none, where nobody looks for them.
    #[serde(default)]
    #[serde(serialize_with = "place::path")]
    pub misplaced: Vec<String>,
    /// The certificate that it shows, trusted or not; Absent without TLS.
    #[serde(default)]
    pub certificate: Fact<Certificate>,
    /// `GET /v2/_catalog`: Absent where a registry gives none.
    #[serde(default)]
    pub catalog: Fact<Catalog>,
    /// Bytes of the wanted images that lie in it, packed, by their full names; Absent when it has no such image.
    #[serde(default)]
    #[serde(serialize_with = "place::image")]
    pub sizes: BTreeMap<String, Fact<u64>>,
    /// Where it keeps its images, if that is seen on this host.
    #[serde(default)]
    pub storage: Fact<Storage>,
    /// Whether images can be deleted from it; asked only on request.
    #[serde(default)]
    pub deletes: Fact<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Certificate {
    /// Those of subjectAltName: host names and addresses.
    #[serde(serialize_with = "place::host")]
    pub subject_alt_names: Vec<String>,
    /// Its first and its last day, `2026-12-31`.
    #[serde(serialize_with = "place::word")]
    pub from: String,
    #[serde(serialize_with = "place::word")]
    pub until: String,
    /// Whole days until then, by this host's clock; 0 when it has passed.
    pub days_left: u64,
    /// Who signed it, where the server sent no other certificate along and none of the authorities has that name.
    #[serde(serialize_with = "place::host")]
    pub unlinked: Option<String>,
}

impl Certificate {
    /// Its names in a sentence.
    pub fn names(&self) -> String {
        if self.subject_alt_names.is_empty() { "no name at all".into() } else { self.subject_alt_names.join(", ") }
    }
}

impl core::fmt::Display for Certificate {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "a certificate for {}, from {} to {}", self.names(), self.from, self.until)
    }
}

/// The repositories that a registry lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catalog {
    pub repositories: u64,
    /// There are more than these.
    pub more: bool,
}

impl core::fmt::Display for Catalog {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let more = if self.more { " and more" } else { "" };
        write!(f, "repositories: {}{more}", self.repositories)
    }
}

/// The folder of a registry that runs on this host.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Storage {
    #[serde(serialize_with = "place::path")]
    pub path: String,
    pub space: Fact<Space>,
    /// Name and image of the container that it runs in; empty for a program of the host.
    #[serde(serialize_with = "place::container")]
    pub container: String,
    #[serde(serialize_with = "place::image")]
    pub image: String,
    /// Its configuration file, as its own program finds it.
    pub config: String,
    /// Deleting is switched on by its environment or its configuration file.
    pub deletes: bool,
    /// Its container has the folder mounted for reading only.
    pub mounted_read_only: bool,
    /// The registry that it is a cache of.
    #[serde(serialize_with = "place::host")]
    pub cache_of: Option<String>,
    /// It was set to take no images for a time.
    pub maintenance: bool,
}

/// `/etc/docker/certs.d/HOST:PORT`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CertsDir {
    pub path: String,
    /// Names of files ending in `.crt`: authorities.
    pub authorities: Vec<String>,
    /// Other files that hold a certificate in PEM, and are no `.cert` and no `.key`: the daemon does not read them.
    pub ignored: Vec<String>,
    /// Why a `.crt`, `.cert` or `.key` is of no use, by its name; those that are of use are not here.
    pub unfit: BTreeMap<String, Unfit>,
    /// Names that this user may not read; the daemon does.
    pub unread: Vec<String>,
}

impl CertsDir {
    /// Those that keep an engine with this store of images from asking the registry at all.
    pub fn refused(&self, store: ImageStore) -> impl Iterator<Item = (&str, Unfit)> {
        self.unfit
            .iter()
            .map(|(name, why)| (name.as_str(), *why))
            .filter(move |(name, why)| why.is_refused(name, store))
    }

    /// The first that only gdoctor cannot show.
    pub fn not_shown(&self) -> Option<(&str, Unfit)> {
        let all = self.unfit.iter().map(|(name, why)| (name.as_str(), *why));
        all.into_iter().find(|(_, why)| matches!(why, Unfit::VersionOne | Unfit::NotShown))
    }

    /// The first authority that is no certificate in PEM, for this reason.
    pub fn authority(&self, why: Unfit) -> Option<&str> {
        self.unfit.iter().find(|(name, found)| name.ends_with(".crt") && **found == why).map(|(name, _)| name.as_str())
    }

    /// The name of the authority that lies there as a client's certificate, if its own name is free.
    pub fn renamed(&self, file: &str) -> Option<String> {
        let name = format!("{}.crt", file.strip_suffix(".cert")?);
        (!self.authorities.contains(&name) && !self.unfit.contains_key(&name)).then_some(name)
    }
}

/// Who keeps the images of an engine: it reads certs.d in its own way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageStore {
    /// dockerd's own (moby, daemon/pkg/registry/registry.go, loadTLSConfig).
    Docker,
    /// containerd's, as Docker 29 installs it (containerd, core/remotes/docker/config/hosts.go, loadCertFiles).
    Containerd,
}

/// Why a certificate or its key cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unfit {
    NoKey,
    /// The same, of a certificate that signs others: an authority that should end in `.crt`.
    Authority,
    NoCertificate,
    /// The key is another certificate's.
    OtherKey,
    /// No certificate in PEM.
    Unreadable,
    /// A certificate in DER.
    Der,
    /// No key in PEM, or one of a kind that nobody reads (with a passphrase).
    UnreadableKey,
    /// A folder, a device, a pipe.
    NoFile,
    /// A link to nothing.
    Dangling,
    /// X.509 version 1: Go shows it, the TLS library of gdoctor does not.
    VersionOne,
    /// Of another kind that the TLS library of gdoctor does not show.
    NotShown,
}

impl Unfit {
    /// crypto/tls, X509KeyPair: what Go, and so docker and dockerd, cannot use either.
    pub fn is_refused_by_go(self) -> bool {
        !matches!(self, Unfit::VersionOne | Unfit::NotShown)
    }

    /// Seen with Docker 20.10 and 28.5, with either store.
    fn is_refused(self, name: &str, store: ImageStore) -> bool {
        match (self, store) {
            (Unfit::NoCertificate | Unfit::NoFile, ImageStore::Containerd) => false,
            // dockerd reads of a .crt what is PEM, and does not mind if that is nothing.
            (Unfit::Unreadable | Unfit::Der, ImageStore::Docker) => !name.ends_with(".crt"),
            _ => self.is_refused_by_go(),
        }
    }

    /// Completes `client.cert …`.
    pub fn words(self) -> &'static str {
        match self {
            Unfit::NoKey => "has no .key of the same name beside it",
            Unfit::Authority => "is the certificate of an authority, and .cert is the ending of a client's",
            Unfit::NoCertificate => "has no .cert of the same name beside it",
            Unfit::OtherKey => "does not belong to the key beside it",
            Unfit::Unreadable => "is no certificate in PEM",
            Unfit::Der => "is a certificate in DER, and only PEM is read",
            Unfit::UnreadableKey => "has a key beside it that cannot be read as PEM without a passphrase",
            Unfit::NoFile => "is not a file",
            Unfit::Dangling => "is a link to a file that does not exist",
            Unfit::VersionOne => "is of X.509 version 1, which gdoctor cannot show",
            Unfit::NotShown => "is of a kind that gdoctor cannot show",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Answer {
    /// HTTP was spoken.
    Http {
        status: u16,
        /// Docker-Distribution-Api-Version or a bearer challenge came with it: this is a registry.
        #[serde(default)]
        registry: bool,
        /// The Server header.
        #[serde(default)]
        server: String,
    },
    Refused,
    Unreachable,
    /// The TLS handshake failed for this reason.
    Tls(Distrust),
    /// What came is not HTTP, or the other side hung up.
    Garbled,
}

/// Why TLS failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Distrust {
    /// The other side does not speak TLS at all.
    NoTls,
    UnknownAuthority,
    /// The certificate names other hosts, or none in subjectAltName.
    WrongName,
    Expired,
    NotYetValid,
    /// It asks for a client certificate.
    WantsClientCertificate,
    Other,
}

impl core::fmt::Display for Answer {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Answer::Http { status, registry: true, .. } => write!(f, "a registry, status {status}"),
            Answer::Http { status, server, .. } if server.is_empty() => write!(f, "HTTP status {status}, no registry"),
            Answer::Http { status, server, .. } => write!(f, "HTTP status {status} of {server}, no registry"),
            Answer::Refused => f.write_str("connection refused"),
            Answer::Unreachable => f.write_str("no route"),
            Answer::Tls(why) => f.write_str(why.words()),
            Answer::Garbled => f.write_str("no HTTP"),
        }
    }
}

impl Distrust {
    pub fn words(self) -> &'static str {
        match self {
            Distrust::NoTls => "no TLS",
            Distrust::UnknownAuthority => "certificate signed by unknown authority",
            Distrust::WrongName => "certificate for another name",
            Distrust::Expired => "certificate has expired",
            Distrust::NotYetValid => "certificate is not yet valid",
            Distrust::WantsClientCertificate => "a client certificate is required",
            Distrust::Other => "TLS failed",
        }
    }
}

impl Answer {
    pub fn is_registry(&self) -> bool {
        matches!(self, Answer::Http { registry: true, .. })
    }
}

impl Look {
    /// The answer of a registry, by whichever way it came, with its source.
    pub fn registry_answer(&self) -> Option<&Fact<Answer>> {
        [&self.https, &self.https_unverified, &self.http]
            .into_iter()
            .find(|fact| fact.value().is_some_and(Answer::is_registry))
    }

    /// It is on this machine: the daemon calls such registries insecure by itself.
    pub fn is_loopback(&self) -> bool {
        self.registry.host == "localhost"
            || self.addresses.value().is_some_and(|all| !all.is_empty() && all.iter().all(IpAddr::is_loopback))
    }
}

impl RegistryFacts {
    /// The look at a registry of this machine on that port, if it answered as one.
    pub fn local_registry(&self, port: u16) -> Option<&Look> {
        let looks = self.looks.value()?;
        looks.iter().find(|l| l.registry.port == port && l.is_loopback() && l.registry_answer().is_some())
    }
}
