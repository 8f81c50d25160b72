#!/bin/sh
# Puts what testbed/authorization-server stands on into its node_modules: oidc-provider and oauth4webapi, each package as
# its package-lock.json pins it by version and digest.
#
# Running it again, or several at once, is harmless: node_modules appears by one rename, and is replaced only when the
# lock changed. Node and npm are those of `.local/node`.
set -eu

testbed=$(cd "$(dirname "$0")" && pwd)
home="$testbed/authorization-server"
done="$home/node_modules/.fetched-lock.json"

"$testbed/install-tools.sh" node
node="$testbed/../.local/node"

if cmp -s "$home/package-lock.json" "$done"; then exit 0; fi

work=$(mktemp -d "$home/.fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT INT TERM
cp "$home/package.json" "$home/package-lock.json" "$home/.npmrc" "$work"
echo "fetch-authorization-server: npm ci" >&2
# None of these packages has anything to run when installed.
"$node/bin/node" "$node/lib/node_modules/npm/bin/npm-cli.js" ci --prefix "$work" --ignore-scripts --no-progress >&2
cp "$home/package-lock.json" "$work/node_modules/.fetched-lock.json"
if [ -e "$home/node_modules" ]; then mv "$home/node_modules" "$work/old"; fi
# Another run may have been faster; its node_modules are the same.
mv -T "$work/node_modules" "$home/node_modules" 2>/dev/null || cmp -s "$home/package-lock.json" "$done"
