// The fields that an object has, and fields removed from one.
#include "apply/elements.h"
#include "apply/typed.h"

namespace apply {
namespace {

using json::Value;

// The fields of one place: whether it is itself one, and those below.
struct Fields {
  bool itself = false;
  FieldSet below;
};

Fields fields_at(const Value& value, Type type);

FieldSet fields_of_list(const Value& list, Type type, Shape shape) {
  FieldSet all;
  Elements elements(&list, type, shape);
  for (const auto& element : elements.all()) {
    if (element.step.kind == Step::Kind::Index) continue;  // one without a key
    // What stands there several times is owned as a group.
    bool is_one = elements.find(element.step) != nullptr;
    all.append(element.step, true,
               is_one ? fields_at(*element.value, type.element()).below : FieldSet());
  }
  all.sort();
  return all;
}

FieldSet fields_of_map(const Value& map, Type type) {
  FieldSet all;
  for (const json::Member& member : map.members()) {
    auto place = type.member(member.key);
    Fields fields = fields_at(member.value, place.type);
    bool is_hollow = member.value.is_null() || (member.value.is_object() && member.value.empty());
    all.append(Step::field(member.key), fields.itself || is_hollow || !place.is_declared,
               std::move(fields.below));
  }
  all.sort();
  return all;
}

Fields fields_at(const Value& value, Type type) {
  Shape shape = type.shape(value);
  if (is_leaf(shape)) return {true, {}};
  if (is_list(shape)) return {false, fields_of_list(value, type, shape)};
  return {false, fields_of_map(value, type)};
}

// Null if nothing is left of it.
Value without(const Value& value, const FieldSet& set, Type type);

Value list_without(const Value& list, const FieldSet& set, Type type, Shape shape) {
  std::vector<Value> kept;
  for (const Value& element : list.elements()) {
    auto step = type.step_of(shape, element);
    const FieldSet::Entry* entry = step ? set.find(*step) : nullptr;
    if (!entry) {
      kept.push_back(element);
    } else if (!entry->member) {
      Value rest = without(element, entry->below, type.element());
      if (!rest.is_null()) kept.push_back(std::move(rest));
    }
  }
  return kept.empty() ? Value() : Value::array(std::move(kept));
}

Value map_without(const Value& map, const FieldSet& set, Type type) {
  Value kept = Value::object();
  for (const json::Member& member : map.members()) {
    const FieldSet::Entry* entry = set.find(Step::field(member.key));
    if (!entry) {
      kept.set(member.key, member.value);
    } else if (!entry->member) {
      Type below = type.member(member.key).type;
      kept.set(member.key, without(member.value, entry->below, below));
    }
  }
  return kept.empty() ? Value() : kept;
}

Value without(const Value& value, const FieldSet& set, Type type) {
  Shape shape = type.shape(value);
  if (set.empty() || is_leaf(shape) || value.empty()) return value;
  return is_list(shape) ? list_without(value, set, type, shape) : map_without(value, set, type);
}

// The type of what a step leads to, without a value to look at.
Type type_below(Type type, const Step& step) {
  return step.kind == Step::Kind::Field ? type.member(step.text).type : type.element();
}

FieldSet name_parents(const FieldSet& set, Type type) {
  FieldSet all;
  for (const FieldSet::Entry& entry : set.entries()) {
    bool is_named =
        entry.step.kind == Step::Kind::Field && type.member(entry.step.text).is_declared;
    all.append(entry.step, entry.member || is_named,
               name_parents(entry.below, type_below(type, entry.step)));
  }
  return all;
}

// Whether the schema says that nothing below has an owner, given that something below has one.
bool is_atomic_now(const FieldSet::Entry& entry, Type type) {
  bool is_map = entry.below.entries().front().step.kind == Step::Kind::Field;
  return is_leaf(type.shape(is_map ? Value::object() : Value::array()));
}

FieldSet fit(const FieldSet& set, Type type) {
  FieldSet all;
  for (const FieldSet::Entry& entry : set.entries()) {
    Type below = type_below(type, entry.step);
    if (!entry.below.empty() && is_atomic_now(entry, below)) {
      all.append(entry.step, true);
    } else {
      all.append(entry.step, entry.member, fit(entry.below, below));
    }
  }
  return all;
}

}  // namespace

FieldSet fields_of(const Value& object, const schema::Node& root) {
  return fields_at(object, Type::root(&root)).below;
}

Value remove_fields(const Value& object, const FieldSet& set, const schema::Node& root) {
  Value rest = without(object, set, Type::root(&root));
  return rest.is_null() ? Value::object() : rest;
}

FieldSet with_named_parents(const FieldSet& set, const schema::Node& root) {
  return name_parents(set, Type::root(&root));
}

FieldSet fit_to_schema(const FieldSet& set, const schema::Node& root) {
  return fit(set, Type::root(&root));
}

}  // namespace apply
