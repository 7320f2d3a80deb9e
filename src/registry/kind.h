// Kind: one resource as a logical cluster serves it. Kinds are data: built-ins come from
// apis/*.yaml, others from CustomResourceDefinitions and APIBindings, all through the same loader.
// Immutable and shared: the same definition in ten thousand workspaces is one Kind.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cache/cache.h"
#include "json/value.h"
#include "object/object.h"
#include "schema/schema.h"

namespace registry {

class Rules;

struct Column {  // additionalPrinterColumns
  std::string name, type, format, description, json_path;
  int priority = 0;
};

struct ScalePaths {
  std::string spec_replicas;    // ".spec.replicas"
  std::string status_replicas;  // ".status.replicas"
  std::string label_selector;   // ".status.selector"; "" = none
};

struct Version {
  std::string name;
  bool served = true;
  bool storage = false;
  bool deprecated = false;
  std::string deprecation_warning;
  std::shared_ptr<const schema::Schema> schema;  // never null
  json::Value empty;  // of a built-in kind: an object with nothing in it, as Go writes it
  std::vector<Column> columns;
  bool has_status = false;
  std::optional<ScalePaths> scale;
  std::vector<std::string> selectable_fields;  // "spec.nodeName", beside metadata.name/namespace
};

struct Kind {
  std::string group;
  std::string plural;
  std::string singular;
  std::string kind;
  std::string list_kind;
  std::vector<std::string> short_names;
  std::vector<std::string> categories;
  bool namespaced = false;
  std::vector<Version> versions;  // in discovery order, best first
  std::vector<std::string>
      verbs;  // empty = all of get list watch create update patch delete deletecollection
  std::string identity;          // APIExport identity hash of a bound kind, else ""
  bool builtin = false;          // strategic merge patch and protobuf are for these only
  bool virtual_only = false;     // reviews: create only, nothing stored
  const Rules* rules = nullptr;  // what data cannot say; null = nothing special
  std::string digest;  // of the definition, the same for the same content; "" for built-ins

  const Version* find_version(std::string_view name) const;  // served or not; null if none
  const Version& storage_version() const;
  bool has_short_name(std::string_view name) const;
  cache::TableId table() const { return {group, plural, identity}; }
  object::GroupResource group_resource() const { return {group, plural}; }
  std::string api_version(std::string_view version) const {
    return object::GroupVersion{group, std::string(version)}.text();
  }
};
using KindPtr = std::shared_ptr<const Kind>;

// Kinds by logical cluster. Thread-safe; kept current by cache listeners, so that a CRD that was
// acknowledged is served by the next request.
class KindTable {
 public:
  virtual ~KindTable() = default;
  // The kind serving `resource` (plural) in `cluster`, or null. Cluster "*" finds built-ins, and
  // bound kinds when `identity` names their export; `identity` may be given with a cluster too.
  virtual KindPtr find(std::string_view cluster, std::string_view group, std::string_view resource,
                       std::string_view identity = {}) const = 0;
  // Those of a group that have `name` as their kind or as a short name.
  virtual std::vector<KindPtr> named(std::string_view cluster, std::string_view group,
                                     std::string_view name) const = 0;
  // All kinds of a cluster, or of one group, by group then plural.
  virtual std::vector<KindPtr> list(std::string_view cluster) const = 0;
  virtual std::vector<KindPtr> list(std::string_view cluster, std::string_view group) const = 0;
  // The first with this kind.
  KindPtr find_by_kind(std::string_view cluster, std::string_view group,
                       std::string_view kind) const;
  // Changes whenever list(cluster) would: an ETag for discovery and OpenAPI.
  virtual std::string etag(std::string_view cluster) const = 0;
};

}  // namespace registry
