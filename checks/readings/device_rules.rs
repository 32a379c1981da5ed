//! Which devices a run line lets its container open: the kernel's device cgroup as docker fills it.

use alloc::collections::BTreeMap;

use crate::model::run::{Argument, RunLine};

/// Major and minor number; `None` stands for every one.
type Numbers = (Option<u32>, Option<u32>);

/// What the line allows of character devices, besides what every container may.
pub struct DeviceRules<'a> {
    privileged: Option<&'a Argument>,
    rules: BTreeMap<Numbers, Rule<'a>>,
}

struct Rule<'a> {
    read: bool,
    write: bool,
    by: &'a Argument,
}

impl<'a> DeviceRules<'a> {
    /// `numbers` tells the node that a path of `--device` leads to.
    pub fn of(line: &'a RunLine, numbers: impl Fn(&str) -> Option<(u32, u32)>) -> Self {
        let privileged = line.switch("privileged").map(|option| &option.at);
        let mut rules = Self { privileged, rules: BTreeMap::new() };
        for device in line.devices.iter().filter(|device| !device.cdi) {
            let Some((major, minor)) = numbers(&device.host) else { continue };
            let permissions = if device.permissions.is_empty() { "rwm" } else { device.permissions.as_str() };
            rules.add((Some(major), Some(minor)), permissions, &device.at);
        }
        for option in line.all("device-cgroup-rule").filter(|option| option.refused.is_none() && !option.at.opaque) {
            let mut parts = option.value.split(' ');
            let (Some("c" | "a"), Some(place), Some(permissions)) = (parts.next(), parts.next(), parts.next()) else {
                continue;
            };
            let Some((major, minor)) = place.split_once(':') else { continue };
            rules.add((major.parse().ok(), minor.parse().ok()), permissions, &option.at);
        }
        rules
    }

    /// runc joins what is said twice of the same numbers, and nothing else (cgroups/devices, emulator).
    fn add(&mut self, numbers: Numbers, permissions: &str, by: &'a Argument) {
        let rule = self.rules.entry(numbers).or_insert(Rule { read: false, write: false, by });
        rule.read |= permissions.contains('r');
        rule.write |= permissions.contains('w');
    }

    /// What lets the container open the device for reading and writing: one rule has to allow both.
    pub fn opens(&self, device: (u32, u32)) -> Option<&'a Argument> {
        let rule = self.matching(device).find(|rule| rule.read && rule.write).map(|rule| rule.by);
        rule.or(self.privileged)
    }

    /// A rule for the device that allows less.
    pub fn allows_less(&self, device: (u32, u32)) -> Option<&'a Argument> {
        self.matching(device).map(|rule| rule.by).next()
    }

    fn matching(&self, (major, minor): (u32, u32)) -> impl Iterator<Item = &Rule<'a>> {
        let fits = move |numbers: &Numbers| {
            numbers.0.is_none_or(|known| known == major) && numbers.1.is_none_or(|known| known == minor)
        };
        self.rules.iter().filter(move |(numbers, _)| fits(numbers)).map(|(_, rule)| rule)
    }
}
