package clients

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	extensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	extensions "k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/pager"
	openapi "k8s.io/kube-openapi/pkg/util/proto"
)

var gadgets = schema.GroupVersionResource{Group: "example.org", Version: "v1", Resource: "gadgets"}

// makeGadgets defines gadgets.example.org with two versions, a status and a scale.
func makeGadgets(t *testing.T, config *rest.Config) {
	t.Helper()
	ctx := withTime(t)
	client := extensions.NewForConfigOrDie(config).ApiextensionsV1().CustomResourceDefinitions()
	number, text := extensionsv1.JSONSchemaProps{Type: "integer", Format: "int32"}, extensionsv1.JSONSchemaProps{Type: "string"}
	size := number
	size.Default = &extensionsv1.JSON{Raw: []byte("1")}
	of := func(name string, storage bool) extensionsv1.CustomResourceDefinitionVersion {
		return extensionsv1.CustomResourceDefinitionVersion{Name: name, Served: true, Storage: storage,
			Schema: &extensionsv1.CustomResourceValidation{OpenAPIV3Schema: &extensionsv1.JSONSchemaProps{Type: "object",
				Properties: map[string]extensionsv1.JSONSchemaProps{
					"spec": {Type: "object", Properties: map[string]extensionsv1.JSONSchemaProps{"size": size, "color": {Type: "string",
						Enum: []extensionsv1.JSON{{Raw: []byte(`"red"`)}, {Raw: []byte(`"blue"`)}}}}},
					"status": {Type: "object", Properties: map[string]extensionsv1.JSONSchemaProps{"size": number, "phase": text}}}}},
			Subresources: &extensionsv1.CustomResourceSubresources{Status: &extensionsv1.CustomResourceSubresourceStatus{},
				Scale: &extensionsv1.CustomResourceSubresourceScale{SpecReplicasPath: ".spec.size", StatusReplicasPath: ".status.size"}},
			AdditionalPrinterColumns: []extensionsv1.CustomResourceColumnDefinition{{Name: "Size", Type: "integer", JSONPath: ".spec.size"}}}
	}
	_, err := client.Create(ctx, &extensionsv1.CustomResourceDefinition{ObjectMeta: cluster("gadgets.example.org"),
		Spec: extensionsv1.CustomResourceDefinitionSpec{Group: "example.org", Scope: extensionsv1.NamespaceScoped,
			Names:    extensionsv1.CustomResourceDefinitionNames{Plural: "gadgets", Singular: "gadget", Kind: "Gadget", ListKind: "GadgetList", ShortNames: []string{"gad"}},
			Versions: []extensionsv1.CustomResourceDefinitionVersion{of("v1beta1", false), of("v1", true)}}}, metav1.CreateOptions{})
	must(t, err)
	eventually(t, "the definition is established", func() (bool, error) {
		found, err := client.Get(ctx, "gadgets.example.org", metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		for _, condition := range found.Status.Conditions {
			if condition.Type == extensionsv1.Established && condition.Status == extensionsv1.ConditionTrue {
				return true, nil
			}
		}
		return false, nil
	})
}

func gadget(name string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{"apiVersion": "example.org/v1", "kind": "Gadget",
		"metadata": map[string]any{"name": name, "namespace": "default"}, "spec": map[string]any{"color": "red"}}}
}

func TestDynamicClientWithACustomKind(t *testing.T) {
	config := newWorkspace(t, shared)
	makeGadgets(t, config)
	ctx := withTime(t)
	client := dynamic.NewForConfigOrDie(config).Resource(gadgets).Namespace("default")
	made := value(client.Create(ctx, gadget("one"), metav1.CreateOptions{}))(t)
	if size, _, _ := unstructured.NestedInt64(made.Object, "spec", "size"); size != 1 {
		t.Errorf("the default is not set: %v", made.Object)
	}
	wrong := gadget("two")
	_ = unstructured.SetNestedField(wrong.Object, "green", "spec", "color")
	if _, err := client.Create(ctx, wrong, metav1.CreateOptions{}); !apierrors.IsInvalid(err) ||
		!strings.Contains(err.Error(), `spec.color: Unsupported value: "green": supported values: "red", "blue"`) {
		t.Errorf("a value that is not allowed: %v", err)
	}
	unknown := gadget("two")
	_ = unstructured.SetNestedField(unknown.Object, "x", "spec", "extra")
	if _, err := client.Create(ctx, unknown, metav1.CreateOptions{FieldValidation: "Strict"}); err == nil ||
		!strings.Contains(err.Error(), `unknown field "spec.extra"`) {
		t.Errorf("an unknown field: %v", err)
	}
	_ = unstructured.SetNestedField(made.Object, "Ready", "status", "phase")
	made = value(client.UpdateStatus(ctx, made, metav1.UpdateOptions{}))(t)
	if phase, _, _ := unstructured.NestedString(made.Object, "status", "phase"); phase != "Ready" || made.GetGeneration() != 1 {
		t.Errorf("status: %v", made.Object)
	}
	scaled := value(client.Patch(ctx, "one", types.MergePatchType, []byte(`{"spec":{"replicas":5}}`), metav1.PatchOptions{}, "scale"))(t)
	if scaled.GetKind() != "Scale" {
		t.Errorf("scale: %v", scaled.Object)
	}
	if _, err := client.Patch(ctx, "one", types.StrategicMergePatchType, []byte(`{}`), metav1.PatchOptions{}); !apierrors.IsUnsupportedMediaType(err) {
		t.Errorf("a strategic patch of a custom kind: %v", err)
	}
	old := dynamic.NewForConfigOrDie(config).Resource(gadgets.GroupResource().WithVersion("v1beta1")).Namespace("default")
	other := value(old.Get(ctx, "one", metav1.GetOptions{}))(t)
	if size, _, _ := unstructured.NestedInt64(other.Object, "spec", "size"); size != 5 || other.GetAPIVersion() != "example.org/v1beta1" {
		t.Errorf("the other version: %v", other.Object)
	}
	short := value(metadata.NewForConfigOrDie(config).Resource(gadgets).Namespace("default").Get(ctx, "one", metav1.GetOptions{}))(t)
	if short.UID != made.GetUID() {
		t.Errorf("metadata only: %+v, not of %s", short, made.GetUID())
	}
	value(client.Create(ctx, gadget("dry"), metav1.CreateOptions{DryRun: []string{"All"}}))(t)
	if _, err := client.Get(ctx, "dry", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("a dry run: %v", err)
	}
}

func TestDiscoveryAndRESTMapper(t *testing.T) {
	config := newWorkspace(t, shared)
	bindCompute(t, config)
	makeGadgets(t, config)
	client := discovery.NewDiscoveryClientForConfigOrDie(config)
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(client))
	for kind, resource := range map[schema.GroupKind]string{
		{Kind: "ConfigMap"}: "configmaps", {Group: "apps", Kind: "Deployment"}: "deployments",
		{Group: "networking.k8s.io", Kind: "Ingress"}: "ingresses", {Group: "example.org", Kind: "Gadget"}: "gadgets",
		{Group: "rbac.authorization.k8s.io", Kind: "ClusterRole"}: "clusterroles"} {
		mapping, err := mapper.RESTMapping(kind)
		if err != nil || mapping.Resource.Resource != resource {
			t.Errorf("%v: %v %v", kind, mapping, err)
		}
	}
	shortcuts := restmapper.NewShortcutExpander(mapper, client, nil)
	if at := value(shortcuts.ResourceFor(schema.GroupVersionResource{Resource: "gad"}))(t); at != gadgets {
		t.Errorf("the short name means %v", at)
	}
	for _, legacy := range []bool{false, true} {
		client.UseLegacyDiscovery = legacy
		groups, lists, err := client.ServerGroupsAndResources()
		must(t, err)
		seen := map[string]bool{}
		for _, list := range lists {
			for _, resource := range list.APIResources {
				seen[list.GroupVersion+" "+resource.Name] = true
			}
		}
		for _, name := range []string{"v1 configmaps", "v1 namespaces/status", "v1 serviceaccounts/token", "apps/v1 deployments",
			"apps/v1 deployments/scale", "example.org/v1 gadgets/status", "example.org/v1beta1 gadgets"} {
			if !seen[name] {
				t.Errorf("discovery (legacy: %v) lacks %s", legacy, name)
			}
		}
		for _, group := range groups {
			if group.Name == "example.org" && group.PreferredVersion.Version != "v1" {
				t.Errorf("preferred: %+v", group)
			}
		}
	}
	if version := value(client.ServerVersion())(t); version.Major != "1" {
		t.Errorf("%+v", version)
	}
}

func TestOpenAPIDocuments(t *testing.T) {
	config := newWorkspace(t, shared)
	bindCompute(t, config)
	makeGadgets(t, config)
	client := discovery.NewDiscoveryClientForConfigOrDie(config)
	document := value(client.OpenAPISchema())(t)
	models := value(openapi.NewOpenAPIData(document))(t)
	found := map[string]openapi.Schema{}
	for _, name := range models.ListModels() {
		model := models.LookupModel(name)
		kinds, _ := model.GetExtensions()["x-kubernetes-group-version-kind"].([]any)
		for _, kind := range kinds {
			found[fmt.Sprint(kind.(map[any]any)["group"], "/", kind.(map[any]any)["version"], "/", kind.(map[any]any)["kind"])] = model
		}
	}
	for _, name := range []string{"/v1/ConfigMap", "apps/v1/Deployment", "example.org/v1/Gadget", "example.org/v1beta1/Gadget",
		"authentication.k8s.io/v1/TokenReview", "apiextensions.k8s.io/v1/CustomResourceDefinition"} {
		model, ok := found[name].(*openapi.Kind)
		if !ok || model.Fields["metadata"] == nil {
			t.Errorf("the v2 document lacks %s: %v", name, found[name])
		}
	}
	if gadget := found["example.org/v1/Gadget"].(*openapi.Kind); gadget.Fields["spec"].(*openapi.Kind).Fields["size"].(*openapi.Primitive).Type != "integer" {
		t.Errorf("the fields of gadgets: %v", gadget.Fields)
	}
	paths := value(client.OpenAPIV3().Paths())(t)
	for _, name := range []string{"api/v1", "apis/apps/v1", "apis/example.org/v1"} {
		if paths[name] == nil {
			t.Fatalf("the v3 index lacks %s", name)
		}
		body := value(paths[name].Schema("application/json"))(t)
		if !json.Valid(body) {
			t.Errorf("%s is no JSON", name)
		}
	}
}

func TestListsInPages(t *testing.T) {
	config := newWorkspace(t, shared)
	client := kubernetes.NewForConfigOrDie(config).CoreV1().ConfigMaps("default")
	ctx := withTime(t)
	for i := range 53 {
		_, err := client.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("page-%02d", i),
			Labels: map[string]string{"page": "yes", "odd": fmt.Sprint(i%2 == 1)}}}, metav1.CreateOptions{})
		must(t, err)
	}
	first := value(client.List(ctx, metav1.ListOptions{Limit: 10, LabelSelector: "page"}))(t)
	if len(first.Items) != 10 || first.Continue == "" {
		t.Fatalf("%d items, %+v", len(first.Items), first.ListMeta)
	}
	must(t, client.Delete(ctx, "page-30", metav1.DeleteOptions{}))
	seen, version := len(first.Items), first.ResourceVersion
	for next := first.Continue; next != ""; {
		page := value(client.List(ctx, metav1.ListOptions{Limit: 10, LabelSelector: "page", Continue: next}))(t)
		if page.ResourceVersion != version {
			t.Errorf("a later page is of %s, the first was of %s", page.ResourceVersion, version)
		}
		seen, next = seen+len(page.Items), page.Continue
	}
	if seen != 53 {
		t.Errorf("the pages show %d objects of one moment with 53", seen)
	}
	count := 0
	must(t, pager.New(pager.SimplePageFunc(func(options metav1.ListOptions) (runtime.Object, error) {
		options.LabelSelector = "odd=true"
		return client.List(ctx, options)
	})).EachListItem(ctx, metav1.ListOptions{Limit: 7}, func(runtime.Object) error { count++; return nil }))
	if count != 26 {
		t.Errorf("the pager saw %d", count)
	}
	must(t, client.DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: "odd=true"}))
	if left := value(client.List(ctx, metav1.ListOptions{LabelSelector: "page"}))(t); len(left.Items) != 26 {
		t.Errorf("%d are left", len(left.Items))
	}
	if _, err := client.List(ctx, metav1.ListOptions{Continue: "nonsense"}); !apierrors.IsBadRequest(err) {
		t.Errorf("a wrong token: %v", err)
	}
}

func TestObjectsOfNearlyOneMebibyte(t *testing.T) {
	config := newWorkspace(t, shared)
	inBothForms(t, config, func(t *testing.T, c kubernetes.Interface) {
		ctx := withTime(t)
		big := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{GenerateName: "big-"},
			Data: map[string]string{"text": strings.Repeat("käse ", 160_000)}}
		made := value(c.CoreV1().ConfigMaps("default").Create(ctx, big, metav1.CreateOptions{}))(t)
		got := value(c.CoreV1().ConfigMaps("default").Get(ctx, made.Name, metav1.GetOptions{}))(t)
		if !strings.HasPrefix(made.Name, "big-") || got.Data["text"] != big.Data["text"] {
			t.Errorf("%s came back with %d bytes", made.Name, len(got.Data["text"]))
		}
		big.Data["text"] = strings.Repeat("x", 1<<20+1)
		if _, err := c.CoreV1().ConfigMaps("default").Create(context.Background(), big, metav1.CreateOptions{}); !apierrors.IsInvalid(err) {
			t.Errorf("more than that: %v", err)
		}
	})
}
