//! What is mounted where, as dockerd sees it.

use gdoctor_checks::model::fact::Fact;
use gdoctor_checks::model::facts::docker::{Address, DockerFacts, Info, Reach};
use gdoctor_checks::model::facts::engine::DataRoot;

use crate::host::Host;
use crate::probe::disk::containerd_root;

/// The mounts of dockerd's own namespace where this user may read them, else this one's.
pub fn table(host: &Host, docker: &DockerFacts) -> Fact<String> {
    let own = docker.daemon_process.value().map(|pid| host.live().text(format!("/proc/{pid}/mounts")));
    own.filter(|table| host.is_live() && table.value().is_some()).unwrap_or_else(|| host.text("/proc/mounts"))
}

/// Present where an engine answers whose root lies on this machine, or the system's is down and has a root.
pub fn data_root(host: &Host, docker: &DockerFacts) -> Fact<DataRoot> {
    let answers = docker.answered_info();
    let root = answers.map(|info| info.docker_root_dir.clone()).or_else(|| of_stopped(host, docker));
    let root = root.filter(|root| root.starts_with('/'));
    let Some(path) = root.filter(|_| !docker.is_elsewhere()).map(|path| target(host, path)) else {
        return Fact::absent("the engine's data root");
    };
    let fstab = host.text("/etc/fstab");
    let fstab = fstab.value().map(String::as_str).unwrap_or_default();
    let overlay2 = docker.answered_info().is_some_and(|info| info.driver == "overlay2");
    // Where there are no layers yet, dockerd has made all of it or nothing.
    let whole = answers.is_some()
        && !docker.is_rootless()
        && host.list(&path).value().is_some_and(|names| names.iter().any(|n| n == "image"));
    let tmp = format!("{path}/tmp");
    let mut gone: Vec<String> = [tmp].into_iter().filter(|path| whole && host.stat(path).is_absent()).collect();
    gone.extend(unlinked(host, &path).filter(|_| whole && overlay2));
    let overlay2 = host.exists(format!("{path}/image/overlay2"));
    // moby, daemon/cluster: stateFile.
    let swarm = host.exists(format!("{path}/swarm/docker-state.json"));
    // What is not mounted yet will be by its start.
    if !host.runs() {
        let mounts: Vec<String> = entries(fstab).map(|fields| fields.join(" ")).collect();
        let root = DataRoot { gone, overlay2, swarm, ..read(path, &mounts.join("\n"), "") };
        return Fact::present(root, "/etc/fstab");
    }
    table(host, docker).map(|mounts| DataRoot { gone, overlay2, swarm, ..read(path, &mounts, fstab) })
}

/// The root that the system's dockerd is told, where nobody listens at its socket.
fn of_stopped(host: &Host, docker: &DockerFacts) -> Option<String> {
    let down = matches!(docker.reach.value(), Some(Reach::NotThere | Reach::Refused));
    let Some(Address::Unix(socket)) = docker.endpoint.value().map(|endpoint| &endpoint.address) else { return None };
    let is_system = ["/var/run/docker.sock", "/run/docker.sock"].contains(&socket.as_str());
    let told = docker.setting("data-root", |settings| settings.data_root.clone()).map(|told| told.value);
    let told_path = told.is_some();
    let path = told.unwrap_or_else(|| "/var/lib/docker".into());
    // One that was moved to a disk which is not there does not exist either.
    let is_told = told_path || host.link(&path).value().is_some();
    (down && is_system && (is_told || host.exists(&path))).then_some(path)
}

/// Where containerd keeps images in Docker's place, on this machine.
pub fn image_store(host: &Host, docker: &DockerFacts) -> Fact<DataRoot> {
    let source = "containerd's root";
    if docker.is_elsewhere() || !docker.answered_info().is_some_and(Info::has_containerd_store) {
        return Fact::absent(source);
    }
    let path = target(host, containerd_root(host));
    let fstab = host.text("/etc/fstab");
    let fstab = fstab.value().map(String::as_str).unwrap_or_default();
    table(host, docker).map(|mounts| read(path, &mounts, fstab))
}

/// What a link in a folder's place leads to, also where nothing is there.
fn target(host: &Host, path: String) -> String {
    let link = host.link(&path).value().filter(|to| to.starts_with('/')).cloned();
    host.real_path(&path).value().cloned().or(link).unwrap_or(path)
}

/// Layers that are looked at: what takes one link mostly takes all.
const LAYERS: usize = 64;

/// overlay2 mounts layers by short names, links in `l`, each of which the layer's file `link` has too. Looked at are the layers of
/// images: those of containers come and go. Whoever removes an image takes its name out of the store before its link (moby,
/// layer/layer_store.go, deleteLayer), so a link is lost where the name is still there after it was looked for.
fn unlinked(host: &Host, root: &str) -> Option<String> {
    let store = format!("{root}/image/overlay2/layerdb/sha256");
    let names = host.list(&store);
    let layers = names.value()?.iter().filter(|name| !name.ends_with("-removing")).take(LAYERS);
    let lost = |name: &String| {
        let layer = host.line(format!("{store}/{name}/cache-id"));
        let link = layer.value().map(|layer| host.line(format!("{root}/overlay2/{layer}/link")));
        let link = link.as_ref().and_then(Fact::value);
        let is_gone = link.is_some_and(|link| host.lstat(format!("{root}/overlay2/l/{link}")).is_absent());
        is_gone && host.stat(format!("{store}/{name}")).value().is_some()
    };
    layers.into_iter().any(lost).then(|| format!("{root}/overlay2/l"))
}

fn read(path: String, mounts: &str, fstab: &str) -> DataRoot {
    let rows: Vec<Vec<&str>> = mounts.lines().map(|line| line.split(' ').collect()).collect();
    let at = |row: &Vec<&str>| unescaped(row.get(1).copied().unwrap_or_default());
    // Of several at one place the last is seen.
    let over = rows.iter().filter(|row| is_above(&at(row), &path)).max_by_key(|row| at(row).len());
    let options = over.and_then(|row| row.get(3)).copied().unwrap_or_default();
    // dockerd mounts its data root onto itself: what it lies on is then the same source, mounted further up.
    let source = over.and_then(|row| row.first());
    let further = rows.iter().filter(|row| row.first() == source && at(row) != path && is_above(&at(row), &path));
    let below = further.max_by_key(|row| at(row).len()).filter(|_| over.is_some_and(|row| at(row) == path)).or(over);
    let mounted = |place: &str| rows.iter().any(|row| at(row) == place);
    let wanted = entries(fstab).filter_map(|fields| {
        let mut fields = fields.into_iter().skip(1);
        let (place, kind, options) = (fields.next()?, fields.next()?, fields.next().unwrap_or_default());
        let by_hand = options.split(',').any(|option| option == "noauto");
        let named = place.starts_with('/') && place != "/" && kind != "swap" && !by_hand;
        named.then(|| unescaped(place.trim_end_matches('/')))
    });
    let mut not_mounted = wanted.filter(|place| is_above(place, &path) && !mounted(place));
    DataRoot {
        mount: below.map(at).unwrap_or_default(),
        kind: below.and_then(|row| row.get(2)).map(|kind| (*kind).to_owned()).unwrap_or_default(),
        quotas: ["pquota", "prjquota"].iter().any(|word| options.split(',').any(|option| option == *word)),
        overlay2: false,
        swarm: false,
        noexec: options.split(',').any(|option| option == "noexec"),
        not_mounted: not_mounted.next(),
        gone: Vec::new(),
        path,
    }
}

/// fstab(5), without its comments.
fn entries(fstab: &str) -> impl Iterator<Item = Vec<&str>> {
    let told = fstab.lines().filter(|line| !line.trim_start().starts_with('#'));
    told.map(|line| line.split_whitespace().collect())
}

/// A blank in a path is `\040` there, and so on for a tab, a new line, a backslash.
fn unescaped(field: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .iter()
        .fold(field.to_owned(), |text, (code, c)| text.replace(code, c))
}

fn is_above(place: &str, path: &str) -> bool {
    place == "/" || path == place || path.strip_prefix(place).is_some_and(|rest| rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mount_that_the_root_lies_on() {
        let mounts = "/dev/vda / ext4 rw 0 0\nd /mnt/d tmpfs rw,nosuid,noexec 0 0\nd /mnt/dd tmpfs rw 0 0\n";
        let fstab = "# /dev/a /mnt/d/docker ext4 defaults 0 0\nLABEL=x /mnt/data ext4 nofail 0 2\n\
                     LABEL=y /srv ext4 noauto 0 2\nLABEL=z /mnt/d tmpfs rw 0 0\n";
        let of = |path: &str| read(path.into(), mounts, fstab);
        let root =
            |mount: &str, noexec, not_mounted: Option<&str>| (mount.to_owned(), noexec, not_mounted.map(str::to_owned));
        assert_eq!((of("/srv/docker").kind.as_str(), of("/mnt/dd").kind.as_str()), ("ext4", "tmpfs"));
        let seen = |path: &str| (of(path).mount, of(path).noexec, of(path).not_mounted);
        assert_eq!(seen("/mnt/d/docker"), root("/mnt/d", true, None));
        let twice = format!("{mounts}d /mnt/d/docker tmpfs rw,nosuid,noexec 0 0\n");
        assert_eq!(read("/mnt/d/docker".into(), &twice, "").mount, "/mnt/d");
        assert_eq!(seen("/mnt/dd"), root("/mnt/dd", false, None));
        assert_eq!(seen("/mnt/data/docker"), root("/", false, Some("/mnt/data")));
        assert_eq!(seen("/srv/docker"), root("/", false, None));
    }
}
