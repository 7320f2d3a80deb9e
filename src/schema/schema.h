// Schema: a compiled structural schema. One Schema serves built-in kinds (from apis/*.yaml) and
// CRDs (from openAPIV3Schema), and is content-addressed: compiling the same source twice gives the
// same object. Immutable, thread-safe, pure. Source: reference kube-apiserver.md 5.2 to 5.5.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "json/value.h"

namespace schema {

class Schema {
 public:
  virtual ~Schema() = default;

  // Removes what the schema does not name (x-kubernetes-preserve-unknown-fields respected). Returns
  // the paths removed ("spec.extra"), for field validation. metadata, apiVersion and kind of the
  // root stay.
  virtual std::vector<std::string> prune(json::Value& object) const = 0;
  // Sets defaults where members are missing (and where null is not allowed).
  virtual void apply_defaults(json::Value& object) const = 0;
  // All violations, with Kubernetes' texts; at most 100. `before` (may be null) allows ratcheting.
  virtual std::vector<Cause> validate(const json::Value& object,
                                      const json::Value& before) const = 0;

  // The OpenAPI v3 schema to publish, with x-kubernetes extensions.
  virtual const json::Value& openapi_v3() const = 0;
  // sha256 of the canonical source, in hex.
  virtual const std::string& digest() const = 0;

  // How strategic merge patch treats the list or map at a path of member names (list indices left
  // out): merge key or "" and the strategy ("merge", "replace", "retainKeys", ...).
  struct MergeRule {
    std::string strategy;
    std::string key;
  };
  virtual MergeRule merge_rule(const std::vector<std::string>& path) const = 0;
};
using SchemaPtr = std::shared_ptr<const Schema>;

// Compiles (or finds) the structural schema of one CRD version. The errors of a schema that is not
// structural are causes below `path` ("spec.versions[0].schema.openAPIV3Schema").
std::expected<SchemaPtr, std::vector<Cause>> compile(const json::Value& open_api_v3_schema,
                                                     std::string_view path);
// A schema that keeps and accepts everything (x-kubernetes-preserve-unknown-fields at the root).
SchemaPtr accept_all();

}  // namespace schema
