package apply

import (
	"context"
	"fmt"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	appsapply "k8s.io/client-go/applyconfigurations/apps/v1"
	coreapply "k8s.io/client-go/applyconfigurations/core/v1"
	metaapply "k8s.io/client-go/applyconfigurations/meta/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/util/csaupgrade"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func unique(prefix string) string { return fmt.Sprintf("%s%d", prefix, time.Now().UnixNano()) }

func limited(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

func asManager(name string) metav1.ApplyOptions { return metav1.ApplyOptions{FieldManager: name} }

func TestTypedConfigurations(t *testing.T) {
	ctx, name := limited(t), unique("typed")
	api := kubernetes.NewForConfigOrDie(cluster).CoreV1().ConfigMaps(namespace)
	made, err := api.Apply(ctx, coreapply.ConfigMap(name, namespace).WithLabels(map[string]string{"l": "x"}).
		WithData(map[string]string{"a": "1"}), asManager("a"))
	must(t, err)
	_, err = api.Apply(ctx, coreapply.ConfigMap(name, namespace).WithData(map[string]string{"a": "2"}), asManager("b"))
	if !apierrors.IsConflict(err) || !apierrors.HasStatusCause(err, metav1.CauseTypeFieldManagerConflict) {
		t.Errorf("another value: %v", err)
	}
	_, err = api.Apply(ctx, coreapply.ConfigMap(name, namespace).WithData(map[string]string{"b": "2"}), asManager("b"))
	must(t, err)
	mine, err := coreapply.ExtractConfigMap(made, "a")
	must(t, err)
	if mine.Data["a"] != "1" || mine.Labels["l"] != "x" || len(mine.Data) != 1 {
		t.Errorf("what a owns: %s", oneLine(mine))
	}
	last, err := api.Apply(ctx, coreapply.ConfigMap(name, namespace), asManager("a"))
	must(t, err)
	if len(last.Data) != 1 || last.Data["b"] != "2" || len(last.Labels) != 0 {
		t.Errorf("what is left: %s", oneLine(last))
	}
}

func TestTypedConfigurationsOfDeployments(t *testing.T) {
	ctx, name := limited(t), unique("typed")
	api := kubernetes.NewForConfigOrDie(cluster).AppsV1().Deployments(namespace)
	container := coreapply.Container().WithName("c").WithImage("i")
	config := appsapply.Deployment(name, namespace).WithSpec(appsapply.DeploymentSpec().WithReplicas(2).
		WithSelector(metaapply.LabelSelector().WithMatchLabels(map[string]string{"a": "b"})).
		WithTemplate(coreapply.PodTemplateSpec().WithLabels(map[string]string{"a": "b"}).
			WithSpec(coreapply.PodSpec().WithContainers(container))))
	_, err := api.Apply(ctx, config, asManager("a"))
	must(t, err)
	made, err := api.ApplyStatus(ctx, appsapply.Deployment(name, namespace).WithStatus(appsapply.DeploymentStatus().WithReplicas(2)), asManager("s"))
	must(t, err)
	owns(t, unstructuredOf(t, made), `{"Apply a": {"f:spec": {"f:replicas": {}, "f:selector": {}, "f:template": {"f:metadata": {"f:labels": {"f:a": {}}},
		"f:spec": {"f:containers": {"k:{\"name\":\"c\"}": {".": {}, "f:image": {}, "f:name": {}}}}}}},
		"Apply s  status": {"f:status": {"f:replicas": {}}}}`)
	status, err := appsapply.ExtractDeploymentStatus(made, "s")
	must(t, err)
	if status.Status == nil || *status.Status.Replicas != 2 || status.Spec != nil {
		t.Errorf("what s owns: %s", oneLine(status))
	}
}

func unstructuredOf(t *testing.T, object metav1.Object) *unstructured.Unstructured {
	t.Helper()
	result := &unstructured.Unstructured{Object: map[string]any{}}
	result.SetManagedFields(object.GetManagedFields())
	return result
}

func TestDynamicApply(t *testing.T) {
	withWidgets(t)
	ctx, name := limited(t), unique("dynamic")
	api := dynamic.NewForConfigOrDie(cluster).Resource(schema.GroupVersionResource{Group: group, Version: storage, Resource: widgets.plural()}).Namespace(namespace)
	body := func(part string) *unstructured.Unstructured {
		content := from(part)
		content["apiVersion"], content["kind"] = widgets.apiVersion(storage), widgets.name
		content["metadata"] = map[string]any{"name": name}
		return &unstructured.Unstructured{Object: content}
	}
	_, err := api.Apply(ctx, name, body(`{spec: {text: x, set: [a]}}`), asManager("a"))
	must(t, err)
	made, err := api.ApplyStatus(ctx, name, body(`{status: {phase: x}}`), asManager("a"))
	must(t, err)
	owns(t, made, `{"Apply a": {"f:spec": {"f:text": {}, "f:set": {"v:\"a\"": {}}}}, "Apply a  status": {"f:status": {"f:phase": {}}}}`)
}

func TestControllerRuntime(t *testing.T) {
	withWidgets(t)
	ctx, name := limited(t), unique("runtime")
	api, err := client.New(cluster, client.Options{})
	must(t, err)
	must(t, api.Apply(ctx, coreapply.ConfigMap(name, namespace).WithData(map[string]string{"a": "1"}), client.FieldOwner("a")))
	object := &corev1.ConfigMap{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace}, Data: map[string]string{"a": "2", "b": "2"}}
	// What follows is what most reconcilers still call.
	if err := api.Patch(ctx, object.DeepCopy(), client.Apply, client.FieldOwner("b")); !apierrors.IsConflict(err) {
		t.Errorf("another value: %v", err)
	}
	must(t, api.Patch(ctx, object, client.Apply, client.FieldOwner("b"), client.ForceOwnership))
	owns(t, unstructuredOf(t, object), `{"Apply b": {"f:data": {"f:a": {}, "f:b": {}}}}`)

	widget := &unstructured.Unstructured{Object: map[string]any{"apiVersion": widgets.apiVersion(storage), "kind": widgets.name,
		"metadata": map[string]any{"name": name, "namespace": namespace}, "spec": map[string]any{"text": "x"}}}
	must(t, api.Apply(ctx, client.ApplyConfigurationFromUnstructured(widget.DeepCopy()), client.FieldOwner("a")))
	delete(widget.Object, "spec")
	widget.Object["status"] = map[string]any{"phase": "x"}
	must(t, api.Status().Apply(ctx, client.ApplyConfigurationFromUnstructured(widget), client.FieldOwner("a")))
	must(t, api.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, widget))
	owns(t, widget, `{"Apply a": {"f:spec": {"f:text": {}}}, "Apply a  status": {"f:status": {"f:phase": {}}}}`)
}

// TestUpgradeOfClientSideApply is how kubectl turns its Update into an Apply: with a JSON patch of managedFields.
func TestUpgradeOfClientSideApply(t *testing.T) {
	ctx, name := limited(t), unique("upgrade")
	api := kubernetes.NewForConfigOrDie(cluster).CoreV1().ConfigMaps(namespace)
	annotation := fmt.Sprintf(`{"apiVersion":"v1","data":{"a":"1"},"kind":"ConfigMap","metadata":{"name":%q,"namespace":%q}}`, name, namespace)
	made, err := api.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: map[string]string{lastAppliedName: annotation}},
		Data: map[string]string{"a": "1"}}, metav1.CreateOptions{FieldManager: "kubectl-client-side-apply"})
	must(t, err)
	text, err := csaupgrade.UpgradeManagedFieldsPatch(made, sets.New("kubectl-client-side-apply"), "kubectl")
	must(t, err)
	made, err = api.Patch(ctx, name, types.JSONPatchType, text, metav1.PatchOptions{FieldManager: "kubectl"})
	must(t, err)
	owns(t, unstructuredOf(t, made), `{"Apply kubectl": {"f:data": {".": {}, "f:a": {}}, "f:metadata": {"f:annotations": {".": {}, "f:kubectl.kubernetes.io/last-applied-configuration": {}}}}}`)
	if _, err := api.Patch(ctx, name, types.JSONPatchType, text, metav1.PatchOptions{}); !apierrors.IsInvalid(err) && !apierrors.IsConflict(err) {
		t.Errorf("the patch of an old version: %v", err)
	}
	made, err = api.Apply(ctx, coreapply.ConfigMap(name, namespace).WithData(map[string]string{"b": "2"}), asManager("kubectl"))
	must(t, err)
	if len(made.Data) != 1 || made.Data["b"] != "2" {
		t.Errorf("what is left: %s", oneLine(made))
	}
}

// TestStoredObjectsCarryManagedFields reads them back in each way in which they can be read.
func TestStoredObjectsCarryManagedFields(t *testing.T) {
	ctx, name := limited(t), unique("stored")
	api := kubernetes.NewForConfigOrDie(cluster).AppsV1().Deployments(namespace)
	labels := map[string]string{"a": "b"}
	made, err := api.Create(ctx, &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"only": name}},
		Spec: appsv1.DeploymentSpec{Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "i"}}}}}}, metav1.CreateOptions{FieldManager: "c"})
	must(t, err)
	wanted := oneLine(made.ManagedFields)
	if len(made.ManagedFields) != 1 {
		t.Errorf("%s", wanted)
	}
	got, err := api.Get(ctx, name, metav1.GetOptions{})
	must(t, err)
	list, err := api.List(ctx, metav1.ListOptions{LabelSelector: "only=" + name})
	must(t, err)
	if oneLine(got.ManagedFields) != wanted || len(list.Items) != 1 || oneLine(list.Items[0].ManagedFields) != wanted {
		t.Errorf("made %s, got %s, listed %s", wanted, oneLine(got.ManagedFields), oneLine(list.Items))
	}
}
