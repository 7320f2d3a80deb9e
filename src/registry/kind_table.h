// The kinds of all logical clusters: built-ins, what APIBindings bind, and each cluster's own
// CustomResourceDefinitions, in this order of precedence.
#pragma once

#include <map>
#include <shared_mutex>

#include "registry/kind.h"
#include "registry/make.h"

namespace registry {

inline const cache::TableId kCrdTable{"apiextensions.k8s.io", "customresourcedefinitions", ""};
inline const cache::TableId kBindingTable{"apis.kcp.io", "apibindings", ""};
inline const cache::TableId kSchemaTable{"apis.kcp.io", "apiresourceschemas", ""};

class LiveKindTable final : public KindTable {
 public:
  LiveKindTable(Flavour flavour, cache::Cache& cache);

  KindPtr find(std::string_view cluster, std::string_view group, std::string_view resource,
               std::string_view identity) const override;
  KindPtr find_by_kind(std::string_view cluster, std::string_view group,
                       std::string_view kind) const override;
  std::vector<KindPtr> list(std::string_view cluster) const override;
  std::string etag(std::string_view cluster) const override;

  // Attaches rules to a built-in kind. Start-up only.
  void set_rules(const object::GroupResource& kind, const Rules* rules);

 private:
  using ByResource = std::map<object::GroupResource, KindPtr>;
  struct Local {
    ByResource crds;
    std::map<std::string, std::vector<KindPtr>> bound;  // by the name of the binding
    std::uint64_t changed = 0;                          // revision of the last change

    KindPtr find(const object::GroupResource& resource) const;
    bool empty() const { return crds.empty() && bound.empty(); }
  };
  void on_crd(const cache::EventPtr& event);
  void on_binding(const cache::EventPtr& event);
  KindPtr find_anywhere(const object::GroupResource& resource, std::string_view identity) const;

  cache::Cache& cache_;
  ByResource builtin_;
  mutable std::shared_mutex mutex_;
  std::map<std::string, Local, std::less<>> local_;  // by cluster; guarded by mutex_
};

// The kind that a CustomResourceDefinition describes; null if it is not served (names not accepted,
// no served version). The same spec gives the same Kind.
KindPtr kind_of_crd(const json::Value& crd);
// The kind that an APIResourceSchema describes, as an export with this identity offers it.
KindPtr kind_of_schema(const json::Value& schema, std::string_view identity);

}  // namespace registry
