#include "controllers/workspaces/reaper.h"

#include <algorithm>
#include <map>

#include "base/log.h"
#include "controllers/content/removal.h"
#include "json/text.h"
#include "object/object.h"
#include "placement/keys.h"
#include "sharing/claims.h"

namespace controllers {
namespace {

constexpr std::size_t kKeysPerTransaction = 2000;
constexpr Duration kLookAgain = 500ms;  // at workspaces that wait for finalizers
const cache::TableId kWorkspaces{"tenancy.kcp.io", "workspaces", ""};

std::string cluster_of(const cache::Item& workspace) {
  auto object = json::parse(workspace.json());
  return object ? object->at("spec", "cluster").str() : "";
}

// Whether somebody outside of the workspace sees the object, and so can take off a finalizer: the
// provider of its API, one who was granted it, a syncer. Nobody else reaches a workspace that is
// being deleted, so other finalizers hold nothing back.
bool is_seen_outside(const cache::TableId& table, const cache::Item& item) {
  if (!table.identity.empty()) return true;
  return std::ranges::any_of(item.labels(), [](const auto& label) {
    return label.first.starts_with(sharing::kClaimLabel) ||
           label.first.starts_with(placement::kStateLabel);
  });
}

// What must be let go of by its owners before the rest goes. Children are emptied on their own;
// bindings stay to the end, because providers reach what they bound through them.
std::vector<Place> held_content(registry::Registry& registry, const std::string& cluster) {
  std::vector<Place> held;
  for (auto& [table, item] : registry.objects().content(cluster, "", SIZE_MAX)) {
    bool own = table == kWorkspaces || table.group == "apis.kcp.io";
    if (item->has_finalizers() && !own && is_seen_outside(table, *item)) {
      held.push_back({table, item->key()});
    }
  }
  return held;
}

Task<> wipe(registry::Registry& registry, std::string cluster) {
  while (true) {
    auto keys = registry.objects().keys_of_cluster(cluster, kKeysPerTransaction);
    if (keys.empty()) co_return;
    storage::Transaction transaction;
    for (std::string& key : keys) transaction.writes.push_back({std::move(key), std::nullopt});
    co_await storage::commit_in_steps(registry.store(), std::move(transaction));
  }
}

// One step towards an empty logical cluster and, before it, empty clusters below it. Returns what
// is still held.
Task<std::vector<Place>> empty_cluster(registry::Registry& registry, std::string cluster) {
  std::vector<Place> left;
  cache::Filter filter{.cluster = cluster};
  for (const auto& item : registry.objects().table(kWorkspaces).list(filter).items) {
    std::string child = cluster_of(*item);
    if (child.empty()) continue;
    auto below = co_await empty_cluster(registry, child);
    left.insert(left.end(), below.begin(), below.end());
  }
  auto held =
      co_await remove_objects(registry, held_content(registry, cluster), "workspace-controller");
  left.insert(left.end(), held.begin(), held.end());
  if (left.empty()) co_await wipe(registry, cluster);
  co_return left;
}

// Says on the Workspace what is waited for.
Task<> tell(registry::Registry& registry, cache::ItemPtr item, std::vector<Place> left) {
  auto object = value_or_throw(json::parse(item->json()));
  object.edit("metadata").erase("resourceVersion");
  bool news = object::set_condition(
      object,
      {"WorkspaceContentDeleted", "False", "SomeFinalizersRemain",
       "Some content of the workspace has finalizers remaining: " + describe(left), "Info"},
      registry.clock().now());
  if (!news) co_return;
  std::string key = cache::storage_key(kWorkspaces, item->key());
  storage::Transaction transaction;
  transaction.compares.push_back({key, storage::Revision{item->revision()}});
  transaction.writes.push_back({key, registry.encode(object)});
  co_await registry.commit_raw(std::move(transaction));
}

// Whether the workspace is gone.
Task<bool> reap(registry::Registry& registry, cache::ItemPtr item) {
  std::string cluster = cluster_of(*item);
  if (!cluster.empty()) {
    auto left = co_await empty_cluster(registry, cluster);
    if (!left.empty()) {
      co_await tell(registry, std::move(item), std::move(left));
      co_return false;
    }
  }
  storage::Transaction last;
  last.writes.push_back({cache::storage_key(kWorkspaces, item->key()), std::nullopt});
  co_await registry.commit_raw(std::move(last));
  co_return true;
}

using Dying = std::map<cache::Key, cache::ItemPtr>;

// A step for each; those that are gone are taken off.
Task<> reap_all(registry::Registry& registry, Dying& dying) {
  auto& table = registry.objects().table(kWorkspaces);
  std::vector<cache::Key> keys;
  for (const auto& [key, item] : dying) keys.push_back(key);
  for (const cache::Key& key : keys) {
    auto item = table.find(key);
    bool gone = !item || !item->deleting();
    std::string failure;
    try {
      gone = gone || co_await reap(registry, std::move(item));
    } catch (const Error& error) {
      failure = error.message();
    }
    if (gone) dying.erase(key);
    if (failure.empty()) continue;
    log(LogLevel::Warning, "workspaces", "removal failed, trying again",
        {{"name", key.name}, {"error", failure}});
  }
}

}  // namespace

Task<> reap_workspaces(registry::Registry& registry) {
  auto& table = registry.objects().table(kWorkspaces);
  while (true) {
    auto snapshot = table.list({});
    auto watcher = table.watch({}, snapshot.revision);
    Dying dying;
    for (auto& item : snapshot.items) {
      if (item->deleting()) dying[item->key()] = std::move(item);
    }
    snapshot.items.clear();
    while (watcher) {
      co_await reap_all(registry, dying);
      auto batch = co_await (*watcher)->next(dying.empty() ? Duration(60s) : kLookAgain);
      if (batch.expired) break;
      for (const auto& event : batch.events) {
        bool gone = event->type == cache::Event::Type::Deleted;
        if (!gone && event->item->deleting()) dying[event->item->key()] = event->item;
      }
    }
  }
}

}  // namespace controllers
