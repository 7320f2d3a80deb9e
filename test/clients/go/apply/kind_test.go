package apply

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	extensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	extensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structural "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	clientset "k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/rest"
)

const (
	group   = "apply.example.org"
	storage = "v1"
	other   = "v1beta1"
)

// kind is a custom kind of this test, in one or more versions. The first version is the one that is stored.
type kind struct {
	name     string
	versions []string
	schemas  map[string]*extensionsv1.JSONSchemaProps
	scale    bool
}

func (k kind) plural() string { return strings.ToLower(k.name) + "s" }

func (k kind) apiVersion(version string) string { return group + "/" + version }

// path is where an object of it is; without a name, where all are.
func (k kind) path(version, name, subresource string) string {
	path := fmt.Sprintf("/apis/%s/%s/namespaces/%s/%s", group, version, namespace, k.plural())
	for _, part := range []string{name, subresource} {
		if part != "" {
			path += "/" + part
		}
	}
	return path
}

// widgetSpec has each relation that a schema can declare between a list or a map and what is in it. The lines that
// ITEMS and NESTED stand for differ between the versions, which is how changes in one are compared in the other.
const widgetSpec = `
type: object
properties:
  spec:
    type: object
    properties:
      text: {type: string}
      count: {type: integer}
      ratio: {type: number}
      flag: {type: boolean}
      size: {x-kubernetes-int-or-string: true}
      mode: {type: string, default: auto}
      note: {type: string, nullable: true}
      when: {type: string, format: date-time}
      nested:
        type: object
        NESTED
        properties:
          a: {type: string}
          b: {type: integer}
          deeper: {type: object, properties: {x: {type: string}, w: {type: string, nullable: true}}}
          marks: {type: array, x-kubernetes-list-type: set, items: {type: string}}
      maybe: {type: object, nullable: true, properties: {a: {type: string}, b: {type: string}}}
      atomicMap: {type: object, x-kubernetes-map-type: atomic, properties: {a: {type: string}, b: {type: string}}}
      atomicPairs: {type: object, x-kubernetes-map-type: atomic, additionalProperties: {type: string}}
      pairs: {type: object, additionalProperties: {type: string}}
      sizes: {type: object, additionalProperties: {x-kubernetes-int-or-string: true}}
      parts: {type: object, additionalProperties: {type: object, properties: {a: {type: string}, b: {type: integer}}}}
      atomicList: {type: array, x-kubernetes-list-type: atomic, items: {type: string}}
      plainList: {type: array, items: {type: object, properties: {a: {type: string}, b: {type: integer}}}}
      set: {type: array, x-kubernetes-list-type: set, items: {type: string}}
      numbers: {type: array, x-kubernetes-list-type: set, items: {type: integer}}
      maybeSet: {type: array, nullable: true, x-kubernetes-list-type: set, items: {type: string}}
      items:
        type: array
        ITEMS
        items:
          type: object
          required: [name]
          properties:
            name: {type: string}
            value: {type: string, nullable: true}
            level: {type: integer, default: 1}
            tags: {type: array, x-kubernetes-list-type: set, items: {type: string}}
            plain: {type: array, items: {type: string}}
            options: {type: object, additionalProperties: {type: string}}
            subs:
              type: array
              x-kubernetes-list-type: map
              x-kubernetes-list-map-keys: [id]
              items: {type: object, required: [id], properties: {id: {type: integer}, value: {type: string}}}
      ports:
        type: array
        x-kubernetes-list-type: map
        x-kubernetes-list-map-keys: [port, protocol]
        items:
          type: object
          required: [port]
          properties:
            port: {type: integer}
            protocol: {type: string, default: TCP}
            label: {type: string}
            target: {x-kubernetes-int-or-string: true}
      free: {type: object, x-kubernetes-preserve-unknown-fields: true}
      mostlyFree: {type: object, x-kubernetes-preserve-unknown-fields: true, properties: {known: {type: string}}}
      anything: {x-kubernetes-preserve-unknown-fields: true}
  status:
    type: object
    properties:
      phase: {type: string}
      observed: {type: integer}
      seen: {type: array, x-kubernetes-list-type: set, items: {type: string}}
      conditions:
        type: array
        x-kubernetes-list-type: map
        x-kubernetes-list-map-keys: [type]
        items: {type: object, required: [type], properties: {type: {type: string}, status: {type: string}, reason: {type: string}}}
`

// The keys of items must be required or have a default, whatever the list is, so that one schema serves both.
var widgets = kind{name: "Widget", versions: []string{storage, other}, schemas: map[string]*extensionsv1.JSONSchemaProps{
	storage: parseSchema(widgetSpec, "ITEMS", "x-kubernetes-list-type: map\n        x-kubernetes-list-map-keys: [name]",
		"NESTED", "x-kubernetes-map-type: granular"),
	other: parseSchema(widgetSpec, "ITEMS", "x-kubernetes-list-type: atomic", "NESTED", "x-kubernetes-map-type: atomic"),
}}

func parseSchema(text string, replaced ...string) *extensionsv1.JSONSchemaProps {
	schema := &extensionsv1.JSONSchemaProps{}
	if err := yaml.Unmarshal([]byte(strings.NewReplacer(replaced...).Replace(text)), schema); err != nil {
		panic(err)
	}
	return schema
}

func (k kind) definition() *extensionsv1.CustomResourceDefinition {
	made := &extensionsv1.CustomResourceDefinition{ObjectMeta: metav1.ObjectMeta{Name: k.plural() + "." + group},
		Spec: extensionsv1.CustomResourceDefinitionSpec{Group: group, Scope: extensionsv1.NamespaceScoped,
			Names: extensionsv1.CustomResourceDefinitionNames{Plural: k.plural(), Singular: strings.ToLower(k.name),
				Kind: k.name, ListKind: k.name + "List"}}}
	for i, version := range k.versions {
		one := extensionsv1.CustomResourceDefinitionVersion{Name: version, Served: true, Storage: i == 0,
			Schema:       &extensionsv1.CustomResourceValidation{OpenAPIV3Schema: k.schemas[version]},
			Subresources: &extensionsv1.CustomResourceSubresources{Status: &extensionsv1.CustomResourceSubresourceStatus{}}}
		if k.scale {
			one.Subresources.Scale = &extensionsv1.CustomResourceSubresourceScale{
				SpecReplicasPath: ".spec.replicas", StatusReplicasPath: ".status.replicas"}
		}
		made.Spec.Versions = append(made.Spec.Versions, one)
	}
	return made
}

// define makes the kind in the subject, or makes it what it is here, and waits until each version of it is served.
func (k kind) define(t *testing.T) {
	t.Helper()
	config := rest.CopyConfig(cluster)
	config.ContentType = asJSON // protobuf, which this client prefers, is another test's matter
	client := clientset.NewForConfigOrDie(config).ApiextensionsV1().CustomResourceDefinitions()
	must(t, wait("the definition of "+k.name, func() error {
		_, err := client.Create(context.Background(), k.definition(), metav1.CreateOptions{})
		if apierrors.IsInvalid(err) {
			t.Fatal(err)
		}
		if !apierrors.IsAlreadyExists(err) {
			return err
		}
		old, err := client.Get(context.Background(), k.definition().Name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		old.Spec = k.definition().Spec
		_, err = client.Update(context.Background(), old, metav1.UpdateOptions{})
		return err
	}))
	for _, version := range k.versions {
		must(t, wait(k.name+" is served", func() error {
			answer, err := wire.call("GET", k.path(version, "", ""), "", "", nil)
			if err == nil && answer.failed() {
				err = fmt.Errorf("%v", answer)
			}
			return err
		}))
	}
}

var defineWidgets sync.Once

// withWidgets makes the widgets' definition before the first test that needs it.
func withWidgets(t *testing.T) {
	t.Helper()
	defineWidgets.Do(func() { widgets.define(t) })
}

// structuralOf is the schema in the form that the server prunes and sets defaults with.
func structuralOf(schema *extensionsv1.JSONSchemaProps) *structural.Structural {
	internal := &extensions.JSONSchemaProps{}
	if err := extensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(schema, internal, nil); err != nil {
		panic(err)
	}
	made, err := structural.NewStructural(internal)
	if err != nil {
		panic(err)
	}
	return made
}
