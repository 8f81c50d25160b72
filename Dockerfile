# hopgate as a container image: one binary, the three libraries it links, root certificates, no shell.
#
#   docker build --tag hopgate .
#   docker buildx build --platform linux/amd64,linux/arm64 --build-arg VERSION=0.1.0 --build-arg REVISION=$(git rev-parse HEAD) .
#
# `make image-root` runs the same lines without an image builder.
#
# Each platform is compiled on itself (or under emulation, slowly), so the lines below know no architecture.
#
# Why glibc and not a static musl binary: aws-lc-sys and mimalloc need nothing but a C compiler and build for either, so the
# choice is ours. Every test and benchmark runs the glibc build, and what is tested is what ships; musl would add a second
# compiler, a second target and another resolver. A static glibc binary is no way out: its resolver loads libraries at run
# time all the same. So the final image is `scratch` plus exactly what `ldd` lists, from the stage that linked it.

ARG RUST_VERSION=1.95.0
ARG DEBIAN=bookworm

FROM rust:${RUST_VERSION}-slim-${DEBIAN} AS build
# It keeps the list of all crates and their versions in the binary, where scanners and makers of SBOMs (syft, trivy) look; the
# image has no package database.
ARG CARGO_AUDITABLE_VERSION=0.7.7
RUN cargo install --locked cargo-auditable@${CARGO_AUDITABLE_VERSION}
WORKDIR /build
COPY . .
# --locked: the versions of Cargo.lock or none. The debug line tables stay out of the image; symbols for a backtrace stay.
ENV CARGO_PROFILE_RELEASE_STRIP=debuginfo
RUN cargo auditable build --release --locked -p hopgate \
    && packaging/image-root.sh target/release/hopgate /image

FROM scratch
ARG VERSION=unreleased
ARG REVISION=unknown
ARG SOURCE=
LABEL org.opencontainers.image.title="hopgate" \
      org.opencontainers.image.description="Per-hop authorization for AI agents: an Envoy ext_authz server" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.base.name="scratch" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /image /
COPY --from=build --chown=65532:65532 /image/run/hopgate /run/hopgate
# Where a node gives huge pages to whoever does not ask (`transparent_hugepage=always`), a sidecar's heap of 6 MiB takes 24.
ENV MIMALLOC_ALLOW_THP=0
# By number, so that Kubernetes' runAsNonRoot can tell.
USER 65532:65532
# /livez, /readyz and /metrics. The default `admin` is loopback; a probe from outside the container needs
# `admin: 0.0.0.0:9902` in the configuration. Envoy's checks come over a Unix socket in a shared volume, or over TLS to 9191.
EXPOSE 9902 9191
ENTRYPOINT ["/hopgate"]
CMD ["serve", "--config", "/etc/hopgate/hopgate.yaml"]
