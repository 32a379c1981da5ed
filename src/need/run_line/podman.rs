//! Which values podman refuses by rules of its own: containers/podman pkg/specgen and cmd/podman/common, 4.3 to 5.x. A value
//! that is not told here may be refused all the same.

use super::flags::Kind;
use super::things::range;
use super::{numbers, values};

/// Options of `-v`, those that podman takes for docker's sake too.
const VOLUME: &str = "rw ro z Z U O exec noexec dev nodev suid nosuid copy nocopy bind rbind shared rshared slave rslave private \
     rprivate unbindable runbindable cached delegated consistent idmap no-dereference";

const LIMITS: &str = "core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack";

/// `Some(why)` when podman takes no such value.
pub fn refused(kind: Kind, value: &str) -> Option<String> {
    let unless = |holds: bool, why: &str| (!holds).then(|| why.to_owned());
    match kind {
        Kind::Publish
        | Kind::Int
        | Kind::Switch
        | Kind::Size
        | Kind::Capability
        | Kind::DeviceRule
        | Kind::Mac
        | Kind::Swappiness => values::refused(kind, value),
        Kind::Address => unless(
            ["", "none"].contains(&value) || value.parse::<core::net::IpAddr>().is_ok(),
            "it takes an IP address, or none",
        ),
        Kind::Device => unless(
            value.contains('=')
                || value.splitn(3, ':').nth(2).is_none_or(|mode| mode.bytes().all(|b| b"rwm".contains(&b))),
            "what stands behind the second colon is not made of r, w and m",
        ),
        Kind::Volume => volume(value),
        Kind::Mount => mount(value),
        Kind::Userns => unless(
            ["", "host", "private", "keep-id", "nomap", "auto"].contains(&value)
                || ["keep-id:", "auto:", "ns:", "container:"].iter().any(|kind| value.starts_with(kind)),
            "it takes host, private, keep-id, nomap, auto, ns:PATH or container:NAME",
        ),
        Kind::Pull => unless(
            ["", "always", "missing", "never", "newer", "ifnotpresent", "ifmissing"]
                .contains(&value.to_ascii_lowercase().as_str())
                || numbers::switch(value).is_some(),
            "it takes always, missing, never or newer",
        ),
        Kind::Restart => unless(
            ["", "no", "never", "always", "unless-stopped", "on-failure"].contains(&value)
                || value.strip_prefix("on-failure:").is_some_and(|count| count.parse::<u32>().is_ok()),
            "it takes no, always, unless-stopped or on-failure[:N]",
        ),
        Kind::Ulimit => unless(
            value == "host" || value.split_once('=').is_some_and(|(name, _)| LIMITS.split(' ').any(|one| one == name)),
            "it takes NAME=SOFT[:HARD], or host",
        ),
        Kind::Expose => unless(
            range(value.split('/').next().unwrap_or_default()).is_some(),
            "it takes a port, without a host's port",
        ),
        Kind::ExtraHost => unless(value.contains(':'), "it takes NAME:ADDRESS"),
        Kind::Variable => unless(!value.starts_with('='), "a variable needs a name: NAME=value, or NAME alone"),
        // libpod/define NameRegex.
        Kind::Name => unless(
            value.is_empty()
                || value.starts_with(|c: char| c.is_ascii_alphanumeric())
                    && value.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b)),
            "a name is made of letters, digits, `_`, `.` and `-`, and begins with a letter or digit",
        ),
        Kind::Label => unless(!value.starts_with('='), "a label needs a name"),
        _ => None,
    }
}

/// Options of podman's own that take one of a few words: cmd/podman/common/create.go and pkg/specgenutil.
const WORDS: [(&str, &str); 8] = [
    ("log-driver", "json-file k8s-file journald none passthrough passthrough-tty"),
    ("cgroupns", "host private ns:PATH container:NAME"),
    ("systemd", "true false always"),
    ("cgroups", "enabled disabled no-conmon split"),
    ("sdnotify", "container conmon healthy ignore"),
    ("image-volume", "bind tmpfs ignore anonymous"),
    ("health-on-failure", "none kill restart stop"),
    ("seccomp-policy", "default image"),
];

/// `Some(why)` when the option takes other words than this one.
pub fn other_word(name: &str, value: &str) -> Option<String> {
    let (_, words) = WORDS.iter().find(|(option, _)| *option == name)?;
    let switch = name == "systemd" && numbers::switch(value).is_some();
    let begins =
        |word: &&str| word.split_once(':').is_some_and(|(kind, _)| value.starts_with(kind) && value.contains(':'));
    let words: Vec<&str> = words.split(' ').collect();
    if value.is_empty() || words.iter().any(begins) {
        return None;
    }
    let (last, before) = words.split_last()?;
    (!switch && !words.contains(&value.to_ascii_lowercase().as_str()))
        .then(|| format!("it takes {} or {last}", before.join(", ")))
}

fn volume(value: &str) -> Option<String> {
    let parts: Vec<&str> = value.split(':').collect();
    let (target, options) = match parts[..] {
        [target] => (target, ""),
        [_, target] => (target, ""),
        [_, target, options] => (target, options),
        _ => return Some("it takes [SOURCE:]TARGET[:OPTIONS]".into()),
    };
    if !target.starts_with('/') {
        return Some(format!("the path in the container is not absolute: {target:?}"));
    }
    let known = |option: &str| {
        VOLUME.split(' ').any(|one| one == option)
            || ["upperdir=", "workdir=", "idmap=", "subpath="].iter().any(|begin| option.starts_with(begin))
    };
    let odd = options.split(',').find(|option| !option.is_empty() && !known(option));
    odd.map(|option| format!("{option:?} is no option of a mount, such as ro, z or U"))
}

fn mount(value: &str) -> Option<String> {
    let kind = value.split(',').find_map(|field| field.strip_prefix("type=")).unwrap_or("volume");
    let known = ["bind", "volume", "tmpfs", "devpts", "image", "glob", "ramfs", "artifact"].contains(&kind);
    (!known).then(|| format!("there is no mount of the type {kind:?}"))
}

#[cfg(test)]
mod tests {
    use super::{Kind, refused};

    /// As `podman create` 4.3.1 took and refused them.
    #[test]
    fn values_as_podman_takes_them() {
        let taken = [
            (Kind::Volume, "/tmp:/x:ro,U,z"),
            (Kind::Volume, "/tmp:/x:O"),
            (Kind::Volume, "rel:/x"),
            (Kind::Volume, "/tmp:/x:copy"),
            (Kind::Volume, "/tmp:/x:idmap"),
            (Kind::Mount, "type=bind,src=/tmp,dst=/x,relabel=shared,U=true"),
            (Kind::Mount, "type=devpts,dst=/dev/p"),
            (Kind::Ulimit, "host"),
            (Kind::Pull, "newer"),
            (Kind::Size, "1m"),
            (Kind::Time, "-1s"),
            (Kind::Workdir, "rel"),
        ];
        for (kind, value) in taken {
            assert_eq!(refused(kind, value), None, "{value}");
        }
        let not = [
            (Kind::Volume, "/tmp:/x:foo"),
            (Kind::Volume, "/tmp:x"),
            (Kind::Volume, "a:b:c:d"),
            (Kind::Mount, "type=foo,dst=/x"),
            (Kind::Userns, "foo"),
            (Kind::Pull, "foo"),
            (Kind::Restart, "sometimes"),
            (Kind::Restart, "on-failure:x"),
            (Kind::Ulimit, "nosuch=1"),
            (Kind::Capability, "FOO"),
            (Kind::Variable, "=x"),
            (Kind::Label, "=b"),
            (Kind::Publish, "99999:80"),
            (Kind::Size, "abc"),
            (Kind::Expose, "abc"),
            (Kind::ExtraHost, "a"),
        ];
        for (kind, value) in not {
            assert!(refused(kind, value).is_some(), "{value}");
        }
    }
}
