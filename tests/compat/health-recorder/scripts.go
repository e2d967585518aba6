package main

import (
	"archive/zip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/argoproj/gitops-engine/pkg/health"
	"github.com/bmatcuk/doublestar/v4"
	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	luajson "layeh.com/gopher-json"
)

// scripts are Argo CD's bundled health scripts, by group/Kind as the folders are named: "_" stands for anything.
type scripts struct {
	texts map[string]string
	names []string
}

func open(archive string) (*scripts, error) {
	reader, err := zip.OpenReader(archive)
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	found := &scripts{texts: map[string]string{}}
	for _, file := range reader.File {
		_, path, inside := strings.Cut(file.Name, "/resource_customizations/")
		name, isHealth := strings.CutSuffix(path, "/health.lua")
		if !inside || !isHealth {
			continue
		}
		content, err := file.Open()
		if err != nil {
			return nil, err
		}
		text, err := io.ReadAll(content)
		content.Close()
		if err != nil {
			return nil, err
		}
		found.texts[name] = string(text)
		found.names = append(found.names, name)
	}
	slices.Sort(found.names)
	return found, nil
}

// script is the one for the kind: its own, or that of the folder whose wildcards fit.
func (s *scripts) script(group, kind string) (string, error) {
	name := kind
	if group != "" {
		name = group + "/" + kind
	}
	if text, found := s.texts[name]; found {
		return text, nil
	}
	for _, pattern := range s.names {
		if !strings.Contains(pattern, "_") {
			continue
		}
		fits, err := doublestar.Match(strings.ReplaceAll(pattern, "_", "*"), name)
		if err != nil {
			return "", err
		}
		if fits {
			return s.texts[pattern], nil
		}
	}
	return "", nil
}

// GetResourceHealth runs the script of the object's kind; nil without one.
func (s *scripts) GetResourceHealth(object *unstructured.Unstructured) (*health.HealthStatus, error) {
	kind := object.GroupVersionKind()
	script, err := s.script(kind.Group, kind.Kind)
	if err != nil || script == "" {
		return nil, err
	}
	state := lua.NewState()
	defer state.Close()
	limit, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	state.SetContext(limit)
	state.SetGlobal("obj", toLua(state, object.Object))
	if err := state.DoString(script); err != nil {
		message, _, _ := strings.Cut(err.Error(), "\nstack traceback")
		return nil, fmt.Errorf("%s", message)
	}
	return verdict(state.Get(-1))
}

func verdict(returned lua.LValue) (*health.HealthStatus, error) {
	switch returned.Type() {
	case lua.LTNil:
		return nil, nil
	case lua.LTTable:
		text, err := luajson.Encode(returned)
		if err != nil {
			return nil, err
		}
		// An empty table reads as a list: Argo CD takes it for a verdict that says nothing.
		if string(text) == "[]" {
			return &health.HealthStatus{}, nil
		}
		found := &health.HealthStatus{}
		if err := json.Unmarshal(text, found); err != nil {
			return nil, err
		}
		known := []health.HealthStatusCode{
			health.HealthStatusUnknown, health.HealthStatusProgressing, health.HealthStatusSuspended,
			health.HealthStatusHealthy, health.HealthStatusDegraded, health.HealthStatusMissing,
		}
		if !slices.Contains(known, found.Status) {
			return &health.HealthStatus{Status: health.HealthStatusUnknown, Message: "the script's verdict is none of Argo CD's"}, nil
		}
		return found, nil
	}
	return nil, fmt.Errorf("the script returned a %s", returned.Type())
}

func toLua(state *lua.LState, value any) lua.LValue {
	switch value := value.(type) {
	case bool:
		return lua.LBool(value)
	case float64:
		return lua.LNumber(value)
	case int64:
		return lua.LNumber(value)
	case string:
		return lua.LString(value)
	case []any:
		list := state.CreateTable(len(value), 0)
		for _, item := range value {
			list.Append(toLua(state, item))
		}
		return list
	case map[string]any:
		table := state.CreateTable(0, len(value))
		for key, item := range value {
			table.RawSetH(lua.LString(key), toLua(state, item))
		}
		return table
	}
	return lua.LNil
}
