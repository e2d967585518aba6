package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"

	"sigs.k8s.io/yaml"
)

// One request, and what came of it.
type step struct {
	How         string `json:"how"`
	Manager     string `json:"manager,omitempty"`
	Force       bool   `json:"force,omitempty"`
	Subresource string `json:"subresource,omitempty"`
	DryRun      bool   `json:"dryRun,omitempty"`
	Validation  string `json:"fieldValidation,omitempty"`
	Body        any    `json:"body"`
	Code        int    `json:"code"`
	Answer      any    `json:"answer"`
	// Whether the version is another than before.
	Changed bool `json:"changed,omitempty"`
}

// A sequence of requests on one object.
type recorded struct {
	Name  string  `json:"name"`
	Kind  string  `json:"kind"`
	Steps []*step `json:"steps"`
	of    kind
	err   error
}

// The time of the first step.
var first = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// What is written where the object's name and its newest version are meant.
const (
	nameMark    = "NAME"
	versionMark = "LIVE"
)

var mediaTypes = map[string]string{
	"create":    "application/json",
	"update":    "application/json",
	"apply":     "application/apply-patch+yaml",
	"json":      "application/json-patch+json",
	"merge":     "application/merge-patch+json",
	"strategic": "application/strategic-merge-patch+json",
}

var letters = regexp.MustCompile(`(^|[\s:\[,{])([yn])($|[\s,}\]:])`)

// Reads YAML, so that bodies can be written without quotes, and without the outermost braces.
func read(text string) any {
	if at := strings.IndexAny(text, ":{["); at > 0 && text[at] == ':' {
		text = "{" + text + "}"
	}
	// YAML 1.1 takes these for booleans.
	for range 2 {
		text = letters.ReplaceAllString(text, "$1"+`"$2"`+"$3")
	}
	var value any
	if err := yaml.Unmarshal([]byte(text), &value); err != nil {
		panic(fmt.Sprintf("%s: %v", text, err))
	}
	return value
}

func replaced(value any, mark, by string) any {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	var out any
	if err := json.Unmarshal([]byte(strings.ReplaceAll(string(text), mark, by)), &out); err != nil {
		panic(err)
	}
	return out
}

func (r *recorded) objectName() string {
	return strings.Trim(strings.ToLower(strings.NewReplacer(" ", "-", ",", "", ":", "", "'", "", ".", "", "/", "-").Replace(r.Name)), "-")
}

func (r *recorded) run(s *server) {
	seconds := map[int64]int{}
	version := ""
	for index, step := range r.Steps {
		// A second of its own, so that times tell the steps apart.
		now := time.Now()
		time.Sleep(now.Truncate(time.Second).Add(time.Second + 20*time.Millisecond).Sub(now))
		step.Body = replaced(step.Body, nameMark, r.objectName())
		body, err := json.Marshal(replaced(step.Body, versionMark, version))
		if err != nil {
			r.err = err
			return
		}
		query := url.Values{}
		if step.Manager != "" {
			query.Set("fieldManager", step.Manager)
		}
		if step.Force {
			query.Set("force", "true")
		}
		if step.DryRun {
			query.Set("dryRun", "All")
		}
		if step.Validation != "" {
			query.Set("fieldValidation", step.Validation)
		}
		method, path := "PATCH", r.of.collection()+"/"+r.objectName()
		switch step.How {
		case "create":
			method, path = "POST", r.of.collection()
		case "update":
			method = "PUT"
		}
		if step.Subresource != "" {
			path += "/" + step.Subresource
		}
		begun := time.Now().Unix()
		code, text, err := s.call(method, path+"?"+query.Encode(), mediaTypes[step.How], body)
		for second := begun; second <= time.Now().Unix(); second++ {
			seconds[second] = index
		}
		if err != nil {
			r.err = err
			return
		}
		var answer map[string]any
		if err := json.Unmarshal(text, &answer); err != nil {
			r.err = fmt.Errorf("%s: %w", text, err)
			return
		}
		step.Code, step.Answer = code, answer
		metadata, _ := answer["metadata"].(map[string]any)
		if answer["kind"] != "Status" {
			if found, _ := metadata["resourceVersion"].(string); !step.DryRun && found != version {
				version, step.Changed = found, true
			}
		}
		if err := normalise(metadata, seconds); err != nil {
			r.err = err
			return
		}
	}
}

// Takes out what is another each time.
func normalise(metadata map[string]any, seconds map[int64]int) error {
	delete(metadata, "resourceVersion")
	delete(metadata, "creationTimestamp")
	if _, ok := metadata["uid"]; ok {
		metadata["uid"] = "UID"
	}
	entries, _ := metadata["managedFields"].([]any)
	for _, entry := range entries {
		fields := entry.(map[string]any)
		text, ok := fields["time"].(string)
		if !ok {
			continue
		}
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return err
		}
		// What a request brings itself stays.
		if at.Unix() < 1_000_000_000 {
			continue
		}
		index, ok := seconds[at.Unix()]
		if !ok {
			return fmt.Errorf("the time %s is that of no step", text)
		}
		fields["time"] = first.Add(time.Duration(index) * time.Minute).Format(time.RFC3339)
	}
	return nil
}
