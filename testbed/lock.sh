#!/bin/sh
# Makes requirements.txt of requirements.in in each folder named: beside each package the digests of its wheels for Linux on
# x86-64 and every Python that a machine may have. For who changes a version.
#   testbed/lock.sh agents kubernetes
set -eu

testbed=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM

for folder in "$@"; do
  home="$testbed/$folder" wheels="$work/$folder"
  for python in 3.11 3.12 3.13 3.14; do
    python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: --dest "$wheels" \
      --implementation cp --python-version $python \
      --platform manylinux_2_28_x86_64 --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64 \
      --requirement "$home/requirements.in"
  done

  {
    echo "# Made by lock.sh of requirements.in. Not to be edited."
    grep -v '^#' "$home/requirements.in" | while read -r pinned; do
      name=$(echo "${pinned%%==*}" | tr '[:upper:]-' '[:lower:]_')
      printf '%s' "$pinned"
      find "$wheels" -iname "$name-*.whl" -exec sha256sum {} + | sort | while read -r digest _; do
        printf ' \\\n    --hash=sha256:%s' "$digest"
      done
      echo
    done
  } >"$work/requirements.txt"
  mv "$work/requirements.txt" "$home/requirements.txt"
done
