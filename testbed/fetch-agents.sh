#!/bin/sh
# Puts what testbed/agents stands on into `.local/agents`: the SDKs of MCP and A2A, each package as requirements.txt pins
# it by version and digest.
#
# Running it again, or several at once, is harmless: the folder appears by one rename, and is replaced only when the
# requirements or the machine's Python changed. Nothing is installed for the machine; only wheels are taken, so that no
# package runs anything.
set -eu

testbed=$(cd "$(dirname "$0")" && pwd)
requirements="$testbed/agents/requirements.txt"
local="$testbed/../.local"
home="$local/agents"

mkdir -p "$local"
work=$(mktemp -d "$local/fetch-agents.XXXXXX")
trap 'rm -rf "$work"' EXIT INT TERM
# Some wheels are of one Python's version.
{ python3 -c 'import sys; print("# %d.%d" % sys.version_info[:2])' && cat "$requirements"; } >"$work/fetched"
if cmp -s "$work/fetched" "$home/.fetched"; then exit 0; fi

echo "fetch-agents: downloading the SDKs of MCP and A2A" >&2
PIP_ROOT_USER_ACTION=ignore python3 -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
  --only-binary :all: --target "$work/agents" --requirement "$requirements" >&2
cp "$work/fetched" "$work/agents/.fetched"
if [ -e "$home" ]; then mv "$home" "$work/old"; fi
# Another run may have been faster; its packages are the same.
mv -T "$work/agents" "$home" 2>/dev/null || cmp -s "$work/fetched" "$home/.fetched"
