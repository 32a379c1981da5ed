//! The docker client's side: its config.json, its version, compose, and the variables of this shell. Credentials are never
//! kept: of `auths` nothing is read, of proxies only that they are set.

use gdoctor_checks::model::fact::{Fact, Gap};
use gdoctor_checks::model::facts::docker::{DockerFacts, Package as Kind};
use gdoctor_checks::model::facts::engine::{ClientConfig, Compose, Helper, Package, Plugin, Unfit};
use gdoctor_checks::model::version::Version;
use serde_json::Value;

use crate::document::fault;
use crate::host::Host;
use crate::host::files::Kind as FileKind;

pub fn folder(host: &Host) -> String {
    host.env("DOCKER_CONFIG").unwrap_or_else(|| format!("{}/.docker", host.home()))
}

pub fn config(host: &Host) -> Fact<ClientConfig> {
    // A folder that this user may not read is closed to the user's docker too.
    let helper = |name: &str| {
        let program = format!("docker-credential-{name}");
        let found = host.on_path(&program);
        let unfit = found.value().and_then(|path| host.unfit(path).value().cloned());
        Helper { name: name.to_owned(), missing: found.value().is_none(), unfit }
    };
    host.text(format!("{}/config.json", folder(host))).map(|text| parse(&text, helper))
}

fn parse(text: &str, helper: impl Fn(&str) -> Helper) -> ClientConfig {
    let object = match serde_json::from_slice(text.as_bytes()) {
        Ok(Value::Object(object)) => object,
        Ok(_) => return ClientConfig { fault: "it is no object".into(), ..ClientConfig::default() },
        Err(error) => {
            let (line, column, why) = fault(text, &error);
            return ClientConfig { fault: format!("{why} in line {line}, column {column}"), ..ClientConfig::default() };
        }
    };
    let store = object.get("credsStore").and_then(Value::as_str).filter(|name| !name.is_empty()).map(&helper);
    let helpers = object.get("credHelpers").and_then(Value::as_object).into_iter().flatten();
    let helpers = helpers.filter_map(|(registry, name)| Some((registry.clone(), helper(name.as_str()?)))).collect();
    let proxies = object.get("proxies").and_then(Value::as_object).into_iter().flatten();
    let mut values = proxies.flat_map(|(_, proxy)| {
        ["httpProxy", "httpsProxy", "allProxy"].map(|key| proxy.get(key).and_then(Value::as_str)).into_iter().flatten()
    });
    ClientConfig { readable: true, fault: String::new(), store, helpers, loopback_proxy: values.any(is_loopback) }
}

/// `http://user:word@127.0.0.1:3128` and the like.
fn is_loopback(url: &str) -> bool {
    let place = url.split_once("://").map_or(url, |(_, place)| place);
    let place = place.rsplit_once('@').map_or(place, |(_, place)| place);
    place.starts_with("127.") || place.starts_with("localhost") || place.starts_with("[::1]")
}

/// The client and the daemon each read only their own environment.
pub fn shell_proxy(host: &Host) -> Fact<Vec<String>> {
    let names = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"];
    let set: Vec<String> = names.into_iter().filter(|name| host.env(name).is_some()).map(str::to_owned).collect();
    Fact::found((!set.is_empty()).then_some(set), "this shell's environment")
}

pub fn pinned_api(host: &Host) -> Fact<String> {
    Fact::found(host.env("DOCKER_API_VERSION"), "DOCKER_API_VERSION")
}

pub fn version(docker: &DockerFacts, packages: &Fact<Vec<Package>>) -> Fact<String> {
    let names: &[&str] = match docker.client.value().map(|client| client.package) {
        Some(Kind::DockerCe) => &["docker-ce-cli"],
        Some(Kind::Distribution) => &["docker-cli", "docker.io", "moby-cli"],
        _ => return Fact::absent("the client's package"),
    };
    let known = packages.value().map(Vec::as_slice).unwrap_or_default();
    let found = names.iter().find_map(|name| known.iter().find(|package| package.name == *name));
    Fact::found(found.map(|package| package.version.clone()), packages.source.0.as_str())
}

/// Where the client looks for plugins: docker/cli cli-plugins/manager/manager_unix.go.
const PLUGINS: [&str; 4] = [
    "/usr/local/lib/docker/cli-plugins",
    "/usr/local/libexec/docker/cli-plugins",
    "/usr/lib/docker/cli-plugins",
    "/usr/libexec/docker/cli-plugins",
];

/// The folders in the client's order; those of its own config.json come first.
fn plugin_folders(host: &Host) -> Vec<String> {
    let config = host.text(format!("{}/config.json", folder(host)));
    let config = config.value().and_then(|text| serde_json::from_str::<Value>(text).ok()).unwrap_or_default();
    let extra = config["cliPluginsExtraDirs"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let extra = extra.filter(|folder| folder.starts_with('/')).take(32).map(str::to_owned);
    extra.chain([format!("{}/cli-plugins", folder(host))]).chain(PLUGINS.map(str::to_owned)).collect()
}

/// PluginRunCommand of cli-plugins/manager: the first path of which it is not known that it is not there decides, a folder that
/// this user may not enter too (docker/cli#5643).
fn first_plugin(host: &Host, name: &str, is_there: impl Fn(&str) -> bool) -> Fact<Plugin> {
    let source = "the client's plugin folders";
    for folder in plugin_folders(host) {
        let path = format!("{folder}/{name}");
        match host.stat(&path).gap() {
            Some(Gap::Denied) => {
                let unfit = Some(Unfit::Closed(closed_folder(host, &path)));
                return Fact::present(Plugin { path, unfit }, source);
            }
            Some(gap) => return Fact::unknown(gap.clone(), source),
            None if is_there(&path) => {
                let unfit = host.unfit(&path);
                return match unfit.gap() {
                    Some(gap) => Fact::unknown(gap.clone(), source),
                    None => Fact::present(Plugin { path, unfit: unfit.value().cloned() }, source),
                };
            }
            None => {}
        }
    }
    Fact::absent(source)
}

/// The folder on the way to a path that this user may not go on from.
fn closed_folder(host: &Host, path: &str) -> String {
    let above = std::path::Path::new(path).ancestors().skip(1);
    let open = above.map(|folder| folder.display().to_string()).find(|folder| host.stat(folder).gap().is_none());
    open.unwrap_or_else(|| "/".into())
}

/// `docker build` goes by the folders' lists: folders do not count (addPluginCandidatesFromDir), links that lead nowhere up to 28.4.
/// Where nothing tells the client's version, that of the engine does.
pub fn buildx(host: &Host, docker: &DockerFacts, client: &Fact<String>) -> Fact<Plugin> {
    const PASSES_OVER: [u32; 2] = [28, 5];
    let engine = docker.version.value().map(|version| version.version.as_str());
    let version = client.value().map(String::as_str).or(engine).and_then(Version::leading);
    let over = version.is_some_and(|version| version >= Version::new(&PASSES_OVER));
    let listed = |path: &str| {
        let stat = if over { host.stat(path) } else { host.lstat(path) };
        stat.value().is_some_and(|stat| [FileKind::File, FileKind::Link].contains(&stat.kind))
    };
    first_plugin(host, "docker-buildx", listed)
}

pub fn compose(host: &Host, packages: &Fact<Vec<Package>>) -> Fact<Compose> {
    let plugin = first_plugin(host, "docker-compose", |path| host.exists(path));
    let python = host.search_path().into_iter().map(|folder| format!("{folder}/docker-compose"));
    let python = python.into_iter().find(|path| is_python(host, path));
    let known = packages.value().map(Vec::as_slice).unwrap_or_default();
    // A plugin in the user's or in /usr/local's folder is of no package.
    let packaged = plugin.value().is_some_and(|plugin| plugin.path.starts_with("/usr/lib"));
    let names = ["docker-compose-plugin", "docker-compose-v2", "docker-compose"];
    let version = names.iter().find_map(|name| known.iter().find(|package| package.name == *name));
    let version = version.filter(|_| packaged).map(|package| package.version.clone());
    let of_distribution = python.as_ref().is_some_and(|path| path.starts_with("/usr/bin/"));
    let python_version = known.iter().find(|package| package.name == "docker-compose").filter(|_| of_distribution);
    let python_version = python_version.map(|package| package.version.clone());
    if let Some(gap) = plugin.gap().filter(|_| python.is_none()) {
        return Fact::unknown(gap.clone(), plugin.source.0.as_str());
    }
    let (path, unfit) = plugin.value().cloned().map_or((None, None), |plugin| (Some(plugin.path), plugin.unfit));
    let found = path.is_some() || python.is_some();
    let compose = Compose { plugin: path, version, python, python_version, unfit };
    Fact::found(found.then_some(compose), "the client's plugin folders and PATH")
}

/// Version 1 is a Python program; a link to the plugin is a large ELF file.
fn is_python(host: &Host, path: &str) -> bool {
    let small = host.stat(path).value().is_some_and(|stat| stat.kind == FileKind::File && stat.size < 65_536);
    small
        && host
            .text(path)
            .value()
            .and_then(|text| text.lines().next().map(str::to_owned))
            .is_some_and(|first| first.starts_with("#!") && first.contains("python"))
}

/// Docker Desktop for Windows keeps its client here; its integration makes links into /mnt/wsl/docker-desktop.
pub fn windows(host: &Host) -> Fact<String> {
    const TOOLS: &str = "/mnt/wsl/docker-desktop/cli-tools";
    const PROGRAM: &str = "/mnt/c/Program Files/Docker/Docker/resources/bin/docker";
    let source = "/mnt/wsl/docker-desktop, /mnt/c/Program Files/Docker";
    let link = host.link("/usr/bin/docker");
    if link.value().is_some_and(|target| target.starts_with(TOOLS)) {
        return Fact::present("/usr/bin/docker".into(), source);
    }
    Fact::found(host.exists(PROGRAM).then(|| PROGRAM.into()), source)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_secret_is_kept_of_the_config() {
        let text = r#"{"auths": {"r.lan": {"auth": "c2VjcmV0"}}, "credsStore": "desktop", "credHelpers": {"gcr.io": "gcloud"},
                       "proxies": {"default": {"httpProxy": "http://me:secret@127.0.0.1:3128"}}}"#;
        let helper = |name: &str, missing| Helper { name: name.into(), missing, unfit: None };
        let config = parse(text, |name| helper(name, name == "desktop"));
        assert!(config.readable && config.loopback_proxy);
        assert_eq!(config.store, Some(helper("desktop", true)));
        assert_eq!(config.helpers, [("gcr.io".into(), helper("gcloud", false))]);
        assert!(!format!("{config:?}").contains("ecret"));
        for text in ["", "[]", "{", "\u{0}", r#"{"credsStore": 5, "credHelpers": [], "proxies": {"default": 1}}"#] {
            let config = parse(text, |name| helper(name, true));
            assert!(config.store.is_none() && config.helpers.is_empty() && !config.loopback_proxy, "{text:?}");
        }
    }
}
