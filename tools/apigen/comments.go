package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
)

// markers are the "+name=value" lines of a comment: the values by name, in source order.
type markers map[string][]string

// typeComment is what a struct's comments say; reflection does not see comments.
type typeComment struct {
	own    markers
	fields map[string]markers // by the field's Go name
}

// comments reads each Go package once, when one of its types is first met.
type comments struct {
	packages map[string]map[string]typeComment // by import path, type name
}

func (c *comments) of(t reflect.Type) typeComment {
	path := t.PkgPath()
	if _, ok := c.packages[path]; !ok {
		c.packages[path] = readPackage(path)
	}
	return c.packages[path][t.Name()]
}

// readPackage asks go list for the folder, so that the comments are those of the version in go.mod,
// which is the version that reflection sees.
func readPackage(path string) map[string]typeComment {
	dir, err := exec.Command("go", "list", "-f", "{{.Dir}}", path).Output()
	check(err)
	files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(dir)), "*.go"))
	check(err)
	types := map[string]typeComment{}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
		check(err)
		readFile(parsed, types)
	}
	return types
}

func readFile(file *ast.File, types map[string]typeComment) {
	for _, decl := range file.Decls {
		general, ok := decl.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, spec := range general.Specs {
			if named, ok := spec.(*ast.TypeSpec); ok {
				// The comment belongs to the spec in "type (...)", else to the declaration.
				own := readMarkers(general.Doc, named.Doc)
				types[named.Name.Name] = typeComment{own: own, fields: readFields(named.Type)}
			}
		}
	}
}

func readFields(expr ast.Expr) map[string]markers {
	fields := map[string]markers{}
	if structure, ok := expr.(*ast.StructType); ok {
		for _, field := range structure.Fields.List {
			for _, name := range field.Names {
				fields[name.Name] = readMarkers(field.Doc)
			}
		}
	}
	return fields
}

// readMarkers reads the lines itself: CommentGroup.Text leaves out what looks like a directive.
func readMarkers(groups ...*ast.CommentGroup) markers {
	found := markers{}
	for _, group := range groups {
		if group == nil {
			continue
		}
		for _, comment := range group.List {
			line := strings.TrimSpace(strings.TrimPrefix(comment.Text, "//"))
			name, value, _ := strings.Cut(line, "=")
			if strings.HasPrefix(name, "+") {
				found[name] = append(found[name], value)
			}
		}
	}
	return found
}

// first is the only value of a marker that may stand once, or "".
func (m markers) first(name string) string {
	if len(m[name]) > 1 {
		panic(fmt.Sprintf("%s stands more than once: %v", name, m[name]))
	}
	if len(m[name]) == 0 {
		return ""
	}
	return m[name][0]
}

// isAtomic says whether a map or struct is set as a whole.
func (m markers) isAtomic() bool {
	return m.first("+mapType") == "atomic" || m.first("+structType") == "atomic"
}

// isGranular says whether a field asks for the default, which only means something where the field's
// type says otherwise.
func (m markers) isGranular() bool {
	return m.first("+mapType") == "granular" || m.first("+structType") == "granular"
}

// listOptions is " list=map listkeys=port,protocol", or "" where the comment is silent.
func (m markers) listOptions() string {
	switch list, keys := m.first("+listType"), m["+listMapKey"]; {
	case list == "map" && len(keys) > 0:
		return " list=map listkeys=" + strings.Join(keys, ",")
	case (list == "set" || list == "atomic") && len(keys) == 0:
		return " list=" + list
	case list == "" && len(keys) == 0:
		return ""
	default:
		panic(fmt.Sprintf("+listType=%s with keys %v", list, keys))
	}
}

// mergeOptions says how server-side apply merges a field: " list=set", " map=atomic", or "". What the
// field's comment says goes before what the comment of its type says.
func (c *comments) mergeOptions(owner reflect.Type, field reflect.StructField) string {
	own := c.of(owner).fields[field.Name]
	t := field.Type
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	ofType := markers{}
	if t.PkgPath() != "" {
		ofType = c.of(t).own
	}
	if own.isGranular() && ofType.isAtomic() {
		panic(owner.String() + "." + field.Name + ": no option takes back what the type says")
	}
	options := own.listOptions()
	if options == "" {
		options = ofType.listOptions()
	}
	// A struct's own comment is written once, at the type.
	if own.isAtomic() || t.Kind() == reflect.Map && ofType.isAtomic() {
		options += " map=atomic"
	}
	return options
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
