#![allow(clippy::needless_pass_by_value, reason = "cases read better with values")]

use super::*;

#[test]
fn ages() {
    let check = |seconds: i64, expect: &str| assert_eq!(human_duration(seconds), expect, "{seconds} s");
    let (minute, hour, day, year) = (60, 3600, 86_400, 365 * 86_400);
    check(-2, "<invalid>");
    check(-1, "0s");
    check(0, "0s");
    check(119, "119s");
    check(2 * minute, "2m");
    check(3 * minute + 20, "3m20s");
    check(10 * minute + 59, "10m");
    check(179 * minute, "179m");
    check(3 * hour, "3h");
    check(7 * hour + 59 * minute, "7h59m");
    check(8 * hour + 59 * minute, "8h");
    check(47 * hour, "47h");
    check(2 * day, "2d");
    check(7 * day + 23 * hour, "7d23h");
    check(8 * day + 23 * hour, "8d");
    check(729 * day, "729d");
    check(2 * year, "2y");
    check(2 * year + 30 * day, "2y30d");
    check(8 * year + 30 * day, "8y");
}

#[test]
fn paths() {
    let object = json!({
        "metadata": {"labels": {"a.b/c": "x"}},
        "status": {"conditions": [{"type": "A", "status": "False"}, {"type": "Ready", "status": "True"}], "none": null},
    });
    let check = |path: &str, expect: Option<&str>| {
        assert_eq!(JsonPath::parse(path).unwrap().find(&object), expect.map(Value::from).as_ref(), "{path}");
    };
    check(".status.conditions[0].type", Some("A"));
    check(r#".status.conditions[?(@.type=="Ready")].status"#, Some("True"));
    check(r#".status.conditions[?(@.type == 'Gone')].status"#, None);
    check(".metadata.labels['a.b/c']", Some("x"));
    check(r".metadata.labels.a\.b/c", Some("x"));
    check(".status.none", None);
    check(".status.conditions[9]", None);
    for bad in ["", "status", ".a..b", ".a[", ".a[x]", ".a['b]", ".a[?(@.b)]"] {
        JsonPath::parse(bad).unwrap_err();
    }
}

fn columns() -> Vec<Column> {
    let path = |text| Cell::Path(JsonPath::parse(text).unwrap());
    vec![
        Column::name(),
        Column { kind: "integer", ..Column::text("Replicas", path(".spec.replicas")) },
        Column {
            priority: 1,
            ..Column::text(
                "Pause",
                Cell::With(|o, _| if o["pause"] == true { "yes".into() } else { Value::Null }),
            )
        },
        Column::text("Any", path(".spec")),
        Column::age(),
    ]
}

#[test]
fn a_table() {
    let now = "2026-11-21T12:00:00Z".parse().unwrap();
    let objects = [
        json!({"metadata": {"name": "a", "creationTimestamp": "2026-11-21T11:56:30Z"}, "spec": {"replicas": 3}, "pause": true}),
        json!({"metadata": {"name": "b", "creationTimestamp": "yesterday"}}),
    ];
    let table = table(&objects, &columns(), json!({"resourceVersion": "7"}), IncludeObject::Metadata, now);
    let cells: Vec<_> = table["rows"].as_array().unwrap().iter().map(|row| &row["cells"]).collect();
    assert_eq!(cells[0], &json!(["a", 3, "yes", "{\"replicas\":3}", "3m30s"]));
    assert_eq!(cells[1], &json!(["b", null, null, null, "<unknown>"]));
    assert_eq!(table["metadata"], json!({"resourceVersion": "7"}));
    assert_eq!(
        table["columnDefinitions"][0],
        json!({
            "name": "Name", "type": "string", "format": "name", "description": "Name of the object.", "priority": 0,
        })
    );
    assert_eq!(table["columnDefinitions"][2]["priority"], 1);
    assert_eq!(
        table["rows"][0]["object"],
        json!({
            "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": objects[0]["metadata"],
        })
    );
}

#[test]
fn how_much_of_the_object() {
    let object = json!({"metadata": {"name": "a"}, "spec": {}});
    let check = |parameter: &str, expect: Value| {
        let include = IncludeObject::parse(parameter).unwrap();
        let table = table([&object], &[], json!({}), include, Timestamp::UNIX_EPOCH);
        assert_eq!(table["rows"][0]["object"], expect);
    };
    check("None", Value::Null);
    check("Object", object.clone());
    check(
        "",
        json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": {"name": "a"}}),
    );
    assert_eq!(IncludeObject::parse("Some"), None);
}
