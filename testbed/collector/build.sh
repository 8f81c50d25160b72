#!/bin/sh
# Puts an OpenTelemetry Collector of the parts in builder.yaml at .local/collector/otelcol-VERSION and prints that path.
#
# It is compiled from Go modules by the collector's own builder, in some three minutes of two cores, once. That is why `make
# test` sends to receivers of its own and only `make collector` to this.
set -eu

version=0.165.0
here=$(cd "$(dirname "$0")" && pwd)
home="$here/../../.local/collector"
mkdir -p "$home"
home=$(cd "$home" && pwd)
collector="$home/otelcol-$version"

if [ ! -x "$collector" ]; then
  work=$(mktemp -d "$home/build.XXXXXX")
  trap 'rm -rf "$work"' EXIT INT TERM
  GOBIN="$work" go install "go.opentelemetry.io/collector/cmd/builder@v$version" >&2
  cp "$here/builder.yaml" "$work/builder.yaml"
  (cd "$work" && ./builder --config builder.yaml >&2)
  mv "$work/otelcol" "$collector"
fi
echo "$collector"
