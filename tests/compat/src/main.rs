//! What the tests of this package confine tools with: it does nothing else.

use hub_render::confine;
use std::{env, process::ExitCode};

fn main() -> ExitCode {
    confine::enter(env::args_os()).unwrap_or(ExitCode::FAILURE)
}
