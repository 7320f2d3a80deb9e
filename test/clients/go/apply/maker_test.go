package apply

import (
	"fmt"
	"math/rand/v2"
	"sort"

	structural "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apimachinery/pkg/runtime"
)

// maker makes values of a schema at random. There are few of each, so that managers meet.
type maker struct {
	random *rand.Rand
}

func (m *maker) chance(of float64) bool { return m.random.Float64() < of }

func (m *maker) pick(from ...string) string { return from[m.random.IntN(len(from))] }

func (m *maker) orNull(value any) any {
	if m.chance(0.3) {
		return nil
	}
	return value
}

func (m *maker) value(s *structural.Structural) any {
	if s.Nullable && m.chance(0.2) {
		return nil
	}
	switch {
	case s.XIntOrString:
		return []any{int64(80), "80", "http"}[m.random.IntN(3)]
	case s.Type == "" || s.Type == "object" && s.XPreserveUnknownFields && len(s.Properties) == 0:
		return m.free(s.Type == "object", 2)
	case s.Type == "object":
		return m.object(s, 0.5)
	case s.Type == "array":
		return m.list(s)
	default:
		return m.scalar(s)
	}
}

func (m *maker) scalar(s *structural.Structural) any {
	switch s.Type {
	case "integer":
		return int64(1 + m.random.IntN(3))
	case "number":
		return []any{0.5, int64(2), 3.25}[m.random.IntN(3)]
	case "boolean":
		return m.chance(0.5)
	}
	if s.ValueValidation != nil && s.ValueValidation.Format == "date-time" {
		return m.pick("2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z")
	}
	return m.pick("a", "b", "c", "")
}

// free is a value that no schema describes.
func (m *maker) free(isObject bool, depth int) any {
	if dice := m.random.IntN(7); !isObject && (depth == 0 || dice < 4) {
		return []any{"a", int64(1), true, 1.5}[m.random.IntN(4)]
	} else if !isObject && dice == 4 {
		return []any{m.free(false, 0), m.free(false, depth-1)}
	}
	made := map[string]any{}
	for range m.random.IntN(3) {
		made[m.pick("p", "q", "r s")] = m.free(depth > 0 && m.chance(0.3), max(depth-1, 0))
	}
	if m.chance(0.1) {
		made["none"] = nil
	}
	return made
}

func names(s *structural.Structural) []string {
	result := []string{}
	for name := range s.Properties {
		result = append(result, name)
	}
	sort.Strings(result)
	return result
}

// object has each property with a probability.
func (m *maker) object(s *structural.Structural, each float64) map[string]any {
	made := map[string]any{}
	if m.chance(0.07) {
		each = 0
	}
	for _, name := range names(s) {
		if property := s.Properties[name]; m.chance(each) {
			made[name] = m.value(&property)
		}
	}
	if s.AdditionalProperties != nil && s.AdditionalProperties.Structural != nil {
		for range m.random.IntN(4) {
			made[m.pick("p", "q", "r.s/t")] = m.value(s.AdditionalProperties.Structural)
		}
	}
	if s.XPreserveUnknownFields && m.chance(0.5) {
		made[m.pick("p", "q")] = m.free(false, 1)
	}
	return made
}

func (m *maker) list(s *structural.Structural) []any {
	made := []any{}
	for range m.random.IntN(4) {
		made = m.add(made, s)
	}
	return made
}

// add puts a new item anywhere in a list, unless there is one like it. An item has all keys that it must have.
func (m *maker) add(list []any, s *structural.Structural) []any {
	item := m.value(s.Items)
	if one, ok := item.(map[string]any); ok {
		m.completeKeys(one, s.Items)
	}
	for _, there := range list {
		if isUnique(s) && keyOf(there, s) == keyOf(item, s) {
			return list
		}
	}
	at := m.random.IntN(len(list) + 1)
	return append(list[:at:at], append([]any{item}, list[at:]...)...)
}

func isUnique(s *structural.Structural) bool {
	return s.XListType != nil && *s.XListType != "atomic" || isKeyed(s.Items)
}

// isKeyed is for lists of items with a key that are atomic in one version only.
func isKeyed(s *structural.Structural) bool {
	return s.ValueValidation != nil && len(s.ValueValidation.Required) > 0
}

func (m *maker) completeKeys(item map[string]any, s *structural.Structural) {
	if !isKeyed(s) {
		return
	}
	for _, name := range s.ValueValidation.Required {
		property := s.Properties[name]
		if _, there := item[name]; !there {
			item[name] = m.scalar(&property)
		}
	}
}

func keyOf(item any, s *structural.Structural) string {
	one, ok := item.(map[string]any)
	if !ok {
		return oneLine(item)
	}
	keys := s.XListMapKeys
	if len(keys) == 0 {
		keys = s.Items.ValueValidation.Required
	}
	result := ""
	for _, name := range keys {
		value, there := one[name]
		if property := s.Items.Properties[name]; !there {
			value = property.Default.Object
		}
		result += fmt.Sprintf("%v\x00", value)
	}
	return result
}

// change changes one place in a value that is an object or a list, in place where it can.
func (m *maker) change(value any, s *structural.Structural) any {
	switch value := value.(type) {
	case map[string]any:
		if s == nil || len(s.Properties) == 0 && s.AdditionalProperties == nil {
			return m.free(true, 1)
		}
		return m.changeObject(value, s)
	case []any:
		if s != nil && s.Items != nil {
			return m.changeList(value, s)
		}
	}
	return m.value(s)
}

func (m *maker) changeObject(value map[string]any, s *structural.Structural) any {
	name := ""
	if all := names(s); len(all) > 0 {
		name = all[m.random.IntN(len(all))]
	} else {
		name = m.pick("p", "q", "r.s/t")
	}
	child := childOf(s, name)
	old, there := value[name]
	switch dice := m.random.Float64(); {
	case there && dice < 0.3:
		delete(value, name)
	case there && old != nil && dice < 0.8:
		value[name] = m.change(old, child)
	default:
		value[name] = m.value(child)
	}
	return value
}

func (m *maker) changeList(list []any, s *structural.Structural) any {
	at := 0
	if len(list) > 0 {
		at = m.random.IntN(len(list))
	}
	switch dice := m.random.Float64(); {
	case len(list) == 0 || dice < 0.3:
		return m.add(list, s)
	case dice < 0.45:
		return append(list[:at:at], list[at+1:]...)
	case dice < 0.6:
		m.random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		return list
	}
	item, ok := list[at].(map[string]any)
	if !ok {
		return m.add(append(list[:at:at], list[at+1:]...), s)
	}
	return m.changeItem(list, at, item, s)
}

// changeItem keeps the item's keys, or else it would be another one, perhaps one that is there already.
func (m *maker) changeItem(list []any, at int, item map[string]any, s *structural.Structural) any {
	changed := m.change(runtime.DeepCopyJSON(item), s.Items).(map[string]any)
	for i, one := range list {
		if i != at && isUnique(s) && keyOf(one, s) == keyOf(changed, s) {
			return list
		}
	}
	m.completeKeys(changed, s.Items)
	if isUnique(s) && keyOf(changed, s) != keyOf(item, s) {
		return list
	}
	list[at] = changed
	return list
}

// some is a part of a value: some fields, some items, each item with its keys.
func (m *maker) some(value any, s *structural.Structural) any {
	switch value := value.(type) {
	case map[string]any:
		made := map[string]any{}
		all := []string{}
		for name := range value {
			all = append(all, name)
		}
		sort.Strings(all)
		for _, name := range all {
			if m.chance(0.4) {
				made[name] = m.some(value[name], childOf(s, name))
			}
		}
		return made
	case []any:
		if s == nil || s.Items == nil || s.XListType == nil || *s.XListType == "atomic" {
			return runtime.DeepCopyJSONValue(value)
		}
		return m.someItems(value, s)
	}
	return value
}

func (m *maker) someItems(list []any, s *structural.Structural) []any {
	made := []any{}
	for _, item := range list {
		if !m.chance(0.5) {
			continue
		}
		part := m.some(item, s.Items)
		if one, ok := part.(map[string]any); ok {
			for _, key := range s.XListMapKeys {
				one[key] = item.(map[string]any)[key]
			}
		}
		made = append(made, part)
	}
	return made
}

// patchOf is a merge patch of an object: values and nulls at any depth.
func (m *maker) patchOf(s *structural.Structural) map[string]any {
	made := map[string]any{}
	all := names(s)
	for range 1 + m.random.IntN(3) {
		name := all[m.random.IntN(len(all))]
		child := s.Properties[name]
		switch {
		case m.chance(0.25):
			made[name] = nil
		case child.Type == "object" && len(child.Properties) > 0 && m.chance(0.5):
			made[name] = m.patchOf(&child)
		case child.Type == "object" && child.AdditionalProperties != nil:
			made[name] = map[string]any{m.pick("p", "q"): m.orNull(m.value(child.AdditionalProperties.Structural))}
		default:
			made[name] = m.value(&child)
		}
	}
	return made
}
