#include "controllers/workload/namespaces.h"

#include <algorithm>

#include "base/scope.h"
#include "json/text.h"
#include "object/object.h"
#include "object/selector.h"
#include "placement/keys.h"
#include "placement/schedule.h"

namespace controllers {
namespace {

using controller::Key;
using controller::Mapper;
using controller::Plan;
using controller::World;
using json::Value;
using Operator = object::LabelSelector::Operator;

constexpr int kWorkers = 16;
constexpr Duration kPause = 200ms;  // for SyncTargets that come together
constexpr Duration kPatience = 1h;
const cache::TableId kConfigMaps{"", "configmaps", ""};
const cache::TableId kSecrets{"", "secrets", ""};

bool is_system_namespace(std::string_view name) {
  return name == "kube-system" || name == "kube-public" || name == "kube-node-lease" ||
         name == "kcp-system";
}

std::string source_name(const cache::TableId& table) {
  return object::GroupResource{table.group, table.resource}.text() + ":" + table.identity;
}

// Objects that every cluster has of its own.
bool is_excluded(const cache::TableId& table, const cache::Item& item) {
  constexpr std::string_view kAccountToken = "kubernetes.io/service-account-token";
  if (table == kConfigMaps) return item.name() == "kube-root-ca.crt";
  if (table != kSecrets || !item.mentions(kAccountToken)) return false;
  auto secret = json::parse(item.json());
  return secret && (*secret)["type"].as_string() == kAccountToken;
}

placement::Content content_of(const cache::TableId& table, const cache::ItemPtr& item) {
  return {item->labels().copy(), cache::json_of(item), item->deleting(), is_excluded(table, *item),
          [item] { return value_or_throw(json::parse(item->json())); }};
}

// Where an object of Situation::content is from, and what keeps it alive.
struct Place {
  const cache::TableId* table = nullptr;
  cache::ItemPtr item;
};

class NamespaceController final : public controller::Controller {
 public:
  NamespaceController(Surroundings around, SyncedTables tables, WorkloadOptions options)
      : around_(std::move(around)),
        cache_(around_.registry.objects()),
        tables_(std::move(tables)),
        patience_(options.move_patience) {}

  std::string_view name() const override { return "namespace-scheduling"; }

  controller::Declaration declare() const override {
    controller::Declaration declaration;
    declaration.sources = {local_source(around_, kNamespaces, "v1"),
                           local_source(around_, kPlacements, "v1alpha1"),
                           sync_target_source(around_)};
    for (const auto& [table, version] : tables_) {
      auto source =
          local_source(around_, table, version,
                       {.headers_only = true,
                        .concerns = [this](const cache::Item& item) { return is_placed(item); }});
      source.name = source_name(table);
      declaration.wakes[source.name] = [this, &table](const World&, const Value& object) {
        return wake_by_content(table, object);
      };
      declaration.sources.push_back(std::move(source));
    }
    declaration.wakes[kPlacements.resource] = [this](const World&, const Value& placement) {
      return keys_of(cache_, kNamespaces, object::annotation(placement, "kcp.io/cluster"));
    };
    declaration.wakes[kSyncTargets.resource] = [this](const World& world, const Value& target) {
      bool gone = !world.find(controller::key_of(kSyncTargets.resource, target));
      return gone ? users_of(object::label(target, placement::kKeyLabel)) : std::vector<Key>();
    };
    declaration.concerns = [this](const World&, const Key& key, const object::Labels& labels) {
      return concerns(key, labels);
    };
    return declaration;
  }

  Plan reconcile(const World& world, const Key& key,
                 const std::optional<Value>& object) const override {
    Plan plan;
    if (!object || is_system_namespace(key.name)) return plan;
    std::vector<Place> places;
    placement::Situation situation;
    situation.ns = *object;
    std::map<std::string, bool> known;
    situation.is_known = [this, &known](const std::string& one) {
      auto it = known.find(one);
      if (it == known.end()) it = known.emplace(one, !cluster_of(one).empty()).first;
      return it->second;
    };
    situation.now = world.now();
    situation.patience = patience_;
    read_placements(world, key, situation);
    read_content(key, places, situation);
    auto outcome = placement::schedule(situation);
    for (placement::Change& change : outcome.changes) {
      std::string source = source_name(*places[change.index].table);
      if (change.after.is_null()) {
        plan.remove(source, key.cluster, change.before);
      } else {
        plan.patch(source, key.cluster, change.after, metadata_patch(change.before, change.after));
      }
    }
    if (outcome.look_again_at) plan.look_again(*outcome.look_again_at);
    if (outcome.ns != *object) {
      plan.patch(kNamespaces.resource, key.cluster, outcome.ns,
                 metadata_patch(*object, outcome.ns));
    } else if (outcome.changes.empty()) {
      set_condition(world, key, std::move(outcome.ns), plan);
    }
    return plan;
  }

 private:
  // Namespaces that were never placed are passed over without parsing.
  bool concerns(const Key& key, const object::Labels& labels) const {
    if (is_system_namespace(key.name)) return false;
    if (!placement::state_keys(labels).empty()) return true;
    if (cache_.table(kPlacements).count(key.cluster) > 0) return true;
    auto item = cache_.table(kNamespaces).find({key.cluster, "", key.name});
    return item && (item->mentions(placement::kPlacementAnnotation) ||
                    item->mentions("NamespaceScheduled"));
  }

  // Whether placement has left a label, annotation or finalizer on an object or its namespace. All
  // of them have this in their names.
  bool is_placed(const cache::Item& item) const {
    constexpr std::string_view kMark = "workload.kcp.io";
    if (item.mentions(kMark)) return true;
    auto ns = cache_.table(kNamespaces).find({item.cluster(), "", item.ns()});
    return ns && ns->mentions(kMark);
  }

  std::vector<Key> wake_by_content(const cache::TableId& table, const Value& object) const {
    Key owner{kNamespaces.resource, object::annotation(object, "kcp.io/cluster"), "",
              object::ns(object)};
    auto ns = cache_.table(kNamespaces).find({owner.cluster, "", owner.name});
    if (!ns || is_system_namespace(owner.name)) return {};
    bool in_motion = ns->mentions(placement::kDeletion) || ns->mentions(placement::kLeaving);
    if (in_motion) return {owner};
    auto item = cache_.table(table).find({owner.cluster, owner.name, object::name(object)});
    bool needed = item && placement::needs_look(content_of(table, item),
                                                placement::state_keys(ns->labels().copy()));
    return needed ? std::vector{owner} : std::vector<Key>();
  }

  // Every namespace that has to do with a SyncTarget, in all workspaces.
  std::vector<Key> users_of(const std::string& key) const {
    cache::Filter filter;
    filter.labels.require({std::string(placement::kStateLabel) + key, Operator::Exists, {}});
    std::set<Key> users;
    for (const auto& item : cache_.table(kNamespaces).list(filter).items) {
      users.insert(
          {kNamespaces.resource, std::string(item->cluster()), "", std::string(item->name())});
    }
    for (const auto& [table, version] : tables_) {
      for (const auto& item : cache_.table(table).list(filter).items) {
        users.insert(
            {kNamespaces.resource, std::string(item->cluster()), "", std::string(item->ns())});
      }
    }
    return {users.begin(), users.end()};
  }

  // The logical cluster of the SyncTarget with this key; "" = there is no such SyncTarget.
  std::string cluster_of(const std::string& key) const {
    cache::Filter filter;
    filter.labels.require({placement::kKeyLabel, Operator::In, {key}});
    auto found = cache_.table(kSyncTargets).list(filter, 1).items;
    return found.empty() ? "" : std::string(found.front()->cluster());
  }

  // A target counts only if it is one of the workspace whose Locations the Placement asks for.
  void read_placements(const World& world, const Key& key, placement::Situation& situation) const {
    for (const Value& placement : world.list(kPlacements.resource, key.cluster, "")) {
      std::string phase = placement.at("status", "phase").str();
      if (object::is_deleting(placement) || phase.empty() || phase == "Pending") continue;
      auto selector = object::LabelSelector::from_object(placement.at("spec", "namespaceSelector"));
      if (!selector || !selector->matches_object(situation.ns)) continue;
      situation.placed = true;
      std::string chosen = object::annotation(placement, placement::kTargetAnnotation);
      if (chosen.empty()) continue;
      auto allowed = location_cluster(around_.clusters, key.cluster, placement);
      if (allowed && cluster_of(chosen) == *allowed) situation.wanted.insert(chosen);
    }
  }

  void read_content(const Key& key, std::vector<Place>& places,
                    placement::Situation& situation) const {
    cache::Filter filter{.cluster = key.cluster, .ns = key.name};
    for (const auto& [table, version] : tables_) {
      for (auto& item : cache_.table(table).list(filter).items) {
        situation.content.push_back(content_of(table, item));
        places.push_back({&table, std::move(item)});
      }
    }
  }

  void set_condition(const World& world, const Key& key, Value ns, Plan& plan) const {
    bool mentioned = object::condition(ns, "NamespaceScheduled").has_value();
    bool placements = cache_.table(kPlacements).count(key.cluster) > 0;
    if (!mentioned && !placements) return;
    if (!object::set_condition(ns, placement::scheduled_condition(ns), world.now())) return;
    plan.update_status(kNamespaces.resource, key.cluster, std::move(ns));
  }

  const Surroundings around_;
  cache::Cache& cache_;
  const SyncedTables tables_;
  const Duration patience_;
};

// Adds what a SyncTarget offers; whether that was anything new.
bool add_tables(ExportCatalog& catalog, const cache::Item& item, SyncedTables& tables) {
  bool any = false;
  auto target = json::parse(item.json());
  if (!target) return false;
  for (const OfferedResource& one :
       catalog.offer_of(std::string(item.cluster()), *target).resources) {
    cache::TableId table{one.group, one.resource, one.identity};
    if (one.namespaced) any = tables.emplace(table, one.versions.front()).second || any;
  }
  return any;
}

// Returns when SyncTargets offer more than `tables`.
Task<> wait_for_more(cache::Cache& cache, std::shared_ptr<ExportCatalog> catalog,
                     SyncedTables tables, std::uint64_t revision) {
  auto watcher = cache.table(kSyncTargets).watch({}, revision);
  while (watcher) {
    auto batch = co_await (*watcher)->next(kPatience);
    if (batch.expired) co_return;
    for (const auto& event : batch.events) {
      if (add_tables(*catalog, *event->item, tables)) co_return;
    }
    co_await yield_to_loop();
  }
}

}  // namespace

Task<> schedule_namespaces(Surroundings around, std::shared_ptr<ExportCatalog> catalog,
                           WorkloadOptions options) {
  cache::Cache& cache = around.registry.objects();
  SyncedTables tables{{kConfigMaps, "v1"}, {kSecrets, "v1"}};
  while (true) {
    auto snapshot = cache.table(kSyncTargets).list({});
    for (const auto& item : snapshot.items) add_tables(*catalog, *item, tables);
    auto make = [around, tables, options]() -> std::shared_ptr<controller::Controller> {
      return std::make_shared<NamespaceController>(around, tables, options);
    };
    co_await with_scope([&](Scope& scope) -> Task<> {
      scope.spawn("namespaces", run_locally(make, around.registry.clock(), {.workers = kWorkers}));
      return wait_for_more(cache, catalog, tables, snapshot.revision);
    });
    co_await sleep_for(kPause);
  }
}

}  // namespace controllers
