package apply

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	structural "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apimachinery/pkg/runtime"
)

const (
	defaultSeeds  = 60
	writesPerSeed = 25
	writesOfCrowd = 45
)

// TestRandomWrites has several managers write to one object at random. APPLY_SEEDS is how many sequences there are,
// APPLY_SEED the number of the only one.
func TestRandomWrites(t *testing.T) {
	withWidgets(t)
	first, count := 1, defaultSeeds
	if text := os.Getenv("APPLY_SEEDS"); text != "" {
		count, _ = strconv.Atoi(text)
	}
	if text := os.Getenv("APPLY_SEED"); text != "" {
		first, _ = strconv.Atoi(text)
		count = 1
	}
	run := fmt.Sprint(time.Now().UnixNano())
	wrong, seen := 0, tally{}
	defer func() { t.Logf("writes and what came of them: %v", seen) }()
	for seed := first; seed < first+count; seed++ {
		if !playSeed(t, seed, fmt.Sprintf("w%d-%s", seed, run), seen) {
			if wrong++; wrong == 3 {
				t.Fatal("three sequences differ; the rest is not played")
			}
		}
	}
}

// playSeed plays one sequence to its end or to the first difference.
func playSeed(t *testing.T, seed int, name string, seen tally) bool {
	t.Helper()
	m := newMatch(t, widgets, name, fmt.Sprintf("APPLY_SEED=%d", seed))
	p := newPlayers(seed, m.oracle)
	for i := range p.writes {
		w := p.next(i)
		got, same := m.step(w)
		if !same {
			return false
		}
		p.learn(w, got)
		seen.add(w, got)
	}
	return true
}

// tally counts what sequences have met: a generator that only makes refused writes, say, tests little.
type tally map[string]int

func (c tally) add(w write, got answer) {
	c[w.Verb+fmt.Sprintf(" %d", got.code)]++
	if got.failed() {
		return
	}
	for _, entry := range got.object().GetManagedFields() {
		switch entry.Manager {
		case "before-first-apply", "ancient-changes":
			c["with "+entry.Manager]++
		}
		if entry.Time == nil {
			c["with an entry without a time"]++
		}
	}
	if len(got.object().GetManagedFields()) == 0 {
		c["without managedFields"]++
	}
}

// players are the managers of one sequence: those who apply remember what they applied.
type players struct {
	*maker
	oracle   *oracle
	applied  map[string]map[string]any // by manager and subresource
	writes   int
	updaters int
	busy     float64 // how much of what they do is not applying
}

func newPlayers(seed int, o *oracle) *players {
	p := &players{maker: &maker{random: rand.New(rand.NewPCG(uint64(seed), 7))}, oracle: o,
		applied: map[string]map[string]any{}, writes: writesPerSeed, updaters: 3, busy: 0.45}
	if seed%5 == 0 { // a crowd: more updaters than are kept
		p.writes, p.updaters, p.busy = writesOfCrowd, 16, 0.85
	}
	return p
}

func (p *players) schema(version, part string) *structural.Structural {
	return childOf(p.oracle.schemas[version], part)
}

func (p *players) next(i int) write {
	w := write{Version: storage, Force: p.chance(0.3)}
	if p.chance(0.2) {
		w.Version = other
	}
	if i > 0 && p.chance(0.18) {
		w.Subresource = "status"
	}
	w.DryRun = p.chance(0.05)
	if p.oracle.live == nil {
		w.DryRun, w.Subresource = false, ""
		if p.chance(0.5) {
			return p.create(w)
		}
		return p.apply(w)
	}
	switch {
	case !p.chance(p.busy):
		return p.apply(w)
	case p.chance(0.6):
		return p.update(w)
	default:
		return p.patch(w)
	}
}

// learn keeps a configuration that has been applied.
func (p *players) learn(w write, got answer) {
	if w.Verb == apply && !got.failed() && !w.DryRun {
		p.applied[w.Manager+"/"+w.Subresource] = w.Body
	}
}

// updater names a writer, now and then by its User-Agent only.
func (p *players) updater(w *write) {
	name := fmt.Sprintf("u%d", p.random.IntN(p.updaters))
	w.Force = false
	if p.chance(0.15) {
		w.Agent = name + "-agent"
	} else {
		w.Manager = name
	}
}

func (p *players) create(w write) write {
	w.Verb = create
	p.updater(&w)
	w.Body = p.fresh(w)
	return w
}

func (p *players) apply(w write) write {
	w.Verb = apply
	w.Manager = fmt.Sprintf("a%d", p.random.IntN(3))
	last := p.applied[w.Manager+"/"+w.Subresource]
	dice := p.random.Float64()
	switch {
	case last != nil && dice < 0.12: // nothing new
		w.Body = copied(last)
	case last != nil && dice < 0.55:
		w.Body = p.changed(w, copied(last))
	case p.oracle.live != nil && dice < 0.75: // what is there already, to own it too
		w.Body = p.partOf(w)
	case dice < 0.8: // nothing at all
		w.Body = map[string]any{}
	default:
		w.Body = p.fresh(w)
	}
	p.spoil(&w)
	delete(w.Body, "apiVersion") // it was said for another version, perhaps
	return w
}

// spoil makes few configurations wrong.
func (p *players) spoil(w *write) {
	if !p.chance(0.05) {
		return
	}
	spec, _ := w.Body["spec"].(map[string]any)
	if spec == nil {
		spec = map[string]any{}
		w.Body["spec"] = spec
	}
	switch p.random.IntN(5) {
	case 0:
		spec["unknown"] = "x"
	case 1:
		spec["count"] = "many"
	case 2:
		spec["set"] = []any{"a", "b", "a"}
	case 3:
		spec["ports"] = []any{map[string]any{"port": int64(80)}, map[string]any{"port": int64(80), "protocol": "TCP"}}
	case 4:
		spec["nested"] = map[string]any{"deeper": map[string]any{"z": "x"}, "b": "text"}
	}
}

func (p *players) update(w write) write {
	w.Verb = update
	p.updater(&w)
	w.Body = p.changed(w, p.oracle.read(w.Version).Object)
	p.meddle(w.Body)
	return w
}

// meddle does to managedFields what clients do that do not know them, or know them and want to be rid of them.
func (p *players) meddle(body map[string]any) {
	metadata := body["metadata"].(map[string]any)
	switch dice := p.random.Float64(); {
	case dice < 0.7:
	case dice < 0.85:
		delete(metadata, "managedFields")
	case dice < 0.89:
		metadata["managedFields"] = []any{map[string]any{}}
	case dice < 0.92:
		metadata["managedFields"] = []any{}
	case dice < 0.96:
		metadata["managedFields"] = []any{map[string]any{"manager": "x", "operation": "Update",
			"apiVersion": group + "/v1", "fieldsType": "FieldsV1", "fieldsV1": map[string]any{"f:spec": map[string]any{"f:text": map[string]any{}}}}}
	default: // not valid: it counts as if it were not said
		metadata["managedFields"] = []any{map[string]any{"manager": "x", "operation": "Update", "apiVersion": group + "/v1"}}
	}
}

// dropNullsInLists removes what RFC 7386 and the library of kube-apiserver have other opinions of: nulls of objects in
// lists of a merge patch.
func dropNullsInLists(value any, inList bool) {
	switch value := value.(type) {
	case map[string]any:
		for name, one := range value {
			if one == nil && inList {
				delete(value, name)
			} else {
				dropNullsInLists(one, inList)
			}
		}
	case []any:
		for _, one := range value {
			dropNullsInLists(one, true)
		}
	}
}

func (p *players) patch(w write) write {
	w.Verb = patch
	p.updater(&w)
	w.Body = map[string]any{}
	if p.chance(0.8) {
		w.Body["spec"] = p.patchOf(p.schema(w.Version, "spec"))
	}
	if w.Subresource != "" || p.chance(0.1) {
		w.Body["status"] = p.patchOf(p.schema(w.Version, "status"))
	}
	dropNullsInLists(w.Body, false)
	metadata := map[string]any{}
	if p.chance(0.2) {
		metadata["labels"] = map[string]any{p.pick("l", "m"): p.orNull(p.pick("1", "2"))}
	}
	if p.chance(0.03) {
		metadata["managedFields"] = []any{map[string]any{}}
	}
	if len(metadata) > 0 {
		w.Body["metadata"] = metadata
	}
	return w
}

// fresh is a configuration of its own.
func (p *players) fresh(w write) map[string]any {
	body := map[string]any{}
	if w.Subresource == "" || p.chance(0.1) {
		body["spec"] = p.object(p.schema(w.Version, "spec"), 0.15)
	}
	if w.Subresource != "" || p.chance(0.1) {
		body["status"] = p.object(p.schema(w.Version, "status"), 0.5)
	}
	if p.chance(0.3) {
		body["metadata"] = p.metadata()
	}
	return body
}

func (p *players) metadata() map[string]any {
	metadata := map[string]any{"labels": map[string]any{p.pick("l", "m"): p.pick("1", "2")}}
	if p.chance(0.4) {
		metadata["annotations"] = map[string]any{p.pick("x/l", "m"): p.pick("1", "2")}
	}
	if p.chance(0.3) {
		metadata["finalizers"] = []any{p.pick("example.org/f", "example.org/g")}
	}
	return metadata
}

// changed changes a few places of a body.
func (p *players) changed(w write, body map[string]any) map[string]any {
	for range 1 + p.random.IntN(4) {
		part := "spec"
		if w.Subresource != "" || p.chance(0.05) {
			part = "status"
		}
		if _, there := body[part].(map[string]any); !there {
			body[part] = map[string]any{}
		}
		p.change(body[part], p.schema(w.Version, part))
	}
	if p.chance(0.15) {
		metadata, _ := body["metadata"].(map[string]any)
		if metadata == nil {
			metadata = map[string]any{}
			body["metadata"] = metadata
		}
		for name, value := range p.metadata() {
			if name == "annotations" {
				value = withCluster(value.(map[string]any), metadata[name])
			}
			metadata[name] = value
		}
	}
	return body
}

// withCluster keeps the annotation that a client finds in each object of a workspace and sends back.
func withCluster(annotations map[string]any, before any) map[string]any {
	if old, ok := before.(map[string]any); ok && old[clusterAnnotation] != nil {
		annotations[clusterAnnotation] = old[clusterAnnotation]
	}
	return annotations
}

// partOf is a part of the live object.
func (p *players) partOf(w write) map[string]any {
	part := "spec"
	if w.Subresource != "" {
		part = "status"
	}
	live := p.oracle.read(w.Version).Object
	if live[part] == nil {
		return map[string]any{}
	}
	return map[string]any{part: p.some(live[part], p.schema(w.Version, part))}
}

func copied(body map[string]any) map[string]any { return runtime.DeepCopyJSON(body) }
