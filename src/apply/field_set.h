// FieldSet: which fields of an object somebody owns, as a tree of path steps. It is what
// metadata.managedFields holds in its FieldsV1 form. Values; not thread-safe by themselves.
// Source: KEP-555 (server-side apply), reference kube-apiserver.md 4.6 "FieldsV1 encoding".
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "json/value.h"

namespace apply {

// One step of a path. Steps are ordered as FieldsV1 writes them: fields, keys, values, indices.
struct Step {
  enum class Kind : std::uint8_t { Field, Key, Value, Index };
  Kind kind = Kind::Field;
  // Field: its name. Key: a JSON object of the key fields by name. Value: JSON of the element.
  // Index: decimal.
  std::string text;

  static Step field(std::string_view name) { return {Kind::Field, std::string(name)}; }
  static Step value(const json::Value& element);
  // `key` is an object of the key fields, in any order.
  static Step key(const json::Value& key);
  static Step index(std::size_t number) { return {Kind::Index, std::to_string(number)}; }

  // As conflicts show it: .spec, [name="x"], [="x"], [3].
  std::string shown() const;

  friend auto operator<=>(const Step&, const Step&) = default;
};

class FieldSet {
 public:
  struct Entry;

  FieldSet();
  FieldSet(const FieldSet& other);
  FieldSet(FieldSet&& other) noexcept;
  FieldSet& operator=(const FieldSet& other);
  FieldSet& operator=(FieldSet&& other) noexcept;
  ~FieldSet();

  // Ascending by step. An entry that is no member has something below it.
  const std::vector<Entry>& entries() const { return entries_; }
  bool empty() const;
  const Entry* find(const Step& step) const;
  std::size_t member_count() const;

  // Makes `step` a member, if `member`, and adds `below`, as unite() does.
  void add(Step step, bool member, FieldSet below = {});
  // The same without looking for the place; call sort() when all are there.
  void append(Step step, bool member, FieldSet below = {});
  void sort();

  // Members of either; of both; of the first but not of the second.
  static FieldSet unite(FieldSet a, const FieldSet& b);
  static FieldSet intersect(const FieldSet& a, const FieldSet& b);
  static FieldSet subtract(FieldSet a, const FieldSet& b);
  // Leaves out what is a member of `b` and all that is below such a member.
  static FieldSet subtract_trees(FieldSet a, const FieldSet& b);

  friend bool operator==(const FieldSet& a, const FieldSet& b);

 private:
  enum class Cut { Members, Trees };
  void cut(const FieldSet& other, Cut how);

  std::vector<Entry> entries_;
};

struct FieldSet::Entry {
  Step step;
  bool member = false;
  FieldSet below;

  friend bool operator==(const Entry&, const Entry&) = default;
};

// FieldsV1. Steps of an unknown kind are left out; a key or value that is no JSON is an error.
Result<FieldSet> parse_fields(const json::Value& fields_v1);
json::Value print_fields(const FieldSet& set);

// The same asked of FieldsV1 as it is written, without reading all of it. Whether `fields_v1` may
// have something in common with `set`: false is certain. Whether it has all members of `set`.
bool may_touch(const json::Value& fields_v1, const FieldSet& set);
bool has_all(const json::Value& fields_v1, const FieldSet& set);

// Members as conflicts show them, ".spec.ports[port=80].name"; those of a place come before what is
// below them. Ends when `max_bytes` are shown: paths may be longer than all of what they are about.
std::vector<std::string> shown_paths(const FieldSet& set, std::size_t max_bytes = 64 * 1024);

}  // namespace apply
