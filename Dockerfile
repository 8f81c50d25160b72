# hopgate as a container image: one binary, the three libraries it links, root certificates, no shell.
#
#   docker build --tag hopgate .
#   docker buildx build --platform linux/amd64,linux/arm64 --build-arg VERSION=0.1.0 --build-arg REVISION=$(git rev-parse HEAD) .
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
WORKDIR /build
COPY . .
# --locked: the versions of Cargo.lock or none. The debug line tables stay out of the image; symbols for a backtrace stay.
ENV CARGO_PROFILE_RELEASE_STRIP=debuginfo
RUN cargo build --release --locked -p hopgate

# The image's whole file system. glibc reads names from nsswitch.conf; without one its default is the system's to choose.
# /run/hopgate is the usual place of the socket: a fresh volume mounted there takes this folder's owner.
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
RUN mkdir -p /image/etc/ssl/certs /image/etc/hopgate /image/run/hopgate /image/usr/share/licenses/hopgate \
    && cp target/release/hopgate /image/hopgate \
    && ldd /image/hopgate | awk '$2 == "=>" && $3 ~ /^\// { print $3 } $1 ~ /^\// { print $1 }' \
       | xargs cp --dereference --parents --target-directory /image \
    && cp --dereference /etc/ssl/certs/ca-certificates.crt /image/etc/ssl/certs/ \
    && echo 'hosts: files dns' > /image/etc/nsswitch.conf \
    && echo 'hopgate:x:65532:65532::/:/hopgate' > /image/etc/passwd \
    && cp LICENSE /image/usr/share/licenses/hopgate/

FROM scratch
ARG VERSION=unreleased
ARG REVISION=unknown
LABEL org.opencontainers.image.title="hopgate" \
      org.opencontainers.image.description="Per-hop authorization for AI agents: an Envoy ext_authz server" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /image /
COPY --from=build --chown=65532:65532 /image/run/hopgate /run/hopgate
# By number, so that Kubernetes' runAsNonRoot can tell.
USER 65532:65532
# /livez, /readyz and /metrics. The default `admin` is loopback; a probe from outside the container needs
# `admin: 0.0.0.0:9902` in the configuration. Envoy's checks come over a Unix socket in a shared volume.
EXPOSE 9902
ENTRYPOINT ["/hopgate"]
CMD ["serve", "--config", "/etc/hopgate/hopgate.yaml"]
