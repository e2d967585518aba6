package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"sigs.k8s.io/yaml"
)

// tags are what flat templates ask for.
var tags = []string{
	"name", "nameNormalized", "server", "project", "url", "env", "app", "a", "b", "c", "e", "k", "num", "t", "m", "l", "big", "ratio", "onn", "nothing", "replicas",
	"m.k", "m.x", "m.yy.p", "m.yy.q", "values.x", "values.yy", "values.r", "values.k", "values.flat", "values.other", "values.missing", "values.both", "values.outer", "values.inner", "values.neither",
	"metadata.labels.env", "metadata.labels.argocd.argoproj.io/secret-type", "metadata.annotations.note", "metadata.annotations.managed-by",
	"path", "path.basename", "path.basenameNormalized", "path.filename", "path.filenameNormalized", "path.path", "path[0]", "path[1]", "path[2]",
	"p.path", "p.path.basename", "p.path[1]", "my.path", "my.path.filename", "cluster.name", "cluster.server", "nested.deep.er", "list.0.k", "tags.0", "labels.app.kubernetes.io/name", "a.b",
	"int", "neg", "float", "exp", "small", "octo", "hex", "bool", "date", "quoted", "tilde", "max", "1", "true", "null", "extra", "clusters", "items",
}

// elements are the parameters that every template and patch sees unless it brings others.
const elements = `[{elements: null, elementsYaml: '[{name: web, env: prod, url: "https://a.example/x", num: 3, big: 1000000, float: 1.5, flag: true, nothing: null, list: [x, 2, {k: v}], m: {k: v, z: 1}}]'}]`

// made are the cases that come of the texts: each generator in both languages, each template, each patch.
func made(folder string) ([]Case, error) {
	texts := map[string]string{}
	for _, name := range []string{"generators", "templates", "patches"} {
		text, err := os.ReadFile(filepath.Join(folder, name+".txt"))
		if err != nil {
			return nil, err
		}
		texts[name] = string(text)
	}
	generatorTexts, templateTexts, patchTexts := texts["generators"], texts["templates"], texts["patches"]
	var cases []Case
	for _, one := range sections(generatorTexts) {
		name, flat, _ := strings.Cut(one.name, " | ")
		generator := parsed(one.body)
		cases = append(cases,
			Case{Name: name + " (flat)", Spec: spec(false, generator, flatTemplate(flat))},
			Case{Name: name + " (go)", Spec: spec(true, generator, goTemplate())},
		)
	}
	for _, clusters := range []string{"none", "one", "local", "local slash", "hidden"} {
		for _, generator := range []string{"clusters: {}", "clusters: {flatList: true}", "clusters: {selector: {matchLabels: {env: prod}}, values: {v: '{{metadata.labels.env}}'}}"} {
			for _, isGo := range []bool{false, true} {
				template := flatTemplate("c-{{nameNormalized}}")
				if isGo {
					template = goTemplate()
				} else if strings.Contains(generator, "flatList") {
					continue
				}
				if isGo {
					generator = strings.ReplaceAll(generator, "{{metadata.labels.env}}", "{{ .metadata.labels.env }}")
				}
				cases = append(cases, Case{
					Name: fmt.Sprintf("clusters: %s of %s (go: %t)", generator, clusters, isGo), Clusters: clusters, Spec: spec(isGo, parsed(generator), template),
				})
			}
		}
	}
	for _, one := range sections(generatorTexts) {
		name, flat, _ := strings.Cut(one.name, " | ")
		generator := parsed(one.body)
		if strings.HasPrefix(name, "git files: ") && strings.Contains(one.body, "files") {
			cases = append(cases, Case{Name: name + " (doublestar)", Spec: spec(false, generator, flatTemplate(flat)), Globbing: true})
		}
	}
	for _, option := range []string{"missingkey=error", "missingkey=zero"} {
		for _, one := range sections(generatorTexts) {
			name, _, _ := strings.Cut(one.name, " | ")
			if strings.Contains(one.body, "{{") && strings.Contains(name, "Go") {
				made := spec(true, parsed(one.body), goTemplate())
				made["goTemplateOptions"] = []any{option}
				cases = append(cases, Case{Name: name + " (" + option + ")", Spec: made})
			}
		}
	}
	for _, one := range sections(templateTexts) {
		name, modes, _ := strings.Cut(one.name, " | ")
		for _, mode := range strings.Fields(modes) {
			given := parsed(one.body)
			made := spec(mode == "go", nil, nil)
			if mode == "go" {
				given = goNames(given).(map[string]any)
			}
			maps.Copy(made, given)
			if name == "no template" {
				delete(made, "template")
			}
			annotations := map[string]string{}
			if given, asked := made["annotations"].(map[string]any); asked {
				for key, value := range given {
					annotations[key] = value.(string)
				}
				delete(made, "annotations")
			}
			cases = append(cases, Case{Name: "template: " + name + " (" + mode + ")", Spec: made, Annotations: annotations})
		}
	}
	patches := sections(patchTexts)
	for _, one := range patches[1:] {
		for _, mode := range []string{"flat", "go"} {
			text := one.body
			if strings.Contains(one.name, "Go") && mode == "flat" {
				continue
			}
			made := spec(mode == "go", nil, parsed(patches[0].body))
			if mode == "go" {
				made = goNames(made).(map[string]any)
				text = goNames(text).(string)
			}
			made["templatePatch"] = text
			cases = append(cases, Case{Name: "patch: " + one.name + " (" + mode + ")", Spec: made})
		}
	}
	return cases, nil
}

// goNames writes the flat tags of a value in Go's form.
func goNames(value any) any {
	switch value := value.(type) {
	case string:
		for _, tag := range []string{"name", "env", "url", "nope"} {
			value = strings.ReplaceAll(value, "{{"+tag+"}}", "{{ ."+tag+" }}")
		}
		return value
	case []any:
		for index := range value {
			value[index] = goNames(value[index])
		}
	case map[string]any:
		for key, item := range maps.Clone(value) {
			delete(value, key)
			value[goNames(key).(string)] = goNames(item)
		}
	}
	return value
}

type section struct{ name, body string }

func sections(text string) []section {
	var found []section
	_, rest, _ := strings.Cut("\n"+text, "\n#### ")
	for _, one := range strings.Split(strings.TrimSuffix(rest, "\n"), "\n#### ") {
		name, body, _ := strings.Cut(one, "\n")
		found = append(found, section{name, body})
	}
	return found
}

func parsed(text string) map[string]any {
	var value map[string]any
	if err := yaml.Unmarshal([]byte(text), &value); err != nil {
		panic(fmt.Sprintf("%s: %v", text, err))
	}
	return value
}

func spec(isGo bool, generator, template map[string]any) map[string]any {
	generators := []any{map[string]any{"list": parsed("x: " + elements)["x"].([]any)[0]}}
	if generator != nil {
		generators = []any{generator}
	}
	if template == nil {
		template = flatTemplate("fixed")
		if isGo {
			template = goTemplate()
		}
	}
	made := map[string]any{"generators": generators, "template": template}
	if isGo {
		made["goTemplate"] = true
	}
	return made
}

// flatTemplate shows every tag.
func flatTemplate(name string) map[string]any {
	var shown []string
	for _, tag := range tags {
		shown = append(shown, tag+"={{"+tag+"}}")
	}
	return showing(name, strings.Join(shown, " "))
}

// lessTags leaves out of a flat template the tags that no Application fills, but a few.
func lessTags(one Case, answer Answer) {
	said, _ := text(answer.Applications)
	template, _ := one.Spec["template"].(map[string]any)
	metadata, _ := template["metadata"].(map[string]any)
	annotations, _ := metadata["annotations"].(map[string]any)
	if shown, isFlat := annotations["shown"].(string); isFlat && strings.HasPrefix(shown, tags[0]+"=") {
		var kept []string
		for _, tag := range tags {
			if !strings.Contains(said, tag+"={{"+tag+"}}") || tag == "url" || tag == "extra" {
				kept = append(kept, tag+"={{"+tag+"}}")
			}
		}
		if len(kept) > 30 {
			kept = kept[:3]
		}
		annotations["shown"] = strings.Join(kept, " ")
	}
}

// goTemplate shows all parameters.
func goTemplate() map[string]any {
	return showing(`x{{ toJson . | sha256sum | trunc 9 }}`, `{{ toJson . }} {{ . }}`)
}

func showing(name, shown string) map[string]any {
	return map[string]any{
		"metadata": map[string]any{"name": name, "annotations": map[string]any{"shown": shown}},
		"spec": map[string]any{
			"project":     "default",
			"source":      map[string]any{"repoURL": repository, "path": "p"},
			"destination": map[string]any{"server": "https://kubernetes.default.svc", "namespace": "d"},
		},
	}
}
