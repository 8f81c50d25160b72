#!/bin/sh
# Assembles the whole file system of the image: packaging/image-root.sh BINARY FOLDER
#
# The Dockerfile runs it, and so does a test, which then runs the program in nothing but that folder. FOLDER must not exist.
set -eu

binary=$1 root=$2
workspace=$(cd "$(dirname "$0")/.." && pwd)

if [ -e "$root" ]; then
  echo "image-root: \`$root\` exists, expected a new folder" >&2
  exit 1
fi
# /run/hopgate is the usual place of the socket: a fresh volume mounted there takes this folder's owner.
mkdir -p "$root/etc/ssl/certs" "$root/etc/hopgate" "$root/run/hopgate" "$root/usr/share/licenses/hopgate"
install -m 755 "$binary" "$root/hopgate"

# Exactly the libraries it links, the loader among them, where it looks for them.
ldd "$binary" | awk '$2 == "=>" && $3 ~ /^\// { print $3 } $1 ~ /^\// { print $1 }' |
  xargs cp --dereference --parents --target-directory "$root"

cp --dereference /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
# glibc reads names from here; without it its default is the system's to choose.
echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
echo 'hopgate:x:65532:65532::/:/hopgate' >"$root/etc/passwd"
cp "$workspace/LICENSE" "$root/usr/share/licenses/hopgate/"
