// The kinds of all logical clusters: built-ins, what APIBindings bind, and each cluster's own
// CustomResourceDefinitions, in this order of precedence.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <tuple>

#include "registry/kind.h"
#include "registry/local_kinds.h"
#include "registry/make.h"

namespace schema {
struct BuiltinKind;
}

namespace registry {

inline const cache::TableId kCrdTable{"apiextensions.k8s.io", "customresourcedefinitions", ""};
inline const cache::TableId kBindingTable{"apis.kcp.io", "apibindings", ""};
inline const cache::TableId kExportTable{"apis.kcp.io", "apiexports", ""};
inline const cache::TableId kSchemaTable{"apis.kcp.io", "apiresourceschemas", ""};

// Where copies of all bound schemas are kept, by UID, so that a provider that removes a schema or
// itself takes nothing from its consumers. Not reachable by requests.
inline constexpr const char* kBoundSchemas = "system:bound-crds";

class LiveKindTable final : public KindTable {
 public:
  LiveKindTable(Flavour flavour, cache::Cache& cache);

  KindPtr find(std::string_view cluster, std::string_view group, std::string_view resource,
               std::string_view identity) const override;
  std::vector<KindPtr> named(std::string_view cluster, std::string_view group,
                             std::string_view name) const override;
  std::vector<KindPtr> list(std::string_view cluster) const override;
  std::vector<KindPtr> list(std::string_view cluster, std::string_view group) const override;
  std::string etag(std::string_view cluster) const override;

  // Attaches rules to a built-in kind. Start-up only.
  void set_rules(const object::GroupResource& kind, const Rules* rules);

 private:
  using Kinds = LocalKinds::Kinds;
  // Who offers a resource under one identity: exports, or else those who bound it.
  struct Shared {
    std::map<cache::Key, KindPtr> exports;
    std::map<KindPtr, std::size_t> bound;  // how many bindings
  };

  void on_crd(const cache::Event& event);
  void on_binding(const cache::Event& event);
  void on_export(const cache::Event& event);
  void on_schema(const cache::Event& event);
  void read_binding(const cache::Item& item, bool gone);
  void read_export(const cache::Item& item, bool gone);
  KindPtr bound_kind(const std::string& provider, const json::Value& reference) const;
  KindPtr schema_kind(const cache::Key& schema, std::string_view identity) const;
  void count_bound(const Kinds& kinds, bool add);
  void forget_export(const cache::Key& key);
  void forget_if_empty(std::string_view cluster);

  cache::Cache& cache_;
  std::set<KindPtr, ByResource> builtin_;
  mutable std::shared_mutex mutex_;
  // By cluster; guarded by mutex_, like all below. Mutable because tags are made when asked for.
  mutable std::map<std::string, LocalKinds, std::less<>> local_;
  std::map<cache::TableId, Shared> shared_;
  std::map<cache::Key, Kinds> exported_;  // by export
  // Bindings that name a schema which is not there yet, by schema.
  std::map<cache::Key, std::set<cache::Key>> waiting_;

  // Kinds by the schema they were read from (its key and revision) and identity: thousands of
  // bindings name the same few.
  using SchemaVersion = std::tuple<cache::Key, std::uint64_t, std::string>;
  mutable std::mutex read_mutex_;
  mutable std::map<SchemaVersion, std::weak_ptr<const Kind>> read_;  // guarded by read_mutex_
};

// The kind that a CustomResourceDefinition describes; null if it is not served (names not accepted,
// no served version). The same spec gives the same Kind. Its schemas are slices of the item's text.
KindPtr kind_of_crd(const cache::ItemPtr& definition);
// `kind` while what defines it is being removed: no new objects.
KindPtr closing(const KindPtr& kind);
// The kind that an APIResourceSchema describes, as an export with this identity offers it. A schema
// that is one of our own exportable kinds' is that kind in every respect.
KindPtr kind_of_schema(const cache::ItemPtr& definition, std::string_view identity);
std::shared_ptr<Kind> kind_of_builtin(const schema::BuiltinKind& source);

}  // namespace registry
