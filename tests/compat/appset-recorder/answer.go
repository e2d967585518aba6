package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	log "github.com/sirupsen/logrus"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	kubefake "k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/tools/record"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/yaml"

	"github.com/argoproj/argo-cd/v3/applicationset/controllers"
	"github.com/argoproj/argo-cd/v3/applicationset/controllers/template"
	"github.com/argoproj/argo-cd/v3/applicationset/generators"
	"github.com/argoproj/argo-cd/v3/applicationset/metrics"
	"github.com/argoproj/argo-cd/v3/applicationset/utils"
	argov1alpha1 "github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v3/util/db"
	"github.com/argoproj/argo-cd/v3/util/settings"
)

const (
	namespace = "argocd"
	setName   = "set"
)

// Answer is what Argo CD does with a set.
type Answer struct {
	// Refused is why the set cannot even be decoded, as behind the API server.
	Refused string `json:"refused,omitempty"`
	// Error and Reason are the first failure of generation; Panic says that the controller dies of it.
	Error  string `json:"error,omitempty"`
	Reason string `json:"reason,omitempty"`
	Panic  bool   `json:"panic,omitempty"`
	// Applications are what generation gives, sorted by name, without status; absent on error.
	Applications []map[string]any `json:"applications,omitempty"`
	// Rejected are the Applications that the controller does not write, by name.
	Rejected map[string]string `json:"rejected,omitempty"`
	// Written are those Applications that are written in another form than they were generated, by name: their specs.
	Written map[string]any `json:"written,omitempty"`
	// Conditions are the set's afterwards: type, status, reason, message.
	Conditions [][4]string `json:"conditions,omitempty"`
	// Requeue is after how many seconds the controller runs again.
	Requeue float64 `json:"requeue,omitempty"`
	// Unordered says that Argo CD's answers differ from one time to the next; this is the smallest of them.
	Unordered bool `json:"unordered,omitempty"`
	// Refresh says that the refresh annotation is still there.
	Refresh bool `json:"refresh,omitempty"`
}

// fleet is a Kubernetes with clusters.
type fleet struct {
	scheme  *runtime.Scheme
	secrets []client.Object
	kube    *kubefake.Clientset
	argo    db.ArgoDB
	cluster *settings.ClusterInformer
}

func newFleet(clusters []Cluster) (*fleet, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{argov1alpha1.AddToScheme, corev1.AddToScheme} {
		if err := add(scheme); err != nil {
			return nil, err
		}
	}
	made := &fleet{scheme: scheme}
	objects := []runtime.Object{&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{
		Name: "argocd-cm", Namespace: namespace, Labels: map[string]string{"app.kubernetes.io/part-of": "argocd"},
	}}, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{
		Name: "argocd-secret", Namespace: namespace, Labels: map[string]string{"app.kubernetes.io/part-of": "argocd"},
	}}}
	for index, cluster := range clusters {
		labels := map[string]string{"argocd.argoproj.io/secret-type": "cluster"}
		for key, value := range cluster.Labels {
			labels[key] = value
		}
		data := map[string][]byte{"name": []byte(cluster.Name), "server": []byte(cluster.Server), "config": []byte("{}")}
		if cluster.Project != "" {
			data["project"] = []byte(cluster.Project)
		}
		secret := &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{
				Name: fmt.Sprintf("cluster-%d", index), Namespace: namespace, Labels: labels, Annotations: cluster.Annotations,
			},
			Data: data,
		}
		made.secrets = append(made.secrets, secret)
		objects = append(objects, secret.DeepCopy())
	}
	made.kube = kubefake.NewClientset(objects...)
	manager := settings.NewSettingsManager(context.Background(), made.kube, namespace)
	made.argo = db.NewDB(namespace, manager, made.kube)
	informer, err := manager.GetClusterInformer()
	made.cluster = informer
	return made, err
}

func (w *World) ask(one Case) (Answer, error) {
	name := one.Clusters
	if name == "" {
		name = "fleet"
	}
	if w.fleets[name] == nil {
		clusters, known := fleets[name]
		if !known {
			return Answer{}, fmt.Errorf("the world has no clusters %q", name)
		}
		made, err := newFleet(clusters)
		if err != nil {
			return Answer{}, err
		}
		w.fleets[name] = made
	}
	delete(w.roots, own)
	if one.Files != nil {
		if err := w.checkOut(own, "own", one.Files); err != nil {
			return Answer{}, err
		}
	}
	set, err := decoded(one)
	if err != nil {
		return Answer{Refused: err.Error()}, nil
	}
	reconciler := w.fleets[name].reconciler(set, &repos{roots: w.roots, globbing: one.Globbing})
	answer := generated(reconciler, set)
	if !answer.Panic {
		controlled(reconciler, &answer)
	}
	return answer, nil
}

func decoded(one Case) (*argov1alpha1.ApplicationSet, error) {
	text, err := json.Marshal(map[string]any{
		"apiVersion": "argoproj.io/v1alpha1",
		"kind":       "ApplicationSet",
		"metadata":   map[string]any{"name": setName, "namespace": namespace, "uid": "1", "annotations": one.Annotations},
		"spec":       one.Spec,
	})
	if err != nil {
		return nil, err
	}
	set := &argov1alpha1.ApplicationSet{}
	return set, json.Unmarshal(text, set)
}

func (f *fleet) reconciler(set *argov1alpha1.ApplicationSet, repos *repos) *controllers.ApplicationSetReconciler {
	objects := []client.Object{set.DeepCopy()}
	for _, project := range []string{"default", "team", "prod", "test", "eu-1"} {
		objects = append(objects, &argov1alpha1.AppProject{ObjectMeta: metav1.ObjectMeta{Name: project, Namespace: namespace}})
	}
	for _, secret := range f.secrets {
		objects = append(objects, secret.DeepCopyObject().(client.Object))
	}
	kube := fake.NewClientBuilder().WithScheme(f.scheme).WithObjects(objects...).
		WithStatusSubresource(&argov1alpha1.ApplicationSet{}).
		WithIndex(&argov1alpha1.Application{}, ".metadata.controller", owner).Build()
	config := generators.NewSCMConfig("", nil, false, false, nil, false)
	return &controllers.ApplicationSetReconciler{
		Client:          kube,
		Scheme:          f.scheme,
		Recorder:        record.NewFakeRecorder(10000),
		Generators:      generators.GetGenerators(context.Background(), kube, f.kube, namespace, repos, nil, config, f.cluster),
		ArgoDB:          f.argo,
		KubeClientset:   f.kube,
		Renderer:        &utils.Render{},
		Policy:          argov1alpha1.ApplicationsSyncPolicySync,
		ArgoCDNamespace: namespace,
		Metrics:         metrics.NewFakeAppsetMetrics(),
		ClusterInformer: f.cluster,
	}
}

func owner(object client.Object) []string {
	if owner := metav1.GetControllerOf(object); owner != nil {
		return []string{owner.Name}
	}
	return nil
}

// generated is the smallest of what generation gives, asked often when its answers differ.
func generated(reconciler *controllers.ApplicationSetReconciler, set *argov1alpha1.ApplicationSet) Answer {
	least, text := once(reconciler, set)
	tries := 6
	for try := 0; try < tries; try++ {
		other, otherText := once(reconciler, set)
		if otherText == text {
			continue
		}
		least.Unordered, tries = true, 200
		if otherText < text {
			least, text = other, otherText
			least.Unordered = true
		}
	}
	return least
}

func once(reconciler *controllers.ApplicationSetReconciler, set *argov1alpha1.ApplicationSet) (answer Answer, text string) {
	defer func() {
		if panicked := recover(); panicked != nil {
			answer = Answer{Panic: true, Error: strings.TrimSpace(fmt.Sprint(panicked))}
		}
		encoded, _ := json.Marshal(answer)
		text = string(encoded)
	}()
	// Templates may change what they are given.
	applications, reason, err := template.GenerateApplications(
		log.NewEntry(log.StandardLogger()), *set.DeepCopy(), reconciler.Generators, reconciler.Renderer, reconciler.Client)
	if err != nil {
		return Answer{Error: err.Error(), Reason: string(reason)}, ""
	}
	for _, application := range applications {
		answer.Applications = append(answer.Applications, plain(application))
	}
	slices.SortStableFunc(answer.Applications, func(a, b map[string]any) int { return strings.Compare(key(a), key(b)) })
	return answer, ""
}

func key(application map[string]any) string {
	text, _ := json.Marshal(application)
	return nameOf(application) + "\x00" + string(text)
}

func nameOf(application map[string]any) string {
	name, _ := application["metadata"].(map[string]any)["name"].(string)
	return name
}

// plain is an Application as JSON without what others write.
func plain(application argov1alpha1.Application) map[string]any {
	text, err := json.Marshal(application)
	if err != nil {
		panic(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(text, &fields); err != nil {
		panic(err)
	}
	delete(fields, "status")
	delete(fields, "kind")
	delete(fields, "apiVersion")
	metadata := fields["metadata"].(map[string]any)
	for _, key := range []string{"creationTimestamp", "resourceVersion", "ownerReferences", "namespace"} {
		delete(metadata, key)
	}
	return fields
}

// rejections listens to what the controller says of Applications that are not valid.
type rejections struct{ by map[string]string }

func (*rejections) Levels() []log.Level { return log.AllLevels }

func (r *rejections) Fire(entry *log.Entry) error {
	message, found := strings.CutPrefix(entry.Message, "validation error found during application validation: ")
	if name, known := entry.Data["application"].(string); found && known {
		r.by[strings.TrimPrefix(name, namespace+"/")] = message
	}
	return nil
}

// controlled lets the controller act, and looks at what it wrote.
func controlled(reconciler *controllers.ApplicationSetReconciler, answer *Answer) {
	heard := &rejections{by: map[string]string{}}
	hooks := log.StandardLogger().ReplaceHooks(log.LevelHooks{})
	log.AddHook(heard)
	defer log.StandardLogger().ReplaceHooks(hooks)
	ctx := context.Background()
	key := client.ObjectKey{Namespace: namespace, Name: setName}
	result, err := reconciler.Reconcile(ctx, ctrl.Request{NamespacedName: key})
	if err != nil && answer.Error == "" {
		answer.Error = "controller: " + err.Error()
	}
	answer.Requeue = result.RequeueAfter.Seconds()
	answer.Rejected = heard.by
	after := &argov1alpha1.ApplicationSet{}
	if err := reconciler.Get(ctx, key, after); err != nil {
		panic(err)
	}
	answer.Refresh = after.RefreshRequired()
	for _, condition := range after.Status.Conditions {
		answer.Conditions = append(answer.Conditions,
			[4]string{string(condition.Type), string(condition.Status), condition.Reason, condition.Message})
	}
	written := &argov1alpha1.ApplicationList{}
	if err := reconciler.List(ctx, written); err != nil {
		panic(err)
	}
	byName := map[string]string{}
	for _, application := range answer.Applications {
		byName[nameOf(application)], _ = text(application["spec"])
	}
	for _, application := range written.Items {
		application := plain(application)
		if spec, _ := text(application["spec"]); spec != byName[nameOf(application)] && !answer.Unordered {
			if answer.Written == nil {
				answer.Written = map[string]any{}
			}
			answer.Written[nameOf(application)] = application["spec"]
		}
	}
}

func text(value any) (string, error) {
	text, err := yaml.Marshal(value)
	return string(text), err
}
