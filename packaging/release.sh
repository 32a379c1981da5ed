# shellcheck shell=bash
# Sourced: what every package of a release says alike, exported for the parts in kinds/. The version is Cargo.toml's, the date
# the last commit's.
# shellcheck disable=SC2034 # they are exported
here=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
repository=$(dirname "$here")

set -a
version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"$/\1/p' "$repository/Cargo.toml")
url=$(sed -n '/^\[workspace.package\]/,/^\[/s/^repository = "\(.*\)"$/\1/p' "$repository/Cargo.toml")
license=$(sed -n '/^\[workspace.package\]/,/^\[/s/^license = "\(.*\)"$/\1/p' "$repository/Cargo.toml")
summary="Says what will fail before your first GPU container, and how to mend it"
about="It looks at Docker, the NVIDIA driver and toolkit, driver capabilities,
the X11 display, cameras, ports, registries and disk, and tells what will
fail, why, and the documented commands that mend it. Nothing on the host is
changed, pulled or started."
maintainer="gdoctor maintainers <gdoctor@users.noreply.github.com>"

# The oldest glibc that the binaries run on: CentOS 7's, older than all that has a driver of today.
glibc=2.17

: "${SOURCE_DATE_EPOCH:=$(git -C "$repository" log -1 --format=%ct 2>/dev/null || date +%s)}"
LC_ALL=C.UTF-8
TZ=UTC
set +a

fail() {
  echo "${0##*/}: $*" >&2
  exit 1
}

# 77: something is not installed; the line names it.
need() {
  local program
  for program in "$@"; do
    command -v "$program" >/dev/null || { echo "${0##*/}: $program is not installed" >&2; exit 77; }
  done
}

# The name that each world has for a machine.
machine() {
  case $1:$2 in
    x86_64:deb | x86_64:image) echo amd64 ;;
    aarch64:deb | aarch64:image) echo arm64 ;;
    x86_64:npm) echo x64 ;;
    aarch64:npm) echo arm64 ;;
    x86_64:triple | aarch64:triple) echo "$1-unknown-linux-gnu" ;;
    *) fail "no machine is known here as $1" ;;
  esac
}

# packed DIR NAME: the same bytes from the same files: names in order, one date, nobody's ids.
packed() {
  tar --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner --format=gnu -C "$1" -cf - "$2"
}
