//! Images whose program asks the engine: which version of its API each release speaks at most, and what to take instead.

use alloc::format;
use alloc::string::String;

use crate::model::version::Version;

/// A program of an image that asks the engine.
pub struct Client {
    /// `None`: any that the engine offers.
    pub speaks: Option<Version>,
    /// The reference of a release that speaks a newer one; `None`: there is none.
    pub instead: Option<String>,
}

/// From this release on a program speaks this API at most (`None`: any), and the tag to take instead, if there is one.
type Release = (&'static [u32], Option<u32>, &'static str);

struct Row {
    images: &'static [&'static str],
    /// In rising order: each counts until the next one begins.
    releases: &'static [Release],
    /// No release is to come: its tags without a number are known too.
    ended: bool,
}

// traefik/traefik#12253: 1.24 until 2.11.31 and 3.6.1. containrrr/watchtower#2126: 1.25. portainer/portainer#12925: 1.41 until 2.33.5
// and 2.36.0. Of docker's own client: its release notes, by the API that each release began with.
const ROWS: [Row; 4] = [
    Row {
        images: &["traefik", "library/traefik"],
        releases: &[
            (&[0], Some(24), "v2.11"),
            (&[2, 11, 31], None, ""),
            (&[3], Some(24), "v3.6"),
            (&[3, 6, 1], None, ""),
        ],
        ended: false,
    },
    Row { images: &["containrrr/watchtower", "v2tec/watchtower"], releases: &[(&[0], Some(25), "")], ended: true },
    Row {
        images: &["portainer/portainer-ce", "portainer/portainer-ee", "portainer/portainer"],
        releases: &[
            (&[0], Some(41), "lts"),
            (&[2, 33, 5], None, ""),
            (&[2, 34], Some(41), "lts"),
            (&[2, 36], None, ""),
        ],
        ended: false,
    },
    Row {
        images: &["docker", "library/docker"],
        releases: &[
            (&[18, 9], Some(39), "29"),
            (&[19, 3], Some(40), "29"),
            (&[20, 10], Some(41), "29"),
            (&[23], Some(42), "29"),
            (&[24], Some(43), "29"),
            (&[25], None, ""),
        ],
        ended: false,
    },
];

/// What is known of an image's program by the image's name. `None`: nothing, as where a tag moves from release to release.
pub fn client(reference: &str) -> Option<Client> {
    let bare = reference.strip_prefix("docker.io/").unwrap_or(reference).split('@').next()?;
    let (name, tag) = bare.rsplit_once(':').unwrap_or((bare, ""));
    let row = ROWS.iter().find(|row| row.images.contains(&name))?;
    let number = tag.strip_prefix('v').unwrap_or(tag);
    let release = Version::leading(number).filter(|_| number.starts_with(|first: char| first.is_ascii_digit()));
    let (_, api, instead) = match &release {
        Some(release) => {
            let at = row.releases.iter().rposition(|(since, ..)| *release >= Version::new(since))?;
            // `2.11` is the newest release of 2.11, whichever that is when it is pulled.
            let moves = row.releases.get(at + 1).is_some_and(|(since, ..)| Version::new(since).is_within(release));
            row.releases.get(at).filter(|_| !moves)?
        }
        None => row.releases.first().filter(|_| row.ended)?,
    };
    let kind = tag.find('-').map_or("", |at| &tag[at..]);
    let instead = (!instead.is_empty()).then(|| format!("{}{instead}{kind}", prefix(reference, tag)));
    Some(Client { speaks: api.map(|minor| Version::new(&[1, minor])), instead })
}

/// The reference up to its tag, with the colon.
fn prefix(reference: &str, tag: &str) -> String {
    let name = reference.split('@').next().unwrap_or(reference);
    let name = name.strip_suffix(tag).and_then(|rest| rest.strip_suffix(':')).unwrap_or(name);
    format!("{name}:")
}
