# The agent, from the root of the repository: docker build --file deploy/agent.Dockerfile --tag flotilla-agent:0.1.0 .
FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --locked --release --package agent --bin flotilla-agent

FROM debian:bookworm-slim
COPY --from=build /src/target/release/flotilla-agent /usr/local/bin/flotilla-agent
USER 65532:65532
ENTRYPOINT ["flotilla-agent"]
