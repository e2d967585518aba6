use super::*;
use crate::args::{Args, Command};
use clap::Parser as _;

fn asked(line: &[&str]) -> Result<FreezeOptions, String> {
    let args =
        Args::try_parse_from(["flotilla", "freeze"].iter().chain(line)).map_err(|error| error.to_string())?;
    let Command::Freeze(freeze) = args.command else { panic!("another command") };
    Ok(freeze.options.expect("no subcommand"))
}

fn check(line: &[&str], expect: &Value) {
    let now = "2026-11-21T12:00:00.5Z".parse().unwrap();
    assert_eq!(made(&asked(line).unwrap(), now).unwrap(), *expect, "{line:?}");
}

#[test]
fn a_freeze_is_a_window_from_now_on_or_again_and_again() {
    check(
        &["--for", "48h", "--reason", "sales", "--selector", "env=prod", "--name", "black-friday"],
        &json!({
            "kind": "deny", "name": "black-friday", "description": "sales",
            "from": "2026-11-21T12:00:00Z", "until": "2026-11-23T12:00:00Z",
            "clusterSelector": {"matchLabels": {"env": "prod"}},
        }),
    );
    check(
        &["--reason", "INC-7", "--manual-sync"],
        &json!({"kind": "deny", "description": "INC-7", "from": "2026-11-21T12:00:00Z", "manualSync": true}),
    );
    check(
        &["--schedule", "0 22 * * *", "--duration", "9h", "--zone", "Europe/Berlin", "--reason", "nights"],
        &json!({
            "kind": "deny", "description": "nights",
            "schedule": "0 22 * * *", "duration": "32400s", "timeZone": "Europe/Berlin",
        }),
    );
}

#[test]
fn what_makes_no_freeze_is_refused_with_the_flag() {
    let wrong = |line: &[&str], part: &str| {
        let now = "2026-11-21T12:00:00Z".parse().unwrap();
        let said = match asked(line) {
            Err(said) => said,
            Ok(options) => made(&options, now).unwrap_err().to_string(),
        };
        assert!(said.contains(part), "{line:?}: {said}");
    };
    wrong(&[], "--reason");
    wrong(&["--for", "48h"], "--reason");
    wrong(&["--for", "0s", "--reason", "x"], "it would be over at once");
    wrong(
        &["--for", "1h", "--schedule", "0 22 * * *", "--duration", "1h", "--reason", "x"],
        "cannot be used with",
    );
    wrong(&["--schedule", "0 22 * * *", "--reason", "x"], "--duration");
    wrong(
        &["--schedule", "0 25 * * *", "--duration", "1h", "--reason", "x"],
        "the hour `25` is not within 0 to 23",
    );
    wrong(
        &["--schedule", "0 22 * * *", "--duration", "1h", "--zone", "Berlin", "--reason", "x"],
        "timeZone: `Berlin`",
    );
    wrong(&["--reason", "x", "--selector", "prod"], "--selector: `prod` is not KEY=VALUE");
    wrong(&["--reason", "x", "--selector", ""], "--selector: name labels");
}

#[test]
fn freezes_are_listed_and_lifted_without_a_reason() {
    for line in [vec!["list"], vec!["ls"], vec!["lift", "#2"]] {
        let args = Args::try_parse_from(["flotilla", "freeze"].iter().chain(&line)).unwrap();
        let Command::Freeze(freeze) = args.command else { panic!("another command") };
        assert!(freeze.command.is_some(), "{line:?}");
    }
}
