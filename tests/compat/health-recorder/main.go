// Records what Argo CD says of the health of each object in shared/health/tests/vectors, so that our verdicts can be held to its own:
// its bundled Lua scripts and, for the kinds that have none, its Go rules (gitops-engine).
//
// Usage: go mod download github.com/argoproj/argo-cd/v3@v3.6.1; go run . [-n] ../../../shared/health/tests/vectors/*.txt
//
// A file holds cases of the form
//
//	#### name
//	the object in YAML
//	==== STATUS, and on the next lines the message; "none" for an object without health
//
// Everything from "====" on is written by this program; to add a case, write its name and object and run it. With -n nothing is
// written, and a difference from what stands there makes it fail.
//
// The scripts are read from the module's archive, which needs no build of it. The Go rules are those of gitops-engine's last version
// that is a module of its own (Argo CD 3.2).
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/argoproj/gitops-engine/pkg/health"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

const (
	caseMark   = "#### "
	answerMark = "==== "
	version    = "v3.6.1"
)

func main() {
	check := flag.Bool("n", false, "only compare")
	archive := flag.String("argo-cd", "", "the archive of Argo CD's module; that of "+version+" in the module cache when empty")
	flag.Parse()
	if err := run(*archive, *check, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(archive string, check bool, paths []string) error {
	if archive == "" {
		cache, err := exec.Command("go", "env", "GOMODCACHE").Output()
		if err != nil {
			return err
		}
		root := strings.TrimSpace(string(cache))
		archive = filepath.Join(root, "cache/download/github.com/argoproj/argo-cd/v3/@v", version+".zip")
	}
	scripts, err := open(archive)
	if err != nil {
		return err
	}
	for _, path := range paths {
		if err := record(scripts, path, check); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return nil
}

func record(scripts *scripts, path string, check bool) error {
	before, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	head, body, found := strings.Cut("\n"+string(before), "\n"+caseMark)
	if !found {
		return fmt.Errorf("has no line that starts with %q", caseMark)
	}
	var out strings.Builder
	out.WriteString(strings.TrimPrefix(head, "\n"))
	for i, text := range strings.Split(body, "\n"+caseMark) {
		name, rest, _ := strings.Cut(text, "\n")
		object, _, _ := strings.Cut(rest+"\n", "\n"+answerMark)
		object = strings.TrimRight(object, "\n") + "\n"
		answer, err := judge(scripts, object)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if i > 0 || head != "" {
			out.WriteString("\n")
		}
		out.WriteString(caseMark + name + "\n" + object + answerMark + answer + "\n")
	}
	after := out.String()
	if check {
		if after != string(before) {
			return fmt.Errorf("the recorded answers differ: run without -n")
		}
		return nil
	}
	return os.WriteFile(path, []byte(after), 0o644)
}

// judge asks in Argo CD's order: deletion, script, Go.
func judge(scripts *scripts, text string) (string, error) {
	object := map[string]any{}
	if err := yaml.Unmarshal([]byte(text), &object); err != nil {
		return "", err
	}
	found, err := health.GetResourceHealth(&unstructured.Unstructured{Object: whole(object).(map[string]any)}, scripts)
	switch {
	case found == nil && err != nil:
		return "", err
	case found == nil || found.Status == "":
		return "none", nil
	}
	answer := string(found.Status)
	if message := strings.TrimSpace(found.Message); message != "" {
		answer += "\n" + message
	}
	return answer, nil
}

// whole makes the numbers that are whole ones integers, as Kubernetes' own decoder does.
func whole(value any) any {
	switch value := value.(type) {
	case map[string]any:
		for key, item := range value {
			value[key] = whole(item)
		}
	case []any:
		for i, item := range value {
			value[i] = whole(item)
		}
	case float64:
		if value == float64(int64(value)) {
			return int64(value)
		}
	}
	return value
}
