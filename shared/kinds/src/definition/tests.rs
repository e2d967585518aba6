use super::*;
use expect_test::expect;

#[test]
fn a_definition_says_all_that_the_table_says() {
    let definition = definition(Kind::EnrollmentToken).unwrap();
    let mut spec =
        definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"].clone();
    for (name, field) in spec["properties"].as_object_mut().unwrap() {
        assert!(field["description"].as_str().is_some_and(|about| about.ends_with('.')), "{name}");
        field.as_object_mut().unwrap().remove("description");
    }
    expect![[r#"{"description":"What it allows.","properties":{"authority":{"type":"string"},"cluster":{"type":"string"},"expires":{"format":"date-time","type":"string"},"labels":{"additionalProperties":{"type":"string"},"type":"object"},"reenrol":{"type":"boolean"},"secretHash":{"type":"string"}},"required":["cluster","secretHash"],"type":"object"}"#]]
    .assert_eq(&spec.to_string());
    expect![[r#"{"categories":["flotilla"],"kind":"EnrollmentToken","listKind":"EnrollmentTokenList","plural":"enrollmenttokens","shortNames":["et"],"singular":"enrollmenttoken"}"#]]
    .assert_eq(&definition["spec"]["names"].to_string());
    assert_eq!(definition["spec"]["scope"], "Cluster");
}

#[test]
fn definitions_have_no_references_and_none_is_of_kubernetes_own_kinds() {
    for kind in Kind::ALL {
        let Some(definition) = definition(kind) else {
            assert!(gvk(kind).group.is_empty(), "{kind:?}");
            continue;
        };
        assert!(!definition.to_string().contains("\"$ref\""), "{kind:?}");
    }
}
