//go:build binaries

// Package helm pins the tool that runs the charts of the tests.
package helm

import (
	_ "helm.sh/helm/v4/cmd/helm"
)
