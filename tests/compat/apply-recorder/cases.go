package main

import (
	"fmt"
	"math/rand"
	"strings"
)

type object = map[string]any

// Puts what `from` has into `to`: items of lists that have the same name (or what tells them apart) into one another.
func add(to, from any) any {
	switch from := from.(type) {
	case object:
		to, ok := to.(object)
		if !ok {
			return from
		}
		for name, value := range from {
			if old, ok := to[name]; ok {
				value = add(old, value)
			}
			to[name] = value
		}
		return to
	case []any:
		to, ok := to.([]any)
		if !ok {
			return from
		}
		for _, item := range from {
			if _, ok := item.(object); !ok {
				return from
			}
			at := -1
			for i, old := range to {
				if same(old, item) {
					at = i
				}
			}
			if at < 0 {
				to = append(to, item)
			} else {
				to[at] = add(to[at], item)
			}
		}
		return to
	}
	return from
}

func same(a, b any) bool {
	x, y := a.(object), b.(object)
	if x["port"] != nil {
		return x["port"] == y["port"] && x["protocol"] == y["protocol"]
	}
	for _, key := range []string{"name", "uid", "ip", "mountPath"} {
		if x[key] != nil && x[key] == y[key] {
			return true
		}
	}
	return false
}

// The object with parts, named as in "0a 2b": the first in its first reading, the third in its second.
func (k kind) with(parts string) any {
	config := read(k.base)
	for _, part := range strings.Fields(parts) {
		config = add(config, k.part(part))
	}
	return config
}

func (k kind) part(part string) any {
	return read(k.parts[int(part[0]-'0')%len(k.parts)][part[1]-'a'])
}

// The same with `null` for what is no map: as a merge patch it takes the part away.
func (k kind) without(part string) any {
	return nulled(k.part(part), func(any) any { return nil })
}

func nulled(value any, leaf func(any) any) any {
	if fields, ok := value.(object); ok && len(fields) > 0 {
		for name, inner := range fields {
			fields[name] = nulled(inner, leaf)
		}
		return fields
	}
	return leaf(value)
}

func apply(manager string, body any) *step { return &step{How: "apply", Manager: manager, Body: body} }
func create(manager string, body any) *step {
	return &step{How: "create", Manager: manager, Body: body}
}
func merge(manager string, body any) *step { return &step{How: "merge", Manager: manager, Body: body} }
func jsonPatch(manager string, body any) *step {
	return &step{How: "json", Manager: manager, Body: body}
}
func strategic(manager string, body any) *step {
	return &step{How: "strategic", Manager: manager, Body: body}
}

func update(manager string, body any) *step {
	metadata := body.(object)["metadata"].(object)
	if _, ok := metadata["resourceVersion"]; !ok {
		metadata["resourceVersion"] = versionMark
	}
	return &step{How: "update", Manager: manager, Body: body}
}

func (s *step) force() *step           { s.Force = true; return s }
func (s *step) dry() *step             { s.DryRun = true; return s }
func (s *step) at(part string) *step   { s.Subresource = part; return s }
func (s *step) with(text string) *step { s.Body = add(s.Body, read(text)); return s }

func cases() []*recorded {
	var all []*recorded
	for _, k := range kinds {
		all = append(all, k.families()...)
	}
	all = append(all, special()...)
	random := rand.New(rand.NewSource(1))
	for _, k := range kinds {
		for n := range 6 {
			all = append(all, k.random(random, n))
		}
	}
	return all
}

func (k kind) sequence(name string, steps ...*step) *recorded {
	return &recorded{Name: strings.ToLower(k.Kind) + " " + name, Kind: k.Kind, Steps: steps, of: k}
}

// What is asked of every kind.
func (k kind) families() []*recorded {
	all := []*recorded{
		k.sequence("applied twice", apply("a", k.with("0a 1a")), apply("a", k.with("0a 1a")), apply("b", k.with("0a 1a")), apply("b", k.with("0a 1a"))),
		k.sequence("shared fields", apply("a", k.with("0a 1a")), apply("b", k.with("0a 2a")), apply("a", k.with("1a")), apply("b", k.with("")),
			apply("a", k.with("2a"))),
		k.sequence("conflict and force", apply("a", k.with("0a 2a")), apply("b", k.with("0b 2b")), apply("b", k.with("0b 2b")).force(),
			apply("a", k.with("0a 2a")), apply("a", k.with("0b 2b")), apply("b", k.with(""))),
		k.sequence("update takes over", create("m", k.with("0a 1a")), apply("a", k.with("0b 1a")), update("u", k.with("0b 1b")),
			apply("a", k.with("0a")), apply("a", k.with("0a")).force(), update("u", k.with("0a"))),
		k.sequence("update lets go", apply("a", k.with("0a 1a 2a")), update("u", k.with("2a")), apply("a", k.with("0a 1a 2a")), apply("a", k.with(""))),
		k.sequence("merge patch", create("", k.with("0a 1a")), merge("p", k.part("1b")), merge("p", k.without("0a")), apply("a", k.with("0a 1b")),
			merge("q", k.part("0b")), apply("a", k.with("0a 1b")), merge("q", k.without("1b"))),
		k.sequence("json patch", create("m", k.with("0a")), jsonPatch("p", read("[{op: add, path: /metadata/labels, value: {part: a}}]")),
			jsonPatch("p", read("[{op: test, path: /metadata/labels/part, value: a}, {op: replace, path: /metadata/labels/part, value: b}]")),
			apply("a", k.with("").(object)).with(labels), apply("a", k.with("").(object)).with(labels).force(),
			jsonPatch("q", read("[{op: remove, path: /metadata/labels}]"))),
		k.sequence("items of lists", apply("a", k.with("1a 2a")), apply("b", k.with("1b")), apply("b", k.with("1b")).force(), apply("a", k.with("2b")),
			apply("b", k.with("")), apply("a", k.with("1b 1a"))),
		k.sequence("managers forgotten", create("m", k.with("0a 1a")), merge("p", read("metadata: {managedFields: [{}]}")),
			merge("q", k.part("0b")), apply("a", k.with("0b 1a")), apply("a", k.with("0a")), apply("a", k.with("1a"))),
		k.sequence("managers cleared", apply("m", k.with("0a 1a")), update("u", k.with("0a 1a")).with("metadata: {managedFields: []}"),
			apply("a", k.with("0b")).force(), apply("a", k.with(""))),
		k.sequence("nulls", apply("a", add(k.with("1a"), k.without("0a"))), apply("a", add(k.with("0a"), k.without("1a"))), apply("a", k.with("0a"))),
		k.sequence("unknown fields", apply("a", k.with("0a")).with("nowhere: {x: 1}"), apply("a", k.with("0a")),
			apply("a", k.with("0b")).with("metadata: {nothing: 1}")),
		k.sequence("dry run", apply("a", k.with("0a")).dry(), apply("a", k.with("0a")), apply("b", k.with("0b")).dry(),
			apply("b", k.with("0b")).dry().force(), merge("p", k.part("1a")).dry(), apply("a", k.with("1a")).dry(), apply("a", k.with("0a"))),
		k.sequence("emptied", apply("a", k.with("1a 2a")), apply("a", nulled(k.with("1a 2a"), func(v any) any {
			if _, ok := v.([]any); ok {
				return []any{}
			}
			return v
		})), apply("b", k.with("1a")), apply("a", k.with(""))),
		k.sequence("metadata", apply("a", k.with("")).with(labels).with(finalizer).with(owner), apply("b", k.with("")).with(otherLabels).with(finalizers).with(owners),
			apply("b", k.with("")).with(otherLabels).with(finalizers).with(owners).force(), apply("a", k.with("")), merge("p", read(finalizer)),
			apply("b", k.with(""))),
		k.sequence("from the client's apply", create("kubectl-client-side-apply", k.with("0a 1a")).with(k.lastApplied("0a 1a")),
			apply("other", k.with("0b 1a")), apply("kubectl", k.with("0b 1a")), apply("kubectl", k.with("0a 2a"))),
		k.sequence("from the client's apply, changed since", create("kubectl-client-side-apply", k.with("0a 1a")).with(k.lastApplied("0b 1a")),
			apply("kubectl", k.with("0b 1b")), apply("kubectl", k.with("0b 1b")).force()),
	}
	if k.builtIn {
		all = append(all, k.sequence("strategic patch", create("m", k.with("0a 1a")), strategic("p", k.part("1b")), strategic("p", k.without("0a")),
			strategic("q", k.part("2a")), apply("a", k.with("0b 1b")), strategic("q", k.without("1b"))))
	} else {
		all = append(all, k.sequence("strategic patch", create("m", k.with("0a 1a")), strategic("p", k.part("1b"))))
	}
	if k.status != "" {
		status := func(base string) any { return add(read(k.base), read("status: {"+k.status+"}")) }
		all = append(all,
			k.sequence("status", apply("a", k.with("0a")).with("status: {"+k.status+"}"), apply("c", status("")).at("status"),
				apply("c", add(status(""), k.part("0b"))).at("status"), apply("a", k.with("0b")).with("status: {"+k.status+"}"),
				merge("d", read("status: {"+k.status+"}")).at("status"), apply("c", read(k.base)).at("status")),
			k.sequence("status by update", create("m", status("")), merge("d", add(read("status: {"+k.status+"}"), k.part("0b"))).at("status"),
				update("d", add(k.with("0a"), read("status: {}"))).at("status"), merge("e", read("status: {"+k.status+"}"))),
		)
		if k.Kind != "Service" {
			all = append(all, k.sequence("status of nothing", apply("c", status("")).at("status"), merge("c", read("status: {"+k.status+"}")).at("status")))
		}
	}
	return all
}

// An annotation as kubectl's own apply leaves it.
func (k kind) lastApplied(parts string) string {
	text := jsonText(k.with(parts)) + "\n"
	return "metadata: {annotations: {kubectl.kubernetes.io/last-applied-configuration: " + jsonText(text) + "}}"
}

func (k kind) random(random *rand.Rand, n int) *recorded {
	some := func() string {
		var parts []string
		for i := range k.parts {
			if i < 10 && random.Intn(2) == 0 {
				parts = append(parts, fmt.Sprintf("%d%c", i, 'a'+random.Intn(2)))
			}
		}
		random.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
		return strings.Join(parts, " ")
	}
	var steps []*step
	for i := range 7 {
		manager := string(rune('a' + random.Intn(3)))
		switch how := random.Intn(8); {
		case i == 0 && how < 3:
			steps = append(steps, create(manager, k.with(some())))
		case i == 0 || how < 3:
			steps = append(steps, apply(manager, k.with(some())))
		case how < 5:
			steps = append(steps, apply(manager, k.with(some())).force())
		case how < 6:
			steps = append(steps, update(manager, k.with(some())))
		default:
			part := fmt.Sprintf("%d%c", random.Intn(len(k.parts))%10, 'a'+random.Intn(2))
			body := k.part(part)
			if random.Intn(3) == 0 {
				body = k.without(part)
			}
			if k.builtIn && how == 7 {
				steps = append(steps, strategic(manager, body))
			} else {
				steps = append(steps, merge(manager, body))
			}
		}
	}
	return k.sequence(fmt.Sprintf("at random %d", n+1), steps...)
}
