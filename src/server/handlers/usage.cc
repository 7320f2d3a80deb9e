// WorkspaceUsage: who asks in the root workspace learns of all, everybody else of the workspace
// that he asks in.
#include <algorithm>

#include "base/error.h"
#include "base/strings.h"
#include "json/text.h"
#include "server/handlers/handlers.h"

namespace server {
namespace {

constexpr std::string_view kRoot = "root";
constexpr std::string_view kSelf = "self";
constexpr std::size_t kUsualTop = 50;
constexpr std::size_t kMaxTop = 1000;

cache::ItemPtr item_of(const json::Value& object) {
  std::string name = object.at("metadata", "name").str();
  return cache::Item::make({name, "", name}, json::print(object), 0);
}

void refuse_wildcard(const Exchange& exchange) {
  if (exchange.call.cluster != "*") return;
  throw Error(Reason::MethodNotAllowed,
              "usage is not shown across logical clusters; ask in the root workspace");
}

std::size_t how_many(const Query& query) {
  std::size_t count = kUsualTop;
  if (std::string text = query.get("top"); !text.empty()) {
    auto number = parse_u64(text);
    if (!number || *number == 0 || *number > kMaxTop) {
      throw Error::bad_request("top must be a number from 1 to 1000, not " + quote(text));
    }
    count = *number;
  }
  auto limit = parse_u64(query.get("limit"));
  return limit && *limit > 0 ? std::min<std::size_t>(count, *limit) : count;
}

}  // namespace

bool is_usage(const registry::Kind& kind) { return kind.builtin && kind.group == "usage.kcp.io"; }

Task<cache::ItemPtr> find_usage(Exchange& exchange) {
  refuse_wildcard(exchange);
  const auto& call = exchange.call;
  std::string wanted = call.name == kSelf ? call.cluster : call.name;
  std::optional<json::Value> found;
  if (wanted == call.cluster || call.cluster == kRoot) {
    auto& registry = exchange.registry;
    found = co_await exchange.usage->of(registry.objects(), wanted, registry.clock().now());
  }
  if (!found) throw Error::not_found(call.kind->group, call.kind->plural, call.name);
  co_return item_of(*found);
}

Task<cache::Snapshot> list_usage(Exchange& exchange) {
  refuse_wildcard(exchange);
  auto& cache = exchange.registry.objects();
  TimePoint now = exchange.registry.clock().now();
  UsageBy by = value_or_throw(parse_usage_by(exchange.info.query.get("by")));
  std::size_t count = how_many(exchange.info.query);
  std::vector<json::Value> all;
  if (exchange.call.cluster == kRoot) {
    all = co_await exchange.usage->top(cache, by, count, now);
  } else if (auto own = co_await exchange.usage->of(cache, exchange.call.cluster, now)) {
    all.push_back(std::move(*own));
  }
  cache::Filter filter = filter_of(exchange);
  filter.cluster.clear();  // the name of each is that of its cluster
  cache::Snapshot snapshot;
  snapshot.revision = cache.revision();
  for (const json::Value& one : all) {
    auto item = item_of(one);
    if (filter.accepts(*item)) snapshot.items.push_back(std::move(item));
  }
  co_return snapshot;
}

}  // namespace server
