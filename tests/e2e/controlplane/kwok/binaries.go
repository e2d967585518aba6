//go:build binaries

// Package kwok pins the node simulator that makes pods of the end-to-end tests run.
package kwok

import (
	_ "sigs.k8s.io/kwok/cmd/kwok"
)
