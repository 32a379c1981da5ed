//! Asks the daemon what is used and counts what its own commands would free: `GET /system/df`, which takes minutes on a large
//! host.

use std::time::Duration;

use gdoctor_checks::model::facts::disk::DiskFacts;
use gdoctor_checks::model::facts::docker::DockerFacts;
use gdoctor_checks::model::facts::reclaim::{Command, Freed, ReclaimFacts};
use gdoctor_checks::model::need::Need;
use gdoctor_checks::model::version::Version;
use serde::Deserialize;

use crate::host::Host;

use super::docker::Asker;

/// So many images are named one by one, the largest.
const IMAGES: usize = 3;

/// Whether to ask, and how long to wait for it: Some(None) is as long as any probe may take.
pub fn time(disk: &DiskFacts, need: &Need) -> Option<Option<Duration>> {
    match &need.reclaim {
        Some(wish) => Some(Some(Duration::from_secs(wish.what))),
        None => disk.short(need).next().is_some().then_some(None),
    }
}

pub fn probe(host: &Host, docker: &DockerFacts) -> ReclaimFacts {
    let api = docker.version.value().and_then(|version| Version::parse(&version.api_version));
    // Engine 23.0, API 1.42: volumes that nobody named are labelled, and only those are pruned without `-a`.
    let spares_named = api.is_some_and(|api| api >= Version::new(&[1, 42]));
    // Without `verbose`, an engine of API 1.52 or newer sends everything twice.
    let usage = Asker::new(host).wait::<Usage>(host, "/system/df?verbose=true", "GET /system/df");
    ReclaimFacts { commands: usage.map(|usage| usage.commands(spares_named)) }
}

/// The answer in its two forms: lists by themselves before API 1.52, lists below `…Usage` since.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Usage {
    images: Option<Vec<Image>>,
    containers: Option<Vec<Container>>,
    volumes: Option<Vec<Volume>>,
    build_cache: Option<Vec<CacheRecord>>,
    image_usage: Items<Image>,
    container_usage: Items<Container>,
    volume_usage: Items<Volume>,
    build_cache_usage: Items<CacheRecord>,
}

#[derive(Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Items<T> {
    items: Option<Vec<T>>,
}

impl<T> Default for Items<T> {
    fn default() -> Self {
        Self { items: None }
    }
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Image {
    id: String,
    repo_tags: Option<Vec<String>>,
    size: i64,
    /// Of layers that other images have too; -1 when it was not counted.
    shared_size: i64,
    /// That use it, stopped ones too; -1 when they were not counted.
    containers: i64,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Container {
    state: String,
    size_rw: i64,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Volume {
    name: String,
    labels: Option<serde_json::Map<String, serde_json::Value>>,
    usage_data: Option<VolumeUse>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct VolumeUse {
    size: i64,
    ref_count: i64,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct CacheRecord {
    #[serde(rename = "Type")]
    kind: String,
    in_use: bool,
    shared: bool,
    size: i64,
}

impl Image {
    fn names(&self) -> impl Iterator<Item = &String> {
        self.repo_tags.iter().flatten().filter(|tag| *tag != "<none>:<none>")
    }

    /// What nobody else has of it.
    fn own(&self) -> i64 {
        self.size.saturating_sub(self.shared_size.max(0))
    }

    /// How `docker rmi` removes it, not only one of its names.
    fn handle(&self) -> Option<String> {
        let names: Vec<&String> = self.names().collect();
        match names.as_slice() {
            [] => self.id.strip_prefix("sha256:").and_then(|id| id.get(..12)).map(str::to_owned),
            [one] => Some((*one).clone()),
            _ => None,
        }
    }
}

impl Volume {
    /// Somebody gave it its name: Docker's own are 64 hexadecimal digits, labelled since Engine 23.0.
    fn is_named(&self) -> bool {
        let labelled = self.labels.as_ref().is_some_and(|labels| labels.contains_key("com.docker.volume.anonymous"));
        let digits = self.name.len() == 64 && self.name.bytes().all(|b| b.is_ascii_hexdigit());
        !labelled && !digits
    }
}

impl Usage {
    /// Least harm first.
    fn commands(self, spares_named: bool) -> Vec<Freed> {
        let images = self.images.or(self.image_usage.items).unwrap_or_default();
        let containers = self.containers.or(self.container_usage.items).unwrap_or_default();
        let volumes = self.volumes.or(self.volume_usage.items).unwrap_or_default();
        let cache = self.build_cache.or(self.build_cache_usage.items).unwrap_or_default();
        // Which image has a shared record is not told: any of them may.
        let shared =
            sum(Command::BuilderPrune, cache.iter().filter(|record| record.shared), |record| record.size).bytes;
        let unused: Vec<&Image> = images.iter().filter(|image| image.containers == 0).collect();
        let nameless = unused.iter().filter(|image| image.names().next().is_none());
        let mut all = vec![
            // BuildKit keeps records of these kinds unless `-a` is given, and shared ones belong to images.
            sum(
                Command::BuilderPrune,
                cache.iter().filter(|r| !r.in_use && !r.shared && !["internal", "frontend"].contains(&r.kind.as_str())),
                |record| record.size,
            ),
            sum(Command::ImagePrune, nameless, |image| image.own()),
            sum(
                Command::ContainerPrune,
                containers.iter().filter(|c| ["created", "exited", "dead"].contains(&c.state.as_str())),
                |container| container.size_rw,
            ),
        ];
        if unused.iter().any(|image| image.names().next().is_some()) {
            all.push(sum(Command::ImagePruneAll, unused.iter(), |image| image.own()));
        }
        all.extend(largest(&unused));
        all.extend(volume_commands(&volumes, spares_named));
        all.retain(|freed| freed.bytes > 0);
        for freed in all.iter_mut().filter(|freed| freed.by.removes_images()) {
            freed.held = shared.min(freed.bytes);
        }
        all
    }
}

fn largest(unused: &[&Image]) -> Vec<Freed> {
    let named = unused.iter().filter(|image| image.names().next().is_some());
    let mut each: Vec<Freed> = named
        .filter_map(|image| Some(sum(Command::Rmi(image.handle()?), [image].into_iter(), |image| image.own())))
        .collect();
    each.sort_by_key(|freed| std::cmp::Reverse(freed.bytes));
    each.truncate(IMAGES);
    each
}

fn volume_commands(volumes: &[Volume], spares_named: bool) -> Vec<Freed> {
    let size = |volume: &Volume| volume.usage_data.as_ref().map_or(0, |usage| usage.size);
    let unused: Vec<&Volume> =
        volumes.iter().filter(|v| v.usage_data.as_ref().is_some_and(|usage| usage.ref_count == 0)).collect();
    let named = unused.iter().filter(|volume| volume.is_named()).count() as u64;
    let all = |by| sum(by, unused.iter(), |volume| size(volume));
    if !spares_named {
        return vec![all(Command::VolumePrune { named })];
    }
    let nameless = unused.iter().filter(|volume| !volume.is_named());
    let mut commands = vec![sum(Command::VolumePrune { named: 0 }, nameless, |volume| size(volume))];
    commands.extend((named > 0).then(|| all(Command::VolumePruneAll)));
    commands
}

/// Sizes that were not counted are -1.
fn sum<T>(by: Command, things: impl Iterator<Item = T>, size: impl Fn(T) -> i64) -> Freed {
    let (mut count, mut bytes) = (0, 0_u64);
    for thing in things {
        count += 1;
        bytes = bytes.saturating_add(u64::try_from(size(thing)).unwrap_or(0));
    }
    Freed { by, count, bytes, held: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `docker …: count, bytes` of what an answer allows.
    fn told(answer: serde_json::Value, spares_named: bool) -> Vec<String> {
        let usage: Usage = serde_json::from_value(answer).unwrap();
        let held = |freed: &Freed| if freed.held > 0 { format!(" ({})", freed.held) } else { String::new() };
        usage.commands(spares_named).iter().map(|f| format!("{}: {}, {}{}", f.by, f.count, f.bytes, held(f))).collect()
    }

    fn lists() -> [serde_json::Value; 4] {
        let hex = "0123456789abcdef".repeat(4);
        [
            serde_json::json!([
                { "Id": format!("sha256:{hex}"), "RepoTags": ["a:1"], "Size": 900, "SharedSize": 100, "Containers": 0 },
                { "Id": format!("sha256:{hex}"), "RepoTags": ["b:1", "c:1"], "Size": 5000, "SharedSize": -1, "Containers": 0 },
                { "Id": format!("sha256:{hex}"), "RepoTags": ["<none>:<none>"], "Size": 70, "SharedSize": 0, "Containers": 0 },
                { "Id": format!("sha256:{hex}"), "RepoTags": [], "RepoDigests": [], "Size": 30, "SharedSize": 0, "Containers": 1 },
                { "Id": "", "RepoTags": null, "Size": -1, "SharedSize": -1, "Containers": -1 },
            ]),
            serde_json::json!([
                { "State": "running", "SizeRw": 1 }, { "State": "exited", "SizeRw": 20 }, { "State": "created" },
                { "State": "paused", "SizeRw": 300 },
            ]),
            serde_json::json!([
                { "Name": "db", "Labels": null, "UsageData": { "Size": 4000, "RefCount": 0 } },
                { "Name": hex, "Labels": {}, "UsageData": { "Size": 5, "RefCount": 0 } },
                { "Name": "x", "UsageData": { "Size": 60, "RefCount": 1 } },
                { "Name": "y", "UsageData": { "Size": -1, "RefCount": -1 } },
                { "Name": "z" },
            ]),
            serde_json::json!([
                { "ID": "1", "Type": "regular", "InUse": false, "Shared": false, "Size": 8000 },
                { "ID": "2", "Type": "internal", "InUse": false, "Shared": false, "Size": 1 },
                { "ID": "3", "Type": "regular", "InUse": true, "Shared": false, "Size": 2 },
                { "ID": "4", "Type": "regular", "InUse": false, "Shared": true, "Size": 4 },
            ]),
        ]
    }

    #[test]
    fn both_forms_of_the_answer_are_counted_alike() {
        let [images, containers, volumes, cache] = lists();
        let old = serde_json::json!({
            "LayersSize": 1, "Images": images, "Containers": containers, "Volumes": volumes, "BuildCache": cache,
        });
        let new = serde_json::json!({
            "ImageUsage": { "TotalCount": 5, "Reclaimable": 1, "Items": images }, "ContainerUsage": { "Items": containers },
            "VolumeUsage": { "Items": volumes }, "BuildCacheUsage": { "Items": cache },
        });
        let expected = [
            "docker builder prune: 1, 8000",
            "docker image prune: 1, 70 (4)",
            "docker container prune: 2, 20",
            "docker image prune -a: 3, 5870 (4)",
            "docker rmi a:1: 1, 800 (4)",
            "docker volume prune: 1, 5",
            "docker volume prune -a: 2, 4005",
        ];
        assert_eq!(told(old.clone(), true), expected);
        assert_eq!(told(new, true), expected);
        assert_eq!(told(old, false).last().unwrap(), "docker volume prune: 2, 4005");
    }

    #[test]
    fn an_empty_engine_has_nothing_to_free() {
        for answer in
            [serde_json::json!({}), serde_json::json!({ "Images": null, "BuildCacheUsage": { "Items": null } })]
        {
            assert!(told(answer, true).is_empty());
        }
    }
}
