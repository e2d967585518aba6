//! `flotilla app render`, `flotilla app diff` and `flotilla appset …` as a person runs them, with no hub.

#[path = "offline/generate.rs"]
mod generate;
#[path = "offline/kubeconfig.rs"]
mod kubeconfig;
#[path = "offline/lint.rs"]
mod lint;
#[path = "offline/set_diff.rs"]
mod set_diff;

use expect_test::{Expect, expect};
use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};
use tempfile::TempDir;

/// A folder with files, and a repository once it is asked for one.
struct Place(TempDir);

impl Place {
    fn new(files: &[(&str, &str)]) -> Self {
        let place = Self(tempfile::tempdir().expect("a folder"));
        place.write(files);
        place
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn write(&self, files: &[(&str, &str)]) {
        for (path, text) in files {
            let path = self.path(path);
            fs::create_dir_all(path.parent().expect("it is below one")).expect("a folder");
            fs::write(path, text).expect("a file");
        }
    }

    fn git(&self, args: &[&str]) -> String {
        let output = Command::new("git")
            .args(["-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "commit.gpgsign=false"])
            .args(args)
            .current_dir(self.path("repo"))
            .output()
            .expect("git starts");
        assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text").trim().to_owned()
    }

    fn commit(&self, message: &str) {
        if !self.path("repo/.git").exists() {
            self.git(&["init", "--quiet", "--initial-branch=main"]);
        }
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", message]);
    }

    fn flotilla(&self, line: &str) -> Output {
        command(self.0.path(), line).output().expect("it starts")
    }

    /// What a command says and how it ends; `DIR` stands for the folder.
    fn check(&self, line: &str, code: i32, expect: &Expect) {
        let output = self.flotilla(line);
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        let dir = fs::canonicalize(self.0.path()).expect("it is there").display().to_string();
        let said = format!("{out}{err}").replace(&dir, "DIR");
        assert_eq!(output.status.code(), Some(code), "{line}\n{said}");
        expect.assert_eq(&said);
    }
}

/// A command that reads its standard input: what it says and how it ends.
fn piped(place: &Place, line: &str, input: &str) -> (Option<i32>, String) {
    let mut command = command(place.0.path(), line);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    let mut stdin = child.stdin.take().expect("it is piped");
    stdin.write_all(input.as_bytes()).expect("it reads");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout) + &text(&output.stderr))
}

fn command(folder: &Path, line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flotilla"));
    command
        .args(line.split_whitespace())
        .current_dir(folder)
        .env_remove("KUBECONFIG")
        .env("HOME", folder)
        .env("RUST_BACKTRACE", "0");
    command.stdin(Stdio::null());
    command
}

const APP: &str = "apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: web, namespace: argocd}
spec:
  project: default
  source: {repoURL: 'https://git.example.com/fleet.git', path: apps/web, targetRevision: main}
  destination: {name: eu-1, namespace: web}
";

const SET: &str = "apiVersion: argoproj.io/v1alpha1
kind: ApplicationSet
metadata: {name: fleet, namespace: argocd}
spec:
  goTemplate: true
  generators:
  - matrix:
      generators:
      - git: {repoURL: 'https://git.example.com/fleet.git', revision: main, directories: [{path: apps/*}]}
      - clusters: {selector: {matchLabels: {env: prod}}}
  template:
    metadata: {name: '{{.path.basename}}-{{.name}}'}
    spec:
      project: default
      source: {repoURL: 'https://git.example.com/fleet.git', path: '{{.path.path}}', targetRevision: main}
      destination: {name: '{{.name}}', namespace: '{{.path.basename}}'}
";

fn map(name: &str, value: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{key: {value}}}\n")
}

fn clusters(names: &[&str]) -> String {
    let one = |name: &&str| {
        format!(
            "apiVersion: flotilla.dev/v1alpha1\nkind: Cluster\nmetadata: {{name: {name}, labels: {{env: prod}}}}\n---\n"
        )
    };
    names.iter().map(one).collect()
}

fn fleet() -> Place {
    let secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: key}\nstringData: {token: hunter2}\n";
    Place::new(&[
        ("app.yaml", APP),
        ("set.yaml", SET),
        ("clusters.yaml", &clusters(&["eu-1", "eu-2", "eu-3"])),
        ("repo/apps/web/a.yaml", &map("a", "one")),
        ("repo/apps/web/secret.yaml", secret),
    ])
}

#[test]
fn an_application_is_printed_from_a_folder() {
    let fleet = fleet();
    let expected = expect![[r#"
        ---
        # argocd/web, from https://git.example.com/fleet.git apps/web at the local files
        apiVersion: v1
        data:
          key: one
        kind: ConfigMap
        metadata:
          name: a
        ---
        # argocd/web, from https://git.example.com/fleet.git apps/web at the local files
        apiVersion: v1
        kind: Secret
        metadata:
          name: key
        stringData:
          token: hunter2
    "#]];
    fleet.check("app render -f app.yaml --repo https://git.example.com/fleet.git=repo", 0, &expected);
    fleet.check("app render -f app.yaml --repo repo", 0, &expected);
    fleet.check(
        "app render -f app.yaml --repo repo -o name",
        0,
        &expect![[r"
        configmap/a
        secret/key
    "]],
    );
    let json = fleet.flotilla("app render -f app.yaml --repo repo -o json").stdout;
    let list: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert_eq!((list["kind"].as_str(), list["items"].as_array().unwrap().len()), (Some("List"), 2));
}

#[test]
fn a_set_expands_over_the_clusters_of_a_file() {
    let fleet = fleet();
    fleet.write(&[("repo/apps/api/a.yaml", &map("api", "one"))]);
    let line = "app render -f set.yaml --clusters clusters.yaml --repo repo";
    let output = fleet.flotilla(line);
    let text = String::from_utf8(output.stdout).unwrap();
    let whose: Vec<&str> =
        text.lines().filter(|line| line.starts_with("# ") && line.contains("/apps/")).collect();
    assert!(whose.is_empty());
    for name in ["api-eu-1", "api-eu-2", "api-eu-3", "web-eu-1", "web-eu-2", "web-eu-3"] {
        assert!(text.contains(&format!("# argocd/{name}, from")), "{name} in {text}");
    }
    fleet.check("app render -f set.yaml --repo repo", 0, &expect![[r"
        note: set.yaml, line 1: ApplicationSet fleet: it expands to no Application (no clusters are known: give --clusters FILE)
    "]]);
}

#[test]
fn faults_are_said_with_file_line_and_remedy_and_nothing_is_printed() {
    let fleet = fleet();
    let at = |line: &str, text: &str, expect: &Expect| {
        fleet.write(&[("bad.yaml", text)]);
        fleet.check(line, 1, expect);
    };
    let line = "app render -f bad.yaml --repo repo";
    at(
        line,
        &APP.replace("path: apps/web", "paht: apps/web"),
        &expect![[r#"
            error: bad.yaml, line 6: Application in version "v1alpha1" cannot be handled as a Application: strict decoding error: unknown field "spec.source.paht" (did you mean "spec.source.path"?)
        "#]],
    );
    at(
        line,
        &APP.replace("kind: Application", "kind: Aplication"),
        &expect![[r#"
            error: bad.yaml, line 2: there is no kind Aplication in argoproj.io/v1alpha1: did you mean Application?
        "#]],
    );
    at(
        line,
        &APP.replace("metadata: {", "metadata: {{"),
        &expect![[r#"
        error: bad.yaml: line 3, column 12: `{{` starts a mapping here: put the value in quotes, e.g. "{{ name }}", or render the template first
    "#]],
    );
    at(
        line,
        &APP.replace("apps/web", "apps/wed"),
        &expect![[r#"
        error: argocd/web (bad.yaml, line 1): spec.source.path: there is no folder `apps/wed` in DIR/repo as it is on disk
    "#]],
    );
    at(
        line,
        &APP.replace("apps/web", "../web"),
        &expect![[r#"
        error: argocd/web (bad.yaml, line 1): spec.source: path: `../web` leaves the repository
    "#]],
    );
    fleet.check(
        "app render -f none.yaml --repo repo",
        1,
        &expect![[r#"
        error: none.yaml cannot be read: No such file or directory (os error 2)
    "#]],
    );
    fleet.write(&[("repo/apps/web/b.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n\tname: x\n")]);
    fleet.check("app render -f app.yaml --repo repo", 1, &expect![[r#"
        error: argocd/web (app.yaml, line 1): apps/web/b.yaml: line 4, column 1: a tab cannot indent YAML: replace tabs at the start of lines by spaces
    "#]]);
}

#[test]
fn what_has_no_folder_is_fetched_and_said() {
    let fleet = fleet();
    fleet.commit("first");
    let url = format!("file://{}", fleet.path("repo").display());
    fleet.write(&[("app.yaml", &APP.replace("https://git.example.com/fleet.git", &url))]);
    let output = fleet.flotilla("app render -f app.yaml -o name");
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "configmap/a\nsecret/key\n");
    fleet.write(&[(
        "app.yaml",
        &APP.replace("https://git.example.com/fleet.git", "https://127.0.0.1:1/fleet.git"),
    )]);
    let output = fleet.flotilla("app render -f app.yaml");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        output.status.code() == Some(1) && said.contains("--repo https://127.0.0.1:1/fleet.git=DIR"),
        "{said}"
    );
}

#[test]
#[allow(clippy::too_many_lines, reason = "one story, most of it what is printed")]
fn revisions_differ_and_exit_codes_say_so() {
    let fleet = fleet();
    fleet.commit("first");
    fleet.git(&["tag", "v1"]);
    let line = "app diff -f set.yaml --clusters clusters.yaml --repo repo --revisions";
    fleet.check(
        &format!("{line} main.."),
        0,
        &expect![[r#"
        no difference (3 applications)
    "#]],
    );
    let secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: key}\nstringData: {token: changed}\n";
    fleet.write(&[
        ("repo/apps/web/a.yaml", &map("a", "two")),
        ("repo/apps/web/secret.yaml", secret),
        ("repo/apps/web/b.yaml", &map("b", "new")),
    ]);
    fleet.check(
        &format!("{line} main.."),
        1,
        &expect![[r#"
        3 clusters: eu-1, eu-2, eu-3
        --- ConfigMap a (main)
        +++ ConfigMap a (local files)
        @@ -1,6 +1,6 @@
         apiVersion: v1
         data:
        -  key: one
        +  key: two
         kind: ConfigMap
         metadata:
           name: a
        --- /dev/null
        +++ ConfigMap b (local files)
        @@ -0,0 +1,6 @@
        +apiVersion: v1
        +data:
        +  key: new
        +kind: ConfigMap
        +metadata:
        +  name: b
        --- Secret key (main)
        +++ Secret key (local files)
        @@ -1,6 +1,6 @@
         apiVersion: v1
         data:
        -  token: ++++++++
        +  token: +++++++++
         kind: Secret
         metadata:
           name: key
    "#]],
    );
    fleet.commit("second");
    fleet.check(
        &format!("{line} v1..main --unified 0"),
        1,
        &expect![[r#"
        3 clusters: eu-1, eu-2, eu-3
        --- ConfigMap a (v1)
        +++ ConfigMap a (main)
        @@ -3 +3 @@
        -  key: one
        +  key: two
        --- /dev/null
        +++ ConfigMap b (main)
        @@ -0,0 +1,6 @@
        +apiVersion: v1
        +data:
        +  key: new
        +kind: ConfigMap
        +metadata:
        +  name: b
        --- Secret key (v1)
        +++ Secret key (main)
        @@ -3 +3 @@
        -  token: ++++++++
        +  token: +++++++++
    "#]],
    );
    // An Application that comes with its folder.
    fleet.write(&[("repo/apps/api/a.yaml", &map("api", "one"))]);
    fleet.check(
        &format!("{line} main.. --unified 0"),
        1,
        &expect![[r#"
        3 clusters: eu-1, eu-2, eu-3
        # the Application is new
        --- /dev/null
        +++ ConfigMap api (local files)
        @@ -0,0 +1,6 @@
        +apiVersion: v1
        +data:
        +  key: one
        +kind: ConfigMap
        +metadata:
        +  name: api
    "#]],
    );
    for output in ["text", "json"] {
        let said = fleet.flotilla(&format!("{line} v1.. -o {output}"));
        let said = String::from_utf8(said.stdout).unwrap();
        assert!(!said.contains("hunter2") && !said.contains("aHVudGVyMg"), "{said}");
    }
    fleet.check(&format!("{line} nothing..main"), 2, &expect![[r#"
        error: set.yaml, line 9: ApplicationSet fleet: spec.generators[0].matrix.generators[0].git.repoURL: cannot read the directories of https://git.example.com/fleet.git at `main`: revision `nothing` not found in file://DIR/repo: branches and tags there: main, v1
    "#]]);
}

#[test]
fn wrong_command_lines_say_what_to_write() {
    let fleet = fleet();
    for (line, part) in [
        ("app render", "--file <FILE>"),
        ("app render -f app.yaml --repo nowhere", "there is no folder `nowhere`"),
        ("app render -f app.yaml --repo https://git.example.com/fleet.git", "write URL=DIR"),
        ("app render -f app.yaml --kube-version latest", "is no version such as 1.34"),
        ("app render -f app.yaml -o xml", "possible values: yaml, json, name"),
        ("app diff", "<NAME"),
        ("app diff web --set fleet", "cannot be used with"),
        ("app diff web --revisions main", "write A..B"),
        ("app diff web --revisions HEAD~1..", "git rev-parse 'HEAD~1'"),
        ("app diff web --revision a --revisions b..c", "cannot be used with"),
        ("app diff web", "there is no kubeconfig"),
        ("app diff -f app.yaml --revisions main..", "name the folder to compare with by --repo URL=DIR"),
    ] {
        let output = fleet.flotilla(line);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{line}\n{said}");
        assert!(said.contains(part) && output.stdout.is_empty(), "{line}: {part} in {said}");
    }
}
