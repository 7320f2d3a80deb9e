#include "controllers/content/removal.h"

#include <fmt/format.h>

#include <map>

#include "base/scope.h"
#include "controllers/system_call.h"
#include "object/object.h"

namespace controllers {
namespace {

constexpr std::size_t kAtATime = 32;  // removals that wait for the same sync

cache::ItemPtr find(registry::Registry& registry, const Place& place) {
  return registry.objects().table(place.table).find(place.key);
}

struct Shared {
  registry::Registry& registry;
  const std::vector<Place>& places;
  const std::string& component;
  std::size_t next = 0;
};

Task<> work(Shared* shared) {
  while (shared->next < shared->places.size()) {
    Place place = shared->places[shared->next++];
    auto item = find(shared->registry, place);
    if (item && !item->deleting()) {
      co_await remove_object(shared->registry, std::move(place), shared->component);
    }
  }
}

}  // namespace

Task<> remove_object(registry::Registry& registry, Place place, std::string component) {
  registry::Call call = system_call(registry, place, "delete", component);
  if (!call.kind) co_return;
  try {
    co_await registry.remove(call, {});
  } catch (const Error& error) {
    if (error.reason() != Reason::NotFound) throw;
  }
}

Task<std::vector<Place>> remove_objects(registry::Registry& registry, std::vector<Place> places,
                                        std::string component) {
  Loop& loop = co_await current_loop();
  Shared shared{registry, places, component};
  Scope scope(loop);
  for (std::size_t i = 0; i < std::min(kAtATime, places.size()); ++i) {
    scope.spawn("remove", work(&shared));
  }
  co_await scope.join();
  std::erase_if(places, [&](const Place& place) { return !find(registry, place); });
  co_return places;
}

std::string describe(const std::vector<Place>& places) {
  std::map<std::string, std::size_t> counts;
  for (const Place& place : places) {
    ++counts[object::GroupResource{place.table.group, place.table.resource}.text()];
  }
  std::string text;
  for (const auto& [resource, count] : counts) {
    if (!text.empty()) text += ", ";
    text += fmt::format("{} has {} resource instances", resource, count);
  }
  return text;
}

}  // namespace controllers
