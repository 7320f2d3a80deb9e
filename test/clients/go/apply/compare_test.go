package apply

import (
	"fmt"
	"net/http"
	"reflect"
	"regexp"
	"sort"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utiljson "k8s.io/apimachinery/pkg/util/json"
)

// match is one object that the oracle and the subject write in turn.
type match struct {
	t      *testing.T
	title  string
	name   string
	oracle *oracle
	tidy   bool // what is stored is as it is read: if not, the next write stores it again, though it changes nothing
	done   []write
}

func newMatch(t *testing.T, k kind, name, title string) *match {
	t.Helper()
	o, err := newOracle(k)
	must(t, err)
	return &match{t: t, title: title, name: name, oracle: o, tidy: true}
}

// step gives a write to both and reports in what they differ. What the subject has stored is what both go on with.
func (m *match) step(w write) (answer, bool) {
	m.t.Helper()
	awaitRoom()
	m.done = append(m.done, w)
	m.address(w)
	before := time.Now().Truncate(time.Second)
	got, err := m.send(w)
	must(m.t, err)
	wanted := m.run(w, got)
	after := time.Now()
	differences := m.compare(w, got, wanted, before, after)
	if len(differences) > 0 && before.Unix() != after.Unix() && !got.failed() && wanted.err == nil {
		m.t.Logf("%s: not compared, a second began in between", m.title)
		differences = nil
	}
	if len(differences) > 0 {
		m.report(differences, got, wanted)
		return got, false
	}
	if !got.failed() && !w.DryRun {
		m.adopt(got)
		m.tidy = wanted.tidy
	}
	return got, true
}

// run asks the oracle. Which faults of a configuration it names depends on the order of Go maps, because a field that is
// not known ends the search in its map; so it is asked again until it names what the subject names, or not at all.
func (m *match) run(w write, got answer) outcome {
	wanted := m.oracle.run(w)
	for i := 0; i < 100 && wanted.err != nil && got.code == http.StatusInternalServerError; i++ {
		if lines(statusOf(wanted.err).Message) == lines(got.status().Message) {
			break
		}
		wanted = m.oracle.run(w)
	}
	return wanted
}

// steps gives several writes to both and fails at the first difference.
func (m *match) steps(writes ...write) answer {
	m.t.Helper()
	var last answer
	for _, one := range writes {
		got, same := m.step(one)
		if !same {
			m.t.FailNow()
		}
		last = got
	}
	return last
}

// awaitRoom waits for the next second if this one is nearly over: entries are in the order of their seconds, so that
// both sides must write within the same one.
func awaitRoom() {
	if into := time.Duration(time.Now().Nanosecond()); into > 850*time.Millisecond {
		time.Sleep(time.Second - into + time.Millisecond)
	}
}

// address completes a body with what every object has.
func (m *match) address(w write) {
	if _, there := w.Body["apiVersion"]; !there && w.Verb != patch {
		w.Body["apiVersion"] = m.oracle.kind.apiVersion(w.Version)
	}
	if _, there := w.Body["kind"]; !there && w.Verb != patch {
		w.Body["kind"] = m.oracle.kind.name
	}
	metadata, _ := w.Body["metadata"].(map[string]any)
	if metadata == nil {
		metadata = map[string]any{}
	}
	if w.Verb != patch {
		metadata["name"], metadata["namespace"] = m.name, namespace
	}
	if len(metadata) > 0 {
		w.Body["metadata"] = metadata
	}
}

func (m *match) send(w write) (answer, error) {
	body, err := utiljson.Marshal(w.Body)
	if err != nil {
		return answer{}, err
	}
	method, name, contentType := "PATCH", m.name, asApply
	switch w.Verb {
	case create:
		method, name, contentType = "POST", "", asJSON
	case update:
		method, contentType = "PUT", asJSON
	case patch:
		contentType = asMerge
	}
	agent := w.Agent
	if agent != "" {
		agent += "/1.0 (test)"
	}
	return wire.call(method, m.oracle.kind.path(w.Version, name, w.Subresource)+parameters(w), contentType, agent, body)
}

func parameters(w write) string {
	force, dryRun := "", ""
	if w.Force {
		force = "true"
	}
	if w.DryRun {
		dryRun = "All"
	}
	return query("fieldManager", w.Manager, "force", force, "dryRun", dryRun)
}

func (m *match) adopt(got answer) {
	m.oracle.live = got.object()
	m.oracle.live.SetAPIVersion(m.oracle.kind.apiVersion(m.oracle.kind.versions[0]))
}

func (m *match) compare(w write, got answer, wanted outcome, before, after time.Time) []string {
	if wanted.err != nil || got.failed() {
		return compareErrors(got, wanted.err)
	}
	object := got.object()
	differences := compareCode(got, m.oracle.live == nil)
	differences = append(differences, compareContent(object, wanted.object, w)...)
	differences = append(differences, compareManagers(object, wanted.object)...)
	if len(differences) > 0 {
		return differences
	}
	differences = append(differences, compareTimes(object, wanted.object, before, after)...)
	if m.oracle.live != nil && !w.DryRun {
		same := object.GetResourceVersion() == m.oracle.live.GetResourceVersion()
		if same == wanted.wrote && (wanted.wrote || wanted.tidy && m.tidy) {
			differences = append(differences, fmt.Sprintf("resourceVersion: is it as before? subject %v, oracle %v", same, !wanted.wrote))
		}
	}
	return differences
}

func compareCode(got answer, isNew bool) []string {
	wanted := 200
	if isNew {
		wanted = 201
	}
	if got.code != wanted {
		return []string{fmt.Sprintf("code: subject %d, oracle %d", got.code, wanted)}
	}
	return nil
}

func compareErrors(got answer, wanted error) []string {
	if wanted == nil {
		return []string{fmt.Sprintf("subject refuses: %v", got)}
	}
	status, is := statusOf(wanted), got.status()
	if !got.failed() {
		return []string{fmt.Sprintf("oracle refuses: %d %s", status.Code, oneLine(status))}
	}
	if got.code != int(status.Code) || is.Reason != status.Reason {
		return []string{fmt.Sprintf("error: subject %v, oracle %s", got, oneLine(status))}
	}
	// What validation says is not compared here: the oracle only knows that it says something.
	if status.Reason == metav1.StatusReasonInvalid || status.Reason == metav1.StatusReasonNotFound {
		return nil
	}
	if lines(is.Message) != lines(status.Message) {
		return []string{fmt.Sprintf("message:\n  subject %s\n  oracle  %s", is.Message, status.Message)}
	}
	if a, b := causesOf(is), causesOf(status); !reflect.DeepEqual(a, b) {
		return []string{fmt.Sprintf("causes:\n  subject %s\n  oracle  %s", oneLine(a), oneLine(b))}
	}
	return nil
}

// gotValue is the end of a message that shows a value as Go prints what the field manager holds it in.
var gotValue = regexp.MustCompile(`(?m), got .*$`)

// lines are those of a message in an order that does not depend on that of a Go map.
func lines(message string) string {
	all := strings.Split(gotValue.ReplaceAllString(message, ", got a value"), "\n")
	if len(all) > 1 && strings.HasSuffix(all[0], "errors:") {
		sort.Strings(all[1:])
	}
	return strings.Join(all, "\n")
}

func causesOf(status metav1.Status) []string {
	result := []string{}
	if status.Details != nil {
		for _, cause := range status.Details.Causes {
			result = append(result, fmt.Sprintf("%s %s %s", cause.Type, cause.Message, cause.Field))
		}
	}
	sort.Strings(result)
	return result
}

// compareContent leaves out what only the server knows.
func compareContent(got, wanted *unstructured.Unstructured, w write) []string {
	a, b := contentOf(got), contentOf(wanted)
	b["apiVersion"] = got.GetAPIVersion()
	if got.GetAPIVersion() != group+"/"+w.Version {
		return []string{"apiVersion: " + got.GetAPIVersion()}
	}
	if reflect.DeepEqual(a, b) {
		return nil
	}
	return []string{fmt.Sprintf("object:\n  subject %s\n  oracle  %s", oneLine(a), oneLine(b))}
}

func contentOf(object *unstructured.Unstructured) map[string]any {
	copied := object.DeepCopy()
	withoutCluster(copied)
	result := copied.Object
	metadata, _ := result["metadata"].(map[string]any)
	for _, name := range []string{"uid", "resourceVersion", "creationTimestamp", "managedFields"} {
		delete(metadata, name)
	}
	return result
}

// identity is what tells entries of managedFields apart.
func identity(entry metav1.ManagedFieldsEntry) string {
	version := entry.APIVersion
	if entry.Operation == metav1.ManagedFieldsOperationApply {
		version = ""
	}
	return fmt.Sprintf("%s %s %s %s", entry.Operation, entry.Manager, version, entry.Subresource)
}

func compareManagers(got, wanted *unstructured.Unstructured) []string {
	a, b := managersOf(got), managersOf(wanted)
	differences := []string{}
	for name := range merged(a, b) {
		if !reflect.DeepEqual(a[name], b[name]) {
			differences = append(differences, fmt.Sprintf("managedFields of %s:\n  subject %s\n  oracle  %s", name, oneLine(a[name]), oneLine(b[name])))
		}
	}
	sort.Strings(differences)
	return append(differences, compareOrder(got)...)
}

func merged(a, b map[string]map[string]any) map[string]bool {
	result := map[string]bool{}
	for name := range a {
		result[name] = true
	}
	for name := range b {
		result[name] = true
	}
	return result
}

// managersOf has the entries by their identity, without times, with their fields as JSON values.
func managersOf(object *unstructured.Unstructured) map[string]map[string]any {
	result := map[string]map[string]any{}
	for _, entry := range object.GetManagedFields() {
		one := map[string]any{"apiVersion": entry.APIVersion, "fieldsType": entry.FieldsType}
		if entry.FieldsV1 != nil {
			fields := map[string]any{}
			_ = utiljson.Unmarshal(entry.FieldsV1.GetRawBytes(), &fields)
			one["fieldsV1"] = fields
		}
		result[identity(entry)] = one
	}
	return result
}

// compareOrder checks the order of entries by the times that they have in the subject.
func compareOrder(got *unstructured.Unstructured) []string {
	key := func(entry metav1.ManagedFieldsEntry) string {
		seconds := int64(0)
		if entry.Time != nil {
			seconds = entry.Time.Unix()
		}
		return fmt.Sprintf("%s\x00%020d\x00%s\x00%s\x00%s", entry.Operation, seconds, entry.Manager, entry.APIVersion, entry.Subresource)
	}
	entries := got.GetManagedFields()
	for i := 1; i < len(entries); i++ {
		if key(entries[i-1]) >= key(entries[i]) {
			return []string{fmt.Sprintf("order: %q is before %q", key(entries[i-1]), key(entries[i]))}
		}
	}
	return nil
}

// compareTimes checks which entries have the time of this write, which have kept theirs and which have none.
func compareTimes(got, wanted *unstructured.Unstructured, before, after time.Time) []string {
	times := map[string]*metav1.Time{}
	for _, entry := range got.GetManagedFields() {
		times[identity(entry)] = entry.Time
	}
	differences := []string{}
	for _, entry := range wanted.GetManagedFields() {
		is := times[identity(entry)]
		switch {
		case is == nil || entry.Time == nil:
			if is != nil || entry.Time != nil {
				differences = append(differences, fmt.Sprintf("time of %s: subject %v, oracle %v", identity(entry), is, entry.Time))
			}
		case entry.Time.Time.Before(before):
			if is.Unix() != entry.Time.Unix() {
				differences = append(differences, fmt.Sprintf("time of %s: subject %v, was %v", identity(entry), is, entry.Time))
			}
		case is.Time.Before(before) || is.After(after):
			differences = append(differences, fmt.Sprintf("time of %s: subject %v, written at %v", identity(entry), is, after))
		}
	}
	return differences
}

// report says everything that is needed to see the difference without running it again.
func (m *match) report(differences []string, got answer, wanted outcome) {
	m.t.Helper()
	text := &strings.Builder{}
	fmt.Fprintf(text, "%s, object %s: write %d differs\n", m.title, m.name, len(m.done))
	for i, one := range m.done {
		fmt.Fprintf(text, "%3d %s\n", i+1, oneLine(one))
	}
	if m.oracle.live != nil {
		fmt.Fprintf(text, "before  %s\n", oneLine(m.oracle.live.Object))
	}
	fmt.Fprintf(text, "subject %d %s\n", got.code, oneLine(got.content))
	if wanted.err != nil {
		fmt.Fprintf(text, "oracle  %s\n", oneLine(statusOf(wanted.err)))
	} else {
		fmt.Fprintf(text, "oracle  %s\n", oneLine(wanted.object.Object))
	}
	m.t.Errorf("%s%s", text, strings.Join(differences, "\n"))
}
