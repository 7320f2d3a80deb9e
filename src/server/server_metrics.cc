#include "server/server_metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <vector>

#include "schema/builtin.h"

namespace server {
namespace {

using metrics::counter;
using metrics::gauge;

constexpr std::array kVerbs{"OTHER", "GET",   "LIST",   "WATCH",           "POST",
                            "PUT",   "PATCH", "DELETE", "DELETECOLLECTION"};
// Statuses that the server answers with; another counts as the first of its class.
constexpr std::array kCodes{100, 200, 201, 202, 300, 304, 400, 401, 403, 404, 405, 406,
                            409, 410, 413, 415, 422, 429, 500, 501, 503, 504, 507};

std::size_t verb_index(std::string_view verb) {
  static const std::map<std::string_view, std::size_t> all{
      {"get", 1}, {"head", 1},   {"list", 2},  {"watch", 3},  {"create", 4},          {"post", 4},
      {"put", 5}, {"update", 5}, {"patch", 6}, {"delete", 7}, {"deletecollection", 8}};
  auto it = all.find(verb);
  return it == all.end() ? 0 : it->second;
}

std::size_t code_index(int status) {
  auto it = std::ranges::find(kCodes, status);
  if (it == kCodes.end()) it = std::ranges::find(kCodes, status / 100 * 100);
  return it == kCodes.end() ? 0 : static_cast<std::size_t>(it - kCodes.begin());
}

// The values of the labels group and resource: nothing (no resource), "custom", then the built-ins.
class Resources {
 public:
  static constexpr std::size_t kCustom = 1;  // 0: no resource

  Resources() : labels_{{"", ""}, {"", "custom"}} {
    for (const auto& kind : schema::builtin_kinds())
      builtin_.try_emplace({kind.group, kind.plural});
    for (auto& [resource, index] : builtin_) {
      index = labels_.size();
      labels_.push_back(resource);
    }
  }
  std::size_t find(std::string_view group, std::string_view resource) const {
    auto it = builtin_.find({group, resource});
    return it == builtin_.end() ? kCustom : it->second;
  }
  std::size_t size() const { return labels_.size(); }
  std::string label(std::size_t index) const {
    return fmt::format("group=\"{}\",resource=\"{}\"", labels_[index].first, labels_[index].second);
  }

 private:
  using Resource = std::pair<std::string_view, std::string_view>;  // of the built-in kinds
  std::map<Resource, std::size_t> builtin_;
  std::vector<Resource> labels_;
};

const Resources& resources() {
  static const Resources all;
  return all;
}

// Requests by verb, resource and status; a series comes into being when it is first counted.
metrics::Counter& request_counter(std::size_t verb, std::size_t resource, std::size_t code) {
  using Cell = std::atomic<metrics::Counter*>;
  static const auto cells =
      std::make_unique<Cell[]>(kVerbs.size() * kCodes.size() * resources().size());
  Cell& cell = cells[(resource * kVerbs.size() + verb) * kCodes.size() + code];
  metrics::Counter* found = cell.load(std::memory_order_acquire);
  if (!found) {
    found = &counter("apiserver_request_total", "Requests by verb, resource and status.",
                     fmt::format("verb=\"{}\",{},code=\"{}\"", kVerbs[verb],
                                 resources().label(resource), kCodes[code]));
    cell.store(found, std::memory_order_release);
  }
  return *found;
}

metrics::Histogram& duration_of(std::size_t verb) {
  static const auto all = [] {
    std::array<metrics::Histogram*, kVerbs.size()> made{};
    for (std::size_t i = 0; i < made.size(); ++i) {
      made[i] = &metrics::histogram(
          "apiserver_request_duration_seconds",
          "From a request's arrival to the end of its answer; of a watch to its start.",
          {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60},
          fmt::format("verb=\"{}\"", kVerbs[i]));
    }
    return made;
  }();
  return *all[verb];
}

std::int64_t clamped(std::uint64_t value) {
  return static_cast<std::int64_t>(std::min<std::uint64_t>(value, INT64_MAX));
}

void look_at_objects(cache::Cache& cache) {
  static const auto gauges = [] {
    std::vector<metrics::Gauge*> made(resources().size());
    for (std::size_t i = Resources::kCustom; i < made.size(); ++i) {
      made[i] =
          &gauge("apiserver_storage_objects", "Objects stored, by resource.", resources().label(i));
    }
    return made;
  }();
  std::vector<std::size_t> counts(gauges.size());
  for (const cache::TableId& id : cache.tables()) {
    counts[resources().find(id.group, id.resource)] += cache.table(id).count("");
  }
  for (std::size_t i = Resources::kCustom; i < counts.size(); ++i) {
    gauges[i]->set(static_cast<std::int64_t>(counts[i]));
  }
  cache::Cache::Size size = cache.size();
  auto set = [](const char* name, const char* help, std::size_t value) {
    gauge(name, help).set(static_cast<std::int64_t>(value));
  };
  set("kcp_cache_tables", "Resources with a table of objects in the cache.", size.tables);
  set("kcp_cache_objects", "Objects in the cache.", size.objects);
  set("kcp_cache_object_bytes", "Bytes of the text of the objects in the cache.",
      size.object_bytes);
  set("kcp_cache_shared_bytes", "Bytes of large values that many objects have, kept once.",
      size.shared.bytes);
  set("kcp_cache_ring_events", "Recent events that the cache keeps for watches.", size.events);
  set("kcp_cache_ring_bytes", "Bytes that these events may hold.", size.event_bytes);
  set("kcp_cache_waiting_watchers", "Watchers that have sent all there is.", size.waiting);
}

void look_at_store(const storage::Store& store) {
  auto health = store.health();
  gauge("kcp_store_writable", "0 while writes are refused, because the disk is full.")
      .set(health.writable ? 1 : 0);
  gauge("kcp_store_revision", "The newest revision.").set(clamped(number(store.newest())));
  gauge("kcp_store_history_revisions", "How many revisions back watches and lists may start.")
      .set(clamped(number(store.newest()) - number(store.oldest())));
  if (health.free_bytes) {
    gauge("kcp_store_free_bytes", "Free space on the store's disk.")
        .set(clamped(*health.free_bytes));
  }
}

}  // namespace

Figures& figures() {
  constexpr const char* kInFlight = "apiserver_current_inflight_requests";
  constexpr const char* kInFlightHelp = "Requests that are being answered; without watches.";
  constexpr const char* kDropped = "apiserver_dropped_requests_total";
  constexpr const char* kDroppedHelp = "Requests refused with 429.";
  constexpr const char *kReading = "request_kind=\"readOnly\"",
                       *kMutating = "request_kind=\"mutating\"";
  static Figures all{
      gauge(kInFlight, kInFlightHelp, kReading),
      gauge(kInFlight, kInFlightHelp, kMutating),
      counter(kDropped, kDroppedHelp, kReading),
      counter(kDropped, kDroppedHelp, kMutating),
      counter("apiserver_request_aborts_total", "Requests whose client went before the answer."),
      gauge("apiserver_longrunning_requests", "Open watches.", "verb=\"WATCH\""),
      counter("apiserver_watch_events_total", "Events sent to watches."),
      counter("kcp_watch_expired_total", "Watches ended with 410, too far behind."),
  };
  return all;
}

void RequestRecord::is_about(const RequestInfo& info) {
  verb_ = verb_index(info.verb);
  resource_ = info.resource_request ? resources().find(info.group, info.resource) : 0;
  if (info.verb == "watch") return;
  bool reads = info.verb == "get" || info.verb == "list" || info.verb == "head";
  in_flight_ = reads ? &figures().reading : &figures().mutating;
  in_flight_->add(1);
}

RequestRecord::~RequestRecord() {
  if (in_flight_) in_flight_->add(-1);
  if (!counts_) return;
  if (status_ == 0) {
    figures().aborted.add();
    return;
  }
  request_counter(verb_, resource_, code_index(status_)).add();
  std::chrono::duration<double> took = std::chrono::steady_clock::now() - began_;
  duration_of(verb_).observe(took.count());
  if (status_ != 429) return;
  bool mutating = in_flight_ == &figures().mutating;
  (mutating ? figures().dropped_mutating : figures().dropped_reading).add();
}

std::string metrics_page(registry::Registry& registry) {
  look_at_objects(registry.objects());
  look_at_store(registry.store());
  return metrics::text();
}

}  // namespace server
