//! Compiles the protocol with protox, so that no protoc is needed.

#[allow(clippy::print_stdout, reason = "this is how a build script speaks to cargo")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = "flotilla/agent/v1/agent.proto";
    println!("cargo:rerun-if-changed={file}");
    let descriptors = protox::compile([file], ["."])?;
    tonic_prost_build::configure().bytes(".").codec_path("crate::codec::Small").compile_fds(descriptors)?;
    Ok(())
}
