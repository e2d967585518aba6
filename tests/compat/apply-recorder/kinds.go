package main

// A kind, an object of it, and parts that can be added to it: each in two readings.
type kind struct {
	Kind, Path string
	cluster    bool
	// Whether status is a subresource, and a status to write.
	status string
	// Whether strategic merge patches are for it.
	builtIn bool
	base    string
	// The first is a scalar, the second something in a list with keys where the kind has one.
	parts [][2]string
}

func (k kind) collection() string {
	if k.cluster {
		return k.Path
	}
	at := len(k.Path)
	for at > 0 && k.Path[at-1] != '/' {
		at--
	}
	return k.Path[:at] + "namespaces/default/" + k.Path[at:]
}

const (
	labels      = "metadata: {labels: {part: a}}"
	otherLabels = "metadata: {labels: {part: b, more: c}}"
	finalizer   = "metadata: {finalizers: [a.example.com/x]}"
	finalizers  = "metadata: {finalizers: [b.example.com/y, a.example.com/x]}"
	owner       = "metadata: {ownerReferences: [{apiVersion: v1, kind: ConfigMap, name: a, uid: u-1}]}"
	owners      = "metadata: {ownerReferences: [{apiVersion: v1, kind: ConfigMap, name: b, uid: u-2, controller: true}]}"
)

var kinds = []kind{
	{
		Kind: "ConfigMap", Path: "/api/v1/configmaps", builtIn: true,
		base: "{apiVersion: v1, kind: ConfigMap, metadata: {name: NAME}}",
		parts: [][2]string{
			{"data: {key: '1'}", "data: {key: '2'}"}, {finalizer, finalizers}, {"data: {other: x}", "data: {other: y, third: z}"},
			{labels, otherLabels}, {"binaryData: {bin: AQ==}", "binaryData: {bin: Ag==}"}, {owner, owners},
		},
	},
	{
		Kind: "Secret", Path: "/api/v1/secrets", builtIn: true,
		base: "{apiVersion: v1, kind: Secret, metadata: {name: NAME}}",
		parts: [][2]string{
			{"data: {key: MQ==}", "data: {key: Mg==}"}, {finalizer, finalizers}, {"data: {other: eA==}", "data: {other: eQ==, third: eg==}"},
			{labels, otherLabels},
		},
	},
	{
		Kind: "Service", Path: "/api/v1/services", builtIn: true, status: "conditions: [{type: a, status: 'True', reason: r, message: m, lastTransitionTime: '2026-01-01T00:00:00Z'}]",
		base: "{apiVersion: v1, kind: Service, metadata: {name: NAME}, spec: {clusterIP: None, selector: {app: base}, ports: [{port: 80, name: main}]}}",
		parts: [][2]string{
			{"spec: {sessionAffinity: None}", "spec: {sessionAffinity: ClientIP}"},
			{"spec: {ports: [{port: 81, name: a}]}", "spec: {ports: [{port: 81, name: b, protocol: UDP}]}"},
			{"spec: {selector: {app: x}}", "spec: {selector: {app: y, tier: z}}"}, {labels, otherLabels},
			{"spec: {externalIPs: [1.2.3.4]}", "spec: {externalIPs: [1.2.3.5, 1.2.3.4]}"}, {finalizer, finalizers},
		},
	},
	{
		Kind: "Deployment", Path: "/apis/apps/v1/deployments", builtIn: true, status: "observedGeneration: 1",
		base: `{apiVersion: apps/v1, kind: Deployment, metadata: {name: NAME}, spec: {selector: {matchLabels: {app: x}},
			template: {metadata: {labels: {app: x}}, spec: {containers: [{name: main, image: i}]}}}}`,
		parts: [][2]string{
			{"spec: {replicas: 2}", "spec: {replicas: 3}"},
			{"spec: {template: {spec: {containers: [{name: side, image: s}]}}}", "spec: {template: {spec: {containers: [{name: side, image: t, args: [p]}]}}}"},
			{"spec: {template: {spec: {containers: [{name: main, env: [{name: A, value: '1'}]}]}}}",
				"spec: {template: {spec: {containers: [{name: main, env: [{name: B, value: '1'}, {name: A, value: '2'}]}]}}}"},
			{labels, otherLabels},
			{"spec: {template: {spec: {containers: [{name: main, ports: [{containerPort: 80}]}]}}}",
				"spec: {template: {spec: {containers: [{name: main, ports: [{containerPort: 80, protocol: UDP}, {containerPort: 80, name: web}]}]}}}"},
			{"spec: {template: {spec: {nodeSelector: {zone: a}}}}", "spec: {template: {spec: {nodeSelector: {zone: b, disk: c}}}}"},
			{"spec: {template: {spec: {volumes: [{name: v, emptyDir: {}}]}}}", "spec: {template: {spec: {volumes: [{name: w, configMap: {name: c}}]}}}"},
			{"spec: {template: {spec: {tolerations: [{key: k, operator: Exists}]}}}", "spec: {template: {spec: {tolerations: [{key: l, operator: Exists}]}}}"},
			{"spec: {paused: true}", "spec: {paused: false}"}, {finalizer, finalizers},
			{"spec: {template: {spec: {securityContext: {runAsUser: 1}}}}", "spec: {template: {spec: {securityContext: {runAsUser: 2, fsGroup: 3}}}}"},
		},
	},
	{
		Kind: "PodTemplate", Path: "/api/v1/podtemplates", builtIn: true,
		base: "{apiVersion: v1, kind: PodTemplate, metadata: {name: NAME}, template: {metadata: {labels: {app: x}}, spec: {containers: [{name: main, image: i}]}}}",
		parts: [][2]string{
			{"template: {spec: {hostname: a}}", "template: {spec: {hostname: b}}"},
			{"template: {spec: {containers: [{name: side, image: s}]}}", "template: {spec: {containers: [{name: side, image: t, command: [p, q]}]}}"},
			{"template: {spec: {containers: [{name: main, volumeMounts: [{name: v, mountPath: /a}]}], volumes: [{name: v, emptyDir: {}}]}}",
				"template: {spec: {containers: [{name: main, volumeMounts: [{name: v, mountPath: /b}]}], volumes: [{name: v, emptyDir: {medium: Memory}}]}}"},
			{"template: {spec: {imagePullSecrets: [{name: p}]}}", "template: {spec: {imagePullSecrets: [{name: q}, {name: p}]}}"},
			{"template: {spec: {hostAliases: [{ip: 1.2.3.4, hostnames: [a]}]}}", "template: {spec: {hostAliases: [{ip: 1.2.3.5, hostnames: [b]}]}}"},
			{labels, otherLabels},
		},
	},
	{
		Kind: "ServiceAccount", Path: "/api/v1/serviceaccounts", builtIn: true,
		base: "{apiVersion: v1, kind: ServiceAccount, metadata: {name: NAME}}",
		parts: [][2]string{
			{"automountServiceAccountToken: true", "automountServiceAccountToken: false"},
			{"secrets: [{name: a}]", "secrets: [{name: b}, {name: a}]"},
			{"imagePullSecrets: [{name: p}]", "imagePullSecrets: [{name: q}]"}, {labels, otherLabels},
		},
	},
	{
		Kind: "Namespace", Path: "/api/v1/namespaces", cluster: true, builtIn: true, status: "phase: Active",
		base: "{apiVersion: v1, kind: Namespace, metadata: {name: NAME}}",
		parts: [][2]string{
			{"metadata: {annotations: {a: '1'}}", "metadata: {annotations: {a: '2'}}"}, {finalizer, finalizers}, {labels, otherLabels},
		},
	},
	{
		Kind: "ClusterRole", Path: "/apis/rbac.authorization.k8s.io/v1/clusterroles", cluster: true, builtIn: true,
		base: "{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: NAME}}",
		parts: [][2]string{
			{"metadata: {annotations: {a: '1'}}", "metadata: {annotations: {a: '2'}}"},
			{"rules: [{apiGroups: [''], resources: [pods], verbs: [get]}]", "rules: [{apiGroups: [''], resources: [pods], verbs: [get, list]}]"},
			{labels, otherLabels},
			{"aggregationRule: {clusterRoleSelectors: [{matchLabels: {a: b}}]}", "aggregationRule: {clusterRoleSelectors: [{matchLabels: {a: c}}]}"},
		},
	},
	{
		Kind: "RoleBinding", Path: "/apis/rbac.authorization.k8s.io/v1/rolebindings", builtIn: true,
		base: `{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: NAME},
			roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}}`,
		parts: [][2]string{
			{"metadata: {annotations: {a: '1'}}", "metadata: {annotations: {a: '2'}}"},
			{"subjects: [{kind: ServiceAccount, name: a, namespace: default}]", "subjects: [{kind: ServiceAccount, name: b, namespace: default}]"},
			{labels, otherLabels},
		},
	},
	{
		Kind: "NetworkPolicy", Path: "/apis/networking.k8s.io/v1/networkpolicies", builtIn: true,
		base: "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: NAME}, spec: {podSelector: {matchLabels: {app: x}}, policyTypes: [Ingress]}}",
		parts: [][2]string{
			{"metadata: {annotations: {a: '1'}}", "metadata: {annotations: {a: '2'}}"},
			{"spec: {ingress: [{from: [{podSelector: {matchLabels: {b: c}}}]}]}", "spec: {ingress: [{ports: [{port: 80}]}]}"},
			{labels, otherLabels},
		},
	},
	{
		Kind: "Application", Path: "/apis/argoproj.io/v1alpha1/applications",
		base: `{apiVersion: argoproj.io/v1alpha1, kind: Application, metadata: {name: NAME},
			spec: {project: default, destination: {server: https://k, namespace: n}, source: {repoURL: https://g/r, path: p}}}`,
		parts: [][2]string{
			{"spec: {source: {targetRevision: v1}}", "spec: {source: {targetRevision: v2}}"}, {finalizer, finalizers},
			{"spec: {syncPolicy: {automated: {prune: true}}}", "spec: {syncPolicy: {automated: {prune: false, selfHeal: true}}}"},
			{"spec: {syncPolicy: {syncOptions: [A=1]}}", "spec: {syncPolicy: {syncOptions: [B=1, A=1]}}"}, {labels, otherLabels},
			{"spec: {source: {helm: {parameters: [{name: a, value: '1'}]}}}", "spec: {source: {helm: {parameters: [{name: a, value: '2'}]}}}"},
			{"spec: {source: {helm: {valuesObject: {a: {b: 1}, l: [1]}}}}", "spec: {source: {helm: {valuesObject: {a: {c: 2}, l: [1, 2]}}}}"},
			{"spec: {ignoreDifferences: [{kind: Deployment, group: apps, jsonPointers: [/spec/replicas]}]}", "spec: {ignoreDifferences: []}"},
			{"spec: {source: {kustomize: {commonLabels: {a: b}}}}", "spec: {source: {kustomize: {commonLabels: {c: d}, images: [i=j]}}}"},
			{"spec: {syncPolicy: {automated: {}}}", "spec: {syncPolicy: {retry: {limit: 3}}}"},
		},
	},
	{
		Kind: "ApplicationSet", Path: "/apis/argoproj.io/v1alpha1/applicationsets", status: "conditions: [{type: ErrorOccurred, status: 'False', message: m, reason: r}]",
		base: `{apiVersion: argoproj.io/v1alpha1, kind: ApplicationSet, metadata: {name: NAME},
			spec: {generators: [{list: {elements: [{a: b}]}}], template: {metadata: {name: '{{a}}'}, spec: {project: default, destination: {}}}}}`,
		parts: [][2]string{
			{"spec: {goTemplate: true}", "spec: {goTemplate: false}"}, {finalizer, finalizers},
			{"spec: {generators: [{clusters: {selector: {matchLabels: {a: b}}}}]}", "spec: {generators: [{clusters: {}}]}"},
			{"spec: {template: {metadata: {labels: {x: '1'}}}}", "spec: {template: {metadata: {labels: {x: '2', y: '3'}}}}"},
			{"spec: {strategy: {type: RollingSync, rollingSync: {steps: [{maxUpdate: 1}]}}}", "spec: {strategy: {rollingSync: {steps: [{maxUpdate: 10%}]}}}"},
			{labels, otherLabels},
		},
	},
	{
		Kind: "AppProject", Path: "/apis/argoproj.io/v1alpha1/appprojects",
		base: "{apiVersion: argoproj.io/v1alpha1, kind: AppProject, metadata: {name: NAME}, spec: {permitOnlyProjectScopedClusters: true}}",
		parts: [][2]string{
			{"spec: {description: x}", "spec: {description: y}"}, {finalizer, finalizers},
			{"spec: {sourceRepos: ['*']}", "spec: {sourceRepos: [a, b]}"},
			{"spec: {roles: [{name: r, policies: [p]}]}", "spec: {roles: [{name: r, groups: [g]}]}"}, {labels, otherLabels},
			{"spec: {orphanedResources: {warn: true}}", "spec: {orphanedResources: {}}"},
		},
	},
	{
		Kind: "Cluster", Path: "/apis/flotilla.dev/v1alpha1/clusters", status: "facts: {nodes: 3, labels: [a]}",
		base: "{apiVersion: flotilla.dev/v1alpha1, kind: Cluster, metadata: {name: NAME}, spec: {server: https://a}}",
		parts: [][2]string{
			{"spec: {mode: Enforce}", "spec: {mode: Observe}"}, {finalizer, finalizers},
			{"spec: {pause: {reason: a, by: b}}", "spec: {pause: {reason: c}}"}, {labels, otherLabels},
			{"spec: {retire: {drain: true}}", "spec: {retire: {}}"}, {owner, owners},
		},
	},
	{
		Kind: "RolloutPolicy", Path: "/apis/flotilla.dev/v1alpha1/rolloutpolicies", status: "seen: {by: [a]}",
		base: "{apiVersion: flotilla.dev/v1alpha1, kind: RolloutPolicy, metadata: {name: NAME}, spec: {waves: [{name: one, take: 1}]}}",
		parts: [][2]string{
			{"spec: {onFailure: Halt}", "spec: {onFailure: Rollback}"},
			{"spec: {waves: [{name: two, take: 2}]}", "spec: {waves: [{name: two, take: 3, soak: 1m}]}"},
			{"spec: {waves: [{name: one, match: {matchLabels: {a: b}}}]}", "spec: {waves: [{name: one, match: {matchLabels: {a: c}}}]}"},
			{"spec: {waves: [{name: rest, maxUpdate: 20%}, {name: two, deadline: 1h}]}", "spec: {waves: [{name: rest, maxUpdate: 3}]}"},
			{"spec: {unreachable: {after: 1m}}", "spec: {unreachable: {}}"}, {labels, otherLabels},
			{"spec: {windows: [{kind: allow}]}", "spec: {windows: [{kind: deny, x: {y: z}}]}"},
		},
	},
}

func kindOf(name string) kind {
	for _, k := range kinds {
		if k.Kind == name {
			return k
		}
	}
	panic(name)
}
