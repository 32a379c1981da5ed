//! What lies in the engine's folder for a registry's certificates, and which pair of it can be shown.

use gdoctor_checks::model::fact::{Fact, Gap};
use gdoctor_checks::model::facts::registry::{CertsDir, Unfit};
use gdoctor_checks::model::need::Registry;

use crate::host::files::Kind;
use crate::host::tls::BUNDLE_CAP;
use crate::host::{Host, certificate};

/// The port that is not written: the folder of such a registry has none in its name.
const HTTPS: u16 = 443;

/// A client's certificate and its key, as they stand in their files.
pub type Pair = (Vec<u8>, Vec<u8>);

pub struct Found {
    pub dir: Fact<CertsDir>,
    /// The first pair that can be shown; empty where none can.
    pub pair: Pair,
    pub misplaced: Vec<String>,
}

/// `root` is the folder of all registries.
pub fn find(host: &Host, root: &str, registry: &Registry) -> Found {
    let named = format!("{root}/{registry}");
    let bare = format!("{root}/{}", registry.host);
    let path = if registry.port == HTTPS && host.stat(&named).is_absent() { bare } else { named };
    let mut pair = None;
    let dir = host.list(&path).map(|names| {
        let mut dir = CertsDir { path: path.clone(), ..CertsDir::default() };
        for name in &names {
            file(host, &mut dir, &names, name, &mut pair);
        }
        dir
    });
    Found { dir, pair: pair.unwrap_or_default(), misplaced: misplaced(host, root, registry, &path) }
}

fn file(host: &Host, dir: &mut CertsDir, names: &[String], name: &str, pair: &mut Option<Pair>) {
    let there = |name: &str| names.iter().any(|known| known == name);
    if let Some(stem) = name.strip_suffix(".key") {
        let alone = !there(&format!("{stem}.cert"));
        dir.unfit.extend(alone.then(|| (name.to_owned(), Unfit::NoCertificate)));
        return;
    }
    let judged = if name.ends_with(".crt") {
        read(host, &dir.path, name).map(|bytes| match certificate::authorities(&bytes) {
            Ok(_) => dir.authorities.push(name.to_owned()),
            Err(why) => _ = dir.unfit.insert(name.to_owned(), why),
        })
    } else if let Some(stem) = name.strip_suffix(".cert") {
        let key = format!("{stem}.key");
        let shown = read(host, &dir.path, name).and_then(|bytes| match there(&key) {
            true => Ok((bytes, read(host, &dir.path, &key)?)),
            false if certificate::authorities(&bytes) == Ok(true) => Err(Unread::Unfit(Unfit::Authority)),
            false => Err(Unread::Unfit(Unfit::NoKey)),
        });
        shown.and_then(|(shown, key)| {
            certificate::client(&shown, &key).map_err(Unread::Unfit)?;
            pair.get_or_insert((shown, key));
            Ok(())
        })
    } else {
        let holds_one = read(host, &dir.path, name).is_ok_and(|bytes| certificate::authorities(&bytes).is_ok());
        dir.ignored.extend(holds_one.then(|| name.to_owned()));
        return;
    };
    match judged {
        Ok(()) => {}
        Err(Unread::Unfit(why)) => _ = dir.unfit.insert(name.to_owned(), why),
        Err(Unread::Denied) => dir.unread.push(name.to_owned()),
    }
}

enum Unread {
    Unfit(Unfit),
    /// Not to this user, or not in time: the daemon, which is root, may read it.
    Denied,
}

fn read(host: &Host, dir: &str, name: &str) -> Result<Vec<u8>, Unread> {
    let path = format!("{dir}/{name}");
    let stat = host.stat(&path);
    match stat.value() {
        None if stat.is_absent() => Err(Unread::Unfit(Unfit::Dangling)),
        None => Err(Unread::Denied),
        Some(stat) if stat.kind != Kind::File => Err(Unread::Unfit(Unfit::NoFile)),
        Some(_) => {
            let bytes = host.bytes(&path, BUNDLE_CAP);
            match (bytes.value(), bytes.gap()) {
                (Some(bytes), _) => Ok(bytes.clone()),
                (None, Some(Gap::Unparsable(_))) => Err(Unread::Unfit(Unfit::Unreadable)),
                (None, _) => Err(Unread::Denied),
            }
        }
    }
}

/// Authorities of the same host under another name: `reg.lan/ca.crt` for `reg.lan:5000`.
fn misplaced(host: &Host, root: &str, registry: &Registry, path: &str) -> Vec<String> {
    let all = host.list(root);
    let bare = match registry.host.contains(':') {
        true => format!("[{}]", registry.host),
        false => registry.host.clone(),
    };
    let same = |name: &&String| name.strip_prefix(&bare).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'));
    let folders = all.value().into_iter().flatten().filter(same).map(|name| format!("{root}/{name}"));
    let files = folders.filter(|folder| folder != path).flat_map(|folder| {
        let names = host.list(&folder);
        let names = names.value().into_iter().flatten().filter(|name| name.ends_with(".crt")).cloned();
        names.map(|name| format!("{folder}/{name}")).collect::<Vec<_>>()
    });
    files.filter(|file| host.stat(file).value().is_some_and(|stat| stat.kind == Kind::File)).take(4).collect()
}
