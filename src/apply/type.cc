#include "apply/type.h"

#include <fmt/format.h>

#include "base/strings.h"
#include "schema/builtin.h"

namespace apply {
namespace {

using json::Value;
using schema::Node;

// Held for good: the metadata of every object.
const Node* metadata_node() {
  static const auto* root = new std::shared_ptr<const Node>(schema::object_meta()->root());
  return root->get();
}

const Node* string_node() {
  static const Node* node = [] {
    auto* made = new Node();
    made->type = Node::Type::String;
    return made;
  }();
  return node;
}

Shape list_shape(const Node* node) {
  if (!node || node->list_type == Node::ListType::Atomic) return Shape::AtomicList;
  return node->list_type == Node::ListType::Set ? Shape::SetList : Shape::KeyedList;
}

Shape map_shape(const Node* node) {
  return node && node->atomic_map ? Shape::AtomicMap : Shape::Map;
}

// What a key field that is left out counts as.
const Value* default_of(const Node* items, const std::string& key) {
  const Node* field = items ? items->find(key) : nullptr;
  return field ? field->default_value.get() : nullptr;
}

}  // namespace

Type Type::root(const schema::Node* node) {
  Type type(node);
  type.is_root_ = true;
  return type;
}

Shape Type::shape(const Value& value) const {
  using Kind = Node::Type;
  switch (node_ ? node_->type : Kind::Any) {
    case Kind::Object: return map_shape(node_);
    case Kind::Array: return list_shape(node_);
    case Kind::Any: break;
    default: return Shape::Scalar;
  }
  if (node_ && node_->int_or_string) return Shape::Scalar;
  if (value.is_array()) return list_shape(node_);
  // Null is whatever it stands for; as a map it owns nothing below.
  return value.is_object() || value.is_null() ? map_shape(node_) : Shape::Scalar;
}

Type::Member Type::member(std::string_view key) const {
  if (is_object_root()) {
    if (key == "metadata") return {Type(metadata_node()), true, true};
    if (key == "apiVersion" || key == "kind") return {Type(string_node()), true, true};
  }
  if (!node_) return {};
  if (const Node* child = node_->find(key)) return {Type(child), true, true};
  if (node_->additional) return {Type(node_->additional.get()), true, false};
  bool is_open = node_->properties.empty() || node_->preserve_unknown || node_->additional_allowed;
  return {Type(), is_open, false};
}

std::expected<Step, std::string> Type::step_of(Shape shape, const Value& element) const {
  if (shape == Shape::KeyedList) return key_of(element);
  if (element.is_null()) {
    return std::unexpected("associative list without keys has an element that's an explicit null");
  }
  if (element.is_object()) {
    return std::unexpected("associative list without keys has an element that's a map type");
  }
  if (element.is_array())
    return std::unexpected("not supported: associative list with lists as elements");
  return Step::value(element);
}

std::expected<Step, std::string> Type::key_of(const Value& element) const {
  if (element.is_null()) {
    return std::unexpected("associative list with keys may not have a null element");
  }
  if (!element.is_object()) {
    return std::unexpected("associative list with keys may not have non-map elements");
  }
  Value key = Value::object();
  for (const std::string& name : node_->list_map_keys) {
    const Value* field = element.find(name);
    if (!field) field = default_of(node_->items.get(), name);
    if (field) key.set(name, *field);
  }
  if (!key.empty()) return Step::key(key);
  std::string names;
  for (const std::string& name : node_->list_map_keys) {
    names += (names.empty() ? "" : " ") + quote(name);
  }
  return std::unexpected(
      fmt::format("associative list with keys has an element that omits all key fields [{}] (and "
                  "doesn't have default values for any key fields)",
                  names));
}

}  // namespace apply
