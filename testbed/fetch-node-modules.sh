#!/bin/sh
# Puts what the Node programs in a folder of the testbed stand on into its node_modules, each package as its
# package-lock.json pins it by version and digest.
#   testbed/fetch-node-modules.sh authorization-server agents grafana browser
#
# Running it again, or several at once, is harmless: node_modules appears by one rename, and is replaced only when the
# lock changed. Node and npm are those of `.local/node`.
set -eu

testbed=$(cd "$(dirname "$0")" && pwd)
node="$testbed/../.local/node"
"$testbed/install-tools.sh" node

work=
trap 'rm -rf "$work"' EXIT INT TERM

for folder in "$@"; do
  home="$testbed/$folder"
  done="$home/node_modules/.fetched-lock.json"
  if cmp -s "$home/package-lock.json" "$done"; then continue; fi

  work=$(mktemp -d "$home/.fetch.XXXXXX")
  cp "$home/package.json" "$home/package-lock.json" "$testbed/.npmrc" "$work"
  echo "fetch-node-modules: npm ci for $folder" >&2
  # None of these packages has anything to run when installed.
  "$node/bin/node" "$node/lib/node_modules/npm/bin/npm-cli.js" ci --prefix "$work" --ignore-scripts --no-progress >&2
  cp "$home/package-lock.json" "$work/node_modules/.fetched-lock.json"
  if [ -e "$home/node_modules" ]; then mv "$home/node_modules" "$work/old"; fi
  # Another run may have been faster; its node_modules are the same.
  mv -T "$work/node_modules" "$home/node_modules" 2>/dev/null || cmp -s "$home/package-lock.json" "$done"
  rm -rf "$work"
done
