// Records what Kubernetes' own merge engine (sigs.k8s.io/structured-merge-diff) makes of random sequences of applies and
// updates: a line of JSON for each sequence. Run here:
//
//	go run . > ../../../shared/objects/tests/vectors/apply.jsonl
package main

import (
	"encoding/json"
	"errors"
	"math/rand"
	"os"
	"sort"

	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	"sigs.k8s.io/structured-merge-diff/v6/merge"
	"sigs.k8s.io/structured-merge-diff/v6/typed"
)

// The same as in shared/objects/src/apply/tests/recorded.rs.
const schema = `types:
- name: object
  map:
    fields:
    - name: metadata
      type:
        map:
          fields:
          - name: labels
            type: {map: {elementType: {scalar: string}}}
          - name: finalizers
            type: {list: {elementType: {scalar: string}, elementRelationship: associative}}
    - name: spec
      type:
        map:
          fields:
          - name: replicas
            type: {scalar: numeric}
          - name: paused
            type: {scalar: boolean}
          - name: selector
            type: {map: {elementType: {scalar: string}, elementRelationship: atomic}}
          - name: args
            type: {list: {elementType: {scalar: string}, elementRelationship: atomic}}
          - name: containers
            type:
              list:
                elementRelationship: associative
                keys: [name]
                elementType:
                  map:
                    fields:
                    - name: name
                      type: {scalar: string}
                    - name: image
                      type: {scalar: string}
                    - name: tty
                      type: {scalar: boolean}
                    - name: ports
                      type:
                        list:
                          elementRelationship: associative
                          keys: [port, protocol]
                          elementType:
                            map:
                              fields:
                              - name: port
                                type: {scalar: numeric}
                              - name: protocol
                                default: TCP
                                type: {scalar: string}
                              - name: title
                                type: {scalar: string}
`

type object = map[string]any

type step struct {
	Manager string `json:"manager"`
	// apply, force or update
	How    string `json:"how"`
	Config object `json:"config"`
	// What it came to: the object and the appliers' fields, or the conflicts.
	Object    any               `json:"object,omitempty"`
	Fields    map[string]any    `json:"fields,omitempty"`
	Conflicts map[string]string `json:"conflicts,omitempty"`
}

type identity struct{}

func (identity) Convert(o *typed.TypedValue, _ fieldpath.APIVersion) (*typed.TypedValue, error) {
	return o, nil
}
func (identity) IsMissingVersionError(error) bool { return false }

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// Maybe a field, of few values: so that managers meet.
func maybe(r *rand.Rand, to object, field string, values ...any) {
	if r.Intn(3) > 0 {
		to[field] = values[r.Intn(len(values))]
	}
}

func items(r *rand.Rand, names []any, make func(any) object) []any {
	var list []any
	r.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	for _, name := range names[:r.Intn(len(names)+1)] {
		list = append(list, make(name))
	}
	return list
}

func config(r *rand.Rand) object {
	metadata, labels, spec := object{}, object{}, object{}
	maybe(r, labels, "a", "1", "2")
	maybe(r, labels, "b", "1", "2")
	if len(labels) > 0 {
		metadata["labels"] = labels
	}
	maybe(r, metadata, "finalizers", []any{"x"}, []any{"y"}, []any{"y", "x"})
	maybe(r, spec, "replicas", 1, 2)
	maybe(r, spec, "paused", true, false)
	maybe(r, spec, "selector", object{"a": "1"}, object{"a": "1", "b": "2"})
	maybe(r, spec, "args", []any{"p"}, []any{"p", "q"})
	containers := items(r, []any{"c", "d", "e"}, func(name any) object {
		container := object{"name": name}
		maybe(r, container, "image", "1", "2")
		maybe(r, container, "tty", true, false)
		ports := items(r, []any{80, 81}, func(port any) object {
			item := object{"port": port}
			maybe(r, item, "protocol", "TCP", "UDP")
			maybe(r, item, "title", "t", "u")
			return item
		})
		if len(ports) > 0 {
			container["ports"] = ports
		}
		return container
	})
	if len(containers) > 0 {
		spec["containers"] = containers
	}
	config := object{}
	for name, part := range map[string]object{"metadata": metadata, "spec": spec} {
		if len(part) > 0 {
			config[name] = part
		}
	}
	return config
}

func wire(set *fieldpath.Set) any {
	var fields any
	if err := json.Unmarshal(must(set.ToJSON()), &fields); err != nil {
		panic(err)
	}
	return fields
}

func conflicts(err error) map[string]string {
	var found merge.Conflicts
	if !errors.As(err, &found) {
		panic(err)
	}
	paths := map[string][]string{}
	for _, conflict := range found {
		paths[conflict.Manager] = append(paths[conflict.Manager], conflict.Path.String())
	}
	words := map[string]string{}
	for manager, list := range paths {
		sort.Strings(list)
		words[manager] = string(must(json.Marshal(list)))
	}
	return words
}

func sequence(r *rand.Rand, parser *typed.Parser) []step {
	updater := (&merge.UpdaterBuilder{Converter: identity{}, ReturnInputOnNoop: true}).BuildUpdater()
	kind := parser.Type("object")
	live := must(kind.FromUnstructured(object{}))
	managers := fieldpath.ManagedFields{}
	var steps []step
	for range 2 + r.Intn(5) {
		next := step{Manager: []string{"a", "b"}[r.Intn(2)], How: []string{"apply", "apply", "force", "update"}[r.Intn(4)], Config: config(r)}
		given := must(kind.FromUnstructured(next.Config))
		var after *typed.TypedValue
		var owners fieldpath.ManagedFields
		var err error
		if next.How == "update" {
			next.Manager = "u"
			after, owners, err = updater.Update(live, given, "v1", managers.Copy(), "u")
		} else {
			after, owners, err = updater.Apply(live, given, "v1", managers.Copy(), next.Manager, next.How == "force")
		}
		if err != nil {
			next.Conflicts = conflicts(err)
		} else {
			live, managers = after, owners
			next.Fields = map[string]any{}
			for name, set := range managers {
				if name != "u" {
					next.Fields[name] = wire(set.Set())
				}
			}
		}
		next.Object = live.AsValue().Unstructured()
		steps = append(steps, next)
	}
	return steps
}

func main() {
	parser := must(typed.NewParser(typed.YAMLObject(schema)))
	random := rand.New(rand.NewSource(1))
	encoder := json.NewEncoder(os.Stdout)
	for range 100 {
		if err := encoder.Encode(sequence(random, parser)); err != nil {
			panic(err)
		}
	}
}
