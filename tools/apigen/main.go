// apigen writes apis/types/*.yaml: the fields of the public Kubernetes types with their wire facts
// (JSON name, type, protobuf number, merge key), read by reflection from the public Go modules, and
// with how server-side apply merges them (list type and keys, atomic maps and structs), read from the
// comments in the sources of the same modules.
// Run it from this folder: go run . ../../apis/types
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"sort"
	"strings"

	apps "k8s.io/api/apps/v1"
	authentication "k8s.io/api/authentication/v1"
	authorization "k8s.io/api/authorization/v1"
	autoscaling "k8s.io/api/autoscaling/v1"
	batch "k8s.io/api/batch/v1"
	coordination "k8s.io/api/coordination/v1"
	core "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	events "k8s.io/api/events/v1"
	networking "k8s.io/api/networking/v1"
	rbac "k8s.io/api/rbac/v1"
	extensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
)

var files = map[string][]any{
	"meta_v1":                      {meta.DeleteOptions{}, meta.ListOptions{}, meta.LabelSelector{}},
	"core_v1":                      {core.Namespace{}, core.ConfigMap{}, core.Secret{}, core.ServiceAccount{}, core.Event{}, core.Node{}, core.Pod{}, core.Service{}, core.Endpoints{}},
	"apps_v1":                      {apps.Deployment{}, apps.ReplicaSet{}, apps.StatefulSet{}, apps.DaemonSet{}},
	"autoscaling_v1":               {autoscaling.Scale{}},
	"batch_v1":                     {batch.Job{}},
	"coordination.k8s.io_v1":       {coordination.Lease{}},
	"discovery.k8s.io_v1":          {discovery.EndpointSlice{}},
	"events.k8s.io_v1":             {events.Event{}},
	"networking.k8s.io_v1":         {networking.Ingress{}, networking.IngressClass{}},
	"rbac.authorization.k8s.io_v1": {rbac.Role{}, rbac.RoleBinding{}, rbac.ClusterRole{}, rbac.ClusterRoleBinding{}},
	"authentication.k8s.io_v1":     {authentication.TokenReview{}, authentication.SelfSubjectReview{}, authentication.TokenRequest{}},
	"authorization.k8s.io_v1":      {authorization.SubjectAccessReview{}, authorization.LocalSubjectAccessReview{}, authorization.SelfSubjectAccessReview{}, authorization.SelfSubjectRulesReview{}},
	"apiextensions.k8s.io_v1":      {extensions.CustomResourceDefinition{}},
}

// Types that are scalars on the wire.
var scalars = map[string]string{
	"k8s.io/apimachinery/pkg/apis/meta/v1.Time":                     "time",
	"k8s.io/apimachinery/pkg/apis/meta/v1.MicroTime":                "microtime",
	"k8s.io/apimachinery/pkg/apis/meta/v1.Duration":                 "duration",
	"k8s.io/apimachinery/pkg/api/resource.Quantity":                 "quantity",
	"k8s.io/apimachinery/pkg/util/intstr.IntOrString":               "intstr",
	"k8s.io/apimachinery/pkg/runtime.RawExtension":                  "raw",
	"k8s.io/apimachinery/pkg/apis/meta/v1.FieldsV1":                 "fieldsv1",
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1.JSON": "json",
}

// writer collects the fields of every type met, by file (the type's package) and type name.
type writer struct {
	files    map[string]map[string][]string
	comments comments
}

// fileOf names the file that a type's fields stand in: "apps_v1", "meta_v1".
func fileOf(t reflect.Type) string {
	for name, roots := range files {
		for _, root := range roots {
			if reflect.TypeOf(root).PkgPath() == t.PkgPath() {
				return name
			}
		}
	}
	panic("no file for " + t.String())
}

func (w *writer) typeText(t reflect.Type) string {
	if s, ok := scalars[t.PkgPath()+"."+t.Name()]; ok {
		return s
	}
	switch t.Kind() {
	case reflect.Pointer:
		return w.typeText(t.Elem())
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return "bytes"
		}
		return "list:" + w.typeText(t.Elem())
	case reflect.Map:
		return "map:" + w.typeText(t.Elem())
	case reflect.String:
		return "string"
	case reflect.Bool:
		return "bool"
	case reflect.Int32:
		return "int32"
	case reflect.Int, reflect.Int64, reflect.Uint64:
		return "int64"
	case reflect.Float64:
		return "double"
	case reflect.Struct:
		w.add(t)
		return t.Name()
	}
	panic(t.String())
}

func (w *writer) add(t reflect.Type) {
	file := fileOf(t)
	if w.files[file] == nil {
		w.files[file] = map[string][]string{}
	}
	if _, ok := w.files[file][t.Name()]; ok {
		return
	}
	w.files[file][t.Name()] = nil // before its fields, which may use it
	fields := w.fields(t)
	if w.comments.of(t).own.isAtomic() {
		fields = append([]string{"  +structType: atomic"}, fields...)
	}
	w.files[file][t.Name()] = fields
}

func (w *writer) fields(t reflect.Type) []string {
	var fields []string
	for i := 0; i < t.NumField(); i++ {
		if f := t.Field(i); f.Type.Name() != "TypeMeta" {
			fields = append(fields, w.field(t, f)...)
		}
	}
	return fields
}

// field is the lines for one Go field: none, one, or those of a struct that both JSON and protobuf
// inline.
func (w *writer) field(owner reflect.Type, f reflect.StructField) []string {
	jsonTag := strings.Split(f.Tag.Get("json"), ",")
	proto := "0"
	if tag := f.Tag.Get("protobuf"); tag != "" {
		proto = strings.Split(tag, ",")[1]
	}
	inline := jsonTag[0] == "" && (len(jsonTag) > 1 && jsonTag[1] == "inline" || f.Anonymous)
	switch {
	case inline && proto == "0":
		return w.fields(f.Type)
	case inline:
		return []string{fmt.Sprintf("  <%s>: %s %s", f.Name, w.typeText(f.Type), proto)}
	case jsonTag[0] == "-" || jsonTag[0] == "":
		return nil
	}
	text := fmt.Sprintf("  %s: %s %s", jsonTag[0], w.typeText(f.Type), proto)
	if s := f.Tag.Get("patchStrategy"); s != "" {
		text += " patch=" + s
	}
	if k := f.Tag.Get("patchMergeKey"); k != "" {
		text += " key=" + k
	}
	text += presence(f.Type, jsonTag[1:])
	return []string{text + w.comments.mergeOptions(owner, f)}
}

// presence is the option of a map, list or struct that is there even in an empty object: Go writes structs that are
// no pointers always, and nil as null where omitempty is not said. Who makes an object does not own such a container.
func presence(t reflect.Type, options []string) string {
	if _, isScalar := scalars[t.PkgPath()+"."+t.Name()]; isScalar {
		return ""
	}
	switch t.Kind() {
	case reflect.Struct:
		return " present"
	case reflect.Slice, reflect.Map, reflect.Pointer:
		if !slices.Contains(options, "omitempty") {
			return " present=null"
		}
	}
	return ""
}

func main() {
	w := &writer{
		files:    map[string]map[string][]string{},
		comments: comments{packages: map[string]map[string]typeComment{}},
	}
	for _, roots := range files {
		for _, root := range roots {
			w.add(reflect.TypeOf(root))
		}
	}
	for file, types := range w.files {
		names := make([]string, 0, len(types))
		for name := range types {
			names = append(names, name)
		}
		sort.Strings(names)
		var out strings.Builder
		out.WriteString("# Fields of the public Kubernetes types: \"name: type protobuf-number options\". Made by tools/apigen.\n")
		for _, name := range names {
			if len(types[name]) == 0 {
				fmt.Fprintf(&out, "%s: {}\n", name)
				continue
			}
			fmt.Fprintf(&out, "%s:\n%s\n", name, strings.Join(types[name], "\n"))
		}
		path := filepath.Join(os.Args[1], file+".yaml")
		check(os.WriteFile(path, []byte(out.String()), 0o644))
	}
}
