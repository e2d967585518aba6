use super::*;

fn check(text: &'static str, expect: &str) {
    let said = read(&[(Home::WrittenOut, text)]).map_err(|error| error.to_string());
    assert_eq!(said.err().unwrap_or_default(), expect);
}

#[test]
fn types_and_fields_are_read() {
    let text = "\
# A comment.
Base -- Has a name.
  name*: string maxLength(63) -- What it is called. It goes
    on -- with dashes.
Wave atomic -- One wave, which
  goes on here.
  ...Base
  of: [Base] keys(name) -- Others.
Time: time -- A time.
";
    let types = read(&[(Home::WrittenOut, text)]).unwrap();
    let wave = &types["Wave"];
    assert_eq!((wave.about.as_str(), wave.atomic), ("One wave, which goes on here.", true));
    let name = &wave.fields()["name"];
    assert_eq!(name.about, "What it is called. It goes on -- with dashes.");
    assert_eq!((name.required, name.rules.max_length), (true, Some(63)));
    assert_eq!(wave.fields()["of"].form, Form::List(Box::new(Form::Named("Base"))));
    assert_eq!(wave.fields()["of"].rules.merge, Merge::Keys(vec!["name"]));
    assert!(matches!(types["Time"].body, Body::Is(Form::Text("date-time"))));
}

#[test]
fn what_cannot_be_read_is_named() {
    check("A -- A.\n  a: sting -- A.\n", "A: \"a: sting\": no such form");
    check("A -- A.\n  a: string sett -- A.\n", "A: \"a: string sett\": sett");
    check("A -- A.\n  a: B -- A.\n", "A.a: no type B");
    check("A -- A.\n  ...B\n", "A: no base");
    check("A -- A.\n  a: string -- A.\n  a: string -- A.\n", "A: \"a: string\": it is there twice");
    check("A -- A.\nA -- A.\n", "A is there twice");
    check("  a: string -- A.\n", "\"  a: string -- A.\": a field of nothing");
}
