//! An [`Expander`] gives what [`generate`] gives from scratch, whatever it was told before.

use super::{REPO, World, set, show};
use crate::{Expander, Expansion, Generated, Inputs, Outcome, Update, generate};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The set of a story.
#[derive(Debug, Clone)]
struct Spec {
    go: bool,
    isolates: bool,
    strict: bool,
    template: usize,
    generators: Vec<usize>,
    elements: Vec<usize>,
}

/// What happens next.
#[derive(Debug, Clone)]
enum Step {
    Cluster(usize, Option<usize>),
    File(usize, Option<usize>),
    Element(usize),
    Generator(usize, usize),
    Template(usize),
    Go,
    Isolate,
    Nothing,
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..6_usize, proptest::option::of(0..4_usize)).prop_map(|(n, label)| Step::Cluster(n, label)),
        4 => (0..8_usize, proptest::option::of(0..5_usize)).prop_map(|(n, text)| Step::File(n, text)),
        2 => (0..6_usize).prop_map(Step::Element),
        2 => (0..3_usize, 0..KINDS).prop_map(|(at, kind)| Step::Generator(at, kind)),
        1 => (0..3_usize).prop_map(Step::Template),
        1 => Just(Step::Go),
        1 => Just(Step::Isolate),
        1 => Just(Step::Nothing),
    ]
}

const KINDS: usize = 15;

impl Spec {
    fn tag(&self, flat: &str) -> String {
        let go = match flat {
            "path" => ".path.path".to_owned(),
            "metadata.labels.env" => "index .metadata.labels `env`".to_owned(),
            other => format!(".{other}"),
        };
        if self.go { format!("{{{{{go}}}}}") } else { format!("{{{{{flat}}}}}") }
    }

    /// A generator with a template of its own, so that every one gives names.
    fn generator(&self, at: usize, kind: usize) -> Value {
        let tag = |flat: &str| self.tag(flat);
        let named = |generator: &str, mut config: Value, name: String| {
            config["template"] =
                json!({"metadata": {"name": name}, "spec": {"project": "", "destination": {}}});
            json!({ generator: config })
        };
        let list = json!({"elements": self.elements.iter().map(|n| json!({"app": format!("e{n}"), "env": ENVS[n % 3]})).collect::<Vec<_>>()});
        let directories = json!({"repoURL": REPO, "directories": [{"path": "apps/*"}, {"path": "apps/d1", "exclude": true}], "values": {"v": tag("path.basename")}});
        let all = json!({"selector": {"matchExpressions": [{"key": "env", "operator": "Exists"}]}});
        let files = |path: &str| json!({"repoURL": REPO, "files": [{"path": path}], "pathParamPrefix": "f"});
        let name = |parts: &[&str]| parts.iter().map(|part| tag(part)).collect::<Vec<_>>().join("-");
        match kind {
            0 => named("list", list, format!("l-{}", name(&["app"]))),
            1 => {
                named("clusters", json!({"values": {"v": tag("name")}}), format!("c-{}", name(&["values.v"])))
            }
            2 => {
                let mut entry = named("clusters", all, format!("s-{}", name(&["name"])));
                entry["selector"] = json!({"matchExpressions": [{"key": "metadata.labels.env", "operator": "NotIn", "values": ["dev"]}]});
                entry
            }
            3 => named("clusters", json!({"flatList": true}), "flat".to_owned()),
            4 => named("git", directories, format!("d-{}", name(&["values.v"]))),
            5 => named(
                "git",
                json!({"repoURL": REPO, "files": [{"path": "conf/*"}, {"path": "conf/f1.yaml", "exclude": true}]}),
                format!("f-{}", name(&["id"])),
            ),
            6 => named(
                "matrix",
                json!({"generators": [{"list": list}, {"clusters": {"selector": {"matchLabels": {"env": tag("env")}}, "values": {"v": tag("app")}}}]}),
                format!("m-{}", name(&["app", "name"])),
            ),
            7 => named(
                "matrix",
                json!({"generators": [{"clusters": all}, {"git": files(&format!("conf/{}*.yaml", tag("name")))}]}),
                format!("n-{}", name(&["name", "id"])),
            ),
            8 => named(
                "matrix",
                json!({"generators": [{"git": directories}, {"list": list}]}),
                format!("o-{}", name(&["path.basename", "app"])),
            ),
            9 => named(
                "merge",
                json!({"mergeKeys": ["name"], "generators": [{"clusters": all}, {"list": {"elements": [{"name": "c0", "env": "own"}, {"name": "c2", "env": "own"}, {"name": "none"}]}}]}),
                format!("g-{}", name(&["name"])),
            ),
            10 => named(
                "matrix",
                json!({"generators": [{"list": {"elements": [{"x": "1"}, {"x": "2"}]}}, {"matrix": {"generators": [{"list": list}, {"git": files("conf/*")}]}}]}),
                format!("x-{}", name(&["x", "app", "id"])),
            ),
            11 => named(
                "list",
                json!({"elements": [{"app": "dup"}, {"app": "dup"}, {"app": ENVS[at % 3]}], "elementsYaml": "- app: y"}),
                format!("l-{}", name(&["app"])),
            ),
            12 => named(
                "git",
                json!({"repoURL": "https://git.example/none", "files": [{"path": "*"}]}),
                "none".to_owned(),
            ),
            13 => named(
                "clusters",
                json!({"selector": {"matchLabels": {"env": "prod"}}}),
                if self.go { "p-{{index .path.segments 0}}".to_owned() } else { "p-{{nope}}".to_owned() },
            ),
            _ => json!({"clusters": all, "list": list, "pullRequest": {}}),
        }
    }

    fn object(&self) -> Value {
        let generators: Vec<Value> =
            self.generators.iter().enumerate().map(|(at, kind)| self.generator(at, *kind)).collect();
        let option = if self.strict { "missingkey=error" } else { "missingkey=default" };
        let name = if self.go { "any-{{.name}}" } else { "any-{{name}}" };
        let mut object = set("{}");
        object["spec"] = json!({
            "goTemplate": self.go,
            "goTemplateOptions": [option],
            "generators": generators,
            "template": {"metadata": {"name": name, "labels": {"v": self.template.to_string()}}, "spec": {"project": "default", "destination": {"name": "eu"}, "source": {"repoURL": REPO, "path": self.tag("env")}}},
        });
        if self.template == 2 {
            object["spec"]["templatePatch"] =
                json!(format!("metadata: {{labels: {{p: x{}}}}}", self.tag("name")));
        }
        if self.isolates {
            object["metadata"]["annotations"] = json!({"flotilla.dev/on-generator-failure": "Isolate"});
        }
        object
    }
}

const ENVS: [&str; 3] = ["prod", "dev", "test"];

fn take(spec: &mut Spec, world: &mut World, step: &Step) {
    match step {
        Step::Cluster(n, label) => {
            let name = format!("c{n}");
            world.clusters.retain(|cluster| cluster.name != name);
            if let Some(label) = label {
                let labels: &[_] = if *label == 3 { &[] } else { &[("env", ENVS[*label])] };
                *world = world.clone().cluster(&name, labels);
            }
        }
        Step::File(n, text) => {
            let path = match n {
                0..3 => format!("apps/d{n}/x.yaml"),
                3..6 => format!("conf/c{}-x.yaml", n - 3),
                _ => format!("conf/f{n}.yaml"),
            };
            let text = text.map(|text| match text {
                0 => format!("id: i{n}"),
                1 => format!("[{{id: a{n}}}, {{id: b{n}}}]"),
                2 => "id: same".to_owned(),
                3 => "id: [".to_owned(),
                _ => format!("{{\"id\": \"j{n}\", \"name\": \"c0\"}}"),
            });
            match text {
                Some(text) => drop(world.files.insert(path, text)),
                None => drop(world.files.remove(&path)),
            }
        }
        Step::Element(n) => match spec.elements.iter().position(|known| known == n) {
            Some(at) => drop(spec.elements.remove(at)),
            None => spec.elements.insert(spec.elements.len() / 2, *n),
        },
        Step::Generator(at, kind) => match spec.generators.get_mut(*at) {
            Some(known) if *known == *kind => drop(spec.generators.remove(*at)),
            Some(known) => *known = *kind,
            None => spec.generators.push(*kind),
        },
        Step::Template(template) => spec.template = *template,
        Step::Go => (spec.go, spec.strict) = (!spec.go, spec.go),
        Step::Isolate => spec.isolates = !spec.isolates,
        Step::Nothing => {}
    }
}

/// Updates until nothing is asked any more, and gives what was touched.
fn updated(expander: &mut Expander, set: &Value, world: &World) -> Vec<String> {
    let mut inputs = world.inputs();
    for _ in 0..8 {
        match expander.update(&Arc::new(set.clone()), &inputs) {
            Update::Done { touched } => return touched.into_iter().collect(),
            Update::Needs(requests) => {
                let answers = requests.into_iter().map(|request| (request.clone(), world.answer(&request)));
                inputs.git.extend(answers);
            }
        }
    }
    panic!("asks without end");
}

fn plain(mut expansion: Expansion) -> Expansion {
    expansion.frozen.iter_mut().for_each(|frozen| frozen.applications = None);
    expansion
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]
    #[test]
    fn incremental_equals_from_scratch(
        go in any::<bool>(),
        isolates in any::<bool>(),
        generators in proptest::collection::vec(0..KINDS, 1..4),
        before in proptest::collection::vec(any_step(), 0..12),
        steps in proptest::collection::vec(any_step(), 1..12),
    ) {
        let mut spec = Spec { go, isolates, strict: false, template: 0, generators, elements: vec![0, 1] };
        let mut world = World::default().cluster("c0", &[("env", "prod")]).file("conf/f6.yaml", "id: first");
        before.iter().for_each(|step| take(&mut spec, &mut world, step));
        let mut expander = Expander::default();
        let mut seen: BTreeMap<String, Generated> = BTreeMap::new();
        for step in [Step::Nothing].iter().chain(&steps) {
            take(&mut spec, &mut world, step);
            let set = spec.object();
            let touched = updated(&mut expander, &set, &world);
            let (incremental, scratch) = (expander.expansion(), super::expand(&set, &world));
            prop_assert_eq!(show(&incremental), show(&scratch), "after {:?}", step);
            prop_assert_eq!(plain(incremental), scratch.clone(), "after {:?}", step);
            for name in touched {
                match expander.application(&name) {
                    Some(application) => drop(seen.insert(name, application.clone())),
                    None => drop(seen.remove(&name)),
                }
            }
            if scratch.problems.is_empty() {
                let told: Vec<&Generated> = seen.values().collect();
                prop_assert_eq!(told, scratch.applications.iter().collect::<Vec<_>>(), "told after {:?}", step);
            }
        }
    }

    #[test]
    fn expansion_is_the_same_in_whatever_order_inputs_come(
        go in any::<bool>(),
        generators in proptest::collection::vec(0..KINDS, 1..4),
        before in proptest::collection::vec(any_step(), 4..20),
        seed in any::<u64>(),
    ) {
        let mut spec = Spec { go, isolates: true, strict: false, template: 1, generators, elements: vec![0, 1] };
        let mut world = World::default().cluster("c0", &[("env", "prod")]).file("conf/f6.yaml", "id: first");
        before.iter().for_each(|step| take(&mut spec, &mut world, step));
        let set = spec.object();
        let mut inputs = world.inputs();
        let mut scratch = None;
        for _ in 0..8 {
            match generate(&set, &inputs) {
                Outcome::Done(done) => { scratch = Some(done); break; }
                Outcome::Needs(requests) => {
                    inputs.git.extend(requests.into_iter().map(|request| (request.clone(), world.answer(&request))));
                }
            }
        }
        let scratch = scratch.expect("asks without end");
        prop_assert_eq!(generate(&set, &inputs), Outcome::Done(scratch.clone()));
        let turned = turned(inputs, seed);
        prop_assert_eq!(generate(&set, &turned), Outcome::Done(scratch));
    }
}

/// The same inputs in another order.
fn turned(mut inputs: Inputs, mut seed: u64) -> Inputs {
    use crate::GitAnswer;
    let mut shuffle = |len: usize| -> Vec<usize> {
        let mut order: Vec<usize> = (0..len).collect();
        for at in (1..len).rev() {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            order.swap(at, usize::try_from(seed >> 33).expect("31 bits") % (at + 1));
        }
        order
    };
    inputs.clusters =
        shuffle(inputs.clusters.len()).into_iter().map(|at| Arc::clone(&inputs.clusters[at])).collect();
    for answer in inputs.git.values_mut() {
        if let GitAnswer::Directories(paths) | GitAnswer::Paths(paths) = answer {
            *paths = Arc::new(shuffle(paths.len()).into_iter().map(|at| paths[at].clone()).collect());
        }
    }
    inputs
}
