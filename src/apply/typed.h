// The walks of server-side apply over objects by their schema: which fields an object has, what two
// objects differ in, one object merged into another, fields removed. An object is a whole one, with
// apiVersion, kind and metadata; `root` is its kind's compiled schema. Pure, thread-safe.
// Source: KEP-555, reference kube-apiserver.md 4.6.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "apply/field_set.h"
#include "json/value.h"
#include "schema/node.h"

namespace apply {

// What is wrong with an object that somebody applies: "", or the errors as Kubernetes writes them,
// ".spec.size: expected numeric (int or float), got string".
std::string check_config(const json::Value& config, const schema::Node& root);

FieldSet fields_of(const json::Value& object, const schema::Node& root);

struct Comparison {
  FieldSet added, removed, modified;

  bool empty() const { return added.empty() && removed.empty() && modified.empty(); }
  // Added and modified: what whoever brought about the difference has set.
  FieldSet set() const& { return FieldSet::unite(added, modified); }
  FieldSet set() && { return FieldSet::unite(std::move(added), modified); }
};
Comparison compare(const json::Value& before, const json::Value& after, const schema::Node& root);

// `live` with all that `config` says. Elements keep their places in `live`, except that those that
// `config` names come in its order.
json::Value merge(const json::Value& live, const json::Value& config, const schema::Node& root);

// `object` without the members of `set`. A member that was left empty by that is null, as one that
// the next defaulting removes; an element is gone.
json::Value remove_fields(const json::Value& object, const FieldSet& set, const schema::Node& root);

// `set` with each field that the schema names and that has members below it.
FieldSet with_named_parents(const FieldSet& set, const schema::Node& root);

// `set` as it must be now that the schema says of some places that they are atomic.
FieldSet fit_to_schema(const FieldSet& set, const schema::Node& root);

}  // namespace apply
