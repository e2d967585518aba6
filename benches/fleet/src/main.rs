//! `fleet-agents`: many agents in a process of their own; what it does is told at [`benches_fleet::swarm`].

fn main() -> anyhow::Result<()> {
    shared_runtime::install_crypto();
    benches_fleet::swarm::run()
}
