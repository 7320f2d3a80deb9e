#include "server/usage.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/strings.h"
#include "json/text.h"
#include "object/object.h"

namespace server {
namespace {

const cache::TableId kLogicalClusters{"core.kcp.io", "logicalclusters", ""};

// The path at which a cluster is found, "" if it does not say.
std::string path_of(cache::Cache& cache, const std::string& cluster) {
  auto item = cache.table(kLogicalClusters).find({cluster, "", "cluster"});
  auto object = item ? json::parse(item->json()) : json::Value();
  return object ? object::annotation(*object, "kcp.io/path") : "";
}

std::int64_t number(std::size_t value) { return static_cast<std::int64_t>(value); }

}  // namespace

Result<UsageBy> parse_usage_by(std::string_view text) {
  if (text.empty() || text == "objects") return UsageBy::Objects;
  if (text == "bytes") return UsageBy::Bytes;
  if (text == "requests") return UsageBy::Requests;
  if (text == "watches") return UsageBy::Watches;
  return std::unexpected(Error::bad_request(
      fmt::format("by must be objects, bytes, requests or watches, not {}", quote(text))));
}

void Usage::note_request(std::string_view cluster, TimePoint now) {
  std::lock_guard lock(mutex_);
  requests_.note(cluster, now);
}

Usage::Watch::Watch(Usage& usage, std::string_view cluster) : usage_(usage) {
  std::lock_guard lock(usage_.mutex_);
  place_ = usage_.watches_.try_emplace(std::string(cluster)).first;
  ++place_->second;
}

Usage::Watch::~Watch() {
  std::lock_guard lock(usage_.mutex_);
  if (--place_->second == 0) usage_.watches_.erase(place_);
}

json::Value Usage::object_of(cache::Cache& cache, const std::string& cluster, Content content,
                             TimePoint now) {
  std::optional<RequestSketch::Figure> requests;
  std::size_t watches = 0;
  {
    std::lock_guard lock(mutex_);
    requests = requests_.find(cluster, now);
    auto open = watches_.find(cluster);
    if (open != watches_.end()) watches = open->second;
  }
  json::Value asked = json::Value::object({{"count", 0}, {"perSecond", 0}});
  if (requests) {
    asked = json::Value::object({{"count", number(requests->count)},
                                 {"perSecond", std::round(requests->per_second * 100) / 100},
                                 {"since", format_time(requests->since)}});
  }
  json::Value status = json::Value::object({{"objects", number(content.objects)},
                                            {"bytes", number(content.bytes)},
                                            {"watches", number(watches)},
                                            {"requests", std::move(asked)}});
  if (std::string path = path_of(cache, cluster); !path.empty()) status.set("path", path);
  json::Value metadata = json::Value::object({{"name", cluster}, {"creationTimestamp", nullptr}});
  return json::Value::object({{"apiVersion", "usage.kcp.io/v1alpha1"},
                              {"kind", "WorkspaceUsage"},
                              {"metadata", std::move(metadata)},
                              {"status", std::move(status)}});
}

Task<std::optional<json::Value>> Usage::of(cache::Cache& cache, std::string cluster,
                                           TimePoint now) {
  Content content = co_await measure(cache, cluster);
  if (content.objects == 0) co_return std::nullopt;
  co_return object_of(cache, cluster, content, now);
}

std::vector<std::string> Usage::busiest(UsageBy by, std::size_t count, TimePoint now) {
  std::vector<std::string> clusters;
  std::lock_guard lock(mutex_);
  if (by == UsageBy::Requests) {
    for (auto& figure : requests_.top(count, now)) clusters.push_back(std::move(figure.cluster));
    return clusters;
  }
  std::vector<std::pair<std::size_t, std::string_view>> open;
  for (const auto& [cluster, watches] : watches_) open.emplace_back(watches, cluster);
  auto last = open.begin() + static_cast<std::ptrdiff_t>(std::min(count, open.size()));
  std::ranges::partial_sort(open, last, std::ranges::greater());
  for (auto it = open.begin(); it != last; ++it) clusters.emplace_back(it->second);
  return clusters;
}

Task<std::vector<json::Value>> Usage::top(cache::Cache& cache, UsageBy by, std::size_t count,
                                          TimePoint now) {
  std::vector<json::Value> all;
  if (by == UsageBy::Objects || by == UsageBy::Bytes) {
    for (const auto& [cluster, content] : co_await find_largest(cache, by, count)) {
      all.push_back(object_of(cache, cluster, content, now));
    }
    co_return all;
  }
  for (const std::string& cluster : busiest(by, count, now)) {
    if (auto one = co_await of(cache, cluster, now)) all.push_back(std::move(*one));
  }
  co_return all;
}

}  // namespace server
