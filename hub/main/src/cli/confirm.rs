//! Asks before something that cannot be taken back.

use anyhow::{Context as _, bail};
use std::io::{BufRead as _, IsTerminal as _, stdin};

/// Goes on when the person said `--yes`, or types the name of what is about to go.
///
/// # Errors
/// When nobody can be asked, or the answer is another.
pub(crate) fn confirm(question: &str, name: &str, yes: bool) -> anyhow::Result<()> {
    if yes {
        return Ok(());
    }
    if !stdin().is_terminal() {
        bail!("{question} Nobody can be asked here: add --yes to go on");
    }
    super::output::note(&format!("{question} Type its name, {name}, to go on:"));
    let mut line = String::new();
    stdin().lock().read_line(&mut line).context("the answer cannot be read")?;
    agrees(&line, name)
}

fn agrees(line: &str, name: &str) -> anyhow::Result<()> {
    if line.trim() == name {
        return Ok(());
    }
    bail!("that is not {name}: nothing was changed");
}

#[cfg(test)]
mod tests {
    use super::agrees;

    #[test]
    fn only_the_name_is_a_yes() {
        assert!(agrees("eu-1\n", "eu-1").is_ok());
        for line in ["", "y\n", "eu-10\n"] {
            let said = agrees(line, "eu-1").unwrap_err().to_string();
            assert_eq!(said, "that is not eu-1: nothing was changed");
        }
    }
}
