// Records what a real kube-apiserver answers to sequences of writes, so that our merge engine can be held to its answers: create,
// update, server-side apply, JSON, merge and strategic merge patches, with the objects, their managed fields and the refusals.
//
// Usage, with KUBEBUILDER_ASSETS naming the folder of etcd and kube-apiserver (v1.34.3):
//
//	go mod download github.com/argoproj/argo-cd/v3@v3.6.1
//	go run . types ../../../shared/objects/src/apply/kinds
//	go run . cases > ../../../shared/objects/tests/vectors/apply.jsonl
//
// "types" writes the types of the kinds that we know, as the server's own OpenAPI has them: names of fields, their types, and how lists
// and maps merge. "cases" runs the cases, a line of JSON for each.
//
// The cases run beside one another, each on an object of its own, and step by step in another second each, because managed fields are
// ordered by time. Times are written as the minute of the step: what step 2 wrote has 2026-01-01T00:02:00Z. A uid is written as
// UID, and a resourceVersion is left out: "changed" says whether it is another than before.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"sync"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	// Made first: a mistake in them leaves no server behind.
	all := cases()
	s, err := start()
	if err != nil {
		return err
	}
	defer s.stop()
	if err := s.install(); err != nil {
		return err
	}
	switch {
	case len(args) == 2 && args[0] == "types":
		return writeTypes(s, args[1])
	case len(args) == 1 && args[0] == "cases":
		return record(s, all)
	}
	return fmt.Errorf("usage: types FOLDER | cases")
}

func record(s *server, all []*recorded) error {
	var wait sync.WaitGroup
	room := make(chan struct{}, 64)
	for _, c := range all {
		wait.Add(1)
		go func() {
			defer wait.Done()
			room <- struct{}{}
			defer func() { <-room }()
			c.run(s)
		}()
	}
	wait.Wait()
	for _, c := range all {
		if c.err != nil {
			return fmt.Errorf("%s: %w", c.Name, c.err)
		}
		var line bytes.Buffer
		encoder := json.NewEncoder(&line)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(c); err != nil {
			return err
		}
		os.Stdout.Write(line.Bytes())
	}
	return nil
}
