package apply

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/client-go/applyconfigurations"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

const strategic = "strategic" // PATCH with a strategic merge patch

// builtin is a kind of Kubernetes. Defaults and what the server decides itself are the subject's; the oracle takes them
// from its answers and says what the managedFields must be.
type builtin struct {
	kind      schema.GroupVersionKind
	path      string
	reset     map[string]*fieldpath.Set // what an endpoint ignores, by subresource
	allocated []string                  // fields of spec that are set after managedFields when it is created
	// Of a kind that is bound in a workspace, whose objects have no fields but what is said: what is in one with nothing
	// in it.
	bound map[string]any
}

// library is what a field manager needs of a kind.
type library interface {
	runtime.ObjectConvertor
	runtime.ObjectDefaulter
	runtime.ObjectCreater
}

var (
	configMaps = builtin{kind: corev1.SchemeGroupVersion.WithKind("ConfigMap"), path: maps,
		reset: map[string]*fieldpath.Set{"": paths()}}
	services = builtin{kind: corev1.SchemeGroupVersion.WithKind("Service"), path: "/api/v1/namespaces/" + namespace + "/services",
		reset:     map[string]*fieldpath.Set{"": paths([]any{"status"}), "status": paths([]any{"spec"})},
		allocated: []string{"clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"},
		bound:     map[string]any{"spec": map[string]any{}, "status": map[string]any{}}}
	deployments = builtin{kind: appsv1.SchemeGroupVersion.WithKind("Deployment"), path: "/apis/apps/v1/namespaces/" + namespace + "/deployments",
		reset: map[string]*fieldpath.Set{"": paths([]any{"status"}), "status": paths([]any{"spec"}, []any{"metadata", "labels"})},
		bound: map[string]any{"status": map[string]any{}, "spec": map[string]any{"selector": nil, "strategy": map[string]any{},
			"template": map[string]any{"metadata": map[string]any{}, "spec": map[string]any{"containers": nil}}}}}
	custom = map[string]*fieldpath.Set{"": paths([]any{"status"}), "status": paths([]any{"spec"}, []any{"metadata"})}
)

// duel is one object of such a kind that the subject writes and the oracle follows.
type duel struct {
	t        *testing.T
	name     string
	kind     builtin
	managers map[string]*managedfields.FieldManager
	live     runtime.Object
	done     []write
}

func newDuel(t *testing.T, kind builtin) *duel {
	t.Helper()
	d := &duel{t: t, kind: kind, name: unique("d"), managers: map[string]*managedfields.FieldManager{}}
	reset := kind.reset
	if d.isCustom() {
		reset = custom
	}
	for subresource, ignored := range reset {
		d.managers[subresource] = d.manager(subresource, ignored.Union(ownedByNobody()))
	}
	d.live = d.object(copied(d.kind.bound))
	return d
}

func (d *duel) isCustom() bool { return d.kind.bound != nil && inWorkspace }

func (d *duel) manager(subresource string, ignored *fieldpath.Set) *managedfields.FieldManager {
	d.t.Helper()
	version := d.kind.kind.GroupVersion()
	var with library = scheme.Scheme
	if d.isCustom() {
		with = asSaid{sameSchema{group: version.Group, versions: map[string]bool{version.Version: true}}, d.kind.bound}
	}
	reset := map[fieldpath.APIVersion]*fieldpath.Set{fieldpath.APIVersion(version.String()): ignored}
	manager, err := managedfields.NewDefaultFieldManager(applyconfigurations.NewTypeConverter(scheme.Scheme), with, with, with,
		d.kind.kind, version, subresource, fieldpath.NewExcludeFilterSetMap(reset))
	must(d.t, err)
	return manager
}

// asSaid is the library of a kind whose objects are what is said in them.
type asSaid struct {
	sameSchema
	empty map[string]any
}

func (asSaid) Default(runtime.Object) {}

func (s asSaid) New(kind schema.GroupVersionKind) (runtime.Object, error) {
	object := &unstructured.Unstructured{Object: copied(s.empty)}
	object.SetGroupVersionKind(kind)
	return object, nil
}

// object has the content as the field manager of the subject sees it.
func (d *duel) object(content map[string]any) runtime.Object {
	d.t.Helper()
	if d.isCustom() {
		object := &unstructured.Unstructured{Object: copied(content)}
		object.SetGroupVersionKind(d.kind.kind)
		return object
	}
	object, err := scheme.Scheme.New(d.kind.kind)
	must(d.t, err)
	must(d.t, runtime.DefaultUnstructuredConverter.FromUnstructured(content, object))
	object.GetObjectKind().SetGroupVersionKind(d.kind.kind)
	return object
}

// play gives writes to the subject and compares; the codes are what it must answer.
func (d *duel) play(codes string, writes ...write) {
	d.t.Helper()
	is := []string{}
	for _, one := range writes {
		is = append(is, fmt.Sprint(d.step(one).code))
	}
	if strings.Join(is, " ") != codes {
		d.t.Errorf("the codes are %s, not %s", strings.Join(is, " "), codes)
	}
}

func (d *duel) step(w write) answer {
	d.t.Helper()
	awaitRoom()
	d.done = append(d.done, w)
	before := time.Now().Truncate(time.Second)
	got := d.send(w)
	fields, err := d.expect(w, got)
	differences := d.compare(w, got, fields, err, before)
	if len(differences) > 0 {
		d.report(differences, got)
	}
	if !got.failed() {
		d.live = d.object(got.content)
	}
	return got
}

func (d *duel) send(w write) answer {
	d.t.Helper()
	if w.Verb == create || w.Verb == apply || w.Verb == update {
		w.Body["apiVersion"], w.Body["kind"] = d.kind.kind.GroupVersion().String(), d.kind.kind.Kind
		metadata, _ := w.Body["metadata"].(map[string]any)
		if metadata == nil {
			metadata = map[string]any{}
			w.Body["metadata"] = metadata
		}
		metadata["name"], metadata["namespace"] = d.name, namespace
	}
	body, err := utiljson.Marshal(w.Body)
	must(d.t, err)
	form := map[string]string{create: asJSON, update: asJSON, apply: asApply, patch: asMerge,
		strategic: "application/strategic-merge-patch+json"}[w.Verb]
	method, path := "PATCH", d.kind.path+"/"+d.name
	if w.Verb == create {
		method, path = "POST", d.kind.path
	} else if w.Verb == update {
		method = "PUT"
	}
	if w.Subresource != "" {
		path += "/" + w.Subresource
	}
	got, err := wire.call(method, path+parameters(w), form, "", body)
	must(d.t, err)
	return got
}

// expect is what the managedFields must be after a write that the subject has answered.
func (d *duel) expect(w write, got answer) ([]metav1.ManagedFieldsEntry, error) {
	manager := d.managers[w.Subresource]
	live := d.live.DeepCopyObject()
	var result runtime.Object
	var err error
	if w.Verb == apply {
		result, err = manager.Apply(live, &unstructured.Unstructured{Object: copied(w.Body)}, w.Manager, w.Force)
	} else if !got.failed() {
		result, err = manager.Update(live, d.updated(w, got), w.Manager)
	}
	if err != nil || result == nil {
		return nil, err
	}
	accessor, err := meta.Accessor(result)
	if err != nil {
		return nil, err
	}
	return accessor.GetManagedFields(), nil
}

// updated is the object as the subject's field manager must have seen it: with defaults, before its strategy.
func (d *duel) updated(w write, got answer) runtime.Object {
	content := copied(got.content)
	object := &unstructured.Unstructured{Object: content}
	object.SetManagedFields(nil)
	if w.Verb == create {
		object.SetUID("")
		withoutCluster(object)
		for _, name := range d.kind.allocated {
			unstructured.RemoveNestedField(content, "spec", name)
		}
	}
	if sent := (&unstructured.Unstructured{Object: w.Body}).GetManagedFields(); sent != nil {
		object.SetManagedFields(sent)
	}
	return d.object(content)
}

func (d *duel) compare(w write, got answer, fields []metav1.ManagedFieldsEntry, err error, before time.Time) []string {
	if err == nil && got.code == http.StatusUnprocessableEntity {
		return nil // what validation says is the subject's; that it does is in the codes
	}
	if err != nil || got.failed() {
		return compareErrors(got, err)
	}
	wanted := &unstructured.Unstructured{Object: map[string]any{}}
	wanted.SetManagedFields(fields)
	differences := compareManagers(got.object(), wanted)
	if len(differences) == 0 {
		differences = compareTimes(got.object(), wanted, before, time.Now())
	}
	if w.Verb == apply && !hasAll(got.content, onlyOwn(w)) {
		differences = append(differences, "not all that was applied is there")
	}
	return differences
}

// onlyOwn is the part of a configuration that its endpoint takes.
func onlyOwn(w write) map[string]any {
	body := copied(w.Body)
	if w.Subresource == "" {
		delete(body, "status")
	} else {
		delete(body, "spec")
		delete(body, "metadata")
	}
	return body
}

// hasAll is whether each field of a configuration is in the object, each item of a list in any item.
func hasAll(object, body any) bool {
	switch body := body.(type) {
	case map[string]any:
		is, ok := object.(map[string]any)
		for name, value := range body {
			ok = ok && hasAll(is[name], value)
		}
		return ok || len(body) == 0
	case []any:
		is, _ := object.([]any)
		for _, value := range body {
			found := false
			for _, one := range is {
				found = found || hasAll(one, value)
			}
			if !found {
				return false
			}
		}
		return true
	}
	return oneLine(object) == oneLine(body)
}

func (d *duel) report(differences []string, got answer) {
	d.t.Helper()
	text := &strings.Builder{}
	for i, one := range d.done {
		fmt.Fprintf(text, "%3d %s\n", i+1, oneLine(one))
	}
	fmt.Fprintf(text, "before  %s\nsubject %d %s\n", oneLine(d.live), got.code, oneLine(got.content))
	d.t.Fatalf("%s, write %d differs\n%s%s", d.name, len(d.done), text, strings.Join(differences, "\n"))
}

func does(verb, manager, body string) write {
	return write{Verb: verb, Manager: manager, Body: from(body)}
}

// put changes one place of the live object and sends it whole.
func (d *duel) put(manager, subresource string, value any, path ...string) {
	d.t.Helper()
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(d.live.DeepCopyObject())
	must(d.t, err)
	must(d.t, unstructured.SetNestedField(content, value, path...))
	d.play("200", write{Verb: update, Manager: manager, Subresource: subresource, Body: content})
}

func TestConfigMaps(t *testing.T) {
	d := newDuel(t, configMaps)
	d.play("201 200 409 200 200 200 200", does(create, "c", `{metadata: {labels: {l: x}}, data: {a: "1", b: "1"}, binaryData: {z: AQI=}}`),
		applies("a", `{data: {a: "1", c: "1"}}`),
		applies("a", `{data: {a: "2", c: "1"}}`),
		forces("a", `{data: {a: "2", c: "1"}, binaryData: {z: AQI=}}`),
		does(patch, "p", `{data: {b: null, c: "3"}, metadata: {annotations: {x: z}}}`),
		does(strategic, "p", `{data: {d: "4"}, metadata: {labels: {m: x}}}`),
		applies("a", `{data: {}}`))
	d.put("p", "", "7", "data", "e")
	d.play("200 200 200 200 409", does(patch, "p", `{metadata: {managedFields: [{}]}}`),
		applies("a", `{data: {e: "7"}}`),
		does(patch, "p", `{metadata: {managedFields: []}}`),
		applies("a", `{data: {e: "7"}}`),
		applies("b", `{data: {e: "8"}, metadata: {labels: {l: z}}}`))
}

func TestConfigMapFromNothing(t *testing.T) {
	d := newDuel(t, configMaps)
	d.play("201 200 200 500", applies("a", `{data: {a: "1"}, immutable: false}`),
		applies("b", `{}`),
		applies("a", `{metadata: {labels: {l: x}}}`),
		applies("a", `{data: [a]}`))
}

func TestServices(t *testing.T) {
	d := newDuel(t, services)
	d.play("201 200 409 200 500 200 200 500", applies("a", `{spec: {selector: {app: web}, ports: [{name: http, port: 80}, {name: dns, port: 53, protocol: UDP}]}}`),
		applies("b", `{spec: {ports: [{name: https, port: 443, targetPort: https}, {name: dns-tcp, port: 53}]}}`),
		applies("b", `{spec: {selector: {app: other}, ports: [{port: 80, protocol: TCP, name: web}, {name: https, port: 443}]}}`),
		applies("a", `{spec: {selector: {app: web}, ports: [{name: dns, port: 53, protocol: UDP}, {name: http, port: 80, targetPort: 8080}]}}`),
		applies("a", `{spec: {ports: [{name: http, port: 80}, {name: again, port: 80, protocol: TCP}]}}`),
		applies("a", `{spec: {selector: {app: web}, ports: [{name: http, port: 80}]}}`),
		does(strategic, "p", `{spec: {ports: [{port: 443, targetPort: 8443}], sessionAffinity: ClientIP}}`),
		applies("a", `{spec: {ports: [{port: 80, prt: 80}]}}`))
	d.put("u", "", map[string]any{"app": "new"}, "spec", "selector")
	d.play("409 200 200", applies("a", `{spec: {selector: {app: web}, ports: [{name: http, port: 80}]}}`),
		applies("lb", `{metadata: {labels: {l: x}}, status: {conditions: [{type: A, status: "True", reason: R, message: "", lastTransitionTime: "2024-01-01T00:00:00Z"}]}}`).to("status"),
		does(patch, "other", `{status: {conditions: [{type: B, status: "True", reason: R, message: "", lastTransitionTime: "2024-01-01T00:00:00Z"}]}}`).to("status"))
}

func TestServicesThatArePosted(t *testing.T) {
	d := newDuel(t, services)
	d.play("201 200 409", does(create, "c", `{spec: {selector: {app: web}, ports: [{port: 80}]}}`),
		applies("a", `{spec: {ports: [{port: 80, protocol: TCP}]}}`),
		applies("a", `{spec: {ports: [{port: 80, targetPort: 81}], sessionAffinity: ClientIP}}`))
}

const podTemplate = `template: {metadata: {labels: {app: web}}, spec: {containers: [{name: c, image: i, env: [{name: A, value: b}], ports: [{containerPort: 80}]}]}}`

func TestDeployments(t *testing.T) {
	d := newDuel(t, deployments)
	selector := `selector: {matchLabels: {app: web}}`
	container := func(fields string) string {
		return `{spec: {template: {spec: {containers: [{name: c, ` + fields + `}]}}}}`
	}
	d.play("201 200 409 200 200 200", applies("a", `{spec: {replicas: 2, `+selector+`, `+podTemplate+`}}`),
		applies("b", `{spec: {template: {spec: {containers: [{name: side, image: s}, {name: c, env: [{name: B, value: c}], ports: [{containerPort: 80, protocol: UDP}]}]}}}}`),
		applies("b", container(`image: other, env: [{name: A, value: c}]`)),
		forces("b", container(`image: other`)),
		applies("a", `{spec: {`+selector+`, `+strings.Replace(podTemplate, "image: i, ", "", 1)+`}}`),
		does(strategic, "set", container(`image: third, resources: {limits: {cpu: 1}}`)))
	d.put("u", "", int64(5), "spec", "replicas")
	d.play("409 200 200 200", applies("a", `{spec: {replicas: 3, `+selector+`, `+strings.Replace(podTemplate, "image: i, ", "", 1)+`}}`),
		does(patch, "controller", `{status: {replicas: 5, observedGeneration: 2}, metadata: {labels: {x: x}}}`).to("status"),
		applies("controller", `{status: {conditions: [{type: Available, status: "True"}]}}`).to("status"),
		applies("watcher", `{status: {conditions: [{type: Progressing, status: "True"}], replicas: 5}}`).to("status"))
}

func TestDeploymentsThatArePosted(t *testing.T) {
	d := newDuel(t, deployments)
	d.play("201 200 409 200", does(create, "kubectl-create", `{metadata: {labels: {app: web}}, spec: {selector: {matchLabels: {app: web}}, `+podTemplate+`}}`),
		applies("a", `{spec: {replicas: 1, template: {spec: {containers: [{name: c, terminationMessagePolicy: File}]}}}}`),
		applies("a", `{spec: {replicas: 2, strategy: {type: Recreate}}}`),
		forces("a", `{spec: {replicas: 2}}`))
}
