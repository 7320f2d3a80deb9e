#include "controllers/workspaces/reaper.h"

#include <algorithm>
#include <iterator>
#include <set>

#include "base/log.h"
#include "controllers/content/removal.h"
#include "json/text.h"
#include "object/object.h"
#include "placement/keys.h"
#include "sharing/claims.h"

namespace controllers {
namespace {

constexpr std::size_t kKeysPerTransaction = 2000;
constexpr std::size_t kLooksInTurn = 64;  // into clusters, before others get the loop
constexpr Duration kLookAgain = 500ms;    // at workspaces that wait for finalizers
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

// A logical cluster on its way out: what is in it, as far as it matters here.
struct Content {
  std::vector<Place> held;  // must be let go of by its owners before the rest goes
  std::vector<std::string> children;
};

// Children are emptied on their own; bindings stay to the end, because providers reach what they
// bound through them.
Content look_into(registry::Registry& registry, const std::string& cluster) {
  Content content;
  for (auto& [table, item] : registry.objects().content(cluster, "", SIZE_MAX)) {
    if (table == kWorkspaces) {
      if (std::string child = cluster_of(*item); !child.empty()) {
        content.children.push_back(std::move(child));
      }
    } else if (item->has_finalizers() && table.group != "apis.kcp.io" &&
               is_seen_outside(table, *item)) {
      content.held.push_back({table, item->key()});
    }
  }
  return content;
}

// Deletions of many logical clusters, in as few transactions as can be: each costs a sync.
class Eraser {
 public:
  explicit Eraser(registry::Registry& registry) : registry_(registry) {}

  Task<> add(std::string key) {
    transaction_.writes.push_back({std::move(key), std::nullopt});
    if (transaction_.writes.size() >= kKeysPerTransaction) co_await flush();
  }
  Task<> flush() {
    if (transaction_.writes.empty()) co_return;
    co_await storage::commit_in_steps(registry_.store(), std::exchange(transaction_, {}));
  }

 private:
  registry::Registry& registry_;
  storage::Transaction transaction_;
};

// Removes all that is in these clusters, and what comes in meanwhile.
Task<> wipe(registry::Registry& registry, std::vector<std::string> clusters) {
  while (!clusters.empty()) {
    Eraser eraser(registry);
    std::vector<std::string> again;
    for (std::size_t i = 0; i < clusters.size(); ++i) {
      if (i % kLooksInTurn == kLooksInTurn - 1) co_await yield_to_loop();
      auto keys = registry.objects().keys_of_cluster(clusters[i], kKeysPerTransaction);
      if (!keys.empty()) again.push_back(std::move(clusters[i]));
      for (std::string& key : keys) co_await eraser.add(std::move(key));
    }
    co_await eraser.flush();
    clusters = std::move(again);
  }
}

// A workspace that is being deleted.
struct Root {
  cache::ItemPtr item;
  std::vector<Place> held;   // by finalizers, in its cluster or below
  std::string failure = {};  // why they could not be removed
};

// The clusters of dying workspaces and all that are below them, level by level.
struct Node {
  std::string cluster;
  std::size_t root = 0;
  std::size_t parent = 0;  // in the level above
};
using Levels = std::vector<std::vector<Node>>;

Task<Levels> survey(registry::Registry& registry, std::vector<Root>& roots) {
  Levels levels;
  std::vector<Node> level;
  for (std::size_t i = 0; i < roots.size(); ++i) {
    std::string cluster = cluster_of(*roots[i].item);
    if (!cluster.empty()) level.push_back({std::move(cluster), i});
  }
  while (!level.empty()) {
    std::vector<Node> below;
    for (std::size_t i = 0; i < level.size(); ++i) {
      if (i % kLooksInTurn == kLooksInTurn - 1) co_await yield_to_loop();
      std::size_t root = level[i].root;
      Content content = look_into(registry, level[i].cluster);
      std::ranges::move(content.held, std::back_inserter(roots[root].held));
      for (std::string& child : content.children) below.push_back({std::move(child), root, i});
    }
    levels.push_back(std::exchange(level, std::move(below)));
  }
  co_return levels;
}

// Asks the owners of what is held to let go. One that cannot be asked holds up nobody else.
Task<> release(registry::Registry& registry, Root& root) {
  try {
    root.held = co_await remove_objects(registry, std::move(root.held), "workspace-controller");
  } catch (const Error& error) {
    root.failure = error.message();
  }
}

// One step towards empty logical clusters, the lowest first: what leads to a cluster goes after
// what is in it. What is held is then left in the roots.
Task<> empty_clusters(registry::Registry& registry, std::vector<Root>& roots) {
  Levels levels = co_await survey(registry, roots);
  std::set<std::string> staying;  // because of themselves or of what is below them
  for (Root& root : roots) {
    std::vector<Place> asked = root.held;
    if (!asked.empty()) co_await release(registry, root);
    for (const Place& place : root.failure.empty() ? root.held : asked) {
      staying.insert(place.key.cluster);
    }
  }
  for (std::size_t depth = levels.size(); depth-- > 0;) {
    std::vector<std::string> free;
    for (Node& node : levels[depth]) {
      if (!staying.contains(node.cluster)) {
        free.push_back(std::move(node.cluster));
      } else if (depth > 0) {
        staying.insert(levels[depth - 1][node.parent].cluster);
      }
    }
    co_await wipe(registry, std::move(free));
  }
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

// A step for each that is dying, then for those that are empty the last.
Task<> reap(registry::Registry& registry, std::vector<Root> roots) {
  co_await empty_clusters(registry, roots);
  Eraser eraser(registry);
  for (Root& root : roots) {
    if (!root.failure.empty()) {
      log(LogLevel::Warning, "workspaces", "removal failed, trying again",
          {{"name", std::string(root.item->name())}, {"error", root.failure}});
    } else if (!root.held.empty()) {
      co_await tell(registry, root.item, std::move(root.held));
    } else {
      co_await eraser.add(cache::storage_key(kWorkspaces, root.item->key()));
    }
  }
  co_await eraser.flush();
}

using Dying = std::set<cache::Key>;

// Takes off those that are gone.
Task<> reap_all(registry::Registry& registry, Dying& dying) {
  auto& table = registry.objects().table(kWorkspaces);
  std::vector<Root> roots;
  for (auto key = dying.begin(); key != dying.end();) {
    auto item = table.find(*key);
    bool gone = !item || !item->deleting();
    if (!gone) roots.push_back({std::move(item), {}});
    key = gone ? dying.erase(key) : std::next(key);
  }
  std::string failure;
  try {
    co_await reap(registry, std::move(roots));
  } catch (const Error& error) {
    failure = error.message();
  }
  if (!failure.empty()) {
    log(LogLevel::Warning, "workspaces", "removal failed, trying again", {{"error", failure}});
  }
  std::erase_if(dying, [&](const cache::Key& key) { return !table.find(key); });
}

}  // namespace

Task<> reap_workspaces(registry::Registry& registry) {
  auto& table = registry.objects().table(kWorkspaces);
  while (true) {
    auto snapshot = table.list({});
    auto watcher = table.watch({}, snapshot.revision);
    Dying dying;
    for (auto& item : snapshot.items) {
      if (item->deleting()) dying.insert(item->key());
    }
    snapshot.items.clear();
    while (watcher) {
      co_await reap_all(registry, dying);
      auto batch = co_await (*watcher)->next(dying.empty() ? Duration(60s) : kLookAgain);
      if (batch.expired) break;
      for (const auto& event : batch.events) {
        bool gone = event->type == cache::Event::Type::Deleted;
        if (!gone && event->item->deleting()) dying.insert(event->item->key());
      }
    }
  }
}

}  // namespace controllers
