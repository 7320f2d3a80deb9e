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

LiveKindTable::LiveKindTable(Flavour flavour, cache::Cache& cache) {
  for (const auto& kind : schema::builtin_kinds()) {
    if (is_served(kind, flavour)) builtin_[{kind.group, kind.plural}] = from_builtin(kind);
  }
  cache.listen(kCrdTable, [this](const cache::EventPtr& event) { on_crd(event); });
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
    local.kinds[resource] = std::move(kind);
  } else {
    local.kinds.erase(resource);
  }
}

KindPtr LiveKindTable::find(std::string_view cluster, std::string_view group,
                            std::string_view resource, std::string_view identity) const {
  object::GroupResource wanted{std::string(group), std::string(resource)};
  if (identity.empty()) {
    auto it = builtin_.find(wanted);
    if (it != builtin_.end()) return it->second;
  }
  std::shared_lock lock(mutex_);
  auto local = local_.find(cluster);
  if (local == local_.end()) return nullptr;
  auto it = local->second.kinds.find(wanted);
  if (it == local->second.kinds.end() || it->second->identity != identity) return nullptr;
  return it->second;
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
    if (local != local_.end()) all.insert(local->second.kinds.begin(), local->second.kinds.end());
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
  if (local->second.kinds.empty()) return "builtin";
  return fmt::format("{}-{}", cluster, local->second.changed);
}

}  // namespace registry
