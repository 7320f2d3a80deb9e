// What logical clusters use, found when somebody asks: nothing is kept for those that nobody uses.
// Objects come from the cache, open watches are counted while they are open, requests are in a
// sketch of constant size. Shown as WorkspaceUsage, see docs/operations.md.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/task.h"
#include "cache/cache.h"
#include "json/value.h"
#include "server/request_sketch.h"

namespace server {

// By what the largest are looked for.
enum class UsageBy { Objects, Bytes, Requests, Watches };
Result<UsageBy> parse_usage_by(std::string_view text);  // "" = Objects

// Objects of one logical cluster and the bytes of their text.
struct Content {
  std::size_t objects = 0, bytes = 0;
};
// Both go through the cache in steps, between which the loop has its turn.
Task<Content> measure(cache::Cache& cache, std::string cluster);
// The `count` largest, largest first. Needs memory for these and a page of each table, however many
// clusters there are.
using Measured = std::pair<std::string, Content>;
Task<std::vector<Measured>> find_largest(cache::Cache& cache, UsageBy by, std::size_t count);

// Thread-safe.
class Usage {
 public:
  static constexpr std::size_t kSketchEntries = 1024;

  void note_request(std::string_view cluster, TimePoint now);

  // An open watch of one cluster, while it is open. `usage` must outlive it.
  class Watch {
   public:
    Watch(Usage& usage, std::string_view cluster);
    ~Watch();
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

   private:
    Usage& usage_;
    std::map<std::string, std::size_t, std::less<>>::iterator place_;
  };

  // What one cluster uses, as a WorkspaceUsage; nothing if it has no objects.
  Task<std::optional<json::Value>> of(cache::Cache& cache, std::string cluster, TimePoint now);
  // The same of those that use most, most first.
  Task<std::vector<json::Value>> top(cache::Cache& cache, UsageBy by, std::size_t count,
                                     TimePoint now);

 private:
  json::Value object_of(cache::Cache& cache, const std::string& cluster, Content content,
                        TimePoint now);
  std::vector<std::string> busiest(UsageBy by, std::size_t count, TimePoint now);

  std::mutex mutex_;
  RequestSketch requests_{kSketchEntries};                   // guarded by mutex_
  std::map<std::string, std::size_t, std::less<>> watches_;  // of clusters with some; likewise
};

}  // namespace server
