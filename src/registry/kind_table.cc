#include "registry/kind_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>

#include "json/text.h"
#include "schema/builtin.h"
#include "schema/digest.h"

namespace registry {
namespace {

bool is_served(const schema::BuiltinKind& kind, Flavour flavour) {
  const char* wanted = flavour == Flavour::Workspaces ? "workspace" : "cluster";
  return std::ranges::find(kind.sets, wanted) != kind.sets.end();
}

KindPtr from_builtin(const schema::BuiltinKind& source) {
  auto kind = std::make_shared<Kind>();
  kind->group = source.group;
  kind->plural = source.plural;
  kind->singular = source.singular;
  kind->kind = source.kind;
  kind->list_kind = source.kind + "List";
  kind->short_names = source.short_names;
  kind->categories = source.categories;
  kind->namespaced = source.namespaced;
  kind->verbs = source.verbs;
  kind->builtin = true;
  kind->virtual_only = source.virtual_only;
  Version version;
  version.name = source.version;
  version.storage = true;
  version.schema = source.schema;
  version.has_status = source.has_status;
  version.selectable_fields = source.selectable_fields;
  if (source.has_scale) version.scale = ScalePaths{".spec.replicas", ".status.replicas", ""};
  for (const auto& column : source.columns) {
    version.columns.push_back(
        {column.name, column.type, "", "", column.source, column.wide ? 1 : 0});
  }
  kind->versions.push_back(std::move(version));
  return kind;
}

}  // namespace

const Version* Kind::find_version(std::string_view name) const {
  auto it = std::ranges::find(versions, name, &Version::name);
  return it == versions.end() ? nullptr : &*it;
}

const Version& Kind::storage_version() const {
  auto it = std::ranges::find(versions, true, &Version::storage);
  return it == versions.end() ? versions.front() : *it;
}

KindPtr LiveKindTable::Local::find(const object::GroupResource& resource) const {
  for (const auto& [binding, kinds] : bound) {
    for (const KindPtr& kind : kinds) {
      if (kind->group_resource() == resource) return kind;
    }
  }
  auto crd = crds.find(resource);
  return crd == crds.end() ? nullptr : crd->second;
}

LiveKindTable::LiveKindTable(Flavour flavour, cache::Cache& cache) : cache_(cache) {
  for (const auto& kind : schema::builtin_kinds()) {
    if (is_served(kind, flavour)) builtin_[{kind.group, kind.plural}] = from_builtin(kind);
  }
  cache.listen(kCrdTable, [this](const cache::EventPtr& event) { on_crd(event); });
  cache.listen(kBindingTable, [this](const cache::EventPtr& event) { on_binding(event); });
}

void LiveKindTable::set_rules(const object::GroupResource& kind, const Rules* rules) {
  auto it = builtin_.find(kind);
  if (it == builtin_.end()) return;
  auto copy = std::make_shared<Kind>(*it->second);
  copy->rules = rules;
  it->second = std::move(copy);
}

void LiveKindTable::on_crd(const cache::EventPtr& event) {
  const cache::Item& item = *event->item;
  KindPtr kind;
  if (event->type != cache::Event::Type::Deleted) {
    if (auto crd = json::parse(item.json.view())) kind = kind_of_crd(*crd);
  }
  std::size_t dot = item.key.name.find('.');
  object::GroupResource resource{item.key.name.substr(dot + 1), item.key.name.substr(0, dot)};
  std::unique_lock lock(mutex_);
  Local& local = local_[item.key.cluster];
  local.changed = event->revision;
  if (kind) {
    local.crds[resource] = std::move(kind);
  } else {
    local.crds.erase(resource);
  }
}

void LiveKindTable::on_binding(const cache::EventPtr& event) {
  const cache::Item& item = *event->item;
  std::vector<KindPtr> kinds;
  auto binding = json::parse(item.json.view());
  if (binding && event->type != cache::Event::Type::Deleted) {
    const json::Value& status = (*binding)["status"];
    std::string provider = status["apiExportClusterName"].str();
    for (const json::Value& bound : status["boundResources"].elements()) {
      const json::Value& reference = bound["schema"];
      auto schema = cache_.table(kSchemaTable).find({provider, "", reference["name"].str()});
      auto parsed = schema ? json::parse(schema->json.view()) : json::Value();
      if (!schema || !parsed) continue;
      kinds.push_back(kind_of_schema(*parsed, reference["identityHash"].as_string()));
    }
  }
  std::unique_lock lock(mutex_);
  Local& local = local_[item.key.cluster];
  local.changed = event->revision;
  if (kinds.empty()) {
    local.bound.erase(item.key.name);
  } else {
    local.bound[item.key.name] = std::move(kinds);
  }
}

// Whoever binds the resource with this identity shows its kind.
KindPtr LiveKindTable::find_anywhere(const object::GroupResource& resource,
                                     std::string_view identity) const {
  for (const auto& [cluster, local] : local_) {
    for (const auto& [binding, kinds] : local.bound) {
      for (const KindPtr& kind : kinds) {
        if (kind->group_resource() == resource && kind->identity == identity) return kind;
      }
    }
  }
  return nullptr;
}

KindPtr LiveKindTable::find(std::string_view cluster, std::string_view group,
                            std::string_view resource, std::string_view identity) const {
  object::GroupResource wanted{std::string(group), std::string(resource)};
  if (identity.empty()) {
    auto it = builtin_.find(wanted);
    if (it != builtin_.end()) return it->second;
  }
  std::shared_lock lock(mutex_);
  if (cluster == "*") return identity.empty() ? nullptr : find_anywhere(wanted, identity);
  auto local = local_.find(cluster);
  if (local == local_.end()) return nullptr;
  KindPtr kind = local->second.find(wanted);
  if (kind && !identity.empty() && kind->identity != identity) return nullptr;
  return kind;
}

KindPtr LiveKindTable::find_by_kind(std::string_view cluster, std::string_view group,
                                    std::string_view kind) const {
  for (const KindPtr& one : list(cluster)) {
    if (one->group == group && one->kind == kind) return one;
  }
  return nullptr;
}

std::vector<KindPtr> LiveKindTable::list(std::string_view cluster) const {
  ByResource all = builtin_;
  {
    std::shared_lock lock(mutex_);
    auto local = local_.find(cluster);
    if (local != local_.end()) {
      for (const auto& [binding, bound] : local->second.bound) {
        for (const KindPtr& kind : bound) all.emplace(kind->group_resource(), kind);
      }
      all.insert(local->second.crds.begin(), local->second.crds.end());
    }
  }
  std::vector<KindPtr> kinds;
  for (auto& [resource, kind] : all) kinds.push_back(kind);
  return kinds;
}

std::string LiveKindTable::etag(std::string_view cluster) const {
  std::shared_lock lock(mutex_);
  auto local = local_.find(cluster);
  // Clusters without kinds of their own share one tag, and so one rendered document.
  if (local == local_.end()) return "builtin";
  if (local->second.empty()) return "builtin";
  return fmt::format("{}-{}", cluster, local->second.changed);
}

}  // namespace registry
