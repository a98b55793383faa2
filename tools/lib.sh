# shellcheck shell=bash disable=SC2034 # the lists are for those who source this
# SPDX-License-Identifier: Apache-2.0
#
# What serve, demo, test and .ci/run share: installing what is missing, building, and counting.
# It is sourced, after `set -euo pipefail`.
#
# Installing goes through apt, as root or with sudo, and only where something is missing: with all
# in place nothing is run, and the network is not needed. A package counts as there when the file
# that is wanted of it is there, whoever installed it.

TREE=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
BUILD=${MODELHOST_BUILD:-$TREE/build}

# PACKAGE:WHAT, where WHAT shows that the package is there: a command, a pkg-config file (.pc), a
# Python module (py=), or an absolute path, which may hold wildcards.
BUILD_NEEDS=(
    gcc:gcc
    libc6-dev:/usr/include/stdio.h
    meson:meson
    ninja-build:ninja
    pkg-config:pkg-config
    python3:python3
    libmicrohttpd-dev:libmicrohttpd.pc
    libcurl4-openssl-dev:libcurl.pc
    libcjson-dev:libcjson.pc
    libarchive-dev:libarchive.pc
    libgnutls28-dev:gnutls.pc
    libqrencode-dev:libqrencode.pc
    zlib1g-dev:zlib.pc
    libbrotli-dev:libbrotlienc.pc
    libzstd-dev:libzstd.pc
    uthash-dev:/usr/include/uthash.h
    ca-certificates:/etc/ssl/certs/ca-certificates.crt
)
TEST_NEEDS=(
    libcmocka-dev:cmocka.pc
    libssl-dev:openssl.pc
    python3-pytest:py=pytest
    python3-h2:py=h2
    openssl:openssl
    qrencode:qrencode
    chromium:/usr/bin/chromium
    util-linux:nsenter
)
LINT_NEEDS=(
    clang-14:clang-14
    clang-format-14:clang-format-14
    clang-tidy-14:clang-tidy-14
    'libclang-rt-14-dev:/usr/lib/llvm-14/lib/clang/*/lib/linux/libclang_rt.tsan-*.a'
    cppcheck:cppcheck
    shellcheck:shellcheck
    codespell:codespell
)
# What bench/run measures with and beside; bench/prepare installs it.
BENCH_NEEDS=(
    libssl-dev:openssl.pc
    iproute2:ip
    util-linux:nsenter
    openssl:openssl
    nginx:nginx
    lighttpd:lighttpd
    'lighttpd-mod-openssl:/usr/lib/lighttpd/mod_openssl.so'
    h2o:h2o
    varnish:varnishd
    caddy:caddy
)
NODE_MIN=18

die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

note() {
    printf '== %s\n' "$*" >&2
}

has() {
    case $1 in
    /*) compgen -G "$1" >/dev/null ;;
    py=*) /usr/bin/python3 -c "import ${1#py=}" 2>/dev/null ;;
    *.pc) command -v pkg-config >/dev/null && pkg-config --exists "${1%.pc}" ;;
    *) command -v "$1" >/dev/null ;;
    esac
}

# Debian's own is 18, but any newer one in the PATH will do, and it brings its npm with it.
has_node() {
    local version

    command -v npm >/dev/null || return 1
    version=$(node --version 2>/dev/null) || return 1
    version=${version#v}
    ((${version%%.*} >= NODE_MIN))
}

as_root() {
    if ((EUID == 0)); then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        die "not root, and there is no sudo. As root, run: $*"
    fi
}

# install_missing PACKAGE:WHAT...
install_missing() {
    local need missing=()

    for need in "$@"; do
        has "${need#*:}" || missing+=("${need%%:*}")
    done
    install_packages "${missing[@]}"
}

install_packages() {
    (($# > 0)) || return 0
    command -v apt-get >/dev/null ||
        die "missing, and there is no apt-get to install it with. Debian calls it: $*"
    note "installing $*"
    # A list that cannot be fetched, of some other source perhaps, need not be one that is needed.
    quietly as_root apt-get update -qq || note "apt-get update failed; going on with what is known"
    quietly as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "$@"
}

# Run a command that talks much; show what it said only if it fails.
quietly() {
    local said

    said=$("$@" 2>&1) || {
        printf '%s\n' "$said" >&2
        return 1
    }
}

install_node() {
    has_node && return
    install_packages nodejs npm
    has_node || die "node $NODE_MIN or newer is needed, and $(command -v node) is $(node --version)"
}

# install_node_modules DIR: the packages of its lock file, from whatever registry npm is set up for.
# npm leaves a copy of the lock in node_modules: while that is the newer one, there is nothing to do.
# No package's script is run: what is needed works without.
install_node_modules() {
    local dir=$TREE/$1

    [[ $dir/node_modules/.package-lock.json -nt $dir/package-lock.json ]] && return
    note "installing the npm packages of ${dir#"$TREE"/}"
    (cd "$dir" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2)
    touch "$dir/node_modules/.package-lock.json"
}

# configure DIR MESON_OPTION...: set up a build tree, or give these options to one that is there.
configure() {
    local dir=$1
    shift

    if [[ -f $dir/build.ninja ]]; then
        meson configure "$dir" "$@"
    else
        meson setup "$dir" "$TREE" "$@" >&2
    fi
}

# Build the program alone: what the tests need is neither installed nor built. A tree that is there
# keeps its options. Warnings are errors for who works on modelhost, not for who uses it: a compiler
# newer than ours may know more of them.
build_program() {
    install_missing "${BUILD_NEEDS[@]}"
    [[ -f $BUILD/build.ninja ]] ||
        configure "$BUILD" -Dbuildtype=release -Dwerror=false -Dtests=false
    ninja -C "$BUILD" modelhost >&2
}

# --- running steps and counting what passed ---
#
# Every step appends a line "PASSED FAILED SKIPPED LABEL" to $MODELHOST_RESULTS, which a script that
# calls another one hands down. MODELHOST_STEP_LIMIT, a time for timeout(1), ends a step that hangs.

begin_results() {
    SCRATCH=$(mktemp -d)
    trap 'rm -rf "$SCRATCH"' EXIT
    OWNS_RESULTS=${MODELHOST_RESULTS:+no}
    export MODELHOST_RESULTS=${MODELHOST_RESULTS:-$SCRATCH/results}
    touch "$MODELHOST_RESULTS"
}

failures() {
    awk '{ failed += $2 } END { print failed + 0 }' "$MODELHOST_RESULTS"
}

# The counts of a test program, read from what it printed: "PASSED FAILED SKIPPED".
count_meson() {
    awk '/^(Ok|Expected Fail): / { ok += $NF }
         /^(Fail|Timeout|Unexpected Pass): / { bad += $NF }
         /^Skipped: / { skipped += $NF }
         END { print ok + 0, bad + 0, skipped + 0 }' "$1"
}

count_pytest() {
    sed -n 's/^=* *\(.*[0-9] [a-z].*\) in [0-9.]*s.*/\1/p' "$1" | tail -n 1 | tr ',' '\n' |
        awk '/ (passed|xfailed)/ { ok += $1 }
             / (failed|xpassed|errors?)/ { bad += $1 }
             / skipped/ { skipped += $1 }
             END { print ok + 0, bad + 0, skipped + 0 }'
}

count_node() {
    awk '/^# pass / { ok = $3 }
         /^# (fail|cancelled) / { bad += $3 }
         /^# skipped / { skipped = $3 }
         END { print ok + 0, bad + 0, skipped + 0 }' "$1"
}

# A check that is one thing, done or not.
count_whole() {
    echo 1 0 0
}

# run_step LABEL KIND COMMAND...: run the command, show its output, and count by count_KIND. A
# command that fails without a failure to count, and one that ran nothing, count as one failure.
run_step() {
    local label=$1 kind=$2 log=$SCRATCH/log status=0 passed failed skipped limit=()
    shift 2

    [[ -z ${MODELHOST_STEP_LIMIT:-} ]] || limit=(timeout --kill-after=30 "$MODELHOST_STEP_LIMIT")
    note "$label"
    "${limit[@]}" "$@" 2>&1 | tee "$log" || status=$?
    read -r passed failed skipped < <("count_$kind" "$log")
    [[ $kind != whole || $status == 0 ]] || passed=0
    if ((failed == 0 && (status != 0 || passed + skipped == 0))); then
        failed=1
    fi
    echo "$passed $failed $skipped $label" >>"$MODELHOST_RESULTS"
}

# run_script LABEL COMMAND...: run a script that appends its own results. If it fails and none of
# them says so, that is a failure of its own.
run_script() {
    local label=$1 before
    shift

    before=$(failures)
    if ! "$@" && (($(failures) == before)); then
        echo "0 1 0 $label" >>"$MODELHOST_RESULTS"
    fi
}

# The end of a script: who began the results prints them. Returns whether nothing failed.
finish_results() {
    [[ $OWNS_RESULTS == no ]] || print_results
    (($(failures) == 0))
}

print_results() {
    awk '{ passed += $1; failed += $2; skipped += $3
           label = $0; sub(/^[0-9]+ [0-9]+ [0-9]+ /, "", label)
           printf "%6d passed %4d failed %4d skipped  %s\n", $1, $2, $3, label }
         END { if (skipped) printf "%d skipped: the reasons stand above\n", skipped
               printf "%d passed, %d failed\n", passed, failed }' "$MODELHOST_RESULTS"
}
