use super::*;
use expect_test::{Expect, expect};

const COLUMNS: &[Column] = &[
    ("NAMESPACE", When::AllNamespaces),
    ("NAME", When::Always),
    ("PROJECT", When::Wide),
    ("WAITS FOR", When::Always),
];

fn printing(output: Form, no_headers: bool) -> Printing {
    Printing { output, no_headers }
}

fn check_table(printing: Printing, all_namespaces: bool, expect: &Expect) {
    let row = |cells: [&str; 4]| cells.map(str::to_owned).to_vec();
    let rows = [row(["argocd", "web", "default", "eu-1 is paused"]), row(["team", "a", "shop", ""])];
    expect.assert_eq(&Layout { printing, all_namespaces }.table(COLUMNS, &rows).join("\n"));
}

#[test]
fn tables_have_the_columns_that_are_asked_for() {
    check_table(
        printing(Form::Table, false),
        false,
        &expect![[r#"
        NAME   WAITS FOR
        web    eu-1 is paused
        a"#]],
    );
    check_table(
        printing(Form::Wide, false),
        true,
        &expect![[r#"
        NAMESPACE   NAME   PROJECT   WAITS FOR
        argocd      web    default   eu-1 is paused
        team        a      shop"#]],
    );
    check_table(
        printing(Form::Table, true),
        false,
        &expect![[r#"
        web   eu-1 is paused
        a"#]],
    );
}

fn check(form: Form, expect: &Expect) {
    let object =
        json!({"metadata": {"name": "web", "managedFields": [{"manager": "kubectl"}]}, "spec": {"x": 1}});
    let lines = several(form, Kind::Application, std::slice::from_ref(&object)).unwrap();
    let single = one(form, Kind::Application, &object).unwrap();
    expect.assert_eq(&format!("{}\n---\n{}", lines.join("\n"), single.join("\n")));
}

#[test]
fn objects_are_printed_as_they_are_served() {
    check(
        Form::Name,
        &expect![[r#"
        application.argoproj.io/web
        ---
        application.argoproj.io/web"#]],
    );
    check(
        Form::Yaml,
        &expect![[r#"
        apiVersion: v1
        items:
        - apiVersion: argoproj.io/v1alpha1
          kind: Application
          metadata:
            name: web
          spec:
            x: 1
        kind: List
        metadata:
          resourceVersion: ""
        ---
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata:
          name: web
        spec:
          x: 1"#]],
    );
    let text = several(Form::Json, Kind::Secret, &[json!({"metadata": {"name": "a"}})]).unwrap().join("\n");
    let list: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&list["kind"], &list["items"][0]["kind"]), (&json!("List"), &json!("Secret")));
    assert_eq!(name(Kind::Secret, &list["items"][0]), "secret/a");
    assert_eq!(several(Form::Wide, Kind::Secret, &[]), None);
}
