package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"sigs.k8s.io/yaml"
)

// vector is what Go makes of one text. JSON texts are YAML, so vectors of values for the writer have them as their text.
type vector struct {
	Text string `json:"text"`
	// JSON is YAMLToJSON's answer, Error its error.
	JSON  string `json:"json,omitempty"`
	Error string `json:"error,omitempty"`
	// Strict is YAMLToJSONStrict's error, where YAMLToJSON gives none.
	Strict string `json:"strict,omitempty"`
	// YAML is JSONToYAML's answer to JSON, Unwritten its error.
	YAML      string `json:"yaml,omitempty"`
	Unwritten string `json:"unwritten,omitempty"`
}

// generated are the files that generate writes, with the texts of each.
var generated = map[string]func() []string{
	"scalars.jsonl":   scalarTexts,
	"documents.jsonl": documentTexts,
	"mutations.jsonl": mutatedTexts,
	"values.jsonl":    valueTexts,
}

// generate writes the vectors of the generated texts, or compares them with what stands there.
func generate(directory string, check bool) error {
	for name, texts := range generated {
		var out bytes.Buffer
		encoder := json.NewEncoder(&out)
		encoder.SetEscapeHTML(false)
		seen := map[string]bool{}
		for _, text := range texts() {
			if seen[text] {
				continue
			}
			seen[text] = true
			vector, stable := answer(text)
			if !stable {
				continue
			}
			if err := encoder.Encode(vector); err != nil {
				return err
			}
		}
		path := filepath.Join(directory, name)
		if !check {
			if err := os.WriteFile(path, out.Bytes(), 0o644); err != nil {
				return err
			}
			continue
		}
		before, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if !bytes.Equal(before, out.Bytes()) {
			return fmt.Errorf("%s: the recorded answers differ: run without -n", name)
		}
	}
	return nil
}

// answer asks Go several times: its maps have no order, so some of its answers change from run to run, and are no vectors.
func answer(text string) (vector, bool) {
	first := ask(text)
	for range 8 {
		if ask(text) != first {
			return vector{}, false
		}
	}
	return first, true
}

func ask(text string) (answer vector) {
	answer.Text = text
	defer func() {
		if panicked := recover(); panicked != nil {
			answer = vector{Text: text, Error: fmt.Sprintf("panic: %v", panicked)}
		}
	}()
	asJSON, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		answer.Error = strings.ToValidUTF8(err.Error(), "\uFFFD")
		return answer
	}
	answer.JSON = string(asJSON)
	if _, err := yaml.YAMLToJSONStrict([]byte(text)); err != nil {
		answer.Strict = err.Error()
	}
	asYAML, err := yaml.JSONToYAML(asJSON)
	if err != nil {
		answer.Unwritten = err.Error()
		return answer
	}
	answer.YAML = string(asYAML)
	return answer
}

// asJSON is a value's text.
func asJSON(value any) string {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		panic(err)
	}
	return strings.TrimSuffix(out.String(), "\n")
}
