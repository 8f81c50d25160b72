#!/bin/sh
# Puts the definitions of what `k8s/istio` and `k8s/envoy-gateway` hold into .local/crds of the workspace: the
# CustomResourceDefinitions of Istio, Gateway API and Envoy Gateway, the protobuf files of Istio's mesh configuration, and Envoy
# Gateway's Helm chart.
#
# They come out of Go modules, whose sums are pinned below. Nothing of them is compiled.
set -eu

workspace=$(cd "$(dirname "$0")/.." && pwd)
crds="$workspace/.local/crds"
version=istio-1.32.0-gateway-helm-1.9.1
if [ -d "$crds/$version" ]; then
  exit 0
fi
if ! command -v go >/dev/null; then
  echo "fetch-crds: Go is needed, whose modules these are" >&2
  exit 1
fi
mkdir -p "$crds"
work=$(mktemp -d "$crds/fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT INT TERM

# The folder of a Go module: path, version, sum.
module() {
  said=$(cd "$work" && GOFLAGS=-mod=mod go mod download -json "$1@$2")
  field() { echo "$said" | sed -n "s/^\t\"$1\": \"\(.*\)\",*$/\1/p"; }
  if [ "$(field Sum)" != "$3" ]; then
    echo "fetch-crds: the sum of $1 $2 is $(field Sum), expected $3" >&2
    exit 1
  fi
  field Dir
}

istio=$(module istio.io/api v1.32.0 h1:37mJvg9I0biYZAEQF+MATs4FNeCpXEIVO3LFpVb6iNM=)
gateway=$(module github.com/envoyproxy/gateway v1.9.1 h1:vAVp6/AlBXJ1aOhp1mxL7fNEzVEfjADUguUhm2wzxQY=)

mkdir "$work/files" "$work/files/proto"
cp "$istio/kubernetes/customresourcedefinitions.gen.yaml" "$work/files/istio.yaml"
cp "$gateway/charts/gateway-helm/charts/crds/crds/gatewayapi-crds.yaml" "$work/files/"
cp "$gateway"/charts/gateway-helm/charts/crds/crds/generated/*.yaml "$work/files/"
(cd "$istio" && find mesh networking type -name '*.proto' -exec cp --parents {} "$work/files/proto" \;)
if [ -d "$istio/common-protos" ]; then cp -r "$istio/common-protos/." "$work/files/proto/"; fi
cp -r "$gateway/charts/gateway-helm" "$work/files/"
chmod -R u+w "$work/files"
# A release fills these in.
sed 's/\${GatewayImagePullPolicy}/IfNotPresent/; s/\${GatewayImage}/example.com\/gateway:v1.9.1/' \
  "$work/files/gateway-helm/values.tmpl.yaml" >"$work/files/gateway-helm/values.yaml"
# Another run may have been faster; its files are the same.
mv -T "$work/files" "$crds/$version" 2>/dev/null || [ -d "$crds/$version" ]
