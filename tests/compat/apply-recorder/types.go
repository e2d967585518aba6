package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"sort"
	"strings"
)

const typesHead = `# Written by tests/compat/apply-recorder from the OpenAPI of kube-apiserver %s. How to read it: schema/read.rs.
`

// A schema of OpenAPI v3, as far as merging asks for it.
type schema struct {
	Type       string                                  `json:"type"`
	Format     string                                  `json:"format"`
	Ref        string                                  `json:"$ref"`
	AllOf      []*schema                               `json:"allOf"`
	Properties map[string]*schema                      `json:"properties"`
	Items      *schema                                 `json:"items"`
	Additional json.RawMessage                         `json:"additionalProperties"`
	Default    json.RawMessage                         `json:"default"`
	ListType   string                                  `json:"x-kubernetes-list-type"`
	ListKeys   []string                                `json:"x-kubernetes-list-map-keys"`
	MapType    string                                  `json:"x-kubernetes-map-type"`
	Strategy   string                                  `json:"x-kubernetes-patch-strategy"`
	MergeKey   string                                  `json:"x-kubernetes-patch-merge-key"`
	Required   []string                                `json:"required"`
	Preserve   bool                                    `json:"x-kubernetes-preserve-unknown-fields"`
	Kinds      []struct{ Group, Version, Kind string } `json:"x-kubernetes-group-version-kind"`
}

type dumper struct {
	models map[string]*schema
	// The name of a model or, for types without one, of its text.
	names map[string]string
	taken map[string]bool
	lines *bytes.Buffer
}

func writeTypes(s *server, folder string) error {
	d := &dumper{names: map[string]string{}, taken: map[string]bool{}}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	for _, file := range []struct {
		name   string
		groups []string
	}{
		{"kubernetes", []string{"api/v1", "apis/apps/v1", "apis/batch/v1", "apis/networking.k8s.io/v1",
			"apis/rbac.authorization.k8s.io/v1", "apis/policy/v1", "apis/autoscaling/v2"}},
		{"argo", []string{"apis/argoproj.io/v1alpha1"}},
		{"flotilla", []string{"apis/flotilla.dev/v1alpha1"}},
	} {
		d.lines = &bytes.Buffer{}
		for key := range d.names {
			if !strings.HasPrefix(key, "model ") {
				delete(d.names, key)
			}
		}
		fmt.Fprintf(d.lines, typesHead, "v1.34.3")
		for _, group := range file.groups {
			if err := d.group(s, group); err != nil {
				return fmt.Errorf("%s: %w", group, err)
			}
		}
		if err := os.WriteFile(filepath.Join(folder, file.name+".types"), d.lines.Bytes(), 0o644); err != nil {
			return err
		}
	}
	return nil
}

var wanted = strings.Fields(`Namespace Node ConfigMap Secret Service ServiceAccount Pod PodTemplate PersistentVolumeClaim Event
	Deployment ReplicaSet StatefulSet DaemonSet Job CronJob NetworkPolicy Ingress Role ClusterRole RoleBinding ClusterRoleBinding
	PodDisruptionBudget HorizontalPodAutoscaler Application ApplicationSet AppProject Cluster RolloutPolicy EnrollmentToken FleetRollout`)

func (d *dumper) group(s *server, group string) error {
	_, text, err := s.call("GET", "/openapi/v3/"+group, "", nil)
	if err != nil {
		return err
	}
	var document struct {
		Paths      map[string]any
		Components struct{ Schemas map[string]*schema }
	}
	if err := json.Unmarshal(text, &document); err != nil {
		return err
	}
	d.models = document.Components.Schemas
	for _, kind := range wanted {
		for _, name := range sorted(d.models) {
			model := d.models[name]
			if len(model.Kinds) != 1 || model.Kinds[0].Kind != kind || !strings.HasSuffix("apis/"+group, path.Join(model.Kinds[0].Group, model.Kinds[0].Version)) {
				continue
			}
			gvk := model.Kinds[0]
			root := d.named(name)
			status := ""
			for url := range document.Paths {
				if strings.HasSuffix(strings.ToLower(url), "/"+plural(kind)+"/{name}/status") {
					status = " +status"
				}
			}
			fmt.Fprintf(d.lines, "@%s %s %s = %s%s\n", dash(gvk.Group), gvk.Version, gvk.Kind, root, status)
		}
	}
	return nil
}

func plural(kind string) string {
	kind = strings.ToLower(kind)
	switch {
	case strings.HasSuffix(kind, "y"):
		return kind[:len(kind)-1] + "ies"
	case strings.HasSuffix(kind, "s"):
		return kind + "es"
	}
	return kind + "s"
}

func dash(group string) string {
	if group == "" {
		return "-"
	}
	return group
}

func sorted[T any](m map[string]T) []string {
	var names []string
	for name := range m {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// The name of a model's type, whose line is written first.
func (d *dumper) named(model string) string {
	if name, ok := d.names["model "+model]; ok {
		return name
	}
	m := d.models[model]
	short := model[strings.LastIndex(model, ".")+1:]
	if m == nil {
		panic("no model " + model)
	}
	if m.Type != "object" || len(m.Properties) == 0 {
		// A scalar or a free map: written where it is used.
		text := d.text(m, false, short)
		d.names["model "+model] = text
		return text
	}
	name := d.object(m, m.Preserve, short)
	d.names["model "+model] = name
	return name
}

// The name of the type of a map with fields, whose line is written first. The same text has the same name.
func (d *dumper) object(m *schema, preserve bool, short string) string {
	var fields []string
	for _, name := range sorted(m.Properties) {
		text := d.field(m.Properties[name], preserve, name)
		// What must be there and is not is null, in types of Go.
		if of := m.Properties[name]; slices.Contains(m.Required, name) && len(of.Default) == 0 && (of.Items != nil || of.Ref != "") {
			text += "=null"
		}
		// The tag of a role's rules leaves nothing out, though nothing says that they must be there.
		if name == "rules" && strings.HasSuffix(short, "Role") {
			text += "=null"
		}
		fields = append(fields, name+":"+text)
	}
	switch additional := string(m.Additional); {
	case additional == "" && preserve, additional == "true":
		fields = append(fields, "*:any")
	case additional != "" && additional != "false":
		var of schema
		if err := json.Unmarshal(m.Additional, &of); err != nil {
			panic(err)
		}
		fields = append(fields, "*:"+d.field(&of, preserve, short+"Value"))
	}
	atomic := ""
	if m.MapType == "atomic" {
		atomic = "!"
	}
	text := atomic + " = " + strings.Join(fields, " ")
	if name, ok := d.names[text]; ok {
		return name
	}
	name := strings.ToUpper(short[:1]) + short[1:]
	for n := 2; d.taken[name]; n++ {
		name = fmt.Sprintf("%s%d", strings.ToUpper(short[:1])+short[1:], n)
	}
	d.taken[name], d.names[text] = true, name
	fmt.Fprintf(d.lines, "%s%s\n", name, text)
	return name
}

func (d *dumper) field(m *schema, preserve bool, name string) string {
	text := d.text(m, preserve || m.Preserve, name)
	if m.Strategy != "" {
		text += "~" + m.Strategy
		if m.MergeKey != "" {
			text += "(" + m.MergeKey + ")"
		}
	}
	// Those of scalars can be keys; an empty map says that the field is always there.
	if given := string(m.Default); given == "{}" || given != "" && !strings.ContainsAny(given[:1], "{[") {
		text += "=" + given
	}
	return text
}

func (d *dumper) text(m *schema, preserve bool, name string) string {
	ref := m.Ref
	if ref == "" && len(m.AllOf) == 1 {
		ref = m.AllOf[0].Ref
	}
	if ref != "" {
		text := d.named(path.Base(ref))
		if m.MapType == "atomic" {
			text += "!"
		}
		return text
	}
	preserve = preserve || m.Preserve
	switch m.Type {
	case "":
		if name == "Quantity" {
			return "u"
		}
		if name == "RawExtension" {
			return "raw"
		}
		return "any"
	case "integer":
		return "i"
	case "number":
		return "n"
	case "boolean":
		return "b"
	case "string":
		if name != "Quantity" && (m.Format == "" || m.Format == "byte") {
			return "s"
		}
		return "u"
	case "array":
		text := "[" + d.text(m.Items, preserve, strings.TrimSuffix(name, "s")) + "]"
		switch {
		case m.ListType == "set":
			return text + "set"
		case m.ListType == "map":
			return text + "map(" + strings.Join(m.ListKeys, ",") + ")"
		case m.ListType == "" && strings.HasPrefix(m.Strategy, "merge") && m.MergeKey != "":
			return text + "map(" + m.MergeKey + ")"
		case m.ListType == "" && strings.HasPrefix(m.Strategy, "merge"):
			return text + "set"
		}
		return text
	}
	if name == "RawExtension" {
		return "raw"
	}
	if len(m.Properties) > 0 {
		return d.object(m, preserve, name)
	}
	text := "{any}"
	if additional := string(m.Additional); additional != "" && additional != "true" && additional != "false" {
		var of schema
		if err := json.Unmarshal(m.Additional, &of); err != nil {
			panic(err)
		}
		text = "{" + d.field(&of, preserve, strings.TrimSuffix(name, "s")) + "}"
	}
	if m.MapType == "atomic" {
		text += "!"
	}
	return text
}
