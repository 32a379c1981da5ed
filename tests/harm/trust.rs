//! Which gdoctor.toml counts: one of this user's or of root's, no higher than the repository; every report tells it.

use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;
use std::process::Command;

use crate::part::is_root;

const STRANGER: u32 = 4242;

/// A repository with a gdoctor.toml at its root, in a folder where everybody may write.
struct Repository(tempfile::TempDir);

impl Repository {
    fn new() -> Self {
        let above = tempfile::tempdir_in("/tmp").unwrap();
        let this = Self(above);
        mode(this.above(), 0o1777);
        std::fs::create_dir_all(this.root().join("src/deep")).unwrap();
        std::fs::create_dir(this.root().join(".git")).unwrap();
        std::fs::write(this.file(), "port = 18080\n").unwrap();
        this
    }

    fn above(&self) -> &Path {
        self.0.path()
    }

    fn root(&self) -> std::path::PathBuf {
        self.above().join("repository")
    }

    fn file(&self) -> std::path::PathBuf {
        self.root().join("gdoctor.toml")
    }

    /// Standard output and error of gdoctor, started in a folder.
    fn run(&self, folder: &Path, arguments: &[&str]) -> (String, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gdoctor"));
        let output = command.args(arguments).current_dir(folder).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (text(&output.stdout), text(&output.stderr))
    }

    /// What is wanted, as told in the deepest folder.
    fn needs(&self) -> (bool, String) {
        let (shown, errors) = self.run(&self.root().join("src/deep"), &["check", "--show-need"]);
        (shown.contains("18080"), errors)
    }
}

fn mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn no_higher_than_the_repository() {
    let repository = Repository::new();
    assert_eq!(repository.needs(), (true, String::new()));
    // Above the repository, and above a folder that is in none.
    std::fs::rename(repository.file(), repository.above().join("gdoctor.toml")).unwrap();
    assert_eq!(repository.needs(), (false, String::new()));
    let loose = tempfile::tempdir_in("/tmp").unwrap();
    std::fs::create_dir(loose.path().join("below")).unwrap();
    std::fs::write(loose.path().join("gdoctor.toml"), "port = 18080\n").unwrap();
    let shown = |folder: &Path| repository.run(folder, &["check", "--show-need"]).0.contains("18080");
    assert!(shown(loose.path()) && !shown(&loose.path().join("below")));
    // A work tree has a file in .git's place.
    let tree = Repository::new();
    std::fs::remove_dir(tree.root().join(".git")).unwrap();
    std::fs::write(tree.root().join(".git"), "gitdir: /elsewhere\n").unwrap();
    assert!(tree.needs().0);
}

#[test]
fn what_others_may_write_is_told_and_left() {
    let left = |change: &dyn Fn(&Repository), why: &str| {
        let repository = Repository::new();
        change(&repository);
        let (used, errors) = repository.needs();
        assert!(!used && errors.contains("gdoctor.toml is not used") && errors.contains(why), "{why}: {errors}");
        // The way to trust any.
        let file = repository.file();
        let (shown, _) =
            repository.run(&repository.root(), &["check", "--show-need", "--need", file.to_str().unwrap()]);
        assert!(shown.contains("18080"), "{why}: {shown}");
    };
    left(&|repository| mode(&repository.file(), 0o666), "others may write to");
    left(&|repository| mode(&repository.root(), 0o777), "others may write to");
    left(&|repository| mode(&repository.root(), 0o1777), "others may write to");
    if !is_root("a file of another user's") {
        return;
    }
    left(&|repository| chown(repository.file(), Some(STRANGER), None).unwrap(), "belongs to");
    left(&|repository| chown(repository.root(), Some(STRANGER), None).unwrap(), "belongs to");
    left(
        &|repository| {
            chown(repository.file(), None, Some(STRANGER)).unwrap();
            mode(&repository.file(), 0o664);
        },
        "others may write to",
    );
    let linked = |repository: &Repository, owner: u32| {
        let theirs = repository.above().join("theirs");
        std::fs::create_dir(&theirs).unwrap();
        std::fs::rename(repository.file(), theirs.join("file")).unwrap();
        chown(theirs.join("file"), Some(owner), None).unwrap();
        symlink(theirs.join("file"), repository.file()).unwrap();
    };
    left(&|repository| linked(repository, STRANGER), "belongs to");
    let own = Repository::new();
    linked(&own, 0);
    assert!(own.needs().0, "a link to an own file is as good as the file");
}

/// In every format that has a report: the file that counts, and the one that does not.
#[test]
fn every_format_tells_the_file() {
    let repository = Repository::new();
    let formats = ["text", "json", "junit", "sarif", "html", "md", "prom", "github", "nagios", "npd", "tap"];
    let here = |format: &str| repository.run(&repository.root(), &["--only", "host", "--format", format]).0;
    for format in formats {
        assert!(here(format).contains("gdoctor.toml"), "{format}: {}", here(format));
    }
    mode(&repository.file(), 0o666);
    for format in formats {
        let told = here(format);
        let left = ["not used", "used=\"false\"", "\"used\": false", "without gdoctor.toml"];
        assert!(left.iter().any(|words| told.contains(words)), "{format}: {told}");
    }
    let (quiet, _) = repository.run(&repository.root(), &["--only", "host", "-q"]);
    assert!(quiet.contains("not used"), "{quiet}");
    std::fs::remove_file(repository.file()).unwrap();
    for format in formats {
        assert!(!here(format).contains("gdoctor.toml"), "{format}");
    }
}
