//go:build binaries

// Package kustomize pins the tool that builds the overlays of the tests.
package kustomize

import (
	_ "sigs.k8s.io/kustomize/kustomize/v5"
)
