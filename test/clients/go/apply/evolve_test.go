package apply

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	extensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

const shifterSpec = `
type: object
properties:
  spec:
    type: object
    properties:
      text: {type: string}
      nested: {type: object, x-kubernetes-map-type: MAP, properties: {a: {type: string}, b: {type: string}}}
      list:
        type: array
        LIST
        items: {type: object, required: [name], properties: {name: {type: string}, value: {type: string}}}
`

// shifters is a kind whose schema changes while there are objects of it: maps and lists are merged, or they are one value.
func shifters(merged bool, versions ...string) kind {
	mapType, listType := "atomic", "x-kubernetes-list-type: atomic"
	if merged {
		mapType, listType = "granular", "x-kubernetes-list-type: map\n        x-kubernetes-list-map-keys: [name]"
	}
	made := kind{name: "Shifter", versions: versions, schemas: map[string]*extensionsv1.JSONSchemaProps{}}
	for _, version := range versions {
		made.schemas[version] = parseSchema(shifterSpec, "MAP", mapType, "LIST", listType)
	}
	return made
}

// become changes the kind and waits until the subject uses it: a probe owns fields of a map, or the map.
func (m *match) become(k kind, probed string) {
	m.t.Helper()
	k.define(m.t)
	body := fmt.Sprintf(`{"apiVersion":%q,"kind":%q,"metadata":{"name":"probe"},"spec":{"nested":{"a":"x"}}}`, k.apiVersion(storage), k.name)
	must(m.t, wait("the new schema is used", func() error {
		got, err := wire.call("PATCH", k.path(storage, "probe", "")+"?fieldManager=probe&dryRun=All", asApply, "", []byte(body))
		if err != nil {
			return err
		}
		if got.code == http.StatusUnsupportedMediaType {
			m.t.Fatalf("%v", got)
		}
		for _, entry := range managersOf(got.object()) {
			if text := oneLine(entry["fieldsV1"]); text == probed {
				return nil
			}
		}
		return fmt.Errorf("%s", oneLine(got.content))
	}))
	o, err := newOracle(k)
	must(m.t, err)
	o.live = m.oracle.live
	m.oracle = o
}

const (
	probedFields = `{"f:spec":{"f:nested":{"f:a":{}}}}`
	probedWhole  = `{"f:spec":{"f:nested":{}}}`
)

func TestSchemasThatChange(t *testing.T) {
	merged, whole := shifters(true, storage), shifters(false, storage)
	merged.define(t)
	m := newMatch(t, merged, fmt.Sprintf("shift-%d", time.Now().UnixNano()), "a schema that changes")
	m.become(merged, probedFields)
	m.steps(applies("a", `{spec: {nested: {a: x, b: x}, list: [{name: p, value: x}, {name: q}]}}`),
		applies("b", `{spec: {nested: {a: x}, list: [{name: r}]}}`),
		patches("u", `{spec: {text: x, nested: {b: z}}}`))
	m.become(whole, probedWhole)
	m.steps(patches("v", `{spec: {text: z}}`),
		applies("a", `{spec: {nested: {a: z}, list: [{name: p}]}}`),
		forces("a", `{spec: {nested: {a: z}, list: [{name: p}]}}`),
		applies("b", `{spec: {text: z}}`))
	m.become(merged, probedFields)
	m.steps(patches("v", `{spec: {nested: {b: q}}}`),
		applies("b", `{spec: {nested: {a: z, b: z}, list: [{name: p}, {name: s}]}}`),
		forces("b", `{spec: {nested: {a: z, b: z}, list: [{name: p}, {name: s}]}}`),
		applies("a", `{spec: {nested: {a: z}}}`),
		applies("a", `{}`))
}

// TestVersionsThatGo has managers whose version is no longer there. The field manager means to drop them. kube-apiserver
// does not come to that, since it fails to convert to that version: it refuses to apply, and other writes leave
// managedFields as they are, until they are reset. Both are right here.
func TestVersionsThatGo(t *testing.T) {
	both := shifters(true, storage, other)
	both.define(t)
	m := newMatch(t, both, fmt.Sprintf("gone-%d", time.Now().UnixNano()), "a version that goes")
	m.become(both, probedFields)
	m.steps(applies("a", `{spec: {nested: {a: x}}}`),
		applies("old", `{spec: {nested: {b: x}, list: [{name: p}]}}`).in(other),
		patches("older", `{spec: {text: x}}`).in(other))
	without := shifters(true, storage)
	without.define(t)
	must(t, wait("the version is gone", func() error {
		got, err := wire.call("GET", both.path(other, "", ""), "", "", nil)
		if err == nil && got.code != 404 {
			err = fmt.Errorf("%v", got)
		}
		return err
	}))
	m.become(without, probedFields)
	again := applies("a", `{spec: {nested: {a: z}}}`)
	m.address(again)
	got, err := m.send(again)
	must(t, err)
	if !got.failed() {
		owns(t, got.object(), `{"Apply a": {"f:spec": {"f:nested": {"f:a": {}}}}}`)
		return
	}
	codes := []int{}
	for _, w := range []write{again, patches("u", `{spec: {text: z}}`), applies("old", `{spec: {nested: {b: q}}}`),
		patches("u", `{metadata: {managedFields: [{}]}}`), again} {
		codes = append(codes, m.steps(w).code)
	}
	if is := fmt.Sprint(codes); is != "[500 200 500 200 409]" {
		t.Errorf("the codes are %s", is)
	}
}
