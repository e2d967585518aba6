#!/bin/sh
# Makes ./gitops-engine, which Argo CD 3.5.7 takes from its own Git repository and not from a module: a copy of the last gitops-engine
# that is a module (Argo CD 3.2's) under the name that Argo CD imports, without what Kubernetes 1.36 no longer has and with a method
# that it had not yet. ApplicationSets use it to name kinds and to leave ignored fields out of comparisons, nothing else.
set -eu
cd "$(dirname "$0")"
module=github.com/argoproj/gitops-engine version=v0.7.1-0.20251006172252-b89b0871b414
rm -rf gitops-engine
cp -r "$(cd / && GOFLAGS=-mod=mod go mod download -json "$module@$version" | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')" gitops-engine
chmod -R u+w gitops-engine
grep -rl "$module" gitops-engine | xargs sed -i "s#$module#github.com/argoproj/argo-cd/gitops-engine#g"
hpa=gitops-engine/pkg/health/health_hpa.go
sed -i -e '/autoscalingv2beta[12] "/d' \
    -e '/^\tcase autoscalingv2beta[12]\./,/HPAHealth(&hpa)$/d' \
    -e '/^func getAutoScalingV2beta[12]HPAHealth/,/^}/d' "$hpa"
cat > gitops-engine/pkg/utils/kube/later.go <<'GO'
package kube

import (
	"errors"

	"k8s.io/client-go/rest"

	"github.com/argoproj/argo-cd/gitops-engine/pkg/diff"
)

// ManageServerSideDiffDryRuns came after this copy; no ApplicationSet asks for it.
func (k *KubectlCmd) ManageServerSideDiffDryRuns(*rest.Config) (diff.KubeApplier, func(), error) {
	return nil, nil, errors.New("not in this copy")
}
GO
