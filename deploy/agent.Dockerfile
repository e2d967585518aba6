# The agent, from the root of the repository: docker build --file deploy/agent.Dockerfile --tag flotilla-agent:0.1.0 .
FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --locked --profile agent --package agent --bin flotilla-agent

FROM debian:bookworm-slim
# For an https:// proxy: the hub's own certificate is checked by the authority that the token names.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /src/target/agent/flotilla-agent /usr/local/bin/flotilla-agent
# Memory that a sync needed goes back to the system at its end: benches/agent measures with these and without.
ENV MALLOC_ARENA_MAX=1
ENV MALLOC_MMAP_THRESHOLD_=65536
ENV MALLOC_TRIM_THRESHOLD_=65536
USER 65532:65532
ENTRYPOINT ["flotilla-agent"]
