// Records which fields Argo CD's kinds have, so that the tables of shared/kinds can be held to it: names, types, what is required,
// enumerations, limits and merge markers of its CustomResourceDefinitions, and no descriptions.
//
// Usage: go run . > ../../../shared/kinds/tests/vectors/argo-cd.jsonl
//
// Each line is a type, named by the order in which they come: {"type": "T0", "fields": {"name*": "string"}}, in the notation of the
// tables; a star marks what is required. The same type in many places is there once. The last lines say which type each kind is, and
// how it is listed.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"

	"sigs.k8s.io/yaml"
)

const version = "github.com/argoproj/argo-cd/v3@v3.5.7"

type object = map[string]any

func main() {
	if err := record(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func record() error {
	// Outside of this module, whose requirements would have to hold all of Argo CD's.
	command := exec.Command("go", "mod", "download", "-json", version)
	command.Dir = os.TempDir()
	command.Stderr = os.Stderr
	said, err := command.Output()
	if err != nil {
		return err
	}
	var module struct{ Dir string }
	if err := json.Unmarshal(said, &module); err != nil {
		return err
	}
	out := recorder{names: map[string]string{}, out: json.NewEncoder(os.Stdout)}
	out.out.SetEscapeHTML(false)
	kinds := []object{}
	for _, file := range []string{"application-crd.yaml", "applicationset-crd.yaml", "appproject-crd.yaml"} {
		text, err := os.ReadFile(filepath.Join(module.Dir, "manifests", "crds", file))
		if err != nil {
			return err
		}
		var definition object
		if err := yaml.Unmarshal(text, &definition); err != nil {
			return err
		}
		spec := definition["spec"].(object)
		served := spec["versions"].([]any)[0].(object)
		root := out.form(served["schema"].(object)["openAPIV3Schema"].(object))
		names := spec["names"].(object)
		kinds = append(kinds, object{
			"kind": names["kind"], "is": root, "shortNames": names["shortNames"], "columns": columns(served),
		})
	}
	for _, kind := range kinds {
		if err := out.out.Encode(kind); err != nil {
			return err
		}
	}
	return nil
}

// The columns as NAME=PATH, with the priority of those that are for wide tables only.
func columns(served object) []string {
	columns := []string{}
	given, _ := served["additionalPrinterColumns"].([]any)
	for _, one := range given {
		column := one.(object)
		text := fmt.Sprintf("%v=%v", column["name"], column["jsonPath"])
		if priority, ok := column["priority"]; ok {
			text += fmt.Sprintf(" %v", priority)
		}
		columns = append(columns, text)
	}
	return columns
}

type recorder struct {
	names map[string]string
	out   *json.Encoder
}

// What stands in a place, with what else has to hold of it.
func (r *recorder) form(schema object) string {
	words := []string{r.bare(schema)}
	if list, ok := schema["x-kubernetes-list-type"]; ok && list != "map" {
		words = append(words, list.(string))
	}
	if keys, ok := schema["x-kubernetes-list-map-keys"].([]any); ok {
		words = append(words, "keys("+joined(keys)+")")
	}
	if schema["x-kubernetes-map-type"] == "atomic" {
		words = append(words, "atomic")
	}
	if values, ok := schema["enum"].([]any); ok {
		words = append(words, "enum("+joined(values)+")")
	}
	for _, name := range []string{"pattern", "minLength", "maxLength", "minimum", "maximum", "default"} {
		if value, ok := schema[name]; ok {
			words = append(words, fmt.Sprintf("%s(%v)", name, value))
		}
	}
	if schema["nullable"] == true {
		words = append(words, "nullable")
	}
	return strings.Join(words, " ")
}

func (r *recorder) bare(schema object) string {
	if schema["x-kubernetes-int-or-string"] == true {
		return "int-or-string"
	}
	switch schema["type"] {
	case "array":
		return "[" + r.form(schema["items"].(object)) + "]"
	case "object":
		if fields, ok := schema["properties"].(object); ok {
			return r.named(fields, schema["required"])
		}
		if values, ok := schema["additionalProperties"].(object); ok {
			return "{" + r.form(values) + "}"
		}
		if schema["x-kubernetes-preserve-unknown-fields"] == true {
			return "object"
		}
		return "metadata"
	case "integer":
		return "int64"
	case nil:
		return "any"
	}
	if schema["format"] == "date-time" {
		return "time"
	}
	return schema["type"].(string)
}

func (r *recorder) named(fields object, required any) string {
	is := map[string]bool{}
	for _, name := range list(required) {
		is[name.(string)] = true
	}
	names := make([]string, 0, len(fields))
	for name := range fields {
		names = append(names, name)
	}
	sort.Strings(names)
	forms := map[string]string{}
	for _, name := range names {
		key := name
		if is[name] {
			key += "*"
		}
		forms[key] = r.form(fields[name].(object))
	}
	text, _ := json.Marshal(forms)
	if name, ok := r.names[string(text)]; ok {
		return name
	}
	name := fmt.Sprintf("T%d", len(r.names))
	r.names[string(text)] = name
	if err := r.out.Encode(object{"type": name, "fields": forms}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return name
}

func list(value any) []any {
	values, _ := value.([]any)
	return values
}

func joined(values []any) string {
	texts := make([]string, len(values))
	for index, value := range values {
		texts[index] = fmt.Sprint(value)
	}
	return strings.Join(texts, "|")
}
