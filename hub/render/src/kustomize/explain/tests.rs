use super::explain;
use proptest::prelude::*;

/// What kustomize 5.8.1 says, and what people get of it.
fn check(complaint: &str, expected: &str) {
    let said: Vec<String> = explain(complaint).iter().map(ToString::to_string).collect();
    assert_eq!(said, [expected], "{complaint}");
    assert!(!said[0].contains("hunter"), "{said:?}");
}

#[test]
fn complaints_are_told_without_what_was_read() {
    check(
        "# Warning: 'commonLabels' is deprecated. Please use 'labels' instead.\nError: accumulating resources: accumulation err='accumulating resources from 'sub': 'sub' must resolve to a file': recursed accumulation of path 'j/sub': trouble configuring builtin PatchTransformer with config: `\npath: ../../x.yaml\n`: failed to get the patch file from path(../../x.yaml): security; file 'x.yaml' is not in or below 'j/sub'\n",
        "accumulating resources: recursed accumulation of path 'j/sub': trouble configuring builtin PatchTransformer: failed to get the patch file from path(../../x.yaml): security; file 'x.yaml' is not in or below 'j/sub': keep the file in or below its kustomization's folder, or allow others by the build option --load-restrictor=LoadRestrictionsNone",
    );
    check(
        "Error: accumulating resources: accumulation err='merging resources from 'b.yaml': may not add resource with an already registered id: Secret.v1.[noGrp]/s.[noNs]': must build at directory: 'd/b.yaml': file is not directory\n",
        "accumulating resources: merging resources from 'b.yaml': may not add resource with an already registered id: Secret.v1.[noGrp]/s.[noNs]: the same object comes from two places: leave one of them out",
    );
    check(
        "Error: accumulating resources: accumulating resources from 'a.yaml': MalformedYAMLError: yaml: line 3: did not find expected ',' or ']' in File: a.yaml\n",
        "accumulating resources from 'a.yaml': MalformedYAMLError: yaml: line 3: did not find expected ',' or ']' in File: a.yaml",
    );
    check(
        "Error: trouble configuring builtin PatchTransformer with config: `\npatch: '[{op: replace, path: /nope/x, value: hunter4}]'\ntarget:\n  kind: Secret\n`: unable to parse SM or JSON patch from [patch: \"[{op: replace, path: /nope/x, value: hunter4}]\"]\n",
        "trouble configuring builtin PatchTransformer: unable to parse SM or JSON patch from the patch in the text",
    );
    check(
        "Error: trouble configuring builtin PatchTransformer with config: `\npath: p.yaml\n`: unable to parse SM or JSON patch from [path: \"p.yaml\"]\n",
        "trouble configuring builtin PatchTransformer: unable to parse SM or JSON patch from [path: \"p.yaml\"]",
    );
    check(
        "Error: loading KV pairs: literal sources [hunter5]: invalid literal source hunter5, expected key=value\n",
        "loading KV pairs: literal sources: invalid literal source: expected key=value",
    );
    check(
        "Error: loading KV pairs: env source files: [e.env]: line [255 254 61 104 117 110] has invalid utf8 bytes : \u{fffd}=hunter\n",
        "loading KV pairs: env source files: [e.env]: a line is not UTF-8 text",
    );
    check(
        "Error: wrong node kind: expected MappingNode but got SequenceNode: node contents:\n[hunter7]\n\n",
        "wrong node kind: expected MappingNode but got SequenceNode: an object",
    );
    check(
        "Error: validator shouldn't modify the resource map: nodes unequal: \n -- {\"stringData\":{\"a\":\"hunter2\"}},\n\n--\n&resource.Resource{RNode:yaml.RNode{}}\n",
        "validator shouldn't modify the resource map: objects differ",
    );
    check(
        "Error: map[string]interface {}{\"stringData\":map[string]interface {}{\"a\":\"hunter1\"}}: json: unsupported type\n",
        "an object",
    );
    check(
        "Error: invalid Kustomization: yaml: unmarshal errors:\n  line 3: cannot unmarshal !!str `hunter2` into map[string]string\n",
        "invalid Kustomization: yaml: unmarshal errors",
    );
    check("", "kustomize failed and said nothing");
}

proptest! {
    #[test]
    fn whatever_it_says_is_one_line(complaint in "(?s).{0,400}") {
        let problems = explain(&complaint);
        prop_assert_eq!(problems.len(), 1);
        prop_assert!(!problems[0].message.is_empty() && !problems[0].message.contains('\n'));
    }
}
