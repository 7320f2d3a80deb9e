#include "controllers/api_sharing/rules.h"

#include <set>

#include "base/log.h"
#include "base/scope.h"
#include "controllers/api_sharing/bindings.h"
#include "controllers/api_sharing/claim_check.h"
#include "controllers/api_sharing/claim_labels.h"
#include "controllers/api_sharing/context.h"
#include "controllers/api_sharing/exports.h"
#include "controllers/api_sharing/schemas.h"
#include "controllers/api_sharing/work_list.h"
#include "controllers/system_call.h"
#include "json/text.h"
#include "registry/kind_table.h"

namespace controllers {

struct SharingState {
  SharingContext context;
  std::shared_ptr<const ClaimIndex> index;
  WorkList work;

  registry::Registry& registry() const { return context.registry; }
};

namespace {

using json::Value;

const cache::TableId kLogicalClusters{"core.kcp.io", "logicalclusters", ""};
constexpr int kWorkers = 8;  // so that commits share a sync

// A look is at all of a cluster: where that is much, changes are gathered for the next look.
constexpr std::size_t kMuch = 100;         // objects
constexpr Duration kPauseForEach = 500us;  // of them
constexpr std::string_view kGroup = "apis.kcp.io";
constexpr const char* kComponent = "api-sharing";

std::string hash_of(const cache::Key& api_export) {
  return sharing::export_hash(api_export.cluster, api_export.name);
}

object::LabelSelector users_of(const std::string& hash) {
  object::LabelSelector selector;
  selector.require({sharing::kExportLabel, object::LabelSelector::Operator::In, {hash}});
  return selector;
}

}  // namespace

namespace {

bool has_claims(const cache::Item& binding) { return binding.mentions("\"permissionClaims\""); }

// Listeners: they run on the store's thread and only note what is to be done.
void listen(cache::Cache& cache, SharingState* state) {
  auto& work = state->work;
  cache.listen(kBindings, [&work](const cache::Event& event) {
    bool claims = has_claims(*event.item) || (event.previous && has_claims(*event.previous));
    work.add(std::string(event.item->cluster()), claims);
  });
  cache.listen(kSlices, [&work](const cache::Event& event) {
    work.add(std::string(event.item->cluster()));
  });
  cache.listen(kExports, [&work](const cache::Event& event) {
    work.add(std::string(event.item->cluster()));
    work.add_export(hash_of(event.item->key()));
  });
  cache.listen(kSchemas, [&work, &cache](const cache::Event& event) {
    cache::Filter filter{.cluster = std::string(event.item->cluster())};
    for (const auto& item : cache.table(kExports).list(filter).items) {
      work.add_export(hash_of(item->key()));
    }
  });
  cache.listen(registry::kCrdTable, [&work, &cache](const cache::Event& event) {
    std::string cluster(event.item->cluster());
    if (cache.table(kBindings).count(cluster) > 0) work.add(cluster);
  });
  cache.listen(kLogicalClusters, [&work](const cache::Event& event) {
    if (event.type == cache::Event::Type::Deleted) work.forget(std::string(event.item->cluster()));
  });
  // Objects that were written while claims changed, or before a crash, show up here.
  cache.listen_to_all([state](const cache::TableId& table, const cache::Event& event) {
    bool gone = event.type == cache::Event::Type::Deleted;
    if (!gone && state->index->is_wrong(table, *event.item)) {
      state->work.add(std::string(event.item->cluster()), true);
    }
  });
}

// Writes an object once more as it is, which brings what follows from others up to date.
Task<> settle_again(registry::Registry& registry, const cache::TableId& table, cache::Key key,
                    std::optional<Value> applied_claims = {}) {
  registry::Call call = system_call(registry, {table, key}, "update", kComponent);
  if (applied_claims) call.subresource = "status";
  std::optional<Error> failure;
  try {
    co_await registry.update(call, [&](const Value& present) -> Result<Value> {
      Value object = present;
      if (applied_claims) object.edit("status").set("appliedPermissionClaims", *applied_claims);
      return object;
    });
  } catch (const Error& error) {
    failure = error;
  }
  if (failure && failure->reason() != Reason::NotFound) throw *failure;
}

Task<> ensure_slice(const SharingContext& context, std::string cluster, Value api_export) {
  Value slice = default_slice(context, cluster, api_export);
  cache::Key key{cluster, "", object::name(api_export)};
  if (slice.is_null() || context.registry.objects().table(kSlices).find(key)) co_return;
  registry::Call call =
      system_call(context.registry, {kSlices, {cluster, "", ""}}, "create", kComponent);
  std::optional<Error> failure;
  try {
    co_await context.registry.create(call, std::move(slice));
  } catch (const Error& error) {
    failure = error;
  }
  if (failure && failure->reason() != Reason::AlreadyExists) throw *failure;
}

// Bindings whose granted claims are not all applied.
std::vector<Value> unlabelled(const SharingContext& context, const std::string& cluster) {
  auto bindings = context.objects(kBindings, cluster);
  std::erase_if(bindings, [](const Value& binding) {
    return granted_claims(binding).size() == binding.at("status", "appliedPermissionClaims").size();
  });
  return bindings;
}

// One look at everything of a logical cluster that follows from exports and claims.
Task<> look(SharingContext context, std::shared_ptr<const ClaimIndex> index, WorkList::Item item,
            std::size_t& looked_at) {
  auto& registry = context.registry;
  for (const auto& table : {kExports, kSlices, kBindings}) {
    auto items = registry.objects().table(table).list({.cluster = item.cluster}).items;
    for (const auto& one : items) {
      if (++looked_at > kMuch) co_await yield_to_loop();
      co_await settle_again(registry, table, one->key());
    }
  }
  for (const Value& api_export : context.objects(kExports, item.cluster)) {
    co_await ensure_slice(context, item.cluster, api_export);
  }
  auto waiting = unlabelled(context, item.cluster);
  if (!item.labels && waiting.empty()) co_return;
  std::size_t failed = co_await relabel_cluster(registry, *index, item.cluster);
  if (failed > 0) throw Error::internal("objects could not be labelled");
  for (const Value& binding : waiting) {
    cache::Key key{item.cluster, "", object::name(binding)};
    co_await settle_again(registry, kBindings, key, granted_claims(binding));
  }
}

// Removes copies of schemas that no binding refers to any more.
Task<> forget_unbound_schemas(SharingContext context) {
  auto& objects = context.registry.objects();
  std::set<std::string> used;
  for (const auto& item : objects.table(kBindings).list({}).items) {
    auto binding = json::parse(item->json());
    if (!binding) continue;
    for (const Value& bound : binding->at("status", "boundResources").elements()) {
      used.insert(bound.at("schema", "UID").str());
    }
  }
  storage::Transaction transaction;
  for (const auto& item :
       objects.table(kSchemas).list({.cluster = registry::kBoundSchemas}).items) {
    if (used.contains(std::string(item->name()))) continue;
    transaction.writes.push_back({cache::storage_key(kSchemas, item->key()), std::nullopt});
  }
  co_await storage::commit_in_steps(context.registry.store(), std::move(transaction));
}

void expand_exports(SharingState& state) {
  auto& objects = state.registry().objects();
  for (const std::string& hash : state.work.take_exports()) {
    for (const auto& table : {kBindings, kSlices}) {
      for (const auto& item : objects.table(table).list({.labels = users_of(hash)}).items) {
        state.work.add(std::string(item->cluster()));
      }
    }
  }
}

// Others may work on the cluster now, or a little later.
Task<> finish_look(std::shared_ptr<SharingState> state, std::string cluster, std::size_t count) {
  if (count <= kMuch) {
    state->work.done(cluster);
    co_return;
  }
  Loop& loop = co_await current_loop();
  loop.call_after(kPauseForEach * count, [weak = std::weak_ptr(state), cluster] {
    if (auto owner = weak.lock()) owner->work.done(cluster);
  });
}

Task<> work(std::shared_ptr<SharingState> state) {
  while (true) {
    auto item = co_await state->work.next();
    if (!item) {
      expand_exports(*state);
      continue;
    }
    struct Finish {  // what is broken off is left to whoever begins again
      WorkList& work;
      const WorkList::Item& item;
      bool looked = false;
      ~Finish() {
        if (looked) return;
        work.done(item.cluster);
        work.add(item.cluster, item.labels);
      }
    } finish{state->work, *item};
    std::size_t looked_at = 0;
    std::string failure;
    try {
      co_await look(state->context, state->index, *item, looked_at);
    } catch (const Error& error) {
      failure = error.message();
    }
    finish.looked = true;
    co_await finish_look(state, item->cluster, looked_at);
    if (failure.empty()) {
      state->work.succeeded(item->cluster);
      continue;
    }
    log(LogLevel::Warning, "sharing", "a workspace could not be brought up to date, trying again",
        {{"cluster", item->cluster}, {"error", failure}});
    Loop& loop = co_await current_loop();
    loop.call_after(state->work.failed(item->cluster),
                    [weak = std::weak_ptr(state), again = *item] {
                      if (auto owner = weak.lock()) owner->work.add(again.cluster, again.labels);
                    });
  }
}

}  // namespace

ApiSharing::ApiSharing(registry::Registry& registry, const server::ClusterResolver& clusters,
                       auth::Authorizer& authorizer, std::string server_url) {
  SharingContext context{registry, clusters, std::move(server_url)};
  auto add = [&](std::string_view resource, std::shared_ptr<registry::Rules> rules) {
    registry.add_rules({std::string(kGroup), std::string(resource)}, std::move(rules));
  };
  add("apiresourceschemas", schema_rules());
  add("apiexports", export_rules(context));
  add("apiexportendpointslices", slice_rules(context));
  add("apibindings", binding_rules(context));
  auto index = std::make_shared<const ClaimIndex>(registry.objects());
  registry.add_admission(bind_check(context, authorizer));
  registry.add_admission(claim_check(authorizer));
  registry.add_admission(claim_labels(index));
  state_ = std::make_shared<SharingState>(std::move(context), std::move(index));
  listen(registry.objects(), state_.get());
}

std::shared_ptr<Holder> ApiSharing::holder() const { return binding_holder(state_->context); }

Task<> ApiSharing::run() {
  co_await forget_unbound_schemas(state_->context);
  co_await with_scope([this](Scope& scope) -> Task<> {
    for (int i = 0; i < kWorkers; ++i) scope.spawn("sharing", work(state_));
    return scope.join();
  });
}

}  // namespace controllers
