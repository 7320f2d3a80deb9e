#include "controllers/garbage/collector.h"

#include <algorithm>

#include "base/log.h"
#include "base/scope.h"
#include "controllers/system_call.h"
#include "json/text.h"
#include "object/object.h"

namespace controllers {
namespace {

using json::Value;

constexpr int kWorkers = 8;
constexpr Duration kRetry = 1s;
constexpr const char* kForeground = "foregroundDeletion";
constexpr const char* kOrphan = "orphan";

enum class OwnerState { Present, Waiting, Absent, Unknown };

class Collector {
 public:
  Collector(registry::Registry& registry, std::shared_ptr<OwnerIndex> index)
      : registry_(registry), index_(std::move(index)) {}

  Task<> work() {
    while (true) {
      Place place = co_await index_->take();
      std::string failure;
      try {
        co_await look_at(place);
      } catch (const Error& error) {
        failure = error.message();
      }
      if (failure.empty()) continue;
      log(LogLevel::Warning, "garbage", "collection failed, trying again",
          {{"resource", place.table.resource}, {"name", place.key.name}, {"error", failure}});
      Loop& loop = co_await current_loop();
      loop.call_after(kRetry, [index = index_, place] { index->add(place); });
    }
  }

 private:
  cache::ItemPtr find(const Place& place) const {
    return registry_.objects().table(place.table).find(place.key);
  }

  Task<> look_at(Place place) {
    auto item = find(place);
    if (!item) co_return;
    Value object = value_or_throw(json::parse(item->json()));
    if (object::is_deleting(object)) {
      if (object::has_finalizer(object, kOrphan)) co_await orphan(place, object);
      if (object::has_finalizer(object, kForeground)) co_await finish_foreground(place, object);
      co_return;
    }
    if (item->owner_count() > 0) co_await judge(place, object);
  }

  OwnerState state_of(const cache::Key& dependent, const Value& reference) const {
    auto at = object::parse_group_version(reference["apiVersion"].as_string());
    if (!at) return OwnerState::Unknown;
    auto kind =
        registry_.kinds().find_by_kind(dependent.cluster, at->group, reference["kind"].as_string());
    if (!kind) return OwnerState::Unknown;
    cache::Key key{dependent.cluster, kind->namespaced ? dependent.ns : "",
                   reference["name"].str()};
    auto owner = registry_.objects().table(kind->table()).find(key);
    if (!owner || owner->uid() != reference["uid"].as_string()) return OwnerState::Absent;
    if (!owner->deleting()) return OwnerState::Present;
    auto object = json::parse(owner->json());
    bool waits = object && object::has_finalizer(*object, kForeground) &&
                 reference["blockOwnerDeletion"].as_bool();
    return waits ? OwnerState::Waiting : OwnerState::Present;
  }

  // An object with owners: goes with the last of them, loses references to those that have gone.
  Task<> judge(Place place, Value object) {
    std::vector<std::string> absent;
    std::size_t present = 0, waiting = 0;
    for (const Value& reference : object.at("metadata", "ownerReferences").elements()) {
      switch (state_of(place.key, reference)) {
        case OwnerState::Absent: absent.push_back(reference["uid"].str()); break;
        case OwnerState::Waiting: ++waiting; break;
        default: ++present;
      }
    }
    if (present > 0) {
      if (!absent.empty()) co_await drop_owners(place, std::move(absent));
    } else if (waiting > 0) {
      co_await remove(place, object::uid(object), "Foreground");
    } else if (!absent.empty()) {
      co_await remove(place, object::uid(object), "Background");
    }
  }

  // The dependents lose their reference; then the owner may go.
  Task<> orphan(Place place, const Value& object) {
    std::string uid = object::uid(object);
    for (Place& one : index_->dependents(place.key.cluster, uid)) {
      std::vector<std::string> uids{uid};
      co_await drop_owners(std::move(one), std::move(uids));
    }
    co_await drop_finalizer(std::move(place), kOrphan);
  }

  // The owner goes once no dependent that blocks it is left.
  Task<> finish_foreground(Place place, const Value& object) {
    std::string uid = object::uid(object);
    index_->await_dependents(uid, place);
    bool blocked = false;
    for (const Place& one : index_->dependents(place.key.cluster, uid)) {
      auto item = find(one);
      auto dependent = item ? json::parse(item->json()) : Value();
      if (!item || !dependent) continue;
      for (const Value& reference : dependent->at("metadata", "ownerReferences").elements()) {
        bool blocks = reference["blockOwnerDeletion"].as_bool();
        blocked = blocked || (blocks && reference["uid"].as_string() == uid);
      }
      if (!item->deleting()) index_->add(one);
    }
    if (!blocked) co_await drop_finalizer(std::move(place), kForeground);
  }

  registry::Call call_for(const Place& place, const char* verb) const {
    return system_call(registry_, place, verb, "garbage-collector");
  }

  Task<> remove(Place place, std::string uid, std::string policy) {
    registry::Call call = call_for(place, "delete");
    if (!call.kind) co_return;
    registry::DeleteOptions options;
    options.propagation_policy = std::move(policy);
    options.precondition_uid = std::move(uid);
    try {
      co_await registry_.remove(call, options);
    } catch (const Error& error) {  // a conflict: another object of the same name
      if (error.reason() != Reason::NotFound && error.reason() != Reason::Conflict) throw;
    }
  }

  Task<> change(Place place, registry::Registry::Change edit) {
    registry::Call call = call_for(place, "update");
    if (!call.kind) co_return;
    try {
      co_await registry_.update(call, std::move(edit));
    } catch (const Error& error) {
      if (error.reason() != Reason::NotFound) throw;
    }
  }

  Task<> drop_owners(Place place, std::vector<std::string> uids) {
    return change(std::move(place), [uids](const Value& present) -> Result<Value> {
      Value object = present, kept = Value::array();
      object.edit("metadata").erase("resourceVersion");
      for (const Value& reference : present.at("metadata", "ownerReferences").elements()) {
        bool drop = std::ranges::find(uids, reference["uid"].as_string()) != uids.end();
        if (!drop) kept.push_back(reference);
      }
      object.edit("metadata").erase("ownerReferences");
      if (!kept.empty()) object.edit("metadata").set("ownerReferences", std::move(kept));
      return object;
    });
  }

  Task<> drop_finalizer(Place place, std::string finalizer) {
    return change(std::move(place), [finalizer](const Value& present) -> Result<Value> {
      Value object = present;
      object.edit("metadata").erase("resourceVersion");
      object::remove_finalizer(object, finalizer);
      return object;
    });
  }

  registry::Registry& registry_;
  std::shared_ptr<OwnerIndex> index_;
};

}  // namespace

std::shared_ptr<OwnerIndex> make_owner_index(cache::Cache& cache) {
  auto index = std::make_shared<OwnerIndex>();
  cache.listen_to_all([index](const cache::TableId& table, const cache::Event& event) {
    index->on_event(table, event);
  });
  return index;
}

Task<> collect_garbage(registry::Registry& registry, std::shared_ptr<OwnerIndex> index) {
  struct Active {
    std::shared_ptr<OwnerIndex> index;
    explicit Active(std::shared_ptr<OwnerIndex> one) : index(std::move(one)) { index->begin(); }
    ~Active() { index->end(); }
  } active(index);
  Collector collector(registry, std::move(index));
  co_await with_scope([&collector](Scope& scope) -> Task<> {
    for (int i = 0; i < kWorkers; ++i) scope.spawn("collector", collector.work());
    return scope.join();
  });
}

}  // namespace controllers
