package apply

import (
	"strings"

	structural "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/generated/openapi"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/kube-openapi/pkg/validation/spec"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

func newOracle(k kind) (*oracle, error) {
	o := &oracle{kind: k, schemas: map[string]*structural.Structural{}, managers: map[string]*managedfields.FieldManager{}}
	converter := sameSchema{group: group, versions: map[string]bool{}}
	for _, version := range k.versions {
		o.schemas[version] = structuralOf(k.schemas[version])
		converter.versions[version] = true
	}
	types, err := managedfields.NewTypeConverter(o.models(), false)
	if err != nil {
		return nil, err
	}
	for _, version := range k.versions {
		if err := o.addManagers(version, types, converter); err != nil {
			return nil, err
		}
	}
	return o, nil
}

func paths(all ...[]any) *fieldpath.Set {
	set := fieldpath.NewSet()
	for _, one := range all {
		set.Insert(fieldpath.MakePathOrDie(one...))
	}
	return set
}

// ownedByNobody is what the endpoints of objects ignore in each kind.
func ownedByNobody() *fieldpath.Set {
	if !inWorkspace {
		return paths()
	}
	return paths([]any{"metadata", "annotations", clusterAnnotation})
}

// addManagers makes the field managers of a version's endpoints. The endpoint of the object ignores its status, in
// kube-apiserver in its own version only; that of the status ignores the rest, in all versions.
func (o *oracle) addManagers(version string, types managedfields.TypeConverter, converter sameSchema) error {
	kind := schema.GroupVersionKind{Group: group, Version: version, Kind: o.kind.name}
	reset := map[string]map[fieldpath.APIVersion]*fieldpath.Set{
		"":       {fieldpath.APIVersion(o.kind.apiVersion(version)): ownedByNobody().Union(paths([]any{"status"}))},
		"status": {},
	}
	for _, one := range o.kind.versions {
		if inWorkspace { // kcp ignores it whatever version a manager speaks
			reset[""][fieldpath.APIVersion(o.kind.apiVersion(one))] = ownedByNobody().Union(paths([]any{"status"}))
		}
		reset["status"][fieldpath.APIVersion(o.kind.apiVersion(one))] = paths([]any{"metadata"}, []any{"spec"})
	}
	for subresource, fields := range reset {
		manager, err := managedfields.NewDefaultCRDFieldManager(types, converter, o, o, kind, kind.GroupVersion(), subresource,
			fieldpath.NewExcludeFilterSetMap(fields))
		if err != nil {
			return err
		}
		o.managers[version+"/"+subresource] = manager
	}
	return nil
}

const references = "#/components/schemas/"

// models are the definitions that the server makes of the schemas, with those of metadata.
func (o *oracle) models() map[string]*spec.Schema {
	result := map[string]*spec.Schema{}
	for name, definition := range openapi.GetOpenAPIDefinitions(func(name string) spec.Ref {
		return spec.MustCreateRef(references + name)
	}) {
		if strings.HasPrefix(name, "io.k8s.apimachinery.pkg.apis.meta.v1.") {
			result[name] = &definition.Schema
		}
	}
	for version, schema := range o.schemas {
		model := schema.DeepCopy().Unfold().ToKubeOpenAPI()
		text := spec.StringProperty()
		model.SetProperty("apiVersion", *text)
		model.SetProperty("kind", *text)
		model.SetProperty("metadata", *spec.RefSchema(references + metav1.ObjectMeta{}.OpenAPIModelName()))
		model.AddExtension("x-kubernetes-group-version-kind", []any{map[string]any{
			"group": group, "version": version, "kind": o.kind.name}})
		result[group+"."+version+"."+o.kind.name] = model
	}
	return result
}
