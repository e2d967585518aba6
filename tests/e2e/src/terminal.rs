//! Lines for the person who waits, shown as they happen.

use std::io::{IsTerminal, Write};

/// Shows one line at once, also in the middle of a test.
///
/// Why like this: the test harness of Rust captures what `println!` and `eprintln!` print, not what is written to the
/// handle of standard error. A runner that captures that too (nextest does) leaves the terminal itself.
pub(crate) fn show(line: &str) {
    let mut stderr = std::io::stderr();
    // Nobody to show it to is no reason to fail.
    let _ = writeln!(stderr, "{line}");
    if !stderr.is_terminal()
        && let Ok(mut terminal) = std::fs::OpenOptions::new().write(true).open("/dev/tty")
    {
        let _ = writeln!(terminal, "{line}");
    }
}
