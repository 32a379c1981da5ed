# shellcheck shell=bash
# part.sh: what the lab's parts share. Sourced by each of them, never run.
#
# Every process that a part starts carries LAB_PART=NAME:DIR in its environment. Its children inherit
# it, so `stop` finds all of them, also when the part crashed and its pid files are gone or stale.

part=$(basename "$0")

fail() { echo "$part: $*" >&2; exit 1; }

# need COMMAND PACKAGE: exits 77 (skipped) when COMMAND is not installed.
need() {
  PATH=$PATH:/usr/sbin:/sbin command -v "$1" >/dev/null && return
  echo "$part: $1 is missing: install the package $2 (tests/lab/install does)" >&2
  exit 77
}

# need_root: exits 77 (skipped) for anybody else.
need_root() {
  [ "$(id -u)" = 0 ] && return
  echo "$part: must run as root" >&2
  exit 77
}

# take_dir DIR: makes DIR and sets dir (its absolute path, without links) and marker.
take_dir() {
  case ${1:-} in /*) ;; *) fail "DIR must be an absolute path" ;; esac
  mkdir -p "$1"
  dir=$(realpath "$1")
  [ ${#dir} -le 70 ] || fail "DIR is too long for the sockets in it (70 characters at most): $dir"
  marker=LAB_PART=$part:$dir
}

# members [NAME]: the ids of the processes (called NAME) that this part started in DIR and that still run.
members() {
  local file name
  # -a -z -x: one whole variable; a process that ends meanwhile is no error.
  { grep -lazxF -- "$marker" /proc/[0-9]*/environ 2>/dev/null || true; } | while IFS= read -r file; do
    file=${file%/environ}
    read -r name 2>/dev/null <"$file/comm" || continue
    [ -n "${1:-}" ] && [ "$name" != "$1" ] || echo "${file#/proc/}"
  done
}

# reap SIGNAL [NAME]: sends SIGNAL to every member (called NAME).
reap() {
  local pids
  mapfile -t pids < <(members "${2:-}")
  [ ${#pids[@]} -eq 0 ] || kill -s "$1" "${pids[@]}" 2>/dev/null || true
}

# gone [NAME]: whether no member (called NAME) is left.
gone() { [ -z "$(members "${1:-}")" ]; }

# wait_until SECONDS COMMAND…: polls COMMAND; false when the deadline passes first.
wait_until() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    [ "$SECONDS" -lt "$deadline" ] || return 1
    sleep 0.05
  done
}

# stop_members SECONDS: asks all members to end, and ends them when they have not after SECONDS.
stop_members() {
  reap TERM
  wait_until "$1" gone || { reap KILL; wait_until 10 gone || fail "cannot end: $(members | tr '\n' ' ')"; }
}

# launch COMMAND…: starts COMMAND in the background, apart from the caller's terminal and pipes, and sets
# launched to its id. Returns once `members` can see it (or it ended).
launch() {
  setsid env "$marker" "$@" </dev/null >>"$dir/log" 2>&1 &
  launched=$!
  disown "$launched"
  until grep -qazxF -- "$marker" "/proc/$launched/environ" 2>/dev/null || ! up; do sleep 0.01; done
}

# up: whether the launched process still runs.
up() { kill -0 "$launched" 2>/dev/null; }

# not_up WHAT: shows the end of the log, stops what runs, and fails.
not_up() {
  echo "$part: $1; the end of $dir/log:" >&2
  tail -n 20 "$dir/log" >&2 || true
  stop_part
  exit 1
}

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# busybox_image: a tar with the root of an image, a static busybox with its links.
busybox_image() {
  local root=$dir/image applet
  rm -rf "$root"
  mkdir -p "$root/bin" "$root/etc" "$root/proc" "$root/sys" "$root/dev" "$root/root"
  install -m 1777 -d "$root/tmp"
  install -m 755 "$(command -v busybox)" "$root/bin/busybox"
  ! grep -qa /ld-linux "$root/bin/busybox" || { echo "$part: busybox is not static: install the package busybox-static" >&2; exit 77; }
  for applet in $("$root/bin/busybox" --list); do
    [ "$applet" = busybox ] || ln -s busybox "$root/bin/$applet"
  done
  echo 'root:x:0:0:root:/root:/bin/sh' >"$root/etc/passwd"
  echo 'root:x:0:' >"$root/etc/group"
  tar -C "$root" --owner=0 --group=0 -c .
  rm -rf "$root"
}
