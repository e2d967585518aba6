package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	argov1alpha1 "github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v3/util/git"
)

// Cluster is what a cluster Secret says.
type Cluster struct {
	Name        string            `json:"name"`
	Server      string            `json:"server"`
	Project     string            `json:"project,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// fleets are the sets of clusters that cases run with.
var fleets = map[string][]Cluster{
	"none": {},
	"fleet": {
		{Name: "eu-1", Server: "https://eu-1.example", Labels: map[string]string{"env": "prod", "region": "eu", "team.example/owner": "a"},
			Annotations: map[string]string{"note": "first", "argocd.argoproj.io/refresh": "x", "kubectl.kubernetes.io/last-applied-configuration": "{}", "managed-by": "argocd.argoproj.io", "argocd.argoproj.io/tracking-id": "t"}},
		{Name: "us_2 Big", Server: "https://us-2.example", Project: "team", Labels: map[string]string{"env": "test", "region": "us", "n": "1000000"}},
		{Name: "zürich", Server: "https://zrh.example", Labels: map[string]string{"env": "prod"}},
	},
	"one": {{Name: "only", Server: "https://only.example", Labels: map[string]string{"env": "prod"}, Annotations: map[string]string{"a.b/c": "{{name}}"}}},
	"local": {
		{Name: "here", Server: "https://kubernetes.default.svc", Labels: map[string]string{"env": "prod"}},
		{Name: "there", Server: "https://there.example"},
	},
	"local slash": {{Name: "here", Server: "https://kubernetes.default.svc/"}},
	"hidden":      {{Name: "h", Server: "https://h.example", Annotations: map[string]string{"argocd.argoproj.io/hydrate": "x"}}},
}

const (
	repository = "https://git.example/one"
	own        = "https://git.example/own"
)

// files are the common repository's.
var files = map[string]string{
	"README.md":                    "root\n",
	"root.yaml":                    "at: root\n",
	"apps/a/config.yaml":           "name: a\nreplicas: 3\nbig: 1000000\nratio: 0.25\non: true\nnothing: null\ntags: [x, y]\nempty: []\nlabels: {app.kubernetes.io/name: a, tier: web}\n",
	"apps/a/config.json":           `{"name": "ja", "nested": {"deep": {"er": "v"}}, "list": [{"k": 1}, {"k": 2}]}`,
	"apps/b/config.yaml":           "- name: b1\n  port: 80\n- name: b2\n  port: 443\n",
	"apps/b/values.yml":            "name: yml\n",
	"apps/B_c.D/config.yaml":       "name: Odd_Name\n",
	"apps/empty/config.yaml":       "",
	"apps/comment/config.yaml":     "# nothing\n",
	"apps/multi/docs.yaml":         "name: first\n---\nname: second\n",
	"apps/.hidden/config.yaml":     "name: hidden\n",
	"apps/team/x/y/config.yaml":    "name: deep\n",
	"apps/team/x/deploy.yaml":      "name: dx\n",
	"infra/dns/config.yaml":        "name: dns\npath: mine\nvalues: {a: file}\n",
	"infra/ünï/config.yaml":        "name: uni\nkey with space: s\n\"dotted.key\": d\n",
	"bad/broken.yaml":              "a: [\n",
	"bad/scalar.yaml":              "just text\n",
	"bad/mixed.yaml":               "- a: 1\n- text\n",
	"bad/number.yaml":              "42\n",
	"lists/strings.json":           `["a", "b"]`,
	"lists/empty.json":             `[]`,
	"lists/nulls.yaml":             "- name: n1\n-\n- name: n2\n",
	"numbers/n.yaml":               "name: n\nint: 42\nbig: 12345678901234567890\nmax: 9007199254740993\nneg: -7\nfloat: 1.5\nexp: 1e21\nsmall: 0.0000001\nocto: 010\nhex: 0x1F\nbool: yes\ndate: 2024-01-02\nquoted: \"1000000\"\ntilde: ~\n",
	"keys/k.yaml":                  "name: k\n1: one\ntrue: t\nnull: n\na.b: dotted\n\"\": empty\n",
	"anchors/a.yaml":               "base: &b {x: 1, y: two}\nname: anchored\nm:\n  <<: *b\n  y: three\n",
	"glob/a/b/c/file.yaml":         "name: abc\n",
	"glob/a/b/file.yaml":           "name: ab\n",
	"glob/a/file.yaml":             "name: a0\n",
	"glob/file.yaml":               "name: root\n",
	"glob/x-prod/file.yaml":        "name: xp\n",
	"glob/[odd]/file.yaml":         "name: odd\n",
	"clusters/prod/eu/config.yaml": "cluster: {name: eu-1, server: https://eu-1.example}\nenv: prod\n",
	"clusters/test/us/config.yaml": "cluster: {name: us-2, server: https://us-2.example}\nenv: test\n",
}

// World holds what the cases see.
type World struct {
	folder string
	fleets map[string]*fleet
	// roots are work trees by repository.
	roots map[string]string
}

func newWorld() (*World, error) {
	folder, err := os.MkdirTemp("", "appset-recorder-")
	if err != nil {
		return nil, err
	}
	world := &World{folder: folder, fleets: map[string]*fleet{}, roots: map[string]string{}}
	if err := world.checkOut(repository, "one", files); err != nil {
		return nil, err
	}
	return world, nil
}

func (w *World) close() { _ = os.RemoveAll(w.folder) }

// told is the world as the answers' reader needs it.
func (w *World) told() map[string]any {
	return map[string]any{
		"argocd":   "3.5.7",
		"clusters": fleets,
		"files":    map[string]any{repository: files},
		"own":      own,
	}
}

// checkOut makes a work tree of files that git knows.
func (w *World) checkOut(url, name string, files map[string]string) error {
	root := filepath.Join(w.folder, name)
	if err := os.RemoveAll(root); err != nil {
		return err
	}
	for path, text := range files {
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(root, 0o755); err != nil {
		return err
	}
	for _, arguments := range [][]string{{"init", "-q"}, {"add", "-A", "-f"}} {
		command := exec.Command("git", arguments...)
		command.Dir = root
		if text, err := command.CombinedOutput(); err != nil {
			return fmt.Errorf("git %s: %w: %s", arguments[0], err, text)
		}
	}
	w.roots[url] = root
	return nil
}

// repos answers for the repo server, with Argo CD's own listing of files and the same walk over directories.
type repos struct {
	roots    map[string]string
	globbing bool
}

func (r *repos) root(url string) (string, error) {
	if root, known := r.roots[url]; known {
		return root, nil
	}
	return "", fmt.Errorf("repository not found")
}

func (r *repos) GetFiles(_ context.Context, url, _, _, pattern string, _ bool, _ *argov1alpha1.SourceIntegrity) (map[string][]byte, error) {
	root, err := r.root(url)
	if err != nil {
		return nil, err
	}
	client, err := git.NewClientExt(url, root, git.NopCreds{}, false, false, "", "")
	if err != nil {
		return nil, err
	}
	if pattern == "" {
		pattern = "."
	}
	paths, err := client.LsFiles(pattern, r.globbing)
	if err != nil {
		return nil, fmt.Errorf("unable to list files: %w", err)
	}
	found := map[string][]byte{}
	for _, path := range paths {
		if found[path], err = os.ReadFile(filepath.Join(root, path)); err != nil {
			return nil, fmt.Errorf("unable to read files: %w", err)
		}
	}
	return found, nil
}

func (r *repos) GetDirectories(_ context.Context, url, _, _ string, _ bool, _ *argov1alpha1.SourceIntegrity) ([]string, error) {
	root, err := r.root(url)
	if err != nil {
		return nil, err
	}
	var paths []string
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil || !entry.IsDir():
			return err
		case strings.HasPrefix(entry.Name(), "."):
			return filepath.SkipDir
		case path != root:
			relative, _ := filepath.Rel(root, path)
			paths = append(paths, relative)
		}
		return nil
	})
	return paths, err
}
