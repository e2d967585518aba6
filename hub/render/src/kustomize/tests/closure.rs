use super::Case;

/// Everything that a kustomization can name, and files beside it that it does not.
fn everything() -> Case {
    Case::of(
        "overlays/prod",
        &[
            (
                "overlays/prod/kustomization.yaml",
                "resources: [../../base, extra.yaml]\nbases: [../../old/]\ncomponents: [../../components/tls]\n\
                 crds: [crd.json]\nconfigurations: [names.yaml]\nopenapi: {path: schema.json}\n\
                 patches: [{path: patch.yaml}, {patch: 'a: b'}]\npatchesJson6902: [{path: ops.yaml}]\n\
                 patchesStrategicMerge: [merge.yaml, \"kind: Deployment\\nmetadata: {name: web}\\n\"]\n\
                 replacements: [{path: replace.yaml}]\n\
                 configMapGenerator: [{name: a, files: [a.txt, key=b.txt], envs: [c.env], literals: [x=not.txt]}]\n\
                 SecretGenerator: [{name: s, Files: [s.txt], env: d.env}]\n\
                 transformers: [labels.yaml, \"apiVersion: builtin\\nkind: PatchTransformer\\nmetadata: {name: x}\\npath: inline.yaml\\n\"]\n\
                 generators: [plugins]\nvalidators: [check.yaml]\n",
            ),
            ("overlays/prod/extra.yaml", ""),
            ("overlays/prod/crd.json", ""),
            ("overlays/prod/names.yaml", ""),
            ("overlays/prod/schema.json", ""),
            ("overlays/prod/patch.yaml", ""),
            ("overlays/prod/ops.yaml", ""),
            ("overlays/prod/merge.yaml", ""),
            ("overlays/prod/replace.yaml", ""),
            ("overlays/prod/a.txt", ""),
            ("overlays/prod/b.txt", ""),
            ("overlays/prod/c.env", ""),
            ("overlays/prod/s.txt", ""),
            ("overlays/prod/d.env", ""),
            ("overlays/prod/inline.yaml", ""),
            (
                "overlays/prod/labels.yaml",
                "apiVersion: builtin\nkind: PatchStrategicMergeTransformer\nmetadata: {name: x}\npaths: [deep.yaml]\n",
            ),
            ("overlays/prod/deep.yaml", ""),
            ("overlays/prod/check.yaml", "apiVersion: x/v1\nkind: Y\nmetadata: {name: z}\npath: not.txt\n"),
            ("overlays/prod/plugins/kustomization.yaml", "resources: [one.yaml]\n"),
            (
                "overlays/prod/plugins/one.yaml",
                "apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {name: m}\nname: m\nfiles: [from-plugin.txt]\n",
            ),
            ("overlays/prod/from-plugin.txt", ""),
            ("overlays/prod/plugins/from-plugin.txt", "not from here"),
            ("overlays/prod/not.txt", ""),
            ("base/kustomization.yml", "resources: [web.yaml]\n"),
            ("base/web.yaml", ""),
            ("base/unnamed.yaml", ""),
            ("old/Kustomization", "resources: [../base]\n"),
            ("components/tls/kustomization.yaml", "kind: Component\npatches: [{path: tls.yaml}]\n"),
            ("components/tls/tls.yaml", ""),
            ("components/other/kustomization.yaml", ""),
        ],
    )
}

#[test]
fn a_build_is_shown_what_is_named_and_nothing_else() {
    let case = everything();
    let (paths, made) = case.shown();
    assert!(made.is_empty(), "nothing had to be written anew: {made:?}");
    let hidden: Vec<&String> = case.files.0.keys().filter(|path| !paths.contains(path)).collect();
    assert_eq!(
        hidden,
        [
            "base/unnamed.yaml",
            "components/other/kustomization.yaml",
            "overlays/prod/not.txt",
            "overlays/prod/plugins/from-plugin.txt",
        ]
    );
    assert_eq!(paths.len() + hidden.len(), case.files.0.len());
}

#[test]
fn what_is_not_named_does_not_change_the_rendering() {
    let mut case = everything();
    let before = case.prepare().unwrap().inputs();
    for path in ["base/unnamed.yaml", "overlays/prod/not.txt", "elsewhere/kustomization.yaml"] {
        case.files.put(path, "changed");
    }
    assert_eq!(case.prepare().unwrap().inputs(), before);
    case.files.put("base/web.yaml", "changed");
    assert_ne!(case.prepare().unwrap().inputs(), before);
}

#[test]
fn links_are_followed_and_written_as_what_they_lead_to() {
    let (paths, made) = Case::of(
        "app",
        &[
            (
                "app/kustomization.yaml",
                "resources: [linked, web.yaml]\nconfigMapGenerator: [{name: c, files: [conf.txt]}]\n",
            ),
            ("app/linked", "-> ../shared/base"),
            ("app/web.yaml", "-> manifests/web.yaml"),
            ("app/conf.txt", "-> files/real.txt"),
            ("app/files/real.txt", "x"),
            ("app/manifests/web.yaml", "y"),
            ("shared/base/kustomization.yaml", "resources: [../one.yaml]\n"),
            ("shared/one.yaml", "z"),
        ],
    )
    .shown();
    assert_eq!(
        paths,
        [
            "app/files/real.txt",
            "app/kustomization.yaml",
            "app/manifests/web.yaml",
            "shared/base/kustomization.yaml",
            "shared/one.yaml"
        ]
    );
    let expected = "configMapGenerator:\n- files:\n  - conf.txt=files/real.txt\n  name: c\nresources:\n- ../shared/base\n- manifests/web.yaml\n";
    assert_eq!(made["app/kustomization.yaml"], expected);
}

fn check_wrong(folder: &'static str, files: &[(&str, &str)], expected: &str) {
    assert_eq!(Case::of(folder, files).wrong().trim_end(), expected.trim_end());
}

#[test]
fn every_wrong_reference_is_named_with_file_and_field() {
    check_wrong(
        "app",
        &[
            (
                "app/kustomization.yaml",
                "resources: [gone.yaml, ../../../etc, /etc/passwd, ../base]\ncomponents: [a.yaml]\ncrds: [../base]\nhelmCharts: [{name: x}]\n",
            ),
            ("app/a.yaml", ""),
            ("base/kustomization.yaml", "resources: [out, loop]\n"),
            ("base/out", "-> ../../secrets"),
            ("base/loop", "-> loop"),
        ],
        "app/kustomization.yaml: helmCharts: charts are not rendered from within an overlay: add `--enable-helm` to `kustomize.buildOptions` of argocd-cm, or make the chart a source of its own (`helm`)
app/kustomization.yaml: components[0]: `a.yaml` is a file: name the folder of a kustomization
app/kustomization.yaml: crds[0]: `../base` is a folder: name a file
app/kustomization.yaml: resources[0]: `gone.yaml` is not there: name what is in the repository, or add it
app/kustomization.yaml: resources[1]: `../../../etc` leads out of the repository (by its `..` or leading `/`): keep what is rendered inside it
app/kustomization.yaml: resources[2]: `/etc/passwd` leads out of the repository (by its leading `/`): keep what is rendered inside it
base/kustomization.yaml: resources[0]: `out` leads out of the repository (through the link `base/out`): keep what is rendered inside it
base/kustomization.yaml: resources[1]: `loop` is a symbolic link that leads nowhere",
    );
}

#[test]
fn folders_without_one_kustomization_are_named() {
    let top = ("app/kustomization.yaml", "resources: [../none, ../two, ../bad, ../list, ../linked]\n");
    check_wrong(
        "app",
        &[
            top,
            ("none/a.yaml", ""),
            ("two/kustomization.yaml", ""),
            ("two/Kustomization", ""),
            ("bad/kustomization.yaml", "a: [b\n"),
            ("list/kustomization.yaml", "- a\n"),
            ("linked/kustomization.yaml", "-> ../none/a.yaml"),
        ],
        "linked/kustomization.yaml: the link leads to `none/a.yaml`, outside of its folder: keep the kustomization in its folder
list/kustomization.yaml: a kustomization is a mapping of fields: write `resources:` and what belongs to it
bad/kustomization.yaml: line 2, column 1: a `[` is not closed or a comma is missing: close it with `]`, separate items by `,`
two: `two` has several kustomizations: kustomization.yaml, Kustomization: keep one of them
none: there is no kustomization in `none`: add a kustomization.yaml, or name another folder",
    );
    check_wrong(
        "",
        &[("a.yaml", "")],
        "there is no kustomization in `the repository's root`: add a kustomization.yaml, or name another folder",
    );
    check_wrong(
        "gone",
        &[("a.yaml", "")],
        "path: `gone` is not there: name what is in the repository, or add it",
    );
}

#[test]
fn circles_end() {
    let (paths, _) = Case::of(
        "a",
        &[
            ("a/kustomization.yaml", "resources: [../b]\n"),
            ("b/kustomization.yaml", "resources: [../a, .]\n"),
        ],
    )
    .shown();
    assert_eq!(paths, ["a/kustomization.yaml", "b/kustomization.yaml"]);
}
