#include "controllers/workspaces/reaper.h"

#include "base/log.h"
#include "json/text.h"

namespace controllers {
namespace {

constexpr std::size_t kKeysPerTransaction = 2000;
const cache::TableId kWorkspaces{"tenancy.kcp.io", "workspaces", ""};

// Empties a logical cluster and, before it, all clusters below it.
Task<> empty_cluster(registry::Registry& registry, std::string cluster) {
  cache::Filter filter{.cluster = cluster};
  for (const auto& item : registry.objects().table(kWorkspaces).list(filter).items) {
    auto workspace = json::parse(item->json.view());
    std::string child = workspace ? workspace->at("spec", "cluster").str() : "";
    if (!child.empty()) co_await empty_cluster(registry, child);
  }
  while (true) {
    auto keys = registry.objects().keys_of_cluster(cluster, kKeysPerTransaction);
    if (keys.empty()) co_return;
    storage::Transaction transaction;
    for (std::string& key : keys) transaction.writes.push_back({std::move(key), std::nullopt});
    co_await registry.commit_raw(std::move(transaction));
  }
}

Task<> reap(registry::Registry& registry, cache::ItemPtr item) {
  auto workspace = json::parse(item->json.view());
  std::string cluster = workspace ? workspace->at("spec", "cluster").str() : "";
  if (!cluster.empty()) co_await empty_cluster(registry, cluster);
  storage::Transaction last;
  last.writes.push_back({cache::storage_key(kWorkspaces, item->key), std::nullopt});
  co_await registry.commit_raw(std::move(last));
}

}  // namespace

Task<> reap_workspaces(registry::Registry& registry) {
  auto& table = registry.objects().table(kWorkspaces);
  while (true) {
    auto snapshot = table.list({});
    auto watcher = table.watch({}, snapshot.revision);
    std::vector<cache::ItemPtr> deleting;
    for (auto& item : snapshot.items) {
      if (item->header.deleting) deleting.push_back(std::move(item));
    }
    snapshot.items.clear();
    while (true) {
      std::string failure;
      for (auto& item : deleting) {
        try {
          co_await reap(registry, std::move(item));
        } catch (const Error& error) {
          failure = error.message();
        }
      }
      deleting.clear();
      if (!failure.empty()) {
        log(LogLevel::Warning, "workspaces", "removal failed, trying again", {{"error", failure}});
        co_await sleep_for(1s);
        break;  // look at everything again
      }
      if (!watcher) break;
      auto batch = co_await (*watcher)->next(60s);
      if (batch.expired) break;
      for (const auto& event : batch.events) {
        bool gone = event->type == cache::Event::Type::Deleted;
        if (!gone && event->item->header.deleting) deleting.push_back(event->item);
      }
    }
  }
}

}  // namespace controllers
