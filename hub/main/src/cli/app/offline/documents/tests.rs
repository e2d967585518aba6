use super::*;

const APP: &str = "apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: web}
spec:
  project: default
  source: {repoURL: 'https://git.example.com/a.git', path: web}
  destination: {name: eu-1, namespace: web}
";

/// What a file with this text holds, or what is said against it.
fn check(text: &str, expect: Result<&[&str], &str>) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("apps.yaml");
    fs::write(&file, text).unwrap();
    let found = applications(&[file.display().to_string()]);
    match (found, expect) {
        (Ok(found), Ok(names)) => {
            let found: Vec<&str> = found.iter().map(Document::name).collect();
            assert_eq!(found, names);
        }
        (Err(error), Err(part)) => {
            let said = format!("{error:#}");
            assert!(said.contains(part) && said.contains("apps.yaml"), "{part} in {said}");
        }
        (said, expect) => panic!("{said:?} and not {expect:?}"),
    }
}

#[test]
fn applications_are_found_among_other_objects_and_in_lists() {
    let named = |name: &str| APP.replace("{name: web}", &format!("{{name: {name}}}"));
    let other = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n";
    let project = "apiVersion: argoproj.io/v1alpha1\nkind: AppProject\nmetadata: {name: default}\n";
    check(&format!("{}---\n{other}---\n{project}---\n{}", named("a"), named("b")), Ok(&["a", "b"]));
    let item = APP.lines().map(|line| format!("  {line}\n")).collect::<String>().replacen("  ", "- ", 1);
    check(&format!("apiVersion: v1\nkind: List\nitems:\n{item}"), Ok(&["web"]));
    // What a cluster wrote besides is no fault of the file.
    check(&format!("{APP}status: {{sync: {{status: Synced}}}}\n"), Ok(&["web"]));
}

#[test]
fn faults_are_said_with_file_line_and_field() {
    check(&APP.replace("path: web", "paht: web"), Err("line 6"));
    check(&APP.replace("path: web", "paht: web"), Err("paht"));
    check(&APP.replace("kind: Application", "kind: Aplication"), Err("there is no kind Aplication"));
    check(&APP.replace("argoproj.io/v1alpha1", "argoproj.io/v1"), Err("write argoproj.io/v1alpha1"));
    check(&APP.replace("kind: Application\n", ""), Err("apiVersion and kind are needed"));
    check(
        &APP.replace("  project: default\n", "  project: default\n  project: other\n"),
        Err("spec.project"),
    );
    check(&APP.replace("metadata: {", "metadata: {{"), Err("line 3"));
    check("a: [1, 2\n", Err("line"));
    check("apiVersion: v1\nkind: ConfigMap\n", Err("there is no Application or ApplicationSet"));
    check("", Err("there is no Application or ApplicationSet"));
    let both =
        format!("{}---\n{}", APP.replace("path: web", "paht: web"), APP.replace("project:", "porject:"));
    check(&both, Err("line 13"));
}

#[test]
fn files_that_cannot_be_read_are_said() {
    let folder = tempfile::tempdir().unwrap();
    let missing = applications(&[folder.path().join("none.yaml").display().to_string()]).unwrap_err();
    assert!(format!("{missing:#}").contains("none.yaml cannot be read"), "{missing:#}");
    let dir = applications(&[folder.path().display().to_string()]).unwrap_err();
    assert!(dir.to_string().contains("is a folder: name the files in it"), "{dir}");
}
