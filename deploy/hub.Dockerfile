# The hub, from the root of the repository: docker build --file deploy/hub.Dockerfile --tag flotilla:0.1.0 .
# It needs no git: the hub speaks Git's protocol itself. For repositories over SSH it runs `ssh`, which wants a user of its own.
#
#   docker run --detach --name flotilla --publish 8443:8443 --publish 8444:8444 \
#       --volume flotilla:/var/lib/flotilla --volume flotilla-seal:/var/lib/flotilla-seal flotilla:0.1.0 \
#       hub --data-dir /var/lib/flotilla --seal-key-file /var/lib/flotilla-seal/seal.key --listen 0.0.0.0:8443 --agent-listen 0.0.0.0:8444 \
#       --agent-address hub.example.com:8444 --name hub.example.com --metrics-listen 0.0.0.0:9464
#   docker cp flotilla:/var/lib/flotilla/admin.kubeconfig .      and write server: https://hub.example.com:8443 in it
# The second volume holds the key that seals the first, and is made at the first start: keep a copy of it, and back the two up apart.
# In Kubernetes mount a Secret with a key of your own there (defaultMode: 0400): openssl rand -base64 32.
# Metrics need no token on 9464, so it is not published: let Prometheus reach it by the container network. With one they
# are at https://hub.example.com:8443/metrics. deploy/metrics.md says more.
# In a pod of Kubernetes the default seccomp profile forbids user namespaces, so tools that render have no root of their own there:
# Landlock alone keeps them from the hub's files, where the nodes' kernel has it (the hub's first line says so).
# With --render-only-confined the hub renders nothing where it has neither.
FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --locked --release --package hub-main --bin flotilla

# The official tools that charts and overlays are rendered by, from their sources; the hub runs them confined.
FROM golang:1.26-bookworm AS tools
ENV CGO_ENABLED=0 GOBIN=/tools GOTOOLCHAIN=local
RUN go install -trimpath -ldflags "-s -w -X helm.sh/helm/v4/internal/version.version=v4.3.1" helm.sh/helm/v4/cmd/helm@v4.3.1 \
    && go install -trimpath -ldflags "-s -w" sigs.k8s.io/kustomize/kustomize/v5@v5.8.1

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates openssh-client \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 65532 --user-group --home-dir /var/lib/flotilla --no-create-home --shell /usr/sbin/nologin flotilla \
    && install --directory --owner=65532 --group=65532 --mode=0700 /var/lib/flotilla /var/lib/flotilla-seal
COPY --from=build /src/target/release/flotilla /usr/local/bin/flotilla
COPY --from=tools /tools/helm /tools/kustomize /usr/local/bin/
# Memory of threads that come and go is shared by two arenas, not kept in eight for each core: see the soak in benches/agent.
ENV MALLOC_ARENA_MAX=2
USER 65532:65532
# Keep this folder: it is everything the hub knows, its certificate authority included.
VOLUME /var/lib/flotilla
# And this apart from it: without the key in it nothing of that can be read.
VOLUME /var/lib/flotilla-seal
EXPOSE 8443 8444 9464
ENTRYPOINT ["flotilla"]
# For a look. Agents elsewhere need --agent-address and --name, as above: arguments replace all of these.
CMD ["hub", "--data-dir", "/var/lib/flotilla", "--seal-key-file", "/var/lib/flotilla-seal/seal.key", "--listen", "0.0.0.0:8443", "--agent-listen", "0.0.0.0:8444", "--metrics-listen", "0.0.0.0:9464"]
