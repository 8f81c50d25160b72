#!/bin/sh
# Puts the Python packages that a folder of the testbed stands on into `.local/<folder>`, each as its requirements.txt pins
# it by version and digest.
#   testbed/fetch-wheels.sh agents kubernetes
#
# Running it again, or several at once, is harmless: the folder appears by one rename, and is replaced only when the
# requirements or the machine's Python changed. Nothing is installed for the machine; only wheels are taken, so that no
# package runs anything.
set -eu

testbed=$(cd "$(dirname "$0")" && pwd)
local="$testbed/../.local"
mkdir -p "$local"

work=
trap 'rm -rf "$work"' EXIT INT TERM

for folder in "$@"; do
  home="$local/$folder"
  requirements="$testbed/$folder/requirements.txt"

  work=$(mktemp -d "$local/fetch-wheels.XXXXXX")
  # Some wheels are of one Python's version.
  { python3 -c 'import sys; print("# %d.%d" % sys.version_info[:2])' && cat "$requirements"; } >"$work/fetched"
  if ! cmp -s "$work/fetched" "$home/.fetched"; then
    echo "fetch-wheels: downloading the packages of testbed/$folder" >&2
    PIP_ROOT_USER_ACTION=ignore python3 -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
      --only-binary :all: --target "$work/$folder" --requirement "$requirements" >&2
    cp "$work/fetched" "$work/$folder/.fetched"
    if [ -e "$home" ]; then mv "$home" "$work/old"; fi
    # Another run may have been faster; its packages are the same.
    mv -T "$work/$folder" "$home" 2>/dev/null || cmp -s "$work/fetched" "$home/.fetched"
  fi
  rm -rf "$work"
done
