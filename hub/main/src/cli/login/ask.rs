//! What a person is asked: a line, or a token, which is not shown.

use crate::cli::output;
use anyhow::{Context as _, bail};
use std::{
    io::{self, BufRead as _, IsTerminal as _, Read as _, stdin},
    path::Path,
    process::{Command, Stdio},
};

/// Longer than any token.
const LONGEST: u64 = 64 * 1024;

/// The token: from a file, from the standard input where that is no terminal, or from a person.
pub(super) async fn token(file: Option<&Path>, server: &str) -> anyhow::Result<String> {
    let text = match file {
        Some(path) if path != Path::new("-") => {
            std::fs::read_to_string(path).with_context(|| format!("--token-file {}", path.display()))?
        }
        None if stdin().is_terminal() => {
            output::note(&format!("Token for {server} (it is not shown):"));
            hide();
            let line = line("").await;
            shown_again();
            line?.unwrap_or_default()
        }
        Some(_) | None => blocking(|| {
            let mut text = String::new();
            stdin().lock().take(LONGEST).read_to_string(&mut text).map(|_| text)
        })
        .await
        .context("the standard input")?,
    };
    sound(&text)
}

/// The token in a text.
fn sound(text: &str) -> anyhow::Result<String> {
    let token = text.trim();
    if token.is_empty() {
        bail!("there is no token: write it to the standard input or give --token-file FILE");
    }
    if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        bail!("that is no token: it is one word; of a kubeconfig take what follows `token:`");
    }
    Ok(token.to_owned())
}

/// What a person answers; `None` where nobody can be asked.
pub(super) async fn line(question: &str) -> anyhow::Result<Option<String>> {
    if !stdin().is_terminal() {
        return Ok(None);
    }
    if !question.is_empty() {
        output::note(question);
    }
    let line = blocking(|| {
        let mut line = String::new();
        stdin().lock().read_line(&mut line).map(|_| line)
    });
    let line = line.await.context("the answer cannot be read")?;
    Ok(Some(line.trim().to_owned()))
}

/// Reads beside the loop, so that an interrupt ends the wait.
async fn blocking(read: impl FnOnce() -> io::Result<String> + Send + 'static) -> anyhow::Result<String> {
    Ok(tokio::task::spawn_blocking(read).await??)
}

fn hide() {
    terminal("-echo");
}

/// Lets the terminal show what is typed.
pub(super) fn shown_again() {
    if stdin().is_terminal() {
        terminal("echo");
    }
}

/// A terminal that cannot be told shows what is typed; that is no reason not to go on.
fn terminal(setting: &str) {
    let _ended = Command::new("stty").arg(setting).stdin(Stdio::inherit()).stderr(Stdio::null()).status();
}

#[cfg(test)]
mod tests {
    use super::sound;

    #[test]
    fn a_token_is_one_word() {
        assert_eq!(sound(" abc-_.1\n").unwrap(), "abc-_.1");
        for (text, part) in
            [("\n", "there is no token"), ("user: a\ntoken: b", "one word"), ("ä", "one word")]
        {
            let error = sound(text).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
