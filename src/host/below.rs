//! What lies in a folder whose owner a fix changes with all that is in it: each path is shown before, and can be given back.

use std::fs::read_dir;
use std::path::Path;

/// More than these is no folder of settings.
const MOST: usize = 300;

/// A folder itself, and no link to one.
pub fn is_folder(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|metadata| metadata.is_dir())
}

/// Every path below it. Err tells why not all are known.
pub fn of(folder: &Path) -> Result<Vec<String>, String> {
    let mut paths = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let unseen = || {
            format!(
                "what lies in {} is not for this user to see, so not all that it changes is known",
                folder.display()
            )
        };
        for entry in read_dir(&folder).map_err(|_| unseen())? {
            let entry = entry.map_err(|_| unseen())?;
            let kind = entry.file_type().map_err(|_| unseen())?;
            if paths.len() == MOST || !(kind.is_dir() || kind.is_file() || kind.is_symlink()) {
                return Err(format!("{} holds more than settings: its owner is changed by hand", folder.display()));
            }
            paths.push(entry.path().to_str().ok_or_else(unseen)?.to_owned());
            if kind.is_dir() {
                folders.push(entry.path());
            }
        }
    }
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    #[test]
    fn all_that_is_there_is_named_or_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("contexts")).unwrap();
        std::fs::write(at("contexts/meta.json"), "{}").unwrap();
        std::fs::write(at("config.json"), "{}").unwrap();
        let mut paths = super::of(folder.path()).unwrap();
        paths.sort();
        assert_eq!(
            paths,
            ["config.json", "contexts", "contexts/meta.json"].map(|name| at(name).to_str().unwrap().to_owned())
        );
        let _socket = UnixListener::bind(at("docker.sock")).unwrap();
        assert!(super::of(folder.path()).unwrap_err().contains("holds more than settings"));
    }
}
