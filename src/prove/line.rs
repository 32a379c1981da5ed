//! The run line as options for gdoctor's own container: the user's as they are, but for what would outlast it, reach others, or
//! change the host.

use gdoctor_checks::model::facts::proof::Image;
use gdoctor_checks::model::need::{Capability, Gpus, Need, Origin, Protocol};
use gdoctor_checks::model::run::{Mount, MountKind, RunLine, RunOption, Span};

use super::asked::{Asked, Device, Door};
use super::limits;
use crate::host::Host;
use crate::need::run_line::{Part, parts};

/// Ports of one line that are asked.
pub const PORTS: usize = 32;

/// What the line becomes.
#[derive(Debug, Default)]
pub struct Own {
    pub options: Vec<String>,
    /// Arguments that the container does not have, and why.
    pub left_out: Vec<String>,
    /// Volumes that the line names; one that the engine does not have would be made and stay.
    pub volumes: Vec<Volume>,
}

/// A named volume: where its words stand in the options.
#[derive(Debug)]
pub struct Volume {
    pub name: String,
    pub target: String,
    at: usize,
    length: usize,
}

/// Options that gdoctor has its own word for: who the container is, how it starts and ends, what its output is.
const OWN: [&str; 19] = [
    "attach",
    "cidfile",
    "conmon-pidfile",
    "detach",
    "detach-keys",
    "entrypoint",
    "interactive",
    "log-driver",
    "log-opt",
    "name",
    "pidfile",
    "pull",
    "quiet",
    "replace",
    "restart",
    "rm",
    "rmi",
    "sig-proxy",
    "tty",
];
/// Options by which other programs find a container: they would take this one for the user's.
const SEEN_BY_OTHERS: [&str; 6] = ["label", "label-file", "annotation", "network-alias", "pod", "publish-all"];
/// Options that only have to do with the user's image.
const OF_THE_IMAGE: [&str; 6] =
    ["platform", "disable-content-trust", "no-healthcheck", "rootfs", "sdnotify", "systemd"];

/// Err tells why this line cannot be tried.
pub fn own(line: &RunLine, host: &Host, image: Image) -> Result<Own, String> {
    // What the client or the engine refuses is theirs to refuse.
    let is_kept = |option: &&RunOption| !is_own(&option.name) && option.name != "image";
    let is_open =
        |option: &&RunOption| option.at.opaque && option.name != "env" && !SEEN_BY_OTHERS.contains(&&*option.name);
    if let Some(option) = line.options.iter().filter(is_kept).find(|option| is_open(option) || option.name == "…") {
        return Err(format!(
            "only the running script would tell what `{}` is: give the line with its value",
            option.at.text
        ));
    }
    let parts = parts(line).ok_or("the words of this line could not be told apart")?;
    let mut own = Own::default();
    for part in parts {
        own.put(line, part, host, image);
    }
    Ok(own)
}

fn is_own(name: &str) -> bool {
    OWN.contains(&name) || name.starts_with("health-") || OF_THE_IMAGE.contains(&name)
}

/// This option is not among those of a container from such an image.
pub fn replaces(option: &RunOption, image: Image) -> bool {
    match option.name.as_str() {
        "image" => image == Image::Own,
        name => is_own(name) || SEEN_BY_OTHERS.contains(&name),
    }
}

/// What stands at this byte of the line is not in the container: what is said of it is not said of the proof.
pub fn is_replaced(line: &RunLine, at: usize, image: Image) -> bool {
    let here = |span: Span| span.start <= at && at < span.end.max(span.start + 1);
    line.arguments.iter().any(|argument| here(argument.span))
        || line.image.as_ref().is_some_and(|named| image == Image::Own && here(named.at.span))
        || line.options.iter().any(|option| here(option.at.span) && replaces(option, image))
}

impl Own {
    fn put(&mut self, line: &RunLine, part: Part, host: &Host, image: Image) {
        let name = part.option.name.as_str();
        let mount = line.mounts.iter().find(|mount| mount.at == part.option.at);
        match (name, mount) {
            _ if is_own(name) => {}
            _ if SEEN_BY_OTHERS.contains(&name) => {
                self.leave_out(&part, "other programs would take this container for yours")
            }
            ("env", _) if part.option.at.opaque => {
                self.leave_out(&part, "only the running script would tell its value")
            }
            ("user" | "group-add", _) if image == Image::Own && !is_numeric(&part.value) => {
                self.leave_out(&part, "only your image tells which id that name has");
            }
            ("network", _) if line.earlier.networks.contains(&part.value) => {
                self.leave_out(&part, "an earlier line of the text makes that network");
            }
            (_, Some(mount)) => match made_in_a_folder(line, &mount.target, host) {
                Some(path) => self.leave_out(&part, &format!("the engine would make {path} in a folder of yours")),
                None => self.mount(line, &part, mount, host),
            },
            ("mount" | "volume", None) => {
                let words = self.unchanging(&part);
                self.options.extend(words);
            }
            ("workdir", _) => match made_in_a_folder(line, &part.value, host) {
                Some(path) => self.leave_out(&part, &format!("the engine would make {path} in a folder of yours")),
                None => self.options.extend(part.words),
            },
            _ => self.options.extend(part.words),
        }
    }

    fn leave_out(&mut self, part: &Part, why: &str) {
        self.left_out.push(format!("{}: {why}", part.option.at.text));
    }

    /// A mount's words, which change nothing of the user's files.
    fn unchanging(&mut self, part: &Part) -> Vec<String> {
        let (words, changes) = without_changes(part);
        if changes {
            self.leave_out(part, "z, Z, U and their like would give your files another label or owner");
        }
        words
    }

    fn mount(&mut self, line: &RunLine, part: &Part, mount: &Mount, host: &Host) {
        let at = self.options.len();
        let mut words = self.unchanging(part);
        match mount.kind {
            MountKind::Bind if mount.makes_folder && host.live().stat(&mount.source).is_absent() => {
                self.options.extend(["--tmpfs".to_owned(), mount.target.clone()]);
                self.left_out.push(format!(
                    "{}: the engine would make the folder {}; an empty one in memory stands in its place",
                    part.option.at.text, mount.source
                ));
            }
            MountKind::Volume if !mount.source.is_empty() => {
                // An empty one would get the image's files.
                if let Some(last) = words.last_mut().filter(|_| !line.podman && !part.value.contains("copy")) {
                    last.push_str(match part.option.name.as_str() {
                        "mount" => ",volume-nocopy",
                        _ if part.value.matches(':').count() > 1 => ",nocopy",
                        _ => ":nocopy",
                    });
                }
                let (name, target) = (mount.source.clone(), mount.target.clone());
                self.volumes.push(Volume { name, target, at, length: words.len() });
                self.options.extend(words);
            }
            _ => self.options.extend(words),
        }
    }

    /// Puts a nameless volume, which goes with the container, in the place of one that the engine would make and keep.
    /// Of podman's every one: it gives an unused volume the container's owner.
    pub fn make_nameless(&mut self, podman: bool, is_there: impl Fn(&str) -> bool) {
        for volume in self.volumes.iter().rev().filter(|volume| podman || !is_there(&volume.name)) {
            let nameless = ["-v".to_owned(), volume.target.clone()];
            self.options.splice(volume.at..volume.at + volume.length, nameless);
            let why = if podman { "which podman might give another owner" } else { "which is not there yet" };
            self.left_out.push(format!("the volume {}, {why}: a nameless one stands in its place", volume.name));
        }
    }
}

fn is_numeric(user: &str) -> bool {
    user == "root"
        || user.split(':').all(|id| id == "root" || (!id.is_empty() && id.bytes().all(|b| b.is_ascii_digit())))
}

/// The folder of the host that the engine would make for something at this path of the container: one below a folder that is
/// bound from the host, and that nothing else covers there.
fn made_in_a_folder(line: &RunLine, target: &str, host: &Host) -> Option<String> {
    let below = |mount: &&Mount| {
        target.strip_prefix(mount.target.trim_end_matches('/')).is_some_and(|rest| rest.starts_with('/'))
    };
    let above = line.mounts.iter().filter(|mount| mount.target != target).filter(below);
    let bound = above.max_by_key(|mount| mount.target.len()).filter(|mount| mount.kind == MountKind::Bind)?;
    let rest = target.strip_prefix(bound.target.trim_end_matches('/'))?;
    let path = format!("{}{rest}", bound.source.trim_end_matches('/'));
    // Where it is read-only the engine refuses.
    let makes = !bound.read_only && host.live().stat(&bound.source).value().is_some();
    (makes && host.live().stat(&path).is_absent()).then_some(path)
}

/// A mount's words without what gives the user's files another label (z, Z, relabel) or owner (U, chown); whether that was there.
fn without_changes(part: &Part) -> (Vec<String>, bool) {
    let mut words = part.words.clone();
    let Some(last) = words.last_mut() else { return (words, false) };
    let (head, options) = match part.option.name.as_str() {
        "volume" => match last.rsplit_once(':').filter(|(mount, _)| mount.contains(':')) {
            Some((mount, options)) => (format!("{mount}:"), options),
            None => return (words, false),
        },
        "mount" => (String::new(), last.as_str()),
        _ => return (words, false),
    };
    let changes = |option: &&str| {
        let name = option.split('=').next().unwrap_or_default();
        ["z", "Z", "U", "chown", "relabel"].contains(&name)
    };
    let (gone, kept): (Vec<&str>, Vec<&str>) = options.split(',').partition(changes);
    if gone.is_empty() {
        return (words, false);
    }
    let text = format!("{head}{}", kept.join(","));
    *last = text.trim_end_matches(':').to_owned();
    (words, true)
}

/// What is to be looked at in the container.
pub fn asked(line: &RunLine, need: &Need) -> Asked {
    let wanted = Need {
        gpu: need.gpu.clone(),
        capabilities: need.capabilities.iter().filter(|wish| wish.by != Origin::Guide).cloned().collect(),
        decode: need.decode.iter().filter(|wish| wish.by != Origin::Guide).cloned().collect(),
        encode: need.encode.clone(),
        frame: need.frame.clone(),
        picture: need.picture.clone(),
        display: need.display.clone().filter(|_| line.variable("DISPLAY").is_some()),
        ..Need::default()
    };
    let gpus = line.asks_for_gpu().is_some();
    let Need { display, frame, picture, .. } = wanted.clone();
    let mut wanted = if gpus { wanted } else { Need { display, frame, picture, ..Need::default() } };
    if gpus && wanted.gpu.is_none() {
        wanted.gpu = Some(gdoctor_checks::model::need::Wish::new(Gpus::All, Origin::Default));
    }
    wanted.capabilities.retain(|wish| wish.what != Capability::Compat32);
    let doors = line.ports.iter().filter_map(|port| {
        let udp = match port.protocol {
            Some(Protocol::Tcp) => false,
            Some(Protocol::Udp) => true,
            None => return None,
        };
        let count = port.first.zip(port.last).map_or(0, |(first, last)| last.saturating_sub(first));
        Some((port.container..=port.container.saturating_add(count)).map(move |port| Door { port, udp }))
    });
    let ports = if line.is_host_network() { Vec::new() } else { doors.flatten().take(PORTS).collect() };
    Asked { need: wanted, devices: devices(line), ports, limits: limits::asked(line), ..Asked::default() }
}

fn devices(line: &RunLine) -> Vec<Device> {
    let named = line.devices.iter().filter(|device| !device.cdi).map(|device| Device {
        host: device.host.clone(),
        path: device.container.clone(),
        camera: false,
        write: device.permissions.is_empty() || device.permissions.contains('w'),
    });
    // A node keeps what it is wherever it lies; of what is mounted elsewhere only names in /dev say that it is to be one.
    let is_node = |mount: &&Mount| {
        let in_dev = |path: &str| path.starts_with("/dev/") && path != "/dev/shm";
        mount.kind == MountKind::Bind && (in_dev(&mount.source) || in_dev(&mount.target))
    };
    let mounted = line.mounts.iter().filter(is_node);
    let mounted = mounted.map(|mount| Device {
        host: mount.source.clone(),
        path: mount.target.clone(),
        camera: false,
        write: true,
    });
    let mut all: Vec<Device> = Vec::new();
    for mut device in named.chain(mounted) {
        device.camera = device.host.starts_with("/dev/video") || device.host.starts_with("/dev/v4l/");
        if !all.iter().any(|known| known.path == device.path) {
            all.push(device);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::need::run_line::{Shell, parse_one};
    use std::time::Duration;

    fn tried(text: &str) -> Own {
        let line = parse_one(text, &Shell { cwd: "/", ..Shell::BARE }).unwrap();
        own(&line, &Host::new("/", Duration::from_secs(5)), Image::Own).unwrap()
    }

    #[test]
    fn what_would_outlast_the_proof_is_not_in_it() {
        let own = tried(
            "docker run -itd --name x --restart always --rm --entrypoint /app -p 80:80 --gpus all --pull always img cmd",
        );
        assert_eq!(own.options, ["-p", "80:80", "--gpus", "all"]);
        assert_eq!(own.left_out, [""; 0]);
    }

    #[test]
    fn what_only_the_image_or_others_would_know_is_told() {
        let own = tried("docker run -u app --group-add video --group-add 44 -u 1000:50 -l traefik.enable=true img");
        assert_eq!(own.options, ["--group-add", "44", "-u", "1000:50"]);
        assert_eq!(own.left_out.len(), 3, "{:?}", own.left_out);
    }

    #[test]
    fn a_variable_that_only_the_script_knows_is_left_out() {
        let own = tried("docker run -e GROUP=`id -gn` -e A=b -p 80:80 img");
        assert_eq!(own.options, ["-e", "A=b", "-p", "80:80"]);
        assert!(own.left_out[0].contains("id -gn"), "{:?}", own.left_out);
    }

    #[test]
    fn what_the_proof_replaces_is_known_by_its_place() {
        let text = "docker run --entrypoint /app -u app -p 80:80 img cmd";
        let line = parse_one(text, &Shell { cwd: "/", ..Shell::BARE }).unwrap();
        let replaced = |word: &str, image| is_replaced(&line, text.find(word).unwrap(), image);
        assert!(replaced("--entrypoint", Image::Lines) && replaced("cmd", Image::Lines) && replaced("img", Image::Own));
        assert!(!replaced("img", Image::Lines) && !replaced("-p", Image::Own) && !replaced("docker", Image::Own));
    }

    #[test]
    fn nothing_of_the_host_is_made_or_relabelled() {
        let mut own = tried("docker run -v /no/such/folder:/a -v /tmp:/b:Z,ro -v data:/c -v /d -v kept:/e img");
        own.make_nameless(false, |name| name == "kept");
        let words = ["--tmpfs", "/a", "-v", "/tmp:/b:ro", "-v", "/c", "-v", "/d", "-v", "kept:/e:nocopy"];
        assert_eq!(own.options, words);
        assert_eq!(own.left_out.len(), 3, "{:?}", own.left_out);
        let mut own = tried(
            "podman run --rmi --conmon-pidfile /x -v /tmp:/b:U --mount type=bind,src=/tmp,dst=/c,U=true -v kept:/e img",
        );
        own.make_nameless(true, |_| true);
        assert_eq!(own.options, ["-v", "/tmp:/b", "--mount", "type=bind,src=/tmp,dst=/c", "-v", "/e"]);
    }

    #[test]
    fn nothing_is_made_in_a_folder_of_the_host() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().display();
        let text = format!(
            "docker run -v {path}:/app -v /app/node_modules --tmpfs /app/tmp -w /app/src -v /tmp:/b --tmpfs /b img"
        );
        let own = tried(&text);
        assert_eq!(own.options, ["-v", &format!("{path}:/app"), "-v", "/tmp:/b", "--tmpfs", "/b"]);
        assert_eq!(own.left_out.len(), 3, "{:?}", own.left_out);
    }

    #[test]
    fn a_line_that_is_not_known_to_the_letter_is_not_tried() {
        let line = parse_one("docker run -p $(free-port):80 img", &Shell { cwd: "/", ..Shell::BARE }).unwrap();
        assert!(own(&line, &Host::new("/", Duration::from_secs(5)), Image::Own).unwrap_err().contains("free-port"));
    }
}
