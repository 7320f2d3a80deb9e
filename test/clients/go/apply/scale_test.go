package apply

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	extensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

var gauges = kind{name: "Gauge", versions: []string{storage}, scale: true, schemas: map[string]*extensionsv1.JSONSchemaProps{
	storage: parseSchema(`
type: object
properties:
  spec: {type: object, properties: {replicas: {type: integer}, text: {type: string}}}
  status: {type: object, properties: {replicas: {type: integer}}}
`)}}

// owns checks the managedFields: for each identity the fields, and whether there is a time.
func owns(t *testing.T, object *unstructured.Unstructured, wanted string) {
	t.Helper()
	is := map[string]any{}
	for name, entry := range managersOf(object) {
		is[strings.TrimSpace(name)] = entry["fieldsV1"]
	}
	for _, entry := range object.GetManagedFields() {
		if entry.Time == nil {
			is[strings.TrimSpace(identity(entry))+" without time"] = is[strings.TrimSpace(identity(entry))]
			delete(is, strings.TrimSpace(identity(entry)))
		}
	}
	if content := from(wanted); !reflect.DeepEqual(is, content) {
		t.Errorf("managedFields are\n  %s\nnot\n  %s", oneLine(is), oneLine(content))
	}
}

// scaled is an object with /scale: what is written to that is owned as the replicas of the object.
type scaled struct {
	t          *testing.T
	path, name string
	apiVersion string
	kind       string
}

func (s scaled) send(method, subresource, manager, form, body string, code int) answer {
	s.t.Helper()
	path := s.path + "/" + s.name
	if method == "POST" {
		path = s.path
	}
	got := wire.must(s.t, method, path+subresource+manager, form, "", strings.ReplaceAll(body, "NAME", s.name))
	if got.code != code {
		s.t.Errorf("%s %s: %v", method, body, got)
	}
	return got
}

func (s scaled) live() *unstructured.Unstructured {
	s.t.Helper()
	return s.send("GET", "", "", "", "", 200).object()
}

func (s scaled) body(spec string) string {
	return fmt.Sprintf(`{"apiVersion":%q,"kind":%q,"metadata":{"name":"NAME"},"spec":%s}`, s.apiVersion, s.kind, spec)
}

const scaleBody = `{"apiVersion":"autoscaling/v1","kind":"Scale","metadata":{"name":"NAME"},"spec":{"replicas":%d}}`

// play has a manager of the object and others of its scale take the replicas from each other.
func (s scaled) play(spec func(replicas string) string, rest string) {
	replicas := `{"f:spec":{"f:replicas":{}` + rest + `}}`
	only, others := `{"f:spec":{"f:replicas":{}}}`, `{"f:spec":{`+strings.TrimPrefix(rest, ",")+`}}`
	version := s.apiVersion
	s.send("PATCH", "", "?fieldManager=a", asApply, s.body(spec(`"replicas":1`)), 201)
	owns(s.t, s.live(), fmt.Sprintf(`{"Apply a": %s}`, replicas))

	s.send("PATCH", "/scale", "?fieldManager=h", asMerge, `{"spec":{"replicas":2}}`, 200)
	owns(s.t, s.live(), fmt.Sprintf(`{"Apply a": %s, "Update h %s scale without time": %s}`, others, version, only))

	conflict := s.send("PATCH", "", "?fieldManager=a", asApply, s.body(spec(`"replicas":1`)), 409)
	if wanted := fmt.Sprintf(`Apply failed with 1 conflict: conflict with "h" with subresource "scale" using %s: .spec.replicas`, version); conflict.status().Message != wanted {
		s.t.Errorf("%s", oneLine(conflict.content))
	}
	conflict = s.send("PATCH", "/scale", "?fieldManager=b", asApply, fmt.Sprintf(scaleBody, 3), 409)
	shown := "autoscaling/v1"
	if inWorkspace {
		shown = version // kcp names the version that managedFields have
	}
	if wanted := fmt.Sprintf(`Apply failed with 1 conflict: conflict with "h" with subresource "scale" using %s: .spec.replicas`, shown); conflict.status().Message != wanted {
		s.t.Errorf("%s", oneLine(conflict.content))
	}
	if s.kind != gauges.name { // kube-apiserver fails to convert the Scale of a custom kind that is applied
		s.send("PATCH", "/scale", "?fieldManager=b&force=true", asApply, fmt.Sprintf(scaleBody, 3), 200)
		owns(s.t, s.live(), fmt.Sprintf(`{"Apply a": %s, "Apply b  scale without time": %s}`, others, only))
	}
	s.send("PUT", "/scale", "?fieldManager=h", asJSON, fmt.Sprintf(scaleBody, 4), 200)
	owns(s.t, s.live(), fmt.Sprintf(`{"Apply a": %s, "Update h %s scale without time": %s}`, others, version, only))

	s.send("PATCH", "", "?fieldManager=a", asApply, s.body(spec(`"replicas":4`)), 200)
	owns(s.t, s.live(), fmt.Sprintf(`{"Apply a": %s, "Update h %s scale without time": %s}`, replicas, version, only))

	s.send("PATCH", "", "?fieldManager=a&force=true", asApply, s.body(spec(`"replicas":5`)), 200)
	owns(s.t, s.live(), fmt.Sprintf(`{"Apply a": %s}`, replicas))
}

func TestScaleOfACustomKind(t *testing.T) {
	gauges.define(t)
	one := scaled{t: t, path: gauges.path(storage, "", ""), name: fmt.Sprintf("g%d", time.Now().UnixNano()),
		apiVersion: gauges.apiVersion(storage), kind: gauges.name}
	one.play(func(replicas string) string { return `{"text":"x",` + replicas + `}` }, `,"f:text":{}`)
}

func TestScaleOfADeployment(t *testing.T) {
	one := scaled{t: t, path: deployments.path, name: fmt.Sprintf("s%d", time.Now().UnixNano()), apiVersion: "apps/v1", kind: "Deployment"}
	one.play(func(replicas string) string {
		return `{` + replicas + `,"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"c","image":"i"}]}}}`
	}, `,"f:selector":{},"f:template":{"f:metadata":{"f:labels":{"f:a":{}}},"f:spec":{"f:containers":{"k:{\"name\":\"c\"}":{".":{},"f:image":{},"f:name":{}}}}}`)
}
