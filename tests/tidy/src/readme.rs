//! What the README and the manifests name is there.

use crate::{
    fault::{self, Fault},
    tracked::{File, files},
    workspace::workspace,
};
use std::collections::BTreeSet;

fn file(path: &str) -> &'static File {
    files()
        .iter()
        .find(|file| file.path == path)
        .unwrap_or_else(|| panic!("{path} is not tracked: restore it"))
}

#[test]
fn every_package_is_on_the_code_map() {
    let readme = &file("README.md").text;
    let missing = workspace().folders().filter(|(_, folder)| !readme.contains(&format!("| `{folder}` |")));
    let fault = |(name, folder)| {
        let remedy = format!("add the line | `{folder}` | what it does |");
        Fault::new("README.md", format!("the code map lacks {name}"), remedy)
    };
    fault::none("The code map of the README has a line for every package.", missing.map(fault));
}

#[test]
fn every_command_of_the_readme_exists() {
    let readme = file("README.md");
    let programs = [("flotilla", "hub/main/src/args"), ("flotilla-agent", "agent/src/args")];
    let faults = programs.iter().flat_map(|(program, args)| {
        let of_args = files().iter().filter(|file| file.path.starts_with(args) && file.path.ends_with(".rs"));
        let known = of_args.flat_map(|file| words(&file.text)).collect();
        unknown(readme, program, &format!("{args}.rs"), &known)
    });
    fault::none("The README shows commands and flags that exist.", faults);
}

#[test]
fn every_setting_of_the_manifests_exists() {
    let args = &file("agent/src/args.rs").text;
    let mut faults = Vec::new();
    for (place, line) in files().iter().filter(|file| file.path.starts_with("deploy/")).flat_map(File::lines)
    {
        let names = line.split(|c: char| !c.is_ascii_uppercase() && c != '_');
        for name in
            names.filter(|name| name.starts_with("FLOTILLA_") && !args.contains(&format!("\"{name}\"")))
        {
            faults.push(Fault::new(
                &place,
                format!("the agent reads no {name}"),
                "correct it by agent/src/args.rs",
            ));
        }
    }
    fault::none("The manifests set what the agent reads.", faults);
}

/// Commands and flags that a command line may have, as clap derives them: the names in the source, in kebab case,
/// and the texts in it.
fn words(source: &str) -> BTreeSet<String> {
    let names = source.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '-');
    let kebab = |name: &str| {
        let mut out = String::new();
        for (index, c) in name.chars().enumerate() {
            if c.is_uppercase() && index > 0 {
                out.push('-');
            }
            out.extend(c.to_lowercase());
        }
        out.replace('_', "-")
    };
    names.filter(|name| !name.is_empty()).map(kebab).collect()
}

fn unknown(readme: &File, program: &str, args: &str, known: &BTreeSet<String>) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (place, line) in readme.lines() {
        for command in commands(line, program) {
            let strange = named(command).into_iter().filter(|word| !known.contains(*word));
            faults.extend(strange.map(|word| {
                let what = format!("`{program} {}`: there is no `{word}`", command.trim());
                Fault::new(place.clone(), what, format!("correct it by {args}"))
            }));
        }
    }
    faults
}

/// What follows a program's name, up to the end of the quotation.
fn commands<'a>(line: &'a str, program: &str) -> Vec<&'a str> {
    let call = format!("{program} ");
    let calls = line.match_indices(&call).filter(|(at, _)| {
        let before = line[..*at].chars().next_back();
        before.is_none_or(|before| {
            before == '`' || before == '/' || (before == ' ' && line[..*at].trim().is_empty())
        })
    });
    calls.map(|(at, _)| line[at + call.len()..].split(['`', '#', '|']).next().unwrap_or_default()).collect()
}

/// The commands at the beginning and the names of the flags after them.
fn named(command: &str) -> Vec<&str> {
    let lower = |word: &&str| word.chars().all(|c| c.is_ascii_lowercase());
    let values = command.split_whitespace();
    // The third word is an argument already: `cluster pause eu-1`.
    let commands = values.clone().take_while(lower).take(2);
    let flags = values.filter_map(|word| word.strip_prefix("--")).filter_map(|flag| flag.split('=').next());
    commands.chain(flags.filter(|flag| !flag.is_empty())).collect()
}

#[test]
fn commands_that_do_not_exist_are_found() {
    let known =
        words("enum Command { Cluster(X) } enum X { Pause { #[arg(long = \"for\")] duration, data_dir } }");
    let check = |line: &str, expect: &[&str]| {
        let readme = File { path: "README.md".to_owned(), text: line.to_owned() };
        let faults = unknown(&readme, "flotilla", "args.rs", &known);
        let found: Vec<&str> = faults.iter().filter_map(|fault| fault.what.rsplit('`').nth(1)).collect();
        assert_eq!(found, expect, "{line}");
    };
    check("Run `flotilla cluster pause eu-1 --for 2h`.", &[]);
    check("    flotilla cluster pose eu-1 --data-dir D --force", &["pose", "force"]);
    check("flotilla is a word, and `kubectl get x` no command of it", &["is", "a"]);
    check("the flotilla sails", &[]);
}
