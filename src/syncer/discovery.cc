#include "syncer/discovery.h"

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"

namespace syncer {
namespace {

using json::Value;

constexpr Duration kKept = 60s;
constexpr std::size_t kMaxKept = 256;

bool can_be_synced(const Value& resource) {
  auto verbs = resource["verbs"].elements();
  auto has = [&](std::string_view verb) {
    return std::ranges::any_of(verbs, [&](const Value& one) { return one.as_string() == verb; });
  };
  return resource["namespaced"].as_bool() && has("list") && has("watch") && has("create") &&
         has("patch") && has("delete");
}

}  // namespace

Task<Value> Discovery::resources_of(std::string group, std::string version) {
  std::string path = group.empty()
                         ? "/api/" + percent_encode(version)
                         : "/apis/" + percent_encode(group) + "/" + percent_encode(version);
  auto known = answers_.find(path);
  if (known != answers_.end() && clock_.now() < known->second.until) {
    co_return known->second.resources;
  }
  Value resources;
  try {
    Value list = co_await downstream_->call("GET", path);
    resources = list["resources"];
  } catch (const Error& error) {
    if (error.reason() != Reason::NotFound) throw;
  }
  if (answers_.size() >= kMaxKept) answers_.clear();
  answers_[path] = {clock_.now() + kKept, resources};
  co_return resources;
}

Task<std::optional<client::Resource>> Discovery::find(Value entry) {
  std::string group = entry["group"].str(), plural = entry["resource"].str();
  for (const Value& version : entry["versions"].elements()) {
    Value resources = co_await resources_of(group, version.str());
    for (const Value& resource : resources.elements()) {
      if (resource["name"].as_string() == plural && can_be_synced(resource)) {
        co_return client::Resource{group, version.str(), plural, true};
      }
    }
  }
  co_return std::nullopt;
}

}  // namespace syncer
