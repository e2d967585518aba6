//! `flotilla completion`: scripts that complete commands and flags in a shell, made from the command line's own definition.

use crate::{args::Args, cli::output};
use clap::CommandFactory as _;
use clap_complete::Shell;
use std::process::ExitCode;

pub(crate) fn run(shell: Shell) -> ExitCode {
    output::line(script(shell).trim_end());
    ExitCode::SUCCESS
}

fn script(shell: Shell) -> String {
    let mut written = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "flotilla", &mut written);
    String::from_utf8_lossy(&written).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::ValueEnum as _;

    /// Every command with all above it, but `help`, which repeats them.
    fn commands(command: &clap::Command, path: &[&str]) -> Vec<Vec<String>> {
        let mut found = Vec::new();
        for below in command.get_subcommands().filter(|below| below.get_name() != "help") {
            let path = [path, &[below.get_name()]].concat();
            found.push(path.iter().map(|name| (*name).to_owned()).collect());
            found.extend(commands(below, &path));
        }
        found
    }

    #[test]
    fn scripts_name_every_command_and_its_flags() {
        let mut whole = Args::command();
        whole.build();
        let known = commands(&whole, &[]);
        assert!(known.iter().any(|path| path.join(" ") == "appset generate"), "{known:?}");
        for shell in Shell::value_variants() {
            let script = script(*shell);
            for path in &known {
                let name = path.last().expect("a path has a command");
                // Each script has a part for each command, named by all that is above it but for fish's.
                let part = match shell.to_string().as_str() {
                    "bash" => format!("flotilla__subcmd__{}", path.join("__subcmd__")),
                    "zsh" => format!("_flotilla__subcmd__{}_commands", path.join("__subcmd__")),
                    "fish" => format!("-a \"{name}\""),
                    _ => format!("flotilla;{}", path.join(";")),
                };
                assert!(script.contains(&part), "{shell}: {part}");
            }
            for flag in ["against-clusters", "allow-file-repositories"] {
                assert!(script.contains(flag), "{shell}: {flag}");
            }
        }
    }
}
