#!/bin/sh
# Remakes src/bindings.rs from the kernel's <linux/videodev2.h>.
#
# Needs, on the machine that runs it only (never to build the crate):
#   libclang and a C compiler's headers   apt-get install libclang-dev clang linux-libc-dev
#   bindgen 0.65.1                        cargo install bindgen-cli --version 0.65.1 --locked
# Run it on a 64-bit Linux machine. Arguments are passed on to clang, for
# example -I/path/to/other/kernel/headers or --target=aarch64-linux-gnu.
# BINDGEN names another bindgen, OUT another output file.
set -eu
cd "$(dirname "$0")"

"${BINDGEN:-bindgen}" wrapper.h \
    --output "${OUT:-src/bindings.rs}" \
    --use-core \
    --no-layout-tests \
    --no-doc-comments \
    --no-recursive-allowlist \
    --ignore-functions \
    --allowlist-type '_?_?v4l2_.*' \
    --allowlist-type '__[us](8|16|32|64)' \
    --allowlist-type '__[lb]e(16|32|64)' \
    --allowlist-type '(time_t|suseconds_t|__time_t|__suseconds_t|__syscall_slong_t)' \
    --allowlist-type '(timeval|timespec)' \
    --allowlist-var '_?_?(V4L2|VIDEO|VIDIOC|BASE_VIDIOC|v4l2)_.*' \
    -- "$@"
