#!/bin/sh
# Makes tests/wiring/xds anew: what the control planes of Istio and of Envoy Gateway make of `k8s/istio` and `k8s/envoy-gateway`.
#
# Both are compiled from Go modules, by `go`, into .local/control-planes: that takes about a quarter of an hour of two cores, once,
# which is why their output is kept. tests/wiring says when it is out of date.
set -eu

workspace=$(cd "$(dirname "$0")/../.." && pwd)
here="$workspace/testbed/control-planes"
local="$workspace/.local/control-planes"
out="$workspace/tests/wiring/xds"
gateway_version=v1.9.1
mkdir -p "$local" "$out"

(cd "$here/istio" && go build -o "$local/istio" .)
if [ ! -x "$local/egctl-$gateway_version" ]; then
  GOBIN="$local" go install "github.com/envoyproxy/gateway/cmd/egctl@$gateway_version"
  mv "$local/egctl" "$local/egctl-$gateway_version"
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM

# Documents one after the other, whatever the files end with.
joined() { for file in "$@"; do cat "$file"; printf '\n---\n'; done; }

istio() {
  name=$1 kind=$2 namespace=$3 labels=$4
  shift 4
  "$local/istio" "$work/mesh.yaml" "$kind" "$namespace" "$labels" "$here/istio/stand-ins.yaml" "$@" >"$work/$name.json"
  mv "$work/$name.json" "$out/$name.json"
}

cd "$workspace/k8s/istio"
# The mesh configuration is a part of the Helm values.
sed -n '/^meshConfig:/,$p' istiod-values.yaml | sed '1d; s/^  //' >"$work/mesh.yaml"
injected=app=invoices,hopgate.dev/inject=true
istio istio-sidecar sidecar agents $injected sidecar/*.yaml
# As if Istio had ignored the EnvoyFilter: only the guard is left.
istio istio-guard-alone sidecar agents $injected sidecar/authorization-policy.yaml sidecar/peer-authentication.yaml
istio istio-shared sidecar agents app=invoices shared/*.yaml
# As if somebody had left a path out of the CUSTOM policy.
sed 's/^    - {}$/    - { to: [{ operation: { notPaths: ["\/open"] } }] }/' shared/authorization-policy.yaml >"$work/except.yaml"
cmp -s "$work/except.yaml" shared/authorization-policy.yaml && { echo "translate: nothing was left out" >&2; exit 1; }
istio istio-shared-except sidecar agents app=invoices "$work/except.yaml" shared/[!a]*.yaml
istio istio-gateway gateway istio-ingress istio=ingress gateway/*.yaml shared/destination-rule.yaml
# A gateway whose pods are injected, as docs/istio.md has it.
for file in envoy-filter authorization-policy; do
  sed 's/SIDECAR_INBOUND/GATEWAY/; s/namespace: agents/namespace: istio-ingress/' sidecar/$file.yaml >"$work/$file.yaml"
done
istio istio-gateway-injected gateway istio-ingress istio=ingress,hopgate.dev/inject=true gateway/gateway.yaml \
  "$work/envoy-filter.yaml" "$work/authorization-policy.yaml"

cd "$work"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem -days 2 \
  -subj /CN=agents.example.com -addext subjectAltName=DNS:agents.example.com 2>/dev/null
certificate=$(base64 -w0 cert.pem) key=$(base64 -w0 key.pem)
cat >secrets.yaml <<YAML
apiVersion: v1
kind: Secret
metadata: { name: edge-tls, namespace: gateways }
type: kubernetes.io/tls
data: { tls.crt: $certificate, tls.key: $key }
---
apiVersion: v1
kind: Secret
metadata: { name: edge-client, namespace: gateways }
type: kubernetes.io/tls
data: { tls.crt: $certificate, tls.key: $key }
---
apiVersion: v1
kind: Secret
metadata: { name: agents-ca, namespace: gateways }
data: { ca.crt: $certificate }
---
apiVersion: v1
kind: ConfigMap
metadata: { name: hopgate-ca, namespace: hopgate-system }
data:
  ca.crt: |
$(sed 's/^/    /' cert.pem)
YAML
cd "$workspace/k8s/envoy-gateway"
envoy_gateway() {
  way=$1
  shift
  joined "$here/envoy-gateway/stand-ins.yaml" "$work/secrets.yaml" gateway.yaml patch-policy.yaml "$@" >"$work/$way.yaml"
  "$local/egctl-$gateway_version" experimental translate --from gateway-api --to gateway-api,xds --type all --output json \
    --file "$work/$way.yaml" >"$work/$way.json"
  # Every policy was accepted, and the Envoy of the one gateway is what is kept.
  python3 - "$work/$way.json" "$out/envoy-gateway-$way.json" <<'PYTHON'
import json, sys
said = json.load(open(sys.argv[1]))
refused = [
    condition["message"]
    for key, kinds in said.items() if key != "xds"
    for it in (kinds if isinstance(kinds, list) else [kinds])
    for place in [it.get("status", {})] + it.get("status", {}).get("ancestors", []) + it.get("status", {}).get("listeners", [])
    for condition in place.get("conditions", []) if condition["status"] != "True"
]
if refused:
    sys.exit(f"translate: {refused}")
with open(sys.argv[2], "w") as out:
    json.dump(said["xds"]["gateways/edge"], out, indent=1, sort_keys=True)
    out.write("\n")
PYTHON
}
envoy_gateway sidecar sidecar/*.yaml
envoy_gateway shared shared/*.yaml
# As if a team had written a policy for its own route.
envoy_gateway overridden sidecar/*.yaml "$here/envoy-gateway/route-policy.yaml"

cd "$workspace"
# What they were made of, by which a test sees that they are out of date.
find k8s/istio k8s/envoy-gateway testbed/control-planes -type f | LC_ALL=C sort | xargs sha256sum >"$out/made-of"
