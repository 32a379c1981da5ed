//! Who a container's user is on the host: user namespaces shift its numbers.

use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

use crate::model::fact::{Gap, Source, Stop};
use crate::model::facts::Facts;
use crate::model::facts::display::{HostIds, Mapping};
use crate::model::need::ContainerUser;

impl Facts {
    /// The daemon is set to map its containers' users, and the kernel gives no user namespaces: the file that says so.
    pub fn remaps_without_namespaces(&self) -> Option<&str> {
        let info = self.docker.info.value().filter(|info| !info.is_rootless());
        let running = info.is_some_and(|info| info.has_security_option("userns"));
        let set = self.docker.settings().is_some_and(|settings| settings.userns_remap.is_some());
        let off = self.engine.user_namespaces.value()?.none_for_root()?;
        (!self.docker.is_elsewhere() && (running || set && !self.docker.is_rootless())).then_some(off)
    }

    /// The ids on this host, as the X server sees them, of a user inside a container.
    ///
    /// The daemon's security options tell of user namespaces; the numbers come from the data root's name
    /// (`…/100000.100000`) or from /etc/subuid. Stops when the daemon has not answered.
    pub fn host_ids(&self, user: ContainerUser) -> Result<HostIds, Stop> {
        let Some(info) = self.docker.info.known()? else {
            return Ok(HostIds { uid: user.uid, gid: Some(user.gid), mapping: Mapping::None });
        };
        let unreadable = |what: &str, source: &str| Stop::Unknown(Gap::Unsupported(what.into()), Source::new(source));
        if info.is_rootless() {
            let owner = self.docker.socket.value().map(|s| s.uid).or(self.host.user.value().map(|u| u.uid));
            let owner = owner.ok_or_else(|| unreadable("whose rootless engine it is", "the engine's socket"))?;
            let uid = match user.uid {
                0 => owner,
                inside => self.subordinate(owner, inside - 1)?,
            };
            return Ok(HostIds { uid, gid: None, mapping: Mapping::Rootless });
        }
        if info.has_security_option("userns") {
            let root = info.docker_root_dir.rsplit('/').next().and_then(|name| {
                let (uid, gid) = name.split_once('.')?;
                Some((uid.parse::<u32>().ok()?, gid.parse::<u32>().ok()?))
            });
            let (first_uid, first_gid) =
                root.ok_or_else(|| unreadable("which ids the daemon's containers get", "GET /info, DockerRootDir"))?;
            let add = |first: u32, id: u32| {
                first.checked_add(id).ok_or_else(|| unreadable("an id beyond the range", "GET /info, DockerRootDir"))
            };
            return Ok(HostIds {
                uid: add(first_uid, user.uid)?,
                gid: Some(add(first_gid, user.gid)?),
                mapping: Mapping::Remapped,
            });
        }
        Ok(HostIds { uid: user.uid, gid: Some(user.gid), mapping: Mapping::None })
    }

    /// The `at`th subordinate uid of the account `owner`.
    fn subordinate(&self, owner: u32, at: u32) -> Result<u32, Stop> {
        let name = self.host.user.value().filter(|user| user.uid == owner).map(|user| user.name.as_str());
        let ranges = self.display.subuids.known()?.map(Vec::as_slice).unwrap_or_default();
        let mut left = at;
        for range in ranges.iter().filter(|r| Some(r.owner.as_str()) == name || r.owner == owner.to_string()) {
            match range.count.checked_sub(left) {
                Some(1..) => return range.first.checked_add(left).ok_or_else(|| self.no_range(owner)),
                _ => left -= range.count,
            }
        }
        Err(self.no_range(owner))
    }

    fn no_range(&self, owner: u32) -> Stop {
        Stop::Unknown(
            Gap::Unsupported(format!("no range of subordinate ids of uid {owner} reaches that far")),
            self.display.subuids.source.clone(),
        )
    }
}
