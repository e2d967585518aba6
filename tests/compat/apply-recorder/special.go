package main

import (
	"encoding/json"
	"fmt"
	"strings"
)

func jsonText(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// What is asked of one kind only: refusals, directives, odd lists.
func special() []*recorded {
	var all []*recorded
	one := func(kindName, name string, steps ...*step) {
		all = append(all, kindOf(kindName).sequence(name, steps...))
	}
	refusals(one)
	managers(one)
	lists(one)
	jsonPatches(one)
	mergePatches(one)
	strategicPatches(one)
	return all
}

type maker func(kind, name string, steps ...*step)

func refusals(one maker) {
	for _, kind := range []string{"ConfigMap", "Application", "Deployment"} {
		k := kindOf(kind)
		one(kind, "without a manager", apply("", k.with("0a")), apply("a", k.with("0a")), apply("", k.with("0b")))
		one(kind, "manager too long", apply(strings.Repeat("m", 129), k.with("0a")), create(strings.Repeat("m", 129), k.with("0a")),
			create(strings.Repeat("m", 128), k.with("0a")))
		one(kind, "manager unprintable", apply("a\tb", k.with("0a")), merge("a\u0007", k.part("0a")))
		one(kind, "force without apply", create("m", k.with("0a")), merge("p", k.part("0b")).force(), jsonPatch("p", read("[]")).force())
		one(kind, "managers in the request", apply("a", k.with("0a")).with("metadata: {managedFields: [{manager: x, operation: Apply}]}"),
			apply("a", k.with("0a")).with("metadata: {managedFields: []}"), apply("a", k.with("0a")).with("metadata: {managedFields: null}"))
		one(kind, "another name", apply("a", k.with("0a")).with("metadata: {name: other}"), apply("a", k.with("0a")), apply("a", k.with("0a")).with("metadata: {name: other}"))
		one(kind, "no name", apply("a", k.with("0a")).with("metadata: {name: null}"), apply("a", k.with("0b")).with("metadata: {name: null}"))
		one(kind, "another namespace", apply("a", k.with("0a")).with("metadata: {namespace: kube-system}"),
			apply("a", k.with("0a")).with("metadata: {namespace: default}"))
		one(kind, "another kind", apply("a", k.with("0a")).with("kind: Other"), apply("a", k.with("0a")), apply("a", k.with("0b")).with("kind: Other"))
		one(kind, "another version", apply("a", k.with("0a")).with("apiVersion: example.com/v7"), apply("a", k.with("0a")),
			apply("a", k.with("0b")).with("apiVersion: v9"))
		one(kind, "no kind", apply("a", add(k.with("0a"), read("kind: null"))), apply("a", add(k.with("0a"), read("apiVersion: null"))))
		one(kind, "uid and version", apply("a", k.with("0a")).with("metadata: {uid: u-7}"), apply("a", k.with("0a")).with("metadata: {resourceVersion: '7'}"),
			apply("a", k.with("0a")), apply("a", k.with("0b")).with("metadata: {resourceVersion: '1'}"),
			apply("a", k.with("0b")).with("metadata: {resourceVersion: LIVE}"), apply("a", k.with("0a")).with("metadata: {uid: u-8}"))
		one(kind, "no object", apply("a", read("[1]")), apply("a", read("text")), apply("a", read("null")))
		one(kind, "created twice", create("a", k.with("0a")), create("a", k.with("0a")))
		one(kind, "updated before", create("a", k.with("0a")), update("a", k.with("0b")).with("metadata: {resourceVersion: '1'}"))
		one(kind, "patched before", merge("a", k.part("0a")), jsonPatch("a", read("[]")))
	}
	k := kindOf("Application")
	one("Application", "wrong types", apply("a", k.with("")).with("spec: {project: 1}"), apply("a", k.with("")).with("spec: {project: {x: 1}}"),
		apply("a", k.with("")).with("spec: {source: {helm: {parameters: {a: b}}}}"), apply("a", k.with("")).with("spec: {syncPolicy: {automated: {prune: maybe}}}"),
		apply("a", k.with("")).with("spec: {revisionHistoryLimit: many}"), apply("a", k.with("")).with("spec: text"), apply("a", k.with("")).with("metadata: {labels: [a]}"))
	one("Application", "unknown fields below", apply("a", k.with("")).with("spec: {sourcex: {a: 1}}"), apply("a", k.with("")).with("spec: {source: {helm: {valuesobject: {}}}}"),
		apply("a", k.with("")).with("spec: {a: 1, b: 2}, x: 1"))
}

func managers(one maker) {
	for _, kind := range []string{"ConfigMap", "Application"} {
		k := kindOf(kind)
		var steps []*step
		steps = append(steps, apply("applier", k.with("0a")))
		for n := range 13 {
			steps = append(steps, merge(fmt.Sprintf("m%d", n), read(fmt.Sprintf("metadata: {annotations: {a%d: x}}", n))))
		}
		one(kind, "many managers", append(steps, merge("m13", read("metadata: {annotations: {a3: null}}")), apply("applier", k.with("0b")))...)
		one(kind, "one manager by two ways", create("a", k.with("0a 1a")), apply("a", k.with("0b")), apply("a", k.with("0b")).force(),
			merge("a", k.part("0a")), apply("a", k.with("0a")), apply("a", k.with("")))
		entry := func(fields string) string {
			return "metadata: {managedFields: [{manager: x, operation: Update, apiVersion: " + k.version() + ", fieldsType: FieldsV1, time: '1970-01-01T00:00:30Z'," + fields + "}]}"
		}
		one(kind, "managers written", create("a", k.with("0a")), update("b", k.with("0a")).with(entry("fieldsV1: {'f:metadata': {'f:labels': {'f:part': {}}}}")),
			merge("c", read(labels)), apply("d", k.with("")).with(otherLabels))
		one(kind, "managers written badly", create("a", k.with("0a")), update("b", k.with("0a")).with("metadata: {managedFields: [{manager: x, operation: Other}]}"),
			update("b", k.with("0a")).with("metadata: {managedFields: [{manager: x, operation: Update}]}"),
			update("b", k.with("0a")).with("metadata: {managedFields: [{manager: x, operation: Update, apiVersion: v1, fieldsType: FieldsV2}]}"),
			update("b", k.with("0a")).with("metadata: {managedFields: [{manager: x, operation: Update, apiVersion: v1, fieldsType: FieldsV1, fieldsV1: {'x': {}}}]}"))
		one(kind, "managers of another version", create("a", k.with("0a")),
			update("b", k.with("0a")).with("metadata: {managedFields: [{manager: x, operation: Update, apiVersion: example.com/v7, fieldsType: FieldsV1, time: '1970-01-01T00:00:30Z', fieldsV1: {'f:metadata': {'f:labels': {'f:part': {}}}}}]}"),
			apply("c", k.with("")).with(labels), merge("d", read(otherLabels)))
		one(kind, "managers brought to a creation", create("a", k.with("0a")).with(entry("fieldsV1: {'f:metadata': {'f:labels': {'f:part': {}}}}")))
		one(kind, "unknown steps in managers", create("a", k.with("0a")),
			update("b", k.with("0a")).with(entry("fieldsV1: {'f:metadata': {'f:labels': {'f:part': {}, 'z:later': {}, 'i:3': {}}}}")), merge("c", read(labels)))
		one(kind, "annotation of kubectl kept up to date", apply("kubectl", k.with("0a")).with(k.lastApplied("0a")), apply("kubectl", k.with("0b")),
			apply("other", k.with("0b")), apply("kubectl", k.with("")))
		one(kind, "annotation of kubectl that is none", create("kubectl-client-side-apply", k.with("0a")).with("metadata: {annotations: {kubectl.kubernetes.io/last-applied-configuration: '{'}}"),
			apply("kubectl", k.with("0b")))
	}
	k := kindOf("Cluster")
	one("Cluster", "status and object by one manager", apply("a", k.with("0a")), apply("a", k.with("")).with("status: {"+k.status+"}").at("status"),
		apply("a", k.with("0a")), merge("a", read("status: {facts: {nodes: 4}}")).at("status"), apply("a", k.with("")).with("status: {"+k.status+"}").at("status"),
		apply("a", k.with("")).with("status: {"+k.status+"}").at("status").force(), apply("b", k.with("")).with("status: {facts: {nodes: 5}}").at("status"))
}

func (k kind) version() string { return read(k.base).(object)["apiVersion"].(string) }

func lists(one maker) {
	k := kindOf("Deployment")
	containers := func(manager, text string) *step {
		return apply(manager, k.with("")).with("spec: {template: {spec: {containers: [" + text + "]}}}")
	}
	replaced := func(how, text string) *step {
		body := k.with("").(object)
		body["spec"].(object)["template"].(object)["spec"].(object)["containers"] = read("[" + text + "]")
		switch how {
		case "create":
			return create("m", body)
		case "update":
			return update("u", body)
		}
		return apply(how, body)
	}
	one("Deployment", "keys with defaults", containers("a", "{name: main, ports: [{containerPort: 80}]}"), containers("b", "{name: main, ports: [{containerPort: 80, protocol: TCP}]}"),
		containers("b", "{name: main, ports: [{containerPort: 80, protocol: UDP}]}"), containers("a", "{name: main, ports: [{containerPort: 80, name: web}]}"),
		containers("a", "{name: main}"))
	one("Deployment", "order of items", replaced("a", "{name: x, image: i}, {name: y, image: i}, {name: z, image: i}"), replaced("b", "{name: z, image: i}, {name: w, image: i}, {name: x, image: i}"),
		replaced("a", "{name: y, image: i}, {name: x, image: i}"), replaced("b", "{name: v, image: i}"))
	one("Deployment", "items twice", replaced("a", "{name: x, image: i}, {name: x, image: j}"), replaced("a", "{image: i}"), replaced("a", "{name: null, image: i}"),
		replaced("a", "text"), replaced("a", "{name: x, image: i, env: [{name: A, value: '1'}, {name: A, value: '2'}]}"), replaced("a", "{name: x, image: i, env: [{value: a}]}"))
	one("Deployment", "items twice in what is there", replaced("create", "{name: x, image: i, env: [{name: A, value: '1'}, {name: B}, {name: A, value: '2'}]}"),
		replaced("a", "{name: x, image: i, env: [{name: B}, {name: C}]}"), replaced("a", "{name: x, image: i, env: [{name: C}]}"),
		replaced("a", "{name: x, image: i, env: [{name: A, value: '3'}]}"), replaced("update", "{name: x, image: i, env: [{name: A, value: '1'}, {name: A, value: '4'}]}"),
		replaced("update", "{name: x, image: i, env: [{name: A, value: '5'}]}"))
	one("Deployment", "kinds of values", containers("a", "{name: main, env: [{name: A, value: '1'}]}"),
		containers("b", "{name: main, env: [{name: A, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]}"),
		containers("a", "{name: main, env: [{name: A, valueFrom: {configMapKeyRef: {name: c, key: k}}}]}"),
		containers("a", "{name: main, env: [{name: A, valueFrom: {configMapKeyRef: {name: d, key: k}}}]}"))
	one("Deployment", "resources", containers("a", "{name: main, resources: {limits: {cpu: 1, memory: 1Gi}}}"), containers("b", "{name: main, resources: {limits: {cpu: '1'}}}"),
		containers("b", "{name: main, resources: {limits: {cpu: 2}, requests: {cpu: 500m}}}"), containers("a", "{name: main, resources: {limits: {memory: 2Gi}}}"))
	one("Deployment", "spread", apply("a", k.with("")).with("spec: {template: {spec: {topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: DoNotSchedule}]}}}"),
		apply("b", k.with("")).with("spec: {template: {spec: {topologySpreadConstraints: [{maxSkew: 2, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway}]}}}"),
		apply("b", k.with("")).with("spec: {template: {spec: {topologySpreadConstraints: [{maxSkew: 2, topologyKey: zone, whenUnsatisfiable: DoNotSchedule}]}}}"), apply("a", k.with("")))
	one("Deployment", "percentages", apply("a", k.with("")).with("spec: {strategy: {rollingUpdate: {maxSurge: 1}}}"), apply("b", k.with("")).with("spec: {strategy: {rollingUpdate: {maxSurge: 25%}}}"),
		apply("b", k.with("")).with("spec: {strategy: {rollingUpdate: {maxSurge: 1}}}"))
	one("Deployment", "scalars of another kind", apply("a", k.with("")).with("spec: {replicas: '2'}"), apply("a", k.with("")).with("spec: {paused: 1}"),
		apply("a", k.with("")).with("spec: {template: {spec: {containers: {a: b}}}}"), apply("a", k.with("")).with("spec: []"), apply("a", k.with("")).with("metadata: {labels: {a: 1}}"))
	s := kindOf("Service")
	ports := func(manager, text string) *step {
		body := s.with("").(object)
		body["spec"].(object)["ports"] = read("[" + text + "]")
		return apply(manager, body)
	}
	one("Service", "ports of two protocols", ports("a", "{port: 53, name: t}, {port: 53, protocol: UDP, name: u}"), ports("b", "{port: 53, protocol: UDP, name: u}"),
		ports("a", "{port: 53, name: t}"), ports("b", "{port: 54, name: v}"), ports("a", "{port: 53, name: t, targetPort: 5}, {port: 53, protocol: TCP, name: w}"))
	one("Service", "ports given alone", ports("a", "{port: 80, targetPort: web}"), ports("b", "{port: 80, protocol: TCP, targetPort: 8080}"),
		ports("b", "{port: 80, protocol: TCP, targetPort: 8080}").force(), ports("a", "{port: 80}"), ports("a", "{protocol: TCP}"), ports("a", "{name: x}"))
	c := kindOf("ConfigMap")
	one("ConfigMap", "sets", apply("a", c.with("")).with("metadata: {finalizers: [b.x/y, a.x/y]}"), apply("b", c.with("")).with("metadata: {finalizers: [c.x/y, a.x/y]}"),
		apply("a", c.with("")).with("metadata: {finalizers: [a.x/y, a.x/y]}"), apply("a", c.with("")).with("metadata: {finalizers: [a.x/y]}"), apply("b", c.with("")),
		apply("a", c.with("")).with("metadata: {finalizers: [1]}"), apply("a", c.with("")).with("metadata: {finalizers: [{a: b}]}"), apply("a", c.with("")).with("metadata: {finalizers: [null]}"),
		apply("a", c.with("")).with("metadata: {finalizers: text}"))
	one("ConfigMap", "empty maps", apply("a", c.with("")).with("data: {}"), apply("a", c.with("0a")), apply("b", c.with("")).with("data: {}"), apply("a", c.with("")).with("data: {}"),
		apply("a", c.with("")), apply("b", c.with("")).with("data: null"), apply("b", c.with("")))
	one("ConfigMap", "null values", apply("a", c.with("0a")).with("data: {gone: null}"), apply("b", c.with("")).with("data: {key: null}"), apply("a", c.with("")).with("metadata: {labels: null, annotations: {a: null}}"))
	one("ConfigMap", "update nulls", create("m", c.with("0a")).with("data: {gone: null}, metadata: {labels: null}"), update("u", c.with("")).with("data: null"))
	a := kindOf("Application")
	values := func(manager, text string) *step {
		return apply(manager, a.with("")).with("spec: {source: {helm: {valuesObject: " + text + "}}}")
	}
	one("Application", "free values", values("a", "{a: {b: 1, c: [1, 2]}, d: x}"), values("b", "{a: {e: 2}}"), values("b", "{a: {c: [1]}}"), values("b", "{a: {b: 1}, d: x}"),
		values("a", "{d: x}"), values("b", "{a: {}}"), values("b", "{}"), values("a", "{}"))
	one("Application", "free values of another shape", values("a", "{a: 1, b: [x], c: {d: e}, f: null, g: ''}"), values("b", "{a: {x: y}}"), values("b", "{a: {x: y}}").force(),
		values("a", "{b: {z: 1}, c: 7}"), values("c", "{h: 1.5, i: true, j: 10000000000}"), values("d", "{h: 1.5, j: 10000000000.0}"))
	one("Application", "lists as wholes", apply("a", a.with("3a 5a")), apply("b", a.with("3a")), apply("b", a.with("3b")), apply("b", a.with("3b 5b")).force(), apply("a", a.with("")))
	p := kindOf("RolloutPolicy")
	waves := func(manager, text string) *step {
		body := p.with("").(object)
		body["spec"].(object)["waves"] = read("[" + text + "]")
		return apply(manager, body)
	}
	one("RolloutPolicy", "waves", waves("a", "{name: x, take: 1}, {name: y}, {name: z}"), waves("b", "{name: z, soak: 1m}, {name: w}, {name: x}"), waves("a", "{name: y, take: 2}"),
		waves("b", ""), waves("a", "{take: 1}"), waves("a", "{name: x}, {name: x}"), waves("a", "{name: y, take: '1'}"), waves("a", "{name: null}"), waves("a", "null"))
	one("RolloutPolicy", "waves gone with what others wrote", waves("a", "{name: x, take: 1}, {name: y}"), merge("u", read("spec: {waves: [{name: x, take: 1, soak: 1m}, {name: y}]}")),
		waves("a", "{name: y}"), waves("b", "{name: y, match: {matchLabels: {a: b}}}"), waves("a", ""), waves("b", "{name: y, match: {}}"))
}

func jsonPatches(one maker) {
	for _, kind := range []string{"ConfigMap", "AppProject"} {
		k := kindOf(kind)
		steps := []*step{create("m", k.with("0a")).with("metadata: {annotations: {a: '1', d/e: x}, finalizers: [a.x/y, b.x/y]}")}
		for _, patch := range []string{
			"[]", "[{op: add, path: /metadata/annotations/n, value: '2'}]", "[{op: replace, path: /metadata/annotations/a, value: '3'}]",
			"[{op: replace, path: /metadata/annotations/new, value: '4'}]", "[{op: remove, path: /metadata/annotations/new}]",
			"[{op: remove, path: /metadata/annotations/none}]", "[{op: remove, path: /metadata/none/x}]", "[{op: add, path: /metadata/none/x, value: 1}]",
			"[{op: replace, path: /metadata/none/x, value: 1}]", "[{op: test, path: /metadata/annotations/a, value: '3'}, {op: add, path: /metadata/annotations/t, value: x}]",
			"[{op: test, path: /metadata/annotations/a, value: '9'}, {op: remove, path: /metadata/annotations/t}]", "[{op: test, path: /metadata/none/x, value: '9'}]",
			"[{op: test, path: /metadata/annotations/none, value: null}]", "[{op: test, path: /metadata/annotations/none, value: x}]",
			"[{op: copy, from: /metadata/annotations/a, path: /metadata/annotations/copied}]", "[{op: move, from: /metadata/annotations/copied, path: /metadata/annotations/moved}]",
			"[{op: move, from: /metadata/none/x, path: /metadata/annotations/moved}]", "[{op: copy, from: /metadata/annotations/a, path: /metadata/none/y}]",
			"[{op: copy, from: /metadata/none/x, path: /metadata/annotations/y}]", "[{op: move, from: /metadata/annotations/none, path: /metadata/annotations/y}]",
			"[{op: add, path: /metadata/finalizers/-, value: c.x/y}]", "[{op: add, path: /metadata/finalizers/0, value: d.x/y}]", "[{op: add, path: /metadata/finalizers/9, value: e.x/y}]",
			"[{op: remove, path: /metadata/finalizers/9}]", "[{op: remove, path: /metadata/finalizers/-1}]", "[{op: remove, path: /metadata/finalizers/x}]",
			"[{op: replace, path: /metadata/finalizers/1, value: f.x/y}]", "[{op: replace, path: /metadata/finalizers/7, value: f.x/y}]", "[{op: test, path: /metadata/finalizers/7, value: f.x/y}]",
			"[{op: replace, path: /metadata/annotations/d~1e, value: z}]",
			"[{op: other, path: /metadata/annotations/a}]", "[{op: add, value: x}]", "[{op: remove, path: metadata}]", "[{path: /metadata/annotations/a}]",
			"[{op: add, path: /metadata/annotations/a}]", "[{op: copy, path: /metadata/annotations/a}]", "{op: add}", "text", "[1]", "[{op: 1, path: /x}]", "null",
			"[{op: remove, path: /metadata/annotations}, {op: remove, path: /metadata/finalizers}]",
		} {
			steps = append(steps, jsonPatch("p", read(patch)))
		}
		one(kind, "json patches", steps...)
	}
}

func mergePatches(one maker) {
	for _, kind := range []string{"ConfigMap", "Application"} {
		k := kindOf(kind)
		steps := []*step{create("m", k.with("0a")).with("metadata: {annotations: {a: '1', b: '2'}}")}
		for _, patch := range []string{
			"{}", "metadata: {annotations: {a: null, c: x, none: null}}", "metadata: {annotations: {a: {}}}", "metadata: {labels: {x: null, y: z}}",
			"metadata: {annotations: null}", "metadata: {name: other}", "metadata: {namespace: other}", "metadata: {uid: u-9}", "metadata: {resourceVersion: '1'}",
			"metadata: {resourceVersion: LIVE, labels: {q: r}}", "kind: Other", "[]", "[1]", "text", "null", "7", "metadata: {finalizers: [z.x/y]}", "metadata: {finalizers: null}",
		} {
			steps = append(steps, merge("p", read(patch)))
		}
		one(kind, "merge patches", steps...)
	}
}

func strategicPatches(one maker) {
	k := kindOf("Deployment")
	run := func(name, more string, patches ...string) {
		steps := []*step{create("m", k.with("")).with(more)}
		for _, patch := range patches {
			steps = append(steps, strategic("p", read(patch)))
		}
		one("Deployment", "strategic "+name, steps...)
	}
	pod := func(text string) string { return "spec: {template: {spec: {" + text + "}}}" }
	run("lists", pod("containers: [{name: main, env: [{name: A, value: '1'}, {name: B, value: '1'}]}, {name: side, image: s}]"),
		pod("containers: [{name: main, env: [{name: B, value: '2'}, {name: C, value: '3'}]}]"), pod("containers: [{name: side, $patch: delete}]"),
		pod("containers: [{name: new, image: n}, {name: main, image: j}]"), pod("containers: [{name: main, env: [{name: A, $patch: delete}, {name: D}]}]"),
		pod("containers: [{name: only, image: o}, {$patch: replace}]"), pod("containers: [{image: x}]"), pod("containers: [{$patch: delete}]"), pod("containers: [{name: only, $patch: other}]"),
		pod("containers: [{name: only, $patch: merge}]"), pod("containers: [text]"), pod("containers: null"), pod("containers: text"))
	run("order", pod("containers: [{name: main, env: [{name: A}, {name: B}, {name: C}, {name: D}]}]"),
		pod("containers: [{name: main, $setElementOrder/env: [{name: D}, {name: A}], env: [{name: A, value: x}]}]"),
		pod("$setElementOrder/containers: [{name: two}, {name: main}], containers: [{name: two, image: t}]"),
		pod("$setElementOrder/containers: [{name: main}, {name: two}]"), pod("$setElementOrder/containers: [{name: main}], containers: [{name: two, image: u}]"),
		pod("$setElementOrder/containers: text"), pod("$setElementOrder/containers: [{image: t}], containers: [{name: two}]"),
		pod("$setElementOrder/none: [{name: main}]"))
	run("maps", pod("securityContext: {runAsUser: 1, fsGroup: 2}, nodeSelector: {a: b, c: d}"), pod("securityContext: {$patch: replace, runAsGroup: 3}"), pod("securityContext: {$patch: delete}"),
		pod("nodeSelector: {c: null, e: f}"), pod("nodeSelector: {$patch: replace, g: h}"), pod("nodeSelector: {$patch: other}"), pod("nodeSelector: {$patch: merge, x: y}"),
		pod("nodeSelector: {$retainKeys: [g, i], i: j}"), pod("nodeSelector: {$retainKeys: [g], k: l}"), pod("nodeSelector: {$retainKeys: text}"))
	run("retained keys", "spec: {strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 1}}}", "spec: {strategy: {$retainKeys: [type], type: Recreate}}",
		"spec: {strategy: {$retainKeys: [type, rollingUpdate], type: RollingUpdate, rollingUpdate: {maxSurge: 2}}}")
	run("volumes", pod("volumes: [{name: v, emptyDir: {}}]"), pod("volumes: [{name: v, $retainKeys: [name, configMap], configMap: {name: c}}]"),
		pod("volumes: [{name: w, secret: {secretName: s}}]"), pod("volumes: [{name: v, $patch: delete}]"))
	run("ports", pod("containers: [{name: main, ports: [{containerPort: 80}, {containerPort: 81}]}]"),
		pod("containers: [{name: main, ports: [{containerPort: 80, name: web}]}]"), pod("containers: [{name: main, ports: [{containerPort: 80, protocol: UDP}]}]"),
		pod("containers: [{name: main, ports: [{containerPort: 81, $patch: delete}]}]"))
	run("wholes", pod("tolerations: [{key: a, operator: Exists}], containers: [{name: main, args: [a, b]}]"), pod("tolerations: [{key: b, operator: Exists}]"),
		pod("containers: [{name: main, args: [c]}]"))
	run("sets", "metadata: {finalizers: [a.x/y, b.x/y]}", "metadata: {finalizers: [c.x/y]}", "metadata: {$deleteFromPrimitiveList/finalizers: [a.x/y]}",
		"metadata: {$deleteFromPrimitiveList/finalizers: [b.x/y], $setElementOrder/finalizers: [d.x/y, c.x/y], finalizers: [d.x/y]}",
		"metadata: {$deleteFromPrimitiveList/finalizers: text}", "metadata: {finalizers: [c.x/y, d.x/y]}", "metadata: {$deleteFromPrimitiveList/none: [a]}")
	run("bodies", "{}", "{}", "[]", "text", "null", "$patch: delete", "$patch: replace, metadata: {name: NAME}", "metadata: {annotations: {a: null}}", "metadata: {name: other}",
		"metadata: {resourceVersion: '1'}", "metadata: {labels: {a: null, b: c}}")
	s := kindOf("Service")
	one("Service", "strategic ports", create("m", s.with("1a")), strategic("p", read("spec: {ports: [{port: 80, targetPort: 8080}]}")), strategic("p", read("spec: {ports: [{port: 81, $patch: delete}]}")),
		strategic("p", read("spec: {ports: [{port: 82, name: x}], $setElementOrder/ports: [{port: 82}, {port: 80}]}")), strategic("p", read("spec: {selector: {a: b}}")), strategic("p", read("spec: {selector: {c: d}}")))
	a := kindOf("ServiceAccount")
	one("ServiceAccount", "strategic references", create("m", a.with("1a 2a")), strategic("p", read("secrets: [{name: b}]")), strategic("p", read("secrets: [{name: a, $patch: delete}]")),
		strategic("p", read("imagePullSecrets: [{name: z}]")))
	c := kindOf("ConfigMap")
	one("ConfigMap", "strategic owners", create("m", c.with("")).with(owner), strategic("p", read(owners)), strategic("p", read("metadata: {ownerReferences: [{uid: u-1, $patch: delete}]}")),
		strategic("p", read("data: {a: b, c: null}")), strategic("p", read("data: {$patch: replace, z: y}")), strategic("p", read("data: null")))
}
