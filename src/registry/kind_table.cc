#include "registry/kind_table.h"

#include <algorithm>
#include <mutex>

#include "json/text.h"
#include "schema/builtin.h"

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
  version.empty = source.empty;
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

bool Kind::has_short_name(std::string_view name) const {
  return std::ranges::find(short_names, name) != short_names.end();
}

const Version& Kind::storage_version() const {
  auto it = std::ranges::find(versions, true, &Version::storage);
  return it == versions.end() ? versions.front() : *it;
}

KindPtr KindTable::find_by_kind(std::string_view cluster, std::string_view group,
                                std::string_view kind) const {
  auto all = named(cluster, group, kind);
  auto found = std::ranges::find(all, kind, &Kind::kind);
  return found == all.end() ? nullptr : *found;
}

LiveKindTable::LiveKindTable(Flavour flavour, cache::Cache& cache) : cache_(cache) {
  for (const auto& kind : schema::builtin_kinds()) {
    if (is_served(kind, flavour)) builtin_.insert(kind_of_builtin(kind));
  }
  cache.listen(kCrdTable, [this](const cache::Event& event) { on_crd(event); });
  cache.listen(kBindingTable, [this](const cache::Event& event) { on_binding(event); });
  cache.listen(kExportTable, [this](const cache::Event& event) { on_export(event); });
  // Those that are there now have been read through who names them.
  auto loaded = std::make_shared<bool>(false);
  cache.listen(kSchemaTable, [this, loaded](const cache::Event& event) {
    if (*loaded) on_schema(event);
  });
  *loaded = true;
}

void LiveKindTable::set_rules(const object::GroupResource& kind, const Rules* rules) {
  auto it = builtin_.find(ResourceView{kind.group, kind.resource});
  if (it == builtin_.end()) return;
  auto copy = std::make_shared<Kind>(**it);
  copy->rules = rules;
  builtin_.erase(it);
  builtin_.insert(std::move(copy));
}

void LiveKindTable::forget_if_empty(std::string_view cluster) {
  auto local = local_.find(cluster);
  if (local != local_.end() && local->second.empty()) local_.erase(local);
}

void LiveKindTable::on_crd(const cache::Event& event) {
  const cache::Item& item = *event.item;
  std::size_t dot = std::min(item.name().find('.'), item.name().size() - 1);
  ResourceView resource{item.name().substr(dot + 1), item.name().substr(0, dot)};
  KindPtr kind;
  if (event.type != cache::Event::Type::Deleted) {
    kind = kind_of_crd(event.item);
    if (kind && resource_of(*kind) != resource) kind = nullptr;
  }
  std::unique_lock lock(mutex_);
  local_[std::string(item.cluster())].set_crd(resource, std::move(kind));
  forget_if_empty(item.cluster());
}

KindPtr LiveKindTable::schema_kind(const cache::Key& schema, std::string_view identity) const {
  auto item = cache_.table(kSchemaTable).find(schema);
  if (!item) return nullptr;
  SchemaVersion version{schema, item->revision(), std::string(identity)};
  {
    std::lock_guard lock(read_mutex_);
    auto known = read_.find(version);
    if (known != read_.end()) {
      if (auto kind = known->second.lock()) return kind;
    }
  }
  KindPtr kind = kind_of_schema(item, identity);
  if (!kind) return nullptr;
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
  auto binding = json::parse(item.json());
  if (binding && !gone) {
    const json::Value& status = (*binding)["status"];
    std::string provider = status["apiExportClusterName"].str();
    for (const json::Value& bound : status["boundResources"].elements()) {
      if (KindPtr kind = bound_kind(provider, bound["schema"])) {
        kinds.push_back(item.deleting() ? closing(kind) : kind);
      } else {
        missing.push_back({provider, "", bound.at("schema", "name").str()});
      }
    }
  }
  std::unique_lock lock(mutex_);
  for (const cache::Key& schema : missing) waiting_[schema].insert(item.key());
  count_bound(kinds, true);
  LocalKinds& local = local_[std::string(item.cluster())];
  count_bound(local.set_bound(std::string(item.name()), std::move(kinds)), false);
  forget_if_empty(item.cluster());
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
  auto object = json::parse(item.json());
  std::string identity = object ? object->at("status", "identityHash").str() : "";
  if (!gone && !identity.empty()) {
    for (const json::Value& one : object->at("spec", "resources").elements()) {
      auto kind =
          schema_kind(cache::KeyView{item.cluster(), "", one["schema"].as_string()}, identity);
      if (kind) kinds.push_back(std::move(kind));
    }
  }
  std::unique_lock lock(mutex_);
  forget_export(item.key());
  if (kinds.empty()) return;
  for (const KindPtr& kind : kinds) shared_[kind->table()].exports[item.key()] = kind;
  exported_[item.key()] = std::move(kinds);
}

void LiveKindTable::on_binding(const cache::Event& event) {
  read_binding(*event.item, event.type == cache::Event::Type::Deleted);
}

void LiveKindTable::on_export(const cache::Event& event) {
  read_export(*event.item, event.type == cache::Event::Type::Deleted);
}

// A schema may come after those who name it. One that goes is still served where it is bound.
void LiveKindTable::on_schema(const cache::Event& event) {
  const cache::Key& schema = event.item->key();
  if (schema.cluster == kBoundSchemas) return;
  for (const auto& item : cache_.table(kExportTable).list({.cluster = schema.cluster}).items) {
    read_export(*item, false);
  }
  std::set<cache::Key> waiting;
  {
    std::unique_lock lock(mutex_);
    auto it = waiting_.find(schema);
    if (it == waiting_.end() || event.type == cache::Event::Type::Deleted) return;
    waiting = std::move(it->second);
    waiting_.erase(it);
  }
  for (const cache::Key& key : waiting) {
    if (auto item = cache_.table(kBindingTable).find(key)) read_binding(*item, false);
  }
}

KindPtr LiveKindTable::find(std::string_view cluster, std::string_view group,
                            std::string_view resource, std::string_view identity) const {
  ResourceView wanted{group, resource};
  if (identity.empty()) {
    auto it = builtin_.find(wanted);
    if (it != builtin_.end()) return *it;
  }
  std::shared_lock lock(mutex_);
  if (cluster == "*") {
    if (identity.empty()) return nullptr;
    auto shared = shared_.find({std::string(group), std::string(resource), std::string(identity)});
    if (shared == shared_.end()) return nullptr;
    const auto& [exports, bound] = shared->second;
    return exports.empty() ? bound.begin()->first : exports.begin()->second;
  }
  auto local = local_.find(cluster);
  if (local == local_.end()) return nullptr;
  KindPtr kind = local->second.find(wanted);
  if (kind && !identity.empty() && kind->identity != identity) return nullptr;
  return kind;
}

std::vector<KindPtr> LiveKindTable::named(std::string_view cluster, std::string_view group,
                                          std::string_view name) const {
  Kinds builtin;
  for (const KindPtr& kind : builtin_) {
    bool is_named = kind->kind == name || kind->has_short_name(name);
    if (kind->group == group && is_named) builtin.push_back(kind);
  }
  std::shared_lock lock(mutex_);
  auto local = local_.find(cluster);
  return local == local_.end() ? builtin
                               : LocalKinds::merge(builtin, local->second.named(group, name));
}

std::vector<KindPtr> LiveKindTable::list(std::string_view cluster) const {
  Kinds local;
  {
    std::shared_lock lock(mutex_);
    auto it = local_.find(cluster);
    if (it != local_.end()) local = it->second.list();
  }
  return LocalKinds::merge(Kinds(builtin_.begin(), builtin_.end()), local);
}

std::vector<KindPtr> LiveKindTable::list(std::string_view cluster, std::string_view group) const {
  Kinds local, builtin;
  std::ranges::copy_if(builtin_, std::back_inserter(builtin),
                       [&](const KindPtr& kind) { return kind->group == group; });
  {
    std::shared_lock lock(mutex_);
    auto it = local_.find(cluster);
    if (it != local_.end()) local = it->second.list(group);
  }
  return LocalKinds::merge(builtin, local);
}

// Clusters that serve the same kinds share one tag, and so one rendered document. It is made when
// it is asked for, outside the lock, for it is long work where there are many kinds.
std::string LiveKindTable::etag(std::string_view cluster) const {
  Kinds kinds;
  std::uint64_t stamp = 0;
  {
    std::shared_lock lock(mutex_);
    auto local = local_.find(cluster);
    if (local == local_.end()) return "builtin";
    if (!local->second.tag().empty()) return local->second.tag();
    kinds = local->second.list();
    stamp = local->second.stamp();
  }
  std::string tag = LocalKinds::tag_of(kinds);
  std::unique_lock lock(mutex_);
  auto local = local_.find(cluster);
  if (local != local_.end()) local->second.set_tag(stamp, tag);
  return tag;
}

}  // namespace registry
