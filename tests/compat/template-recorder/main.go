// Command recorder writes down what Go's text/template with sprig and sigs.k8s.io/yaml answers to the templates of cases.json,
// with the functions that Argo CD gives to ApplicationSets. Usage:
//
//	go run . cases.json > go.json             what people wrote
//	go run . cases.json made > made.jsonl     what is made of all functions and values, a line each
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"text/template"
	"time"

	"github.com/Masterminds/sprig/v3"
	"github.com/gosimple/slug"
	"github.com/valyala/fasttemplate"
	"sigs.k8s.io/yaml"
)

// cases is what is asked: shared data, and templates by group.
type cases struct {
	Data   map[string]any      `json:"data"`
	Groups map[string][]string `json:"groups"`
}

// vector is one answer: text or error.
type vector struct {
	Group    string   `json:"group"`
	Template string   `json:"template"`
	Options  []string `json:"options,omitempty"`
	Output   *string  `json:"output,omitempty"`
	Error    *string  `json:"error,omitempty"`
}

type recording struct {
	Go      string         `json:"go"`
	Data    map[string]any `json:"data"`
	Vectors []vector       `json:"vectors"`
}

func functions() template.FuncMap {
	all := sprig.GenericFuncMap()
	for _, absent := range []string{"env", "expandenv", "getHostByName"} {
		delete(all, absent)
	}
	all["normalize"] = sanitize
	all["slugify"] = slugify
	all["toYaml"] = func(value any) (string, error) {
		text, err := yaml.Marshal(value)
		return strings.TrimSuffix(string(text), "\n"), err
	}
	all["fromYaml"] = func(text string) (map[string]any, error) {
		parsed := map[string]any{}
		err := yaml.Unmarshal([]byte(text), &parsed)
		return parsed, err
	}
	all["fromYamlArray"] = func(text string) ([]any, error) {
		parsed := []any{}
		err := yaml.Unmarshal([]byte(text), &parsed)
		return parsed, err
	}
	return all
}

var notDNS = regexp.MustCompile("[^-a-z0-9.]")

// sanitize is the rule of Argo CD's normalize.
func sanitize(name string) string {
	name = notDNS.ReplaceAllString(strings.ToLower(name), "-")
	return strings.Trim(name[:min(len(name), 253)], "-.")
}

// slugify is the rule of Argo CD's function of this name: [max] [smart] name.
func slugify(args ...any) string {
	slug.MaxLength, slug.EnableSmartTruncate = 50, true
	if len(args) > 1 {
		slug.MaxLength = args[0].(int)
	}
	if len(args) > 2 {
		slug.EnableSmartTruncate = args[1].(bool)
	}
	return slug.Make(sanitize(args[len(args)-1].(string)))
}

// copied gives each template its own data, since set and merge change it.
func copied(data map[string]any) map[string]any {
	text, err := json.Marshal(data)
	if err != nil {
		panic(err)
	}
	var fresh map[string]any
	if err := json.Unmarshal(text, &fresh); err != nil {
		panic(err)
	}
	return fresh
}

func render(text string, options []string, data map[string]any) (answer vector) {
	answer = vector{Template: text, Options: options}
	fail := func(message string) {
		message = string([]rune(message))
		answer.Error, answer.Output = &message, nil
	}
	defer func() {
		if panicked := recover(); panicked != nil {
			fail(fmt.Sprint(panicked))
		}
	}()
	parsed, err := template.New("t").Option(options...).Funcs(functions()).Parse(text)
	if err != nil {
		fail(err.Error())
		return answer
	}
	var out strings.Builder
	if err := parsed.Execute(&out, copied(data)); err != nil {
		fail(err.Error())
		return answer
	}
	output := string([]rune(out.String()))
	answer.Output = &output
	return answer
}

var oneLine = regexp.MustCompile(`{{.*?}}`)

// flat is how Argo CD uses fasttemplate.
func flat(text string, data map[string]any) (answer vector) {
	answer = vector{Template: text}
	if !oneLine.MatchString(text) {
		answer.Output = &text
		return answer
	}
	parsed, err := fasttemplate.NewTemplate(text, "{{", "}}")
	if err != nil {
		message := err.Error()
		answer.Error = &message
		return answer
	}
	output := parsed.ExecuteFuncString(tagOf(data))
	answer.Output = &output
	return answer
}

func main() {
	time.Local = time.UTC
	text, err := os.ReadFile(os.Args[1])
	if err != nil {
		panic(err)
	}
	var asked cases
	if err := json.Unmarshal(text, &asked); err != nil {
		panic(err)
	}
	if len(os.Args) > 2 {
		made(os.Stdout, asked.Data)
		return
	}
	told := recording{Go: "text/template of Go 1.26, sprig 3.3.0, sigs.k8s.io/yaml 1.6.0", Data: asked.Data}
	for _, group := range sorted(asked.Groups) {
		for _, text := range asked.Groups[group] {
			var answer vector
			switch {
			case group == "flat":
				answer = flat(text, asked.Data)
			case strings.HasPrefix(group, "missingkey="):
				answer = render(text, []string{group}, asked.Data)
			default:
				answer = render(text, nil, asked.Data)
			}
			answer.Group = group
			told.Vectors = append(told.Vectors, answer)
		}
	}
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	if err := encoder.Encode(told); err != nil {
		panic(err)
	}
}
