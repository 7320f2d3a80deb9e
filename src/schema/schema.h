// Schema: a structural schema. One Schema serves built-in kinds (from apis/*.yaml) and CRDs (from
// openAPIV3Schema), and is content-addressed: the same source gives the same object. At rest it is
// its text; it is compiled when it is first used, and what is compiled of all schemas together is
// bounded. Thread-safe. Source: reference kube-apiserver.md 5.2 to 5.5.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "json/value.h"

namespace schema {

struct Node;

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

  // The OpenAPI v3 schema to publish, with x-kubernetes extensions. Made for the caller.
  virtual json::Value openapi_v3() const = 0;
  // sha256 of the source as json::print() writes it, in hex.
  virtual const std::string& digest() const = 0;

  // How strategic merge patch treats the list or map at a path of member names (list indices left
  // out): merge key or "" and the strategy ("merge", "replace", "retainKeys", ...).
  struct MergeRule {
    std::string strategy;
    std::string key;
  };
  virtual MergeRule merge_rule(const std::vector<std::string>& path) const = 0;

  // The compiled form, for walks of other modules. It stays what it is while it is held; hold it
  // for one request only, since what is compiled of all schemas is bounded.
  virtual std::shared_ptr<const Node> root() const = 0;
};
using SchemaPtr = std::shared_ptr<const Schema>;

// The errors of a schema that is not structural, below `path`
// ("spec.versions[0].schema.openAPIV3Schema"). One that was found to have none is not read again
// while it is in use.
std::vector<Cause> check(const json::Value& open_api_v3_schema, std::string_view path);
// The schema with this source, or its errors.
std::expected<SchemaPtr, std::vector<Cause>> compile(const json::Value& open_api_v3_schema,
                                                     std::string_view path);
// The schema whose source is `text`, printed by json::print() and checked before it was stored. The
// text is kept as it is given, so a slice of the stored object costs nothing; the newest is kept,
// so that an object that has been replaced is let go. A text that is no structural schema after all
// accepts everything.
SchemaPtr stored_schema(Bytes text);
// A schema that keeps and accepts everything (x-kubernetes-preserve-unknown-fields at the root).
SchemaPtr accept_all();

// What there is in this process.
struct Usage {
  std::size_t schemas = 0;         // in use
  std::size_t compiled = 0;        // of these, how many are compiled now
  std::size_t compiled_bytes = 0;  // about what they take
  std::uint64_t compilations = 0;  // since the start
};
Usage usage();

}  // namespace schema
