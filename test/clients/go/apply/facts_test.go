package apply

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

const maps = "/api/v1/namespaces/" + namespace + "/configmaps"

// fact is one request and what the server says to it. NAME, UID and VERSION stand for those of the object.
type fact struct {
	title             string
	method, path      string // without a path: the ConfigMap NAME
	query, form       string // without a form: apply
	body              string
	code              int
	reason, message   string // of a Status; the message is a regular expression
	warning, contains string // in a header Warning, in the body
}

func mapBody(more string) string {
	return `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"NAME"` + more + `}}`
}

func (f fact) check(t *testing.T, name string) {
	live := wire.must(t, "GET", maps+"/"+name, "", "", "").object()
	fill := strings.NewReplacer("NAME", name, "UID", string(live.GetUID()), "VERSION", live.GetResourceVersion()).Replace
	method, path, form := f.method, f.path, f.form
	if method == "" {
		method = "PATCH"
	}
	if path == "" {
		path = maps + "/NAME"
	}
	if form == "" {
		form = asApply
	}
	got := wire.must(t, method, fill(path)+f.query, form, "", fill(f.body))
	if got.code != f.code {
		t.Errorf("%v %s", got, oneLine(got.content))
	}
	if status := got.status(); got.failed() && (string(status.Reason) != f.reason || !matches(fill(f.message), status.Message)) {
		t.Errorf("%q %q, not %q %q", status.Reason, status.Message, f.reason, fill(f.message))
	}
	if warnings := strings.Join(got.warnings, "; "); !strings.Contains(warnings, f.warning) || f.warning == "" && warnings != "" {
		t.Errorf("warnings: %s", warnings)
	}
	if !strings.Contains(oneLine(got.content), fill(f.contains)) {
		t.Errorf("%s", oneLine(got.content))
	}
}

func matches(pattern, text string) bool {
	return regexp.MustCompile("^(?s:" + pattern + ")$").MatchString(text)
}

const asA = "?fieldManager=a"

// duplicateKey is the warning: kcp names the field, kube-apiserver the line.
func duplicateKey() string {
	if os.Getenv("APPLY_KUBECONFIG") == "" {
		return `299 - "duplicate field \"data.a\""`
	}
	return `299 - "line 1: key \"a\" already set in map"`
}

var facts = []fact{
	{title: "apply wants a manager", body: mapBody(""), code: 422, reason: "Invalid",
		message: `PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch`},
	{title: "a manager that is too long", query: "?fieldManager=" + strings.Repeat("x", 129), body: mapBody(""), code: 422, reason: "Invalid",
		message: `PatchOptions.meta.k8s.io "" is invalid: fieldManager: Too long: may not be more than 128 bytes`},
	{title: "a manager that cannot be printed", query: "?fieldManager=a%07b", body: mapBody(""), code: 422, reason: "Invalid",
		message: `PatchOptions.meta.k8s.io "" is invalid: fieldManager: Invalid value: "a\\ab": invalid character U\+0007 \(at position 1\)`},
	{title: "force is for apply only", query: "?force=true", form: asMerge, body: `{}`, code: 422, reason: "Invalid",
		message: `PatchOptions.meta.k8s.io "" is invalid: force: Forbidden: may not be specified for non-apply patch`},
	{title: "managedFields in a configuration", query: asA, body: mapBody(`,"managedFields":[{}]`), code: 400, reason: "BadRequest",
		message: `metadata.managedFields must be nil`},
	{title: "no managedFields in a configuration", query: asA, body: mapBody(`,"managedFields":[]`), code: 400, reason: "BadRequest",
		message: `metadata.managedFields must be nil`},
	{title: "managedFields that are null", query: asA, body: mapBody(`,"managedFields":null`), code: 200},
	{title: "another kind", query: asA, body: strings.Replace(mapBody(""), "ConfigMap", "Secret", 1), code: 400, reason: "BadRequest",
		message: `invalid object type: /v1, Kind=Secret`},
	{title: "another version", query: asA, body: strings.Replace(mapBody(""), "v1", "v2", 1), code: 400, reason: "BadRequest",
		message: `invalid object type: /v2, Kind=ConfigMap`},
	{title: "another version of a custom kind", path: widgets.path(storage, "NAME", ""), query: asA,
		body: `{"apiVersion":"apply.example.org/v1beta1","kind":"Widget","metadata":{"name":"NAME"}}`, code: 400, reason: "BadRequest",
		message: `invalid object type: apply.example.org/v1beta1, Kind=Widget`},
	{title: "no kind", query: asA, body: `{"metadata":{"name":"NAME"}}`, code: 400, reason: "BadRequest", message: `invalid object type: /, Kind=`},
	{title: "another name", query: asA, body: strings.Replace(mapBody(""), "NAME", "other", 1), code: 400, reason: "BadRequest",
		message: `the name of the object \(other\) does not match the name on the URL \(NAME\)`},
	{title: "no name, for an object that is there", query: asA, body: `{"apiVersion":"v1","kind":"ConfigMap"}`, code: 200},
	{title: "no name, for a new object", path: maps + "/NAME-new", query: asA, body: `{"apiVersion":"v1","kind":"ConfigMap"}`, code: 400,
		reason: "BadRequest", message: `the name of the object \(NAME-new based on URL\) was undeterminable: name must be provided`},
	{title: "another namespace", query: asA, body: mapBody(`,"namespace":"other"`), code: 400, reason: "BadRequest",
		message: `the namespace of the provided object does not match the namespace sent on the request`},
	{title: "a list", query: asA, body: `[]`, code: 400, reason: "BadRequest", message: `error decoding patch: .*`},
	{title: "not even YAML", query: asA, body: `{a: [`, code: 400, reason: "BadRequest", message: `error decoding patch: .*`},
	{title: "a text", query: asA, body: `x`, code: 400, reason: "BadRequest", message: `error decoding patch: .*`},
	{title: "an empty body", query: asA, body: ``, code: 400, reason: "BadRequest", message: `.*`},
	{title: "YAML", query: asA, body: "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: NAME\ndata:\n  # a comment\n  text: |\n    a\n    b\n",
		code: 200, contains: `"text":"a\nb\n"`},
	{title: "a resourceVersion that is not the current one", query: asA, body: mapBody(`,"resourceVersion":"1"`), code: 409, reason: "Conflict",
		message: `Operation cannot be fulfilled on configmaps "NAME": the object has been modified; please apply your changes to the latest version and try again`},
	{title: "the current resourceVersion", query: asA, body: mapBody(`,"resourceVersion":"VERSION"`), code: 200},
	{title: "a resourceVersion for a new object counts for nothing", path: maps + "/NAME-rv", query: asA,
		body: strings.Replace(mapBody(`,"resourceVersion":"1"`), "NAME", "NAME-rv", 1), code: 201},
	{title: "another uid", query: asA, body: mapBody(`,"uid":"x"`), code: 422, reason: "Invalid",
		message: `ConfigMap "NAME" is invalid: metadata.uid: Invalid value: "x": field is immutable`},
	{title: "the uid", query: asA, body: mapBody(`,"uid":"UID"`), code: 200},
	{title: "a uid for a new object", path: maps + "/NAME-uid", query: asA,
		body: strings.Replace(mapBody(`,"uid":"x"`), "NAME", "NAME-uid", 1), code: 409, reason: "Conflict",
		message: `Operation cannot be fulfilled on configmaps "NAME-uid": uid mismatch: the provided object specified uid x, and no existing object was found`},
	{title: "a key that is there twice", query: asA, body: `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"NAME"},"data":{"a":"1","a":"2"}}`,
		code: 200, warning: duplicateKey()},
	{title: "a key that is there twice, strictly", query: asA + "&fieldValidation=Strict",
		body: `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"NAME"},"data":{"a":"1","a":"2"}}`, code: 400, reason: "BadRequest",
		message: `error strict decoding patch: .*`},
	{title: "a key that is there twice, ignored", query: asA + "&fieldValidation=Ignore",
		body: `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"NAME"},"data":{"a":"1","a":"2"}}`, code: 200},
	{title: "an unknown field", query: asA, body: `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"NAME"},"dat":{"a":"1"}}`, code: 500,
		message: `failed to create typed patch object \(/NAME; /v1, Kind=ConfigMap\): \.dat: field not declared in schema`},
	{title: "an unknown field, ignored", query: asA + "&fieldValidation=Ignore",
		body: `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"NAME","namespace":"default"},"dat":{"a":"1"}}`, code: 500,
		message: `failed to create typed patch object \(default/NAME; /v1, Kind=ConfigMap\): \.dat: field not declared in schema`},
	{title: "a wrong type", query: asA, body: `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"NAME"},"data":{"a":1}}`, code: 500,
		message: `failed to create typed patch object \(/NAME; /v1, Kind=ConfigMap\): \.data\.a: expected string, got .*`},
	{title: "the status of an object that is not there", path: widgets.path(storage, "NAME", "status"), query: asA,
		body: `{"apiVersion":"apply.example.org/v1","kind":"Widget","metadata":{"name":"NAME"},"status":{"phase":"x"}}`, code: 404, reason: "NotFound",
		message: `widgets.apply.example.org "NAME" not found`},
	{title: "a subresource that the kind has not", path: widgets.path(storage, "NAME", "scale"), query: asA,
		body: `{"apiVersion":"autoscaling/v1","kind":"Scale","metadata":{"name":"NAME"}}`, code: 404, reason: "NotFound",
		message: `.*`},
	{title: "a namespace that is not there", path: "/api/v1/namespaces/missing/configmaps/NAME", query: asA, body: mapBody(""), code: 404,
		reason: "NotFound", message: `namespaces "missing" not found`},
	{title: "a dry run with another word", query: asA + "&dryRun=Some", body: mapBody(""), code: 422, reason: "Invalid",
		message: `PatchOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: \["Some"\]: supported values: "All"`},
	{title: "validation of the result", query: asA, body: mapBody(`,"labels":{"a b":"x"}`), code: 422, reason: "Invalid",
		message: `ConfigMap "NAME" is invalid: metadata.labels: Invalid value: "a b": .*`},
	{title: "another form of patch", query: asA, form: "application/apply-patch", body: mapBody(""), code: 415,
		reason: "UnsupportedMediaType", message: `.*`},
	{title: "another form of patch of a custom kind", path: widgets.path(storage, "NAME", ""), query: asA, form: "application/strategic-merge-patch+json",
		body: `{}`, code: 415, reason: "UnsupportedMediaType",
		message: `the body of the request was in an unknown format - accepted media types include: application/json-patch\+json, application/merge-patch\+json, application/apply-patch\+yaml.*`},
	{title: "a parameter of the form", query: asA, form: asApply + "; charset=utf-8", body: mapBody(""), code: 200},
}

func TestFacts(t *testing.T) {
	withWidgets(t)
	name := fmt.Sprintf("fact-%d", time.Now().UnixNano())
	wire.must(t, "POST", maps, asJSON, "", strings.Replace(mapBody(""), "NAME", name, 1))
	for _, one := range facts {
		t.Run(one.title, func(t *testing.T) { one.check(t, name) })
	}
}

// TestManagersByUserAgent has the names of writers that do not say one.
func TestManagersByUserAgent(t *testing.T) {
	for agent, manager := range map[string]string{
		"kubectl/v1.37.2 (linux/amd64) kubernetes/abc": "kubectl",
		"plain":                         "plain",
		"two words/1.0":                 "two words",
		"/1.0":                          "unknown",
		strings.Repeat("x", 200) + "/1": strings.Repeat("x", 128),
		"":                              "Go-http-client",
	} {
		t.Run(manager, func(t *testing.T) {
			name := fmt.Sprintf("agent-%d", time.Now().UnixNano())
			body := strings.Replace(mapBody(`,"labels":{"a":"b"}`), "NAME", name, 1)
			made := wire.must(t, "POST", maps, asJSON, agent, body).object()
			if fields := made.GetManagedFields(); len(fields) != 1 || fields[0].Manager != manager || fields[0].Operation != "Update" {
				t.Errorf("%s", oneLine(fields))
			}
		})
	}
}
