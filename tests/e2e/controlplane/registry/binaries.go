//go:build binaries

// Package registry pins the OCI registry that charts of the tests are pushed to.
package registry

import (
	_ "github.com/distribution/distribution/v3/cmd/registry"
)
