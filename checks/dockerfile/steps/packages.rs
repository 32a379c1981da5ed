//! Packages of Debian and Ubuntu by their release: which are gone, which there never were, and which bring libGL.so.1.

use alloc::format;
use alloc::string::String;

use crate::readings::known_image::System;

/// A package that is gone: the first Debian without it, the first Ubuntu, and what to install.
type Gone = (&'static str, Option<u32>, Option<(u32, u32)>, &'static str);

/// As apt answers on Debian 12 itself, and as it is reported of newer releases: huggingface/lerobot#1735,
/// crops/yocto-dockerfiles#103, docker-library/python#1070, ratoaq2/pgsrip#139, grafana/grafana#110198, browser-use/web-ui#680,
/// phoenixframework/phoenix#6464, rusefi/rusefi#7826, infinition/Bjorn#147, dbt-labs/dbt-core#8071, nxp-imx/imx-docker#4.
const GONE: [Gone; 24] = [
    ("libgl1-mesa-glx", Some(13), Some((24, 4)), "libgl1"),
    ("libegl1-mesa", Some(13), Some((24, 4)), "libegl1"),
    ("software-properties-common", Some(13), None, "no other: its add-apt-repository is for Ubuntu's archives,"),
    ("python3-distutils", Some(13), Some((24, 4)), "python3-setuptools"),
    ("libatlas-base-dev", Some(13), None, "libopenblas-dev"),
    ("libtinfo5", Some(13), Some((24, 4)), "libtinfo6"),
    ("libncurses5", Some(13), Some((24, 4)), "libncurses6"),
    ("libncursesw5", Some(13), Some((24, 4)), "libncursesw6"),
    ("libaio1", Some(13), Some((24, 4)), "libaio1t64"),
    ("libgconf-2-4", Some(13), None, "no other: GConf has ended,"),
    ("libasound2", None, Some((24, 4)), "libasound2t64"),
    ("netcat", Some(12), Some((23, 4)), "netcat-openbsd"),
    ("python", Some(12), Some((22, 4)), "python3"),
    ("python-pip", Some(11), Some((20, 4)), "python3-pip"),
    ("python-dev", Some(12), Some((22, 4)), "python3-dev"),
    ("libavresample-dev", Some(12), None, "libswresample-dev"),
    ("libssl1.1", Some(12), Some((22, 4)), "libssl3"),
    ("libffi7", Some(12), Some((22, 4)), "libffi8"),
    ("libwebp6", Some(12), Some((22, 4)), "libwebp7"),
    ("libtiff5", Some(12), Some((24, 4)), "libtiff6"),
    ("qt5-default", Some(11), Some((21, 4)), "qtbase5-dev"),
    ("libdc1394-22-dev", Some(11), Some((21, 4)), "libdc1394-dev"),
    ("libjasper-dev", Some(10), Some((18, 4)), "no other: OpenCV brings its own Jasper,"),
    ("libpng12-dev", Some(10), Some((18, 4)), "libpng-dev"),
];

/// What takes the place of a package that this release has no more.
pub fn instead(package: &str, system: System) -> Option<&'static str> {
    let (.., other) = GONE.iter().find(|(name, debian, ubuntu, _)| {
        let since = match system {
            System::Debian(release) => debian.is_some_and(|first| release >= first),
            System::Ubuntu(year, month) => ubuntu.is_some_and(|first| (year, month) >= first),
        };
        since && *name == package
    })?;
    Some(other)
}

/// The Pythons of a release, from its first to its last.
fn pythons(system: System) -> Option<&'static [u32]> {
    Some(match system {
        System::Debian(11) => &[9],
        System::Debian(12) => &[11],
        System::Debian(13) => &[13],
        System::Ubuntu(18, 4) => &[6, 7, 8],
        System::Ubuntu(20, 4) => &[8, 9],
        System::Ubuntu(22, 4) => &[10, 11],
        System::Ubuntu(24, 4) => &[12],
        _ => return None,
    })
}

/// The package of this release's own Python, for one of another: `python3.8` and `python3.8-venv` on Ubuntu 22.04.
pub fn own_python(package: &str, system: System) -> Option<String> {
    let (minor, part) = package.strip_prefix("python3.").map(|rest| rest.split_once('-').unwrap_or((rest, "")))?;
    let minor: u32 = minor.parse().ok()?;
    let known = ["", "dev", "venv", "distutils", "minimal", "full"].contains(&part);
    let own = pythons(system).filter(|own| known && !own.contains(&minor))?;
    let part = if part.is_empty() { String::new() } else { format!("-{part}") };
    Some(format!("python3.{}{part}", own.first()?))
}

/// Packages that bring a program of another name's (`apt-get -s` of Debian 12 on an empty system).
const BRING: [(&str, &[&str]); 5] = [
    ("git", &["git-", "npm", "devscripts", "ansible", "cargo", "golang"]),
    ("unzip", &["ruby", "r-base", "gradle", "ros-", "texlive"]),
    ("curl", &["ros-", "devscripts", "debhelper", "r-base"]),
    ("wget", &["ros-", "devscripts", "r-base", "texlive"]),
    ("pip", &["python3-full", "python3-venv", "python3.", "virtualenv", "pipx", "python3-virtualenv"]),
];

/// Apt installs this program with that package.
pub fn brings(package: &str, program: &str) -> bool {
    let bare = package.split('=').next().unwrap_or(package);
    let own = match program {
        "pip" | "pip3" => bare.contains("pip"),
        _ => bare == program,
    };
    let of = |name: &str| program.trim_end_matches('3') == name;
    let others = BRING.iter().filter(|(name, _)| of(name)).flat_map(|(_, packages)| packages.iter());
    own || package.contains(['$', '@', '*']) || others.into_iter().any(|other| bare.starts_with(other))
}

/// Parts of the names of packages that are libGL.so.1 or may bring it.
const BRINGS_GL: [&str; 25] = [
    "libgl1",
    "libgl-",
    "libglx",
    "mesa",
    "opencv",
    "ffmpeg",
    "qt",
    "gtk",
    "x11",
    "xorg",
    "xvfb",
    "freeglut",
    "libglu",
    "glew",
    "glfw",
    "sdl",
    "vtk",
    "desktop",
    "gstreamer",
    "libav",
    "vlc",
    "mpv",
    "ros-",
    "chromium",
    "firefox",
];
/// Of these apt installs no libGL.so.1, what they recommend included (`apt-get -s` of Debian 12 on an empty system).
const WITHOUT_GL: [&str; 20] = [
    "libgl1-mesa-dri",
    "libglx0",
    "libglx-mesa0",
    "libegl1-mesa",
    "libgles2-mesa",
    "mesa-va-drivers",
    "mesa-vulkan-drivers",
    "libx11-6",
    "libx11-dev",
    "libx11-xcb1",
    "libgtk2.0-0",
    "libgtk2.0-dev",
    "libgtk-3-0",
    "libsdl2-2.0-0",
    "gstreamer1.0-tools",
    "gstreamer1.0-plugins-base",
    "gstreamer1.0-plugins-good",
    "gstreamer1.0-x",
    "libgstreamer1.0-0",
    "libxkbcommon-x11-0",
];

/// It is libGL.so.1, or apt may install that with it.
pub fn brings_gl(package: &str) -> bool {
    let known_without = WITHOUT_GL.contains(&package.trim_end_matches("t64"));
    package.contains('$') || (!known_without && BRINGS_GL.iter().any(|part| package.contains(part)))
}

/// A text of steps names libGL outside of what apt installs: `libgl1`, `libGL.so.1`.
pub fn names_gl(text: &str) -> bool {
    let words = text.split(|c: char| c.is_whitespace() || "\"'=,;()[]/".contains(c));
    let begins = |word: &str| ["libgl1", "libgl-", "libgl.so"].iter().any(|begin| word.starts_with(begin));
    words.into_iter().any(|word| begins(word) && !WITHOUT_GL.contains(&word))
}
