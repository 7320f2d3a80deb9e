// Type: how the value at one place of an object merges, by its schema. Internal to apply/.
// Source: KEP-555, reference kube-apiserver.md 4.6 "Typed schema model".
#pragma once

#include <optional>
#include <string_view>

#include "apply/field_set.h"
#include "json/value.h"
#include "schema/node.h"

namespace apply {

enum class Shape {
  Scalar,
  AtomicList,  // owned as a whole, like a scalar
  SetList,     // each scalar element is owned by itself
  KeyedList,   // each element is owned by its key fields, and so are its members
  AtomicMap,
  Map,
};

inline bool is_list(Shape shape) {
  return shape == Shape::AtomicList || shape == Shape::SetList || shape == Shape::KeyedList;
}
inline bool is_map(Shape shape) { return shape == Shape::AtomicMap || shape == Shape::Map; }
// Whether nothing below the place has an owner of its own.
inline bool is_leaf(Shape shape) {
  return shape == Shape::Scalar || shape == Shape::AtomicList || shape == Shape::AtomicMap;
}

// Good while the schema it came from is held. Copied freely.
class Type {
 public:
  // Of a place that no schema describes: maps merge, lists are atomic.
  Type() = default;
  explicit Type(const schema::Node* node) : node_(node) {}
  // Of a whole object, with apiVersion, kind and metadata.
  static Type root(const schema::Node* node);

  // By the schema, or by what `value` is where that leaves it open.
  Shape shape(const json::Value& value) const;
  const schema::Node* node() const { return node_; }

  struct Member;
  Member member(std::string_view key) const;
  Type element() const { return node_ ? Type(node_->items.get()) : Type(); }

  // The path step of an element of a SetList or KeyedList, or what is wrong with it.
  std::expected<Step, std::string> step_of(Shape shape, const json::Value& element) const;

 private:
  bool is_object_root() const { return is_root_ || (node_ && node_->embedded); }
  std::expected<Step, std::string> key_of(const json::Value& element) const;

  const schema::Node* node_ = nullptr;
  bool is_root_ = false;
};

struct Type::Member {
  Type type;
  bool is_known = true;      // whether the schema allows it
  bool is_declared = false;  // whether it is named by the schema, unlike a key of a map
};

}  // namespace apply
