#include "registry/kind_table.h"

#include <algorithm>
#include <mutex>

#include "json/text.h"
#include "schema/builtin.h"
#include "schema/digest.h"

namespace registry {
namespace {

constexpr std::size_t kManyReads = 4096;  // from here on those that are not used are looked for

bool is_served(const schema::BuiltinKind& kind, Flavour flavour) {
  const char* wanted = flavour == Flavour::Workspaces ? "workspace" : "cluster";
  return std::ranges::find(kind.sets, wanted) != kind.sets.end();
}

}  // namespace

std::shared_ptr<Kind> kind_of_builtin(const schema::BuiltinKind& source) {
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

void LiveKindTable::Local::settle_tag() {
  std::string text;
  for (const auto& [binding, kinds] : bound) {
    for (const KindPtr& kind : kinds) text.append(kind->digest).append(",");
  }
  for (const auto& [resource, kind] : crds) text.append(kind->digest).append(",");
  tag = schema::sha256_hex(text);
}

LiveKindTable::LiveKindTable(Flavour flavour, cache::Cache& cache) : cache_(cache) {
  for (const auto& kind : schema::builtin_kinds()) {
    if (is_served(kind, flavour)) builtin_[{kind.group, kind.plural}] = kind_of_builtin(kind);
  }
  cache.listen(kCrdTable, [this](const cache::EventPtr& event) { on_crd(event); });
  cache.listen(kBindingTable, [this](const cache::EventPtr& event) { on_binding(event); });
  cache.listen(kExportTable, [this](const cache::EventPtr& event) { on_export(event); });
  // Those that are there now have been read through who names them.
  auto loaded = std::make_shared<bool>(false);
  cache.listen(kSchemaTable, [this, loaded](const cache::EventPtr& event) {
    if (*loaded) on_schema(event);
  });
  *loaded = true;
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
  if (kind) {
    local.crds[resource] = std::move(kind);
  } else {
    local.crds.erase(resource);
  }
  if (local.empty()) {
    local_.erase(item.key.cluster);
  } else {
    local.settle_tag();
  }
}

KindPtr LiveKindTable::schema_kind(const cache::Key& schema, std::string_view identity) const {
  auto item = cache_.table(kSchemaTable).find(schema);
  if (!item) return nullptr;
  SchemaVersion version{schema, item->revision, std::string(identity)};
  {
    std::lock_guard lock(read_mutex_);
    auto known = read_.find(version);
    if (known != read_.end()) {
      if (auto kind = known->second.lock()) return kind;
    }
  }
  auto parsed = json::parse(item->json.view());
  if (!parsed) return nullptr;
  KindPtr kind = kind_of_schema(*parsed, identity);
  std::lock_guard lock(read_mutex_);
  if (read_.size() >= kManyReads) {
    std::erase_if(read_, [](const auto& entry) { return entry.second.expired(); });
  }
  read_[std::move(version)] = kind;
  return kind;
}

// By the copy that was made when it was bound, else (before that is there) from the provider.
KindPtr LiveKindTable::bound_kind(const std::string& provider, const json::Value& reference) const {
  std::string_view identity = reference["identityHash"].as_string();
  KindPtr kind = schema_kind({kBoundSchemas, "", reference["UID"].str()}, identity);
  return kind ? kind : schema_kind({provider, "", reference["name"].str()}, identity);
}

void LiveKindTable::count_bound(const Kinds& kinds, bool add) {
  for (const KindPtr& kind : kinds) {
    Shared& shared = shared_[kind->table()];
    std::size_t& count = shared.bound[kind];
    count += add ? 1 : std::size_t(-1);
    if (count == 0) shared.bound.erase(kind);
    if (shared.bound.empty() && shared.exports.empty()) shared_.erase(kind->table());
  }
}

void LiveKindTable::read_binding(const cache::Item& item, bool gone) {
  Kinds kinds;
  std::vector<cache::Key> missing;
  auto binding = json::parse(item.json.view());
  if (binding && !gone) {
    const json::Value& status = (*binding)["status"];
    std::string provider = status["apiExportClusterName"].str();
    for (const json::Value& bound : status["boundResources"].elements()) {
      if (KindPtr kind = bound_kind(provider, bound["schema"])) {
        kinds.push_back(item.header.deleting ? closing(kind) : kind);
      } else {
        missing.push_back({provider, "", bound.at("schema", "name").str()});
      }
    }
  }
  std::unique_lock lock(mutex_);
  for (const cache::Key& schema : missing) waiting_[schema].insert(item.key);
  Local& local = local_[item.key.cluster];
  count_bound(local.bound[item.key.name], false);
  count_bound(kinds, true);
  if (kinds.empty()) {
    local.bound.erase(item.key.name);
  } else {
    local.bound[item.key.name] = std::move(kinds);
  }
  if (local.empty()) {
    local_.erase(item.key.cluster);
  } else {
    local.settle_tag();
  }
}

void LiveKindTable::forget_export(const cache::Key& key) {
  auto known = exported_.find(key);
  if (known == exported_.end()) return;
  for (const KindPtr& kind : known->second) {
    auto shared = shared_.find(kind->table());
    if (shared == shared_.end()) continue;
    shared->second.exports.erase(key);
    if (shared->second.exports.empty() && shared->second.bound.empty()) shared_.erase(shared);
  }
  exported_.erase(known);
}

void LiveKindTable::read_export(const cache::Item& item, bool gone) {
  Kinds kinds;
  auto object = json::parse(item.json.view());
  std::string identity = object ? object->at("status", "identityHash").str() : "";
  if (!gone && !identity.empty()) {
    for (const json::Value& one : object->at("spec", "resources").elements()) {
      auto kind = schema_kind({item.key.cluster, "", one["schema"].str()}, identity);
      if (kind) kinds.push_back(std::move(kind));
    }
  }
  std::unique_lock lock(mutex_);
  forget_export(item.key);
  if (kinds.empty()) return;
  for (const KindPtr& kind : kinds) shared_[kind->table()].exports[item.key] = kind;
  exported_[item.key] = std::move(kinds);
}

void LiveKindTable::on_binding(const cache::EventPtr& event) {
  read_binding(*event->item, event->type == cache::Event::Type::Deleted);
}

void LiveKindTable::on_export(const cache::EventPtr& event) {
  read_export(*event->item, event->type == cache::Event::Type::Deleted);
}

// A schema may come after those who name it. One that goes is still served where it is bound.
void LiveKindTable::on_schema(const cache::EventPtr& event) {
  const cache::Key& schema = event->item->key;
  if (schema.cluster == kBoundSchemas) return;
  for (const auto& item : cache_.table(kExportTable).list({.cluster = schema.cluster}).items) {
    read_export(*item, false);
  }
  std::set<cache::Key> waiting;
  {
    std::unique_lock lock(mutex_);
    auto it = waiting_.find(schema);
    if (it == waiting_.end() || event->type == cache::Event::Type::Deleted) return;
    waiting = std::move(it->second);
    waiting_.erase(it);
  }
  for (const cache::Key& key : waiting) {
    if (auto item = cache_.table(kBindingTable).find(key)) read_binding(*item, false);
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
  if (cluster == "*") {
    auto shared = shared_.find({wanted.group, wanted.resource, std::string(identity)});
    if (identity.empty() || shared == shared_.end()) return nullptr;
    const auto& [exports, bound] = shared->second;
    return exports.empty() ? bound.begin()->first : exports.begin()->second;
  }
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
  Kinds kinds;
  for (auto& [resource, kind] : all) kinds.push_back(kind);
  return kinds;
}

// Clusters that serve the same kinds share one tag, and so one rendered document.
std::string LiveKindTable::etag(std::string_view cluster) const {
  std::shared_lock lock(mutex_);
  auto local = local_.find(cluster);
  return local == local_.end() ? "builtin" : local->second.tag;
}

}  // namespace registry
