// Records what sigs.k8s.io/yaml makes of each case in shared/manifest/tests/vectors, so that our reader and writer can be held to it.
//
// Usage: go run . [-n] ../../../shared/manifest/tests/vectors
//
// It writes the *.jsonl there, a vector in each line, from the texts that scalars.go, documents.go and values.go make up; and it fills in
// the *.txt, which hold cases of the form
//
//	#### name              (or "#### name (quoted)": the text below is one JSON string, for bytes that an editor would lose)
//	the YAML text
//	==== json
//	the JSON that YAMLToJSON gives, or "error: " and its message
//	==== yaml
//	the YAML that JSONToYAML gives for that JSON, or "error: " and its message
//
// Everything below "==== json" is written by this program; to add a case, write its name and text and run it.
// With -n nothing is written, and a difference from what stands there makes it fail.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"sigs.k8s.io/yaml"
)

const (
	caseMark = "#### "
	jsonMark = "==== json\n"
	yamlMark = "==== yaml\n"
)

func main() {
	check := flag.Bool("n", false, "only compare")
	flag.Parse()
	for _, directory := range flag.Args() {
		if err := all(directory, *check); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

func all(directory string, check bool) error {
	paths, err := filepath.Glob(filepath.Join(directory, "*.txt"))
	if err != nil {
		return err
	}
	for _, path := range paths {
		if err := record(path, check); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return generate(directory, check)
}

func record(path string, check bool) error {
	before, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var out strings.Builder
	cases := strings.Split("\n"+string(before), "\n"+caseMark)
	out.WriteString(strings.TrimPrefix(cases[0], "\n"))
	for i, text := range cases[1:] {
		if i > 0 || cases[0] != "" {
			out.WriteString("\n")
		}
		name, body, _ := strings.Cut(text+"\n", "\n")
		answer, err := one(name, body)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		out.WriteString(caseMark + name + "\n" + answer)
	}
	after := strings.TrimRight(out.String(), "\n") + "\n"
	if check {
		if after != string(before) {
			return fmt.Errorf("the recorded answers differ: run without -n")
		}
		return nil
	}
	return os.WriteFile(path, []byte(after), 0o644)
}

// one gives the case's text and both answers.
func one(name, body string) (string, error) {
	text, _, _ := strings.Cut(body, jsonMark)
	input := text
	if strings.HasSuffix(name, " (quoted)") {
		if err := json.Unmarshal([]byte(text), &input); err != nil {
			return "", err
		}
		text = strings.TrimSpace(text) + "\n"
	} else if !strings.HasSuffix(text, "\n") && text != "" {
		text += "\n"
	}
	asJSON, err := yaml.YAMLToJSON([]byte(input))
	if err != nil {
		message, _, _ := strings.Cut(err.Error(), "\n")
		return text + jsonMark + "error: " + message + "\n", nil
	}
	asYAML, err := yaml.JSONToYAML(asJSON)
	if err != nil {
		// It reads the JSON as YAML, which takes fewer characters.
		asYAML = []byte("error: " + err.Error() + "\n")
	}
	return text + jsonMark + string(asJSON) + "\n" + yamlMark + string(asYAML), nil
}
