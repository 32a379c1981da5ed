//! Becomes a client of an X server, as this user's programs would: one handshake with the cookie that the client library
//! finds, one without. x11rb has no timeout, so a silent server ends this child at its deadline.
//!
//! Arguments: `unix PATH`, `local NUMBER` (socket file, then abstract name), or `tcp HOST NUMBER`. `stranger` before them
//! gives up root for a user id that no account has, and makes the handshake without a cookie alone; `memory` draws from memory that it
//! shares with the server.

use std::collections::BTreeSet;
use std::io::{self, ErrorKind as IoKind};
use std::net::{IpAddr, TcpStream};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::time::Duration;

use gdoctor_checks::model::fact::{Fact, Gap};
use gdoctor_checks::model::facts::display::{AccessList, Answer, Entry, Route};
use gdoctor_checks::model::facts::proof::Seen;
use nix::ifaddrs::getifaddrs;
use nix::sys::socket::getsockopt;
use nix::sys::socket::sockopt::PeerCredentials;
use nix::unistd::{Gid, Group, Uid, User, setgroups, setresgid, setresuid};
use x11rb::connection::Connection;
use x11rb::errors::{ConnectError, ReplyError};
use x11rb::protocol::ErrorKind;
use x11rb::protocol::shm::ConnectionExt as _;
use x11rb::protocol::xproto::{ConnectionExt, CreateGCAux, Host, ImageFormat};
use x11rb::reexports::x11rb_protocol::xauth::{Family as AuthFamily, get_auth};
use x11rb::rust_connection::{DefaultStream, RustConnection};

use super::segment::Segment;
use crate::host::child::Speaker;

/// A server's words are a line; a hostile one may send 64 KiB.
const REASON_CAP: usize = 200;

/// No account has it, and no list names it; the highest id but one is not "nobody" anywhere.
const STRANGER: u32 = 2_147_483_646;

pub fn run(speaker: &Speaker, arguments: &[String]) {
    match arguments.split_first() {
        Some((first, rest)) if first == "stranger" => stranger(speaker, rest),
        Some((first, rest)) if first == "memory" => memory(speaker, rest),
        _ => own(speaker, arguments),
    }
}

fn stranger(speaker: &Speaker, arguments: &[String]) {
    let Some(target) = Target::parse(arguments) else { return };
    let source = format!("{}, without a cookie, as uid {STRANGER}", target.words());
    let (uid, gid) = (Uid::from_raw(STRANGER), Gid::from_raw(STRANGER));
    let dropped = setgroups(&[]).and_then(|()| setresgid(gid, gid, gid)).and_then(|()| setresuid(uid, uid, uid));
    let answer = match dropped {
        Ok(()) => bare_answer(&target, &source),
        Err(errno) => Fact::unknown(Gap::Unsupported(errno.desc().into()), source),
    };
    speaker.set("stranger", answer);
}

/// A row of black and white pixels, a bit each.
const PIXELS: u16 = 256;

fn memory(speaker: &Speaker, arguments: &[String]) {
    let Some(target) = Target::parse(arguments) else { return };
    let source = "ShmAttach, ShmPutImage";
    let seen = match shares_memory(&target) {
        Ok(true) => Fact::present(Seen::Works("the X server draws from the memory of a program here".into()), source),
        Ok(false) => Fact::present(Seen::Fails("the X server has other memory under the same number".into()), source),
        // The client's numbers mean nothing to the server, or it may not read what they stand for.
        Err(ReplyError::X11Error(error)) => {
            let words = format!(
                "X_ShmAttach: Bad{:?}, the X server cannot read the memory of a program here",
                error.error_kind
            );
            Fact::present(Seen::Fails(words), source)
        }
        Err(error) => Fact::unknown(Gap::Unsupported(error.to_string()), source),
    };
    speaker.set("memory", seen);
}

/// The server only reads: where the number stands for memory of somebody else's, that stays as it is.
fn shares_memory(target: &Target) -> Result<bool, ReplyError> {
    let io = |error: io::Error| ReplyError::from(x11rb::errors::ConnectionError::from(error));
    let pattern: Vec<u8> = (0..PIXELS / 8).map(|at| (at * 37 + 11) as u8).collect();
    let segment = Segment::with(&pattern).map_err(io)?;
    let (stream, (family, address)) = target.connect().and_then(|(stream, _)| stream.into_x11()).map_err(io)?;
    let (name, data) = cookie(family, &address, target.number());
    let client = RustConnection::connect_to_stream_with_auth_info(stream, 0, name, data)
        .map_err(|error| io(io::Error::other(error.to_string())))?;
    let root = client.setup().roots.first().map_or(0, |screen| screen.root);
    let id = || client.generate_id().map_err(|error| io(io::Error::other(error.to_string())));
    let (shared, pixmap, context) = (id()?, id()?, id()?);
    client.shm_attach(shared, segment.id(), true)?.check()?;
    client.create_pixmap(1, pixmap, root, PIXELS, 1)?.check()?;
    client.create_gc(context, pixmap, &CreateGCAux::new())?.check()?;
    let (format, all) = (ImageFormat::XY_PIXMAP, !0);
    client
        .shm_put_image(pixmap, context, PIXELS, 1, 0, 0, PIXELS, 1, 0, 0, 1, u8::from(format), false, shared, 0)?
        .check()?;
    let drawn = client.get_image(format, pixmap, 0, 0, PIXELS, 1, all)?.reply()?;
    Ok(drawn.data == pattern)
}

fn own(speaker: &Speaker, arguments: &[String]) {
    let Some(target) = Target::parse(arguments) else { return };
    let source = target.words();
    let stream = match target.connect() {
        Ok((stream, route)) => {
            speaker.set("route", Fact::present(route, source.as_str()));
            speaker.set("pid", stream.peer());
            stream
        }
        Err(error) => {
            speaker.set("route", Fact::<Route>::absent(source.as_str()));
            let answer = answer_of_io(&error).map_or_else(
                || Fact::unknown(Gap::Unparsable(error.to_string()), source.as_str()),
                |answer| Fact::present(answer, source.as_str()),
            );
            speaker.set("mine", answer.clone());
            speaker.set("bare", answer);
            speaker.set("cookie_shown", Fact::<bool>::absent(source.as_str()));
            speaker.set("access", no_client::<AccessList>(&source));
            speaker.set("extensions", no_client::<Vec<String>>(&source));
            return;
        }
    };
    let (mine, shown) = first_client(speaker, &target, stream, &source);
    if !shown {
        // Without a cookie to show, the first handshake was the bare one.
        speaker.set("bare", mine);
        return;
    }
    speaker.set("bare", bare_answer(&target, &format!("{source}, without a cookie")));
}

/// The handshake with the user's cookie, and what an accepted client may ask. Says all of it.
fn first_client(speaker: &Speaker, target: &Target, stream: Stream, source: &str) -> (Fact<Answer>, bool) {
    let number = target.number();
    let (stream, (family, address)) = match stream.into_x11() {
        Ok(made) => made,
        Err(error) => {
            let gap = Fact::unknown(Gap::Unparsable(error.to_string()), source);
            speaker.set("mine", gap.clone());
            return (gap, false);
        }
    };
    // As libxcb does, an unreadable cookie file is as good as none.
    let (name, data) = cookie(family, &address, number);
    let shown = !name.is_empty();
    speaker.set("cookie_shown", Fact::present(shown, source));
    let source = if shown { format!("{source}, with its cookie") } else { format!("{source}, no cookie found") };
    let made = RustConnection::connect_to_stream_with_auth_info(stream, 0, name, data);
    let (answer, client) = answer_of(made, target, &source);
    speaker.set("mine", answer.clone());
    match client {
        Some(client) => {
            speaker.set("access", access_list(&client));
            speaker.set("extensions", extensions(&client));
        }
        None => {
            speaker.set("access", no_client::<AccessList>(&source));
            speaker.set("extensions", no_client::<Vec<String>>(&source));
        }
    }
    (answer, shown)
}

/// The same user without a cookie. The first client has gone by now, but a server with few places may not have noticed yet.
fn bare_answer(target: &Target, source: &str) -> Fact<Answer> {
    let mut answer = Fact::unknown(Gap::NotAsked, source);
    for attempt in 0..5 {
        std::thread::sleep(Duration::from_millis(20 * attempt));
        let made = target.connect().and_then(|(stream, _)| stream.into_x11());
        answer = match made {
            Ok((stream, _)) => {
                let made = RustConnection::connect_to_stream_with_auth_info(stream, 0, Vec::new(), Vec::new());
                answer_of(made, target, source).0
            }
            Err(error) => answer_of_io(&error).map_or_else(
                || Fact::unknown(Gap::Unparsable(error.to_string()), source),
                |answer| Fact::present(answer, source),
            ),
        };
        if answer.value() != Some(&Answer::Full) {
            break;
        }
    }
    answer
}

fn no_client<T>(source: &str) -> Fact<T> {
    Fact::unknown(Gap::BlockedBy("display-server".into()), source)
}

/// The cookie that the client library picks: its protocol's name and its secret, which leaves this process only towards
/// the X server. Displays of other hosts on the loopback count as local, as libxcb has it.
fn cookie(family: AuthFamily, address: &[u8], number: u16) -> (Vec<u8>, Vec<u8>) {
    get_auth(family, address, number).ok().flatten().unwrap_or_default()
}

enum Target {
    Local(u16),
    Path(String),
    Tcp(String, u16),
}

enum Stream {
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl Stream {
    /// The process that listens; 0 when it is not of this pid namespace.
    fn peer(&self) -> Fact<u32> {
        let source = "SO_PEERCRED";
        match self {
            Stream::Tcp(_) => Fact::absent(source),
            Stream::Unix(stream) => match getsockopt(stream, PeerCredentials) {
                Ok(peer) => Fact::present(u32::try_from(peer.pid()).unwrap_or_default(), source),
                Err(errno) => Fact::unknown(Gap::Unsupported(errno.desc().into()), source),
            },
        }
    }

    fn into_x11(self) -> io::Result<(DefaultStream, (AuthFamily, Vec<u8>))> {
        match self {
            Stream::Unix(stream) => DefaultStream::from_unix_stream(stream),
            Stream::Tcp(stream) => DefaultStream::from_tcp_stream(stream),
        }
    }
}

impl Target {
    fn parse(arguments: &[String]) -> Option<Self> {
        let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["local", number] => Some(Target::Local(number.parse().ok()?)),
            ["unix", path] => Some(Target::Path((*path).into())),
            ["tcp", host, number] => Some(Target::Tcp((*host).into(), number.parse().ok()?)),
            _ => None,
        }
    }

    fn number(&self) -> u16 {
        match self {
            Target::Local(number) | Target::Tcp(_, number) => *number,
            Target::Path(_) => 0,
        }
    }

    fn words(&self) -> String {
        match self {
            Target::Local(number) => format!("connect to X server :{number}"),
            Target::Path(path) => format!("connect to {path}"),
            Target::Tcp(host, number) => format!("connect to {host} port {}", 6000 + u32::from(*number)),
        }
    }

    fn connect(&self) -> io::Result<(Stream, Route)> {
        match self {
            Target::Path(path) => Ok((Stream::Unix(UnixStream::connect(path)?), Route::File)),
            Target::Tcp(host, number) => {
                let port = 6000_u16.checked_add(*number).ok_or(IoKind::InvalidInput)?;
                Ok((Stream::Tcp(TcpStream::connect((host.as_str(), port))?), Route::Tcp))
            }
            Target::Local(number) => {
                let path = format!("/tmp/.X11-unix/X{number}");
                UnixStream::connect(&path).map(|stream| (Stream::Unix(stream), Route::File)).or_else(|error| {
                    let name = SocketAddr::from_abstract_name(path.as_bytes())?;
                    let stream = UnixStream::connect_addr(&name).map_err(|_| error)?;
                    Ok((Stream::Unix(stream), Route::Abstract))
                })
            }
        }
    }
}

fn answer_of_io(error: &io::Error) -> Option<Answer> {
    match error.kind() {
        IoKind::NotFound | IoKind::NotADirectory => Some(Answer::NotThere),
        IoKind::ConnectionRefused => Some(Answer::NobodyListens),
        IoKind::PermissionDenied => Some(Answer::Denied),
        IoKind::HostUnreachable | IoKind::NetworkUnreachable | IoKind::AddrNotAvailable => {
            Some(Answer::Unreachable(error.to_string()))
        }
        _ if error.raw_os_error().is_none() && error.to_string().contains("lookup address") => {
            Some(Answer::Unreachable("the host name does not resolve".into()))
        }
        _ => None,
    }
}

fn answer_of(
    made: Result<RustConnection, ConnectError>,
    target: &Target,
    source: &str,
) -> (Fact<Answer>, Option<RustConnection>) {
    let rejected = |reason: &[u8]| {
        let reason: String = String::from_utf8_lossy(reason).trim().chars().take(REASON_CAP).collect();
        if reason.contains("Maximum number of clients") { Answer::Full } else { Answer::Rejected(reason) }
    };
    match made {
        Ok(client) => {
            let screens = u16::try_from(client.setup().roots.len()).unwrap_or(u16::MAX);
            (Fact::present(Answer::Accepted { screens }, source), Some(client))
        }
        Err(ConnectError::SetupFailed(failed)) => (Fact::present(rejected(&failed.reason), source), None),
        Err(ConnectError::SetupAuthenticate(more)) => (Fact::present(rejected(&more.reason), source), None),
        // sshd and its client end the connection where the cookie is wrong, and say why only in the log of ssh. A local
        // server always says why, so there it is no refusal that anybody could explain.
        Err(ConnectError::IoError(error))
            if matches!(target, Target::Tcp(..))
                && matches!(error.kind(), IoKind::UnexpectedEof | IoKind::ConnectionReset | IoKind::BrokenPipe) =>
        {
            (Fact::present(Answer::Rejected("the connection was closed during the handshake".into()), source), None)
        }
        Err(error) => (Fact::unknown(Gap::Unparsable(format!("no X11 handshake: {error}")), source), None),
    }
}

fn access_list(client: &RustConnection) -> Fact<AccessList> {
    let source = "ListHosts";
    match client.list_hosts().map_err(ReplyError::from).and_then(|cookie| cookie.reply()) {
        Ok(reply) => {
            let own = own_addresses();
            Fact::present(
                AccessList {
                    enabled: u8::from(reply.mode) != 0,
                    entries: reply.hosts.iter().map(|host| entry(host, &own)).collect(),
                },
                source,
            )
        }
        // The Security extension keeps the list from clients that `ssh -X` forwards as untrusted.
        Err(ReplyError::X11Error(error)) if error.error_kind == ErrorKind::Access => Fact::unknown(Gap::Denied, source),
        Err(error) => Fact::unknown(Gap::Unparsable(error.to_string()), source),
    }
}

fn entry(host: &Host, own: &BTreeSet<IpAddr>) -> Entry {
    // The core protocol's enumeration knows no LocalHost (252): xhost and the server use it all the same.
    match (u8::from(host.family), host.address.as_slice()) {
        (252, _) => Entry::Local,
        (0, bytes) if bytes.len() == 4 => {
            let octets: [u8; 4] = bytes.try_into().unwrap_or_default();
            let address = IpAddr::from(octets);
            Entry::Host { address, own: own.contains(&address) }
        }
        (6, bytes) if bytes.len() == 16 => {
            let octets: [u8; 16] = bytes.try_into().unwrap_or_default();
            let address = IpAddr::from(octets);
            Entry::Host { address, own: own.contains(&address) }
        }
        (5, bytes) => server_interpreted(bytes),
        (family, bytes) => Entry::Other(format!("family {family}, {} bytes", bytes.len())),
    }
}

/// `localuser NUL NAME`; NAME is an account, or `#` and a number.
fn server_interpreted(bytes: &[u8]) -> Entry {
    let text = String::from_utf8_lossy(bytes);
    let Some((kind, name)) = text.split_once('\0') else {
        return Entry::Other("family 5 without a value".into());
    };
    // Xwayland counts a C string's end into the name (os/access.c, EnableLocalUser); the server reads up to it.
    let name = name.split('\0').next().unwrap_or_default();
    let number = name.strip_prefix('#').and_then(|number| number.parse().ok());
    let name: String = name.chars().take(REASON_CAP).collect();
    match kind {
        "localuser" => {
            let uid = number.or_else(|| Some(User::from_name(&name).ok()??.uid.as_raw()));
            Entry::User { name, uid }
        }
        "localgroup" => {
            let gid = number.or_else(|| Some(Group::from_name(&name).ok()??.gid.as_raw()));
            Entry::Group { name, gid }
        }
        _ => Entry::Other(format!("SI:{kind}:{name}")),
    }
}

fn own_addresses() -> BTreeSet<IpAddr> {
    let interfaces = getifaddrs().into_iter().flatten();
    let address = |storage: nix::sys::socket::SockaddrStorage| {
        let v4 = storage.as_sockaddr_in().map(|a| IpAddr::from(a.ip()));
        v4.or_else(|| storage.as_sockaddr_in6().map(|a| IpAddr::from(a.ip())))
    };
    interfaces.filter_map(|interface| interface.address.and_then(address)).collect()
}

fn extensions(client: &RustConnection) -> Fact<Vec<String>> {
    let source = "ListExtensions";
    match client.list_extensions().map_err(ReplyError::from).and_then(|cookie| cookie.reply()) {
        Ok(reply) => {
            let names = reply.names.iter().map(|name| String::from_utf8_lossy(&name.name).into_owned());
            Fact::present(names.collect(), source)
        }
        Err(error) => Fact::unknown(Gap::Unparsable(error.to_string()), source),
    }
}
