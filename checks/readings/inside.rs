//! Who a container's process is, by the numbers it has inside: as the line says, else as the image does, where it is on this host.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::model::fact::{Gap, Stop};
use crate::model::facts::Facts;
use crate::model::facts::camera::{Access, NodeFile};
use crate::model::need::{ContainerUser, Need};
use crate::model::run::RunLine;

/// The first process of a container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inside {
    pub uid: u32,
    /// Its own group first, then the supplementary ones.
    pub groups: Vec<u32>,
    /// There is no other group: neither the image's lists nor a name on the line can add one.
    pub all_groups: bool,
}

impl Inside {
    pub fn user(&self) -> ContainerUser {
        ContainerUser { uid: self.uid, gid: self.groups.first().copied().unwrap_or_default() }
    }

    pub fn has_group(&self, gid: u32) -> bool {
        self.groups.contains(&gid)
    }

    /// How it gets at a node by the node's owner, group and mode; root's rights aside.
    pub fn access(&self, file: &NodeFile) -> Access {
        let by_group = |gid: &u32| file.access(self.uid, *gid);
        match self.groups.iter().map(by_group).find(|access| *access == Access::Granted) {
            Some(granted) => granted,
            None => self.groups.first().map_or(Access::Denied, by_group),
        }
    }
}

impl Facts {
    /// Stops with Unknown where line or image name a user whose numbers only the image's files tell, and these are not seen.
    pub fn inside(&self, need: &Need) -> Result<Inside, Stop> {
        let told = need.container_user;
        let Some(line) = need.run.as_ref() else { return Ok(of_numbers(told.uid, told.gid, true)) };
        let typed = line.last("user").filter(|option| option.refused.is_none());
        if typed.is_none() && told != ContainerUser::default() {
            return Ok(with_added(line, of_numbers(told.uid, told.gid, true)));
        }
        if let Some(ids) = self.run.accounts.value().and_then(|accounts| accounts.ids.as_ref()) {
            return Ok(Inside { uid: ids.uid, groups: ids.groups.clone(), all_groups: true });
        }
        let image = self.run.image.value().filter(|_| !line.podman).map_or("", |image| image.user.as_str());
        let named = typed.map_or(image, |option| option.value.as_str());
        let unseen = |why: String| Stop::Unknown(Gap::Unsupported(why), self.run.image.source.clone());
        if let Some(option) = typed.filter(|option| option.at.opaque) {
            return Err(unseen(format!("{} is known only when the line runs", option.at.text)));
        }
        let (user, group) = named.split_once(':').map_or((named, None), |(user, group)| (user, Some(group)));
        let number = |name: &str| match name {
            "" | "root" => Some(0),
            name => name.parse::<u32>().ok(),
        };
        match (number(user), group.map_or(Some(0), number)) {
            (Some(uid), Some(gid)) => Ok(with_added(line, of_numbers(uid, gid, group.is_some() || uid == 0))),
            _ => Err(unseen(format!("the numbers of {named} stand in the image's files, which are not seen here"))),
        }
    }
}

fn of_numbers(uid: u32, gid: u32, all_groups: bool) -> Inside {
    Inside { uid, groups: [gid].into(), all_groups }
}

/// With the groups that the line adds; the image tells the number of a name.
fn with_added(line: &RunLine, mut inside: Inside) -> Inside {
    for option in line.all("group-add") {
        match option.value.parse() {
            Ok(gid) if !option.at.opaque => inside.groups.push(gid),
            _ => inside.all_groups = false,
        }
    }
    inside
}

impl core::fmt::Display for Inside {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let groups: Vec<String> = self.groups.iter().map(ToString::to_string).collect();
        write!(f, "{}:{}", self.uid, groups.join(","))
    }
}
