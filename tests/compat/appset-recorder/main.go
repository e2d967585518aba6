// Command appset-recorder writes down what Argo CD 3.5.7 makes of ApplicationSets, so that shared/generate can be held to it: its own
// generators, templates and controller run here, against a Kubernetes and a Git of our own.
//
// Usage:
//
//	./engine.sh                                   once, see there
//	go run . cases.txt ../../../shared/generate/tests/vectors/argocd.jsonl
//
// cases.txt holds what was written by hand; more is made of the generators and templates of made.go. The first line of the answers is the
// world in which all cases run (world.go), every other line a case with its answer (answer.go).
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	log "github.com/sirupsen/logrus"
	"sigs.k8s.io/yaml"
)

// Case is one ApplicationSet and what differs from the common world.
type Case struct {
	Name        string            `json:"name"`
	Spec        map[string]any    `json:"spec"`
	Annotations map[string]string `json:"annotations,omitempty"`
	// Clusters names one of the world's sets of clusters; "fleet" when empty.
	Clusters string `json:"clusters,omitempty"`
	// Files are a repository's of its own, `https://git.example/own`.
	Files map[string]string `json:"files,omitempty"`
	// Globbing is Argo CD's --enable-new-git-file-globbing.
	Globbing bool `json:"globbing,omitempty"`
}

// Line is a case with its answer.
type Line struct {
	Case
	Answer Answer `json:"answer"`
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: go run . CASES OUT")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(from, to string) error {
	log.SetOutput(io.Discard)
	written, err := read(from)
	if err != nil {
		return err
	}
	cases, err := made(filepath.Dir(from))
	if err != nil {
		return err
	}
	cases = append(written, cases...)
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	world, err := newWorld()
	if err != nil {
		return err
	}
	defer world.close()
	buffer := bufio.NewWriter(out)
	encoder := json.NewEncoder(homeless{buffer, world.folder + "/"})
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(world.told()); err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, one := range cases {
		if seen[one.Name] {
			return fmt.Errorf("two cases are called %q", one.Name)
		}
		seen[one.Name] = true
		answer, err := world.ask(one)
		if err != nil {
			return fmt.Errorf("%s: %w", one.Name, err)
		}
		lessTags(one, answer)
		if answer, err = world.ask(one); err != nil {
			return fmt.Errorf("%s: %w", one.Name, err)
		}
		if err := encoder.Encode(Line{Case: one, Answer: answer}); err != nil {
			return err
		}
	}
	if err := buffer.Flush(); err != nil {
		return err
	}
	return out.Close()
}

// homeless writes lines without the folder in which this program works.
type homeless struct {
	to     io.Writer
	folder string
}

func (h homeless) Write(line []byte) (int, error) {
	_, err := h.to.Write(bytes.ReplaceAll(line, []byte(h.folder), nil))
	return len(line), err
}

// read takes in cases of the form
//
//	#### name
//	the case in YAML
func read(path string) ([]Case, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var cases []Case
	_, body, _ := strings.Cut("\n"+string(text), "\n#### ")
	for _, one := range strings.Split(body, "\n#### ") {
		name, rest, _ := strings.Cut(one, "\n")
		read := Case{Name: name}
		if err := yaml.UnmarshalStrict([]byte(rest), &read); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		cases = append(cases, read)
	}
	return cases, nil
}
