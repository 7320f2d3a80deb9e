package apply

import (
	"fmt"
	"net/http"
	"reflect"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	structural "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/objectmeta"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/managedfields"
)

const (
	create = "create" // POST
	apply  = "apply"  // PATCH with a configuration
	update = "update" // PUT
	patch  = "patch"  // PATCH with a merge patch
)

// write is one request, the same for the oracle and for the subject.
type write struct {
	Verb        string         `json:"verb"`
	Version     string         `json:"version"`
	Subresource string         `json:"subresource,omitempty"`
	Manager     string         `json:"manager,omitempty"` // the parameter fieldManager
	Agent       string         `json:"agent,omitempty"`   // the header User-Agent, a manager's name and a slash
	Force       bool           `json:"force,omitempty"`
	DryRun      bool           `json:"dryRun,omitempty"`
	Body        map[string]any `json:"body"`
}

// oracle is what an API server does with objects of a custom kind, as far as it concerns managedFields: the field
// manager is that of Kubernetes, decoding and storing around it are written down here after its API server.
type oracle struct {
	kind     kind
	schemas  map[string]*structural.Structural
	managers map[string]*managedfields.FieldManager // by version and subresource
	live     *unstructured.Unstructured             // in the storage version; nil: there is none
}

// outcome is what a write leads to.
type outcome struct {
	err    error
	object *unstructured.Unstructured // in the storage version, as it is read
	tidy   bool                       // it is stored as it is read
	wrote  bool                       // it differs from what was there
}

func (o *oracle) run(w write) outcome {
	made, err := o.make(w)
	if err != nil {
		return outcome{err: err}
	}
	return o.store(w, made)
}

// make has the object that the write leads to, in the version of the write, before the strategy of its endpoint.
func (o *oracle) make(w write) (*unstructured.Unstructured, error) {
	manager := o.managers[w.Version+"/"+w.Subresource]
	name := w.Manager
	if name == "" && w.Agent != "" {
		name = w.Agent
	}
	old := o.read(w.Version)
	if old == nil && (w.Verb == update || w.Verb == patch || w.Subresource != "") {
		return nil, apierrors.NewNotFound(schema.GroupResource{Group: group, Resource: o.kind.plural()}, "")
	}
	if old == nil {
		old = o.empty(w.Version)
	}
	switch w.Verb {
	case apply:
		result, err := manager.Apply(old, &unstructured.Unstructured{Object: runtime.DeepCopyJSON(w.Body)}, name, w.Force)
		if err != nil {
			return nil, err
		}
		return result.(*unstructured.Unstructured), nil
	case patch:
		patched, err := mergePatch(old.Object, w.Body)
		if err != nil {
			return nil, err
		}
		return o.updated(manager, w.Version, old, patched, name)
	default:
		return o.updated(manager, w.Version, old, w.Body, name)
	}
}

func (o *oracle) updated(manager *managedfields.FieldManager, version string, old *unstructured.Unstructured, body map[string]any, name string) (*unstructured.Unstructured, error) {
	decoded := &unstructured.Unstructured{Object: runtime.DeepCopyJSON(body)}
	if err := o.tidy(decoded, version); err != nil {
		return nil, err
	}
	return manager.UpdateNoErrors(old, decoded, name).(*unstructured.Unstructured), nil
}

func mergePatch(old, body map[string]any) (map[string]any, error) {
	before, err := utiljson.Marshal(old)
	if err != nil {
		return nil, err
	}
	change, err := utiljson.Marshal(body)
	if err != nil {
		return nil, err
	}
	after, err := jsonpatch.MergePatch(before, change)
	if err != nil {
		return nil, err
	}
	result := map[string]any{}
	return result, utiljson.Unmarshal(after, &result)
}

func (o *oracle) empty(version string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": o.kind.apiVersion(version), "kind": o.kind.name}}
}

// read is the live object in a version.
func (o *oracle) read(version string) *unstructured.Unstructured {
	if o.live == nil {
		return nil
	}
	read := o.live.DeepCopy()
	read.SetAPIVersion(o.kind.apiVersion(version))
	return read
}

// store does what the endpoint's strategy and the store do with an object that a write has made.
func (o *oracle) store(w write, made *unstructured.Unstructured) outcome {
	old := o.read(w.Version)
	switch {
	case old == nil:
		delete(made.Object, "status")
		made.SetGeneration(1)
	case w.Subresource == "status":
		made = withStatusOf(old, made)
	default:
		keepStatus(made, old)
		made.SetGeneration(old.GetGeneration())
		if !reflect.DeepEqual(withoutMetadata(made), withoutMetadata(old)) {
			made.SetGeneration(old.GetGeneration() + 1)
		}
	}
	if old != nil {
		restoreTimes(made, old)
	}
	if inWorkspace { // kcp drops the nulls that pruning leaves, where kube-apiserver refuses them
		if err := o.tidy(made, w.Version); err != nil {
			return outcome{err: err}
		}
	}
	if !o.isValid(w, made) {
		return outcome{err: apierrors.NewInvalid(made.GroupVersionKind().GroupKind(), made.GetName(), nil)}
	}
	stored := made.DeepCopy()
	stored.SetAPIVersion(o.kind.apiVersion(o.kind.versions[0]))
	result := outcome{object: stored.DeepCopy()}
	if result.err = o.tidy(result.object, o.kind.versions[0]); result.err != nil {
		return result
	}
	result.tidy = reflect.DeepEqual(stored.Object, result.object.Object)
	result.wrote = o.live == nil || !reflect.DeepEqual(withSeconds(result.object), withSeconds(o.live))
	return result
}

// withSeconds is the object as JSON has it: times are there without parts of a second.
func withSeconds(object *unstructured.Unstructured) map[string]any {
	text, _ := utiljson.Marshal(object.Object)
	result := map[string]any{}
	_ = utiljson.Unmarshal(text, &result)
	return result
}

// withStatusOf is what a write to /status leaves: the status and the managedFields are new.
func withStatusOf(old, made *unstructured.Unstructured) *unstructured.Unstructured {
	result := old.DeepCopy()
	result.SetManagedFields(made.GetManagedFields())
	delete(result.Object, "status")
	if status, there := made.Object["status"]; there {
		result.Object["status"] = status
	}
	return result
}

func keepStatus(made, old *unstructured.Unstructured) {
	delete(made.Object, "status")
	if status, there := old.Object["status"]; there {
		made.Object["status"] = runtime.DeepCopyJSONValue(status)
	}
}

func withoutMetadata(object *unstructured.Unstructured) map[string]any {
	result := map[string]any{}
	for name, value := range object.Object {
		if name != "metadata" {
			result[name] = value
		}
	}
	return result
}

// restoreTimes takes back the times of managedFields if nothing but times has changed. Entries are compared one by one
// in their order, so that a change of the order, which is by time, is a change.
func restoreTimes(made, old *unstructured.Unstructured) {
	before, after := old.GetManagedFields(), made.GetManagedFields()
	if len(before) != len(after) || !reflect.DeepEqual(withoutMetadata(old), withoutMetadata(made)) ||
		!reflect.DeepEqual(otherMetadata(old), otherMetadata(made)) {
		return
	}
	for i := range after {
		a, b := before[i], after[i]
		a.Time, b.Time = nil, nil
		if !reflect.DeepEqual(a, b) {
			return
		}
	}
	made.SetManagedFields(before)
}

func otherMetadata(object *unstructured.Unstructured) map[string]any {
	result := map[string]any{}
	metadata, _ := object.Object["metadata"].(map[string]any)
	for name, value := range metadata {
		if name != "managedFields" {
			result[name] = value
		}
	}
	return result
}

// tidy does what decoding does: what the schema does not know goes, nulls go, defaults come, metadata is typed.
func (o *oracle) tidy(object *unstructured.Unstructured, version string) error {
	metadata, there, err := objectmeta.GetObjectMeta(object.Object, false)
	if err != nil {
		return err
	}
	apiVersion, name := object.GetAPIVersion(), object.GetKind()
	schema := o.schemas[version]
	pruning.Prune(object.Object, schema, true)
	dropNulls(object.Object, schema)
	setDefaults(object.Object, schema)
	object.SetAPIVersion(apiVersion)
	object.SetKind(name)
	if !there {
		return nil
	}
	return objectmeta.SetObjectMeta(object.Object, metadata)
}

func childOf(s *structural.Structural, name string) *structural.Structural {
	if s == nil {
		return nil
	}
	if child, there := s.Properties[name]; there {
		return &child
	}
	if s.AdditionalProperties != nil {
		return s.AdditionalProperties.Structural
	}
	return nil
}

func isWrongNull(value any, s *structural.Structural) bool {
	return value == nil && s != nil && !s.Nullable
}

// dropNulls removes nulls where the schema allows none and has no default.
func dropNulls(value any, s *structural.Structural) {
	switch value := value.(type) {
	case map[string]any:
		for name, one := range value {
			child := childOf(s, name)
			if isWrongNull(one, child) && child.Default.Object == nil {
				delete(value, name)
			} else {
				dropNulls(one, child)
			}
		}
	case []any:
		for _, one := range value {
			if s != nil {
				dropNulls(one, s.Items)
			}
		}
	}
}

func setDefaults(value any, s *structural.Structural) {
	if s == nil {
		return
	}
	switch value := value.(type) {
	case map[string]any:
		for name, property := range s.Properties {
			_, there := value[name]
			if property.Default.Object != nil && (!there || isWrongNull(value[name], &property)) {
				value[name] = runtime.DeepCopyJSONValue(property.Default.Object)
			}
		}
		for name, one := range value {
			setDefaults(one, childOf(s, name))
		}
	case []any:
		for _, one := range value {
			setDefaults(one, s.Items)
		}
	}
}

// isValid is the part of validation that results of apply can fail in: an item can lose its key, because its manager
// gives it up while another owns a field in it; and an object of which all that was owned is given up can become null.
func (o *oracle) isValid(w write, made *unstructured.Unstructured) bool {
	if w.Subresource == "status" {
		status, there := made.Object["status"]
		return !there || hasWhatIsRequired(status, childOf(o.schemas[w.Version], "status"))
	}
	return hasWhatIsRequired(made.Object, o.schemas[w.Version])
}

func hasWhatIsRequired(value any, s *structural.Structural) bool {
	if s == nil {
		return true
	}
	switch value := value.(type) {
	case nil:
		return s.Nullable || s.Type == ""
	case map[string]any:
		if s.ValueValidation != nil {
			for _, name := range s.ValueValidation.Required {
				if _, there := value[name]; !there {
					return false
				}
			}
		}
		for name, one := range value {
			if !hasWhatIsRequired(one, childOf(s, name)) {
				return false
			}
		}
	case []any:
		for _, one := range value {
			if !hasWhatIsRequired(one, s.Items) {
				return false
			}
		}
	}
	return true
}

// statusOf is how the API server says an error.
func statusOf(err error) metav1.Status {
	if known, ok := err.(apierrors.APIStatus); ok {
		return known.Status()
	}
	return metav1.Status{Status: metav1.StatusFailure, Code: http.StatusInternalServerError, Message: err.Error()}
}

// sameSchema converts between versions that differ in nothing but their name.
type sameSchema struct {
	group    string
	versions map[string]bool
}

func (c sameSchema) ConvertToVersion(in runtime.Object, target runtime.GroupVersioner) (runtime.Object, error) {
	from := in.GetObjectKind().GroupVersionKind()
	to, ok := target.KindForGroupVersionKinds([]schema.GroupVersionKind{from})
	if !ok {
		return nil, fmt.Errorf("%v is unstructured and is not suitable for converting to %q", from.String(), target)
	}
	if !c.versions[to.Version] {
		return nil, fmt.Errorf("request to convert CR to an invalid group/version: %s", to.GroupVersion().String())
	}
	if !c.versions[from.Version] {
		return nil, fmt.Errorf("request to convert CR from an invalid group/version: %s", from.GroupVersion().String())
	}
	out := in.DeepCopyObject()
	out.GetObjectKind().SetGroupVersionKind(to)
	return out, nil
}

func (sameSchema) Convert(any, any, any) error { return fmt.Errorf("not needed") }

func (sameSchema) ConvertFieldLabel(schema.GroupVersionKind, string, string) (string, string, error) {
	return "", "", fmt.Errorf("not needed")
}

// Default makes an oracle the defaulter of its field managers.
func (o *oracle) Default(object runtime.Object) {
	if one, ok := object.(*unstructured.Unstructured); ok {
		setDefaults(one.Object, o.schemas[one.GroupVersionKind().Version])
	}
}

// New makes an oracle the creater of its field managers.
func (o *oracle) New(kind schema.GroupVersionKind) (runtime.Object, error) {
	made := &unstructured.Unstructured{}
	made.SetGroupVersionKind(kind)
	return made, nil
}
