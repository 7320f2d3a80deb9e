// Logical clusters that must be looked at, because something in them or an export that they use has
// changed. Filled by cache listeners, emptied by workers; bounded by the number of clusters that
// share APIs. Thread-safe.
#pragma once

#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "base/task.h"

namespace controllers {

class WorkList {
 public:
  struct Item {
    std::string cluster;
    bool labels = false;  // also the claim labels of its objects
  };

  void add(const std::string& cluster, bool labels = false);
  // Everybody who uses the export with this hash; expanded by take_exports().
  void add_export(std::string hash);
  std::set<std::string> take_exports();

  // The next cluster that nobody works on, waiting for one; nothing if exports changed meanwhile,
  // which the caller then takes first.
  Task<std::optional<Item>> next();
  void done(const std::string& cluster);
  // The logical cluster has gone.
  void forget(const std::string& cluster);
  // Counts failures in a row; says how long to wait before the next attempt.
  Duration failed(const std::string& cluster);
  void succeeded(const std::string& cluster);

 private:
  std::optional<Item> pick();
  void wake();

  std::mutex mutex_;
  std::map<std::string, bool> waiting_;  // cluster to `labels`; guarded by mutex_, like all below
  std::set<std::string> running_;
  std::map<std::string, int> failures_;
  std::set<std::string> exports_;
  std::deque<Resolver<Done>> idle_;
};

}  // namespace controllers
