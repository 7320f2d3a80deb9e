package apply

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// from reads YAML.
func from(text string) map[string]any {
	result := map[string]any{}
	if err := yaml.Unmarshal([]byte(text), &result); err != nil {
		panic(fmt.Sprintf("%v in %s", err, text))
	}
	return copiedNumbers(result)
}

// copiedNumbers has whole numbers as integers, as bodies of requests are read.
func copiedNumbers(value map[string]any) map[string]any {
	object := &unstructured.Unstructured{}
	text := oneLine(map[string]any{"apiVersion": "v1", "kind": "X", "x": value})
	if err := object.UnmarshalJSON([]byte(text)); err != nil {
		panic(err)
	}
	return object.Object["x"].(map[string]any)
}

func applies(manager, body string) write {
	return write{Verb: apply, Version: storage, Manager: manager, Body: from(body)}
}

func forces(manager, body string) write {
	w := applies(manager, body)
	w.Force = true
	return w
}

func patches(manager, body string) write {
	return write{Verb: patch, Version: storage, Manager: manager, Body: from(body)}
}

func (w write) in(version string) write { w.Version = version; return w }

func (w write) to(subresource string) write { w.Subresource = subresource; return w }

// script is a sequence in which a rule shows. The oracle says what each write leads to; the codes are there so that a
// slip in a body does not make both sides refuse it unnoticed.
type script struct {
	title, codes string
	writes       []write
}

var scripts = []script{
	{"values that two apply are of both, until one of them goes", "201 200 200 200 200", []write{
		applies("a", `{spec: {text: x, count: 1, set: [a, b]}}`),
		applies("b", `{spec: {text: x, set: [b, c]}}`),
		applies("a", `{spec: {count: 1}}`),
		applies("b", `{spec: {}}`),
		applies("a", `{}`),
	}},
	{"a conflict and its force", "201 409 200 200", []write{
		applies("a", `{spec: {text: x, nested: {a: x, b: 1}, atomicMap: {a: x}, items: [{name: nn, value: x, tags: [t]}]}}`),
		applies("b", `{spec: {text: yy, nested: {a: yy}, atomicMap: {b: x}, items: [{name: nn, value: yy}]}}`),
		forces("b", `{spec: {text: yy, nested: {a: yy}, atomicMap: {b: x}, items: [{name: nn, value: yy}]}}`),
		applies("a", `{spec: {text: yy, nested: {b: 1}}}`),
	}},
	{"conflicts with several, of each kind", "201 200 200 200 200 409 409 200", []write{
		applies("a", `{spec: {text: x, ports: [{port: 80, label: x}, {port: 80, protocol: UDP}], pairs: {"p.q/r": x}}}`),
		patches("u", `{spec: {count: 2, numbers: [1, 2]}}`),
		applies("s", `{status: {phase: x}}`).to("status"),
		patches("u", `{status: {observed: 2}}`).to("status"),
		applies("old", `{spec: {ratio: 1.5}}`).in(other),
		applies("b", `{spec: {text: yy, count: 3, ratio: 2.5, pairs: {"p.q/r": yy}, ports: [{port: 80, protocol: TCP, label: yy}]}}`),
		applies("b", `{status: {phase: yy, observed: 3}}`).to("status"),
		forces("b", `{status: {phase: yy, observed: 3}}`).to("status"),
	}},
	{"an item lives while somebody owns a field in it", "201 200 200 200 200", []write{
		applies("a", `{spec: {items: [{name: x, value: v}, {name: yy}]}}`),
		applies("b", `{spec: {items: [{name: x, level: 3}]}}`),
		applies("a", `{spec: {items: [{name: yy}]}}`),
		patches("u", `{spec: {items: [{name: x, level: 3}, {name: yy, level: 7}]}}`),
		applies("a", `{}`),
	}},
	{"items have the order of the configuration, others stay in theirs", "201 200 200 200 200 200 200", []write{
		applies("a", `{spec: {items: [{name: "1"}, {name: "2"}, {name: "3"}]}}`),
		applies("b", `{spec: {items: [{name: "9"}, {name: "2"}, {name: "8"}]}}`),
		applies("a", `{spec: {items: [{name: "3"}, {name: "1"}, {name: "2"}]}}`),
		applies("b", `{spec: {items: [{name: "8"}, {name: "9"}, {name: "1"}]}}`),
		applies("a", `{spec: {set: [z, yy]}}`),
		applies("b", `{spec: {set: [x, yy, w, z], numbers: [3, 1]}}`),
		applies("a", `{spec: {set: [yy, w]}}`),
	}},
	{"keys with a default", "201 200 200 200 422 500 500 500 500 422", []write{
		applies("a", `{spec: {ports: [{port: 80}, {port: 80, protocol: UDP, label: x}]}}`),
		applies("b", `{spec: {ports: [{port: 80, protocol: TCP, target: http}, {port: 81}]}}`),
		applies("a", `{spec: {ports: [{port: 80, protocol: UDP}]}}`),
		applies("b", `{spec: {ports: []}}`),
		applies("c", `{spec: {ports: [{label: x}]}}`),
		applies("c", `{spec: {ports: [{port: 5}, {port: 5, protocol: TCP}]}}`),
		applies("c", `{spec: {items: [{value: x}]}}`),
		applies("c", `{spec: {items: [x]}}`),
		applies("c", `{spec: {items: [null]}}`),
		applies("c", `{spec: {items: [{name: null}]}}`),
	}},
	{"nulls, empty maps and empty lists", "201 409 200 200 200 200 200", []write{
		applies("a", `{spec: {note: null, maybe: null, maybeSet: null}}`),
		applies("b", `{spec: {maybe: {}, maybeSet: [], pairs: {}, set: [], nested: {}, atomicMap: {}, atomicList: []}}`),
		forces("b", `{spec: {maybe: {}, maybeSet: [], pairs: {}, set: [], nested: {}, atomicMap: {}, atomicList: []}}`),
		forces("a", `{spec: {maybe: {a: x}, maybeSet: [x], nested: {deeper: {w: null}}}}`),
		applies("b", `{spec: {pairs: {}}}`),
		applies("b", `{}`),
		applies("a", `{}`),
	}},
	{"what no schema describes", "201 409 409 200 200", []write{
		applies("a", `{spec: {free: {p: {q: 1, r: [1, 2]}, none: null}, mostlyFree: {known: x, p: {q: 1}}, anything: [1]}}`),
		applies("b", `{spec: {free: {p: {s: x, r: [1, 2]}}, anything: {p: 1}}}`),
		applies("b", `{spec: {free: {p: {s: x, r: [3]}}}}`),
		forces("b", `{spec: {free: {p: {s: x, r: [3]}}, anything: {p: 1}}}`),
		applies("a", `{spec: {free: {}}}`),
	}},
	{"configurations that the schema does not know", "201 500 500 500 500 500 500 500 500 500 500 500 500 500 500 500 500 500", []write{
		applies("a", `{spec: {text: x}}`),
		applies("a", `{spec: {unknown: x}}`),
		applies("a", `{spec: {count: many}}`),
		applies("a", `{spec: {text: 1}}`),
		applies("a", `{spec: {flag: "true"}}`),
		applies("a", `{spec: {text: {a: b}}}`),
		applies("a", `{spec: {set: x}}`),
		applies("a", `{spec: {set: [x, x]}}`),
		applies("a", `{spec: {set: [[x]]}}`),
		applies("a", `{spec: {set: [null]}}`),
		applies("a", `{spec: {nested: x}}`),
		applies("a", `{spec: {nested: {deeper: {z: x}}, count: many, unknown: {a: b}}}`),
		applies("a", `{spec: {parts: {p: {c: x}}}}`),
		applies("a", `{spec: x}`),
		applies("a", `{extra: x}`),
		applies("a", `{metadata: {unknown: x}}`),
		applies("a", `{metadata: {labels: {a: 1}}}`),
		applies("a", `{status: {unknown: x}}`),
	}},
	{"managers in two versions", "201 200 409 409 200 200 200 200 200", []write{
		applies("a", `{spec: {items: [{name: x}], nested: {a: x}, text: x}}`),
		applies("a", `{spec: {items: [{name: yy}], nested: {b: 1}}}`).in(other),
		applies("b", `{spec: {items: [{name: z}], nested: {a: yy}}}`),
		applies("b", `{spec: {items: [{name: z}], nested: {a: yy}}}`).in(other),
		forces("b", `{spec: {items: [{name: z}], nested: {a: yy}}}`).in(other),
		patches("u", `{spec: {items: [{name: x, value: v}]}}`).in(other),
		patches("u", `{spec: {items: [{name: x, value: w}], text: yy}}`),
		applies("b", `{}`),
		applies("a", `{}`),
	}},
	{"a reset of managedFields, and who had written before", "201 200 200 409 200 200 200 200 200", []write{
		applies("a", `{spec: {text: x, set: [a]}}`),
		patches("u", `{metadata: {managedFields: [{}]}, spec: {count: 2}}`),
		patches("u", `{spec: {count: 3}}`),
		applies("a", `{spec: {text: yy}}`),
		applies("a", `{spec: {text: x}, metadata: {labels: {l: x}}}`),
		patches("u", `{metadata: {managedFields: []}}`),
		applies("b", `{spec: {text: x}}`).to("status"),
		applies("b", `{spec: {text: x, set: [a], count: 3}}`),
		patches("u", `{metadata: {managedFields: [{}]}}`).to("status"),
	}},
	{"both endpoints ignore what is not theirs", "201 200 200 200 200 200 409 200 200", []write{
		applies("a", `{spec: {text: x}, status: {phase: x}}`),
		applies("a", `{spec: {text: yy}, status: {phase: x, seen: [a]}, metadata: {labels: {l: x}}}`).to("status"),
		applies("b", `{spec: {text: x}, status: {phase: yy}}`),
		patches("u", `{spec: {count: 1}, status: {observed: 1}}`),
		patches("u", `{spec: {count: 2}, status: {observed: 2}, metadata: {annotations: {a: b}}}`).to("status"),
		applies("a", `{status: {conditions: [{type: A, status: "True"}, {type: B}]}}`).to("status"),
		applies("b", `{status: {conditions: [{type: A, status: "False"}]}}`).to("status"),
		forces("b", `{status: {conditions: [{type: A, status: "False"}]}}`).to("status"),
		applies("a", `{}`).to("status"),
	}},
	{"metadata", "201 200 409 200 200", []write{
		applies("a", `{metadata: {labels: {l: x}, annotations: {a: x}, finalizers: [example.org/f]}}`),
		applies("b", `{metadata: {labels: {l: x, m: yy}, finalizers: [example.org/g, example.org/f]}}`),
		applies("a", `{metadata: {labels: {l: yy}}}`),
		applies("a", `{metadata: {generateName: x-, generation: 7, creationTimestamp: null}}`),
		applies("a", `{}`),
	}},
	{"more updaters than are kept", "201 200 200 200 200 200 200 200 200 200 200 200 200 200 200 200 409", crowd(14)},
	{"kubectl takes over from its annotation", "201 409 200 200 409 200 409", []write{
		patchedBy("kubectl-client-side-apply", lastApplied(`{"spec":{"text":"x","count":1}}`), `{spec: {text: x, count: 1}}`),
		applies("other", `{spec: {text: yy}}`),
		applies("kubectl", `{spec: {text: yy, count: 1, set: [a]}}`),
		patches("u", `{spec: {count: 5}}`),
		applies("kubectl", `{spec: {text: z, count: 6}}`),
		forces("kubectl", `{metadata: {annotations: {a: b}}, spec: {text: z, count: 6}}`),
		applies("other", `{spec: {text: q}}`),
	}},
	{"kubectl does not take over what the annotation has in another way", "201 409 200 409 200 409 200 409", []write{
		patchedBy("kubectl-client-side-apply", lastApplied(`{"spec":{"text":"x","count":1}}`), `{spec: {text: x, count: 2}}`),
		applies("kubectl", `{spec: {text: yy, count: 1}}`),
		patchedBy("u", `not JSON`, `{}`),
		applies("kubectl", `{spec: {text: yy}}`),
		patchedBy("u", lastApplied(`{"spec":{"text":1}}`), `{}`),
		applies("kubectl", `{spec: {text: yy}}`),
		patchedBy("u", strings.Replace(lastApplied(`{"spec":{"text":"x"}}`), "/v1", "/v1beta1", 1), `{}`),
		applies("kubectl", `{spec: {text: yy}}`),
	}},
	{"an annotation that becomes too long is dropped", "201 200", []write{
		patchedBy("u", lastApplied(`{"spec":{"text":"x"}}`), `{spec: {text: x}}`),
		applies("kubectl", fmt.Sprintf(`{spec: {text: x, set: [%s]}}`, strings.Repeat("z", 262144))),
	}},
}

const lastAppliedName = "kubectl.kubernetes.io/last-applied-configuration"

func lastApplied(body string) string {
	return `{"apiVersion":"` + group + `/v1","kind":"Widget",` + body[1:]
}

// patchedBy creates or changes an object that carries the annotation of client-side apply.
func patchedBy(manager, annotation, body string) write {
	w := patches(manager, body)
	w.Body["metadata"] = map[string]any{"annotations": map[string]any{lastAppliedName: annotation}}
	return w
}

// crowd writes as many updaters as it says, in both versions, and an applier.
func crowd(size int) []write {
	writes := []write{applies("a", `{spec: {text: x}}`)}
	for i := range size {
		w := patches(fmt.Sprintf("u%02d", i), fmt.Sprintf(`{spec: {pairs: {k%02d: x}, count: %d}}`, i, i))
		if i%3 == 2 {
			w = w.in(other)
		}
		writes = append(writes, w)
	}
	return append(writes, patches("u00", `{spec: {pairs: {k03: yy}}}`), applies("a", `{spec: {text: yy, pairs: {k01: z}}}`))
}

func TestScripts(t *testing.T) {
	withWidgets(t)
	for _, one := range scripts {
		t.Run(one.title, func(t *testing.T) {
			m := newMatch(t, widgets, fmt.Sprintf("script-%d", time.Now().UnixNano()), one.title)
			if one.writes[0].Verb == patch { // there must be an object
				one.writes[0].Verb = create
			}
			codes := []string{}
			for _, w := range one.writes {
				codes = append(codes, fmt.Sprint(m.steps(w).code))
			}
			if is := strings.Join(codes, " "); is != one.codes {
				t.Errorf("the codes are %s, not %s", is, one.codes)
			}
		})
	}
}

// TestOwnersAreKeyedByUID has owners that are there: others would be taken away, with the object.
func TestOwnersAreKeyedByUID(t *testing.T) {
	withWidgets(t)
	m := newMatch(t, widgets, unique("owned"), "owners")
	owner := func() string {
		name := unique("owner")
		made := wire.must(t, "POST", maps, asJSON, "", strings.Replace(mapBody(""), "NAME", name, 1)).object()
		return fmt.Sprintf(`{apiVersion: v1, kind: ConfigMap, name: %s, uid: %s`, name, made.GetUID())
	}
	first, second := owner(), owner()
	owned := func(owners ...string) string {
		return `{metadata: {ownerReferences: [` + strings.Join(owners, ", ") + `]}}`
	}
	codes := []int{}
	for _, w := range []write{applies("a", owned(first+"}")), applies("b", owned(second+"}", first+"}")),
		applies("a", owned(first+", controller: true}")), forces("a", owned(first+", controller: true}")),
		applies("a", owned(first+"}", first+"}")), patches("u", owned(second+", blockOwnerDeletion: true}")), applies("b", `{}`)} {
		codes = append(codes, m.steps(w).code)
	}
	if is := fmt.Sprint(codes); is != "[201 200 409 200 500 200 200]" {
		t.Errorf("the codes are %s", is)
	}
}

// TestNothingNewLeavesAllAsItWas says again what has been said, a second later.
func TestNothingNewLeavesAllAsItWas(t *testing.T) {
	withWidgets(t)
	m := newMatch(t, widgets, fmt.Sprintf("same-%d", time.Now().UnixNano()), "nothing new")
	first := m.steps(
		applies("a", `{spec: {text: x, items: [{name: nn}]}}`),
		applies("b", `{spec: {text: x, set: [a]}}`),
		patches("u", `{spec: {count: 1}}`),
		applies("s", `{status: {phase: x}}`).to("status"))
	time.Sleep(1100 * time.Millisecond)
	again := m.steps(
		applies("a", `{spec: {text: x, items: [{name: nn}]}}`),
		patches("u", `{spec: {count: 1}}`),
		patches("v", `{spec: {count: 1}}`),
		applies("s", `{status: {phase: x}}`).to("status"),
		write{Verb: update, Version: storage, Manager: "w", Body: m.oracle.read(storage).Object},
		applies("b", `{spec: {text: x, set: [a]}}`))
	if a, b := first.object().GetResourceVersion(), again.object().GetResourceVersion(); a != b {
		t.Errorf("it was %s and is %s", a, b)
	}
	if a, b := oneLine(first.object().Object["metadata"]), oneLine(again.object().Object["metadata"]); a != b {
		t.Errorf("it was %s and is %s", a, b)
	}
	// A manager that gives up a field that another has too changes managedFields and nothing else.
	given := m.steps(applies("b", `{spec: {set: [a]}}`))
	if given.object().GetResourceVersion() == first.object().GetResourceVersion() {
		t.Error("managedFields have changed, and the object not")
	}
}

func TestDryRunsStoreNothing(t *testing.T) {
	withWidgets(t)
	name := fmt.Sprintf("dry-%d", time.Now().UnixNano())
	m := newMatch(t, widgets, name, "dry run")
	dry := applies("a", `{spec: {text: x}}`)
	dry.DryRun = true
	if got, _ := m.step(dry); got.code != 201 {
		t.Errorf("%v", got)
	}
	if got := wire.must(t, "GET", widgets.path(storage, name, ""), "", "", ""); got.code != 404 {
		t.Errorf("%v", got)
	}
	first := m.steps(applies("a", `{spec: {text: x}}`))
	again := applies("a", `{spec: {text: yy}}`)
	again.DryRun = true
	m.steps(again)
	got := wire.must(t, "GET", widgets.path(storage, name, ""), "", "", "")
	if got.object().GetResourceVersion() != first.object().GetResourceVersion() {
		t.Errorf("it was %v and is %v", first.content, got.content)
	}
}
