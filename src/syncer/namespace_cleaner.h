// Removes downstream namespaces of ours once no object of ours is in them and no upstream object
// wants them, some time after they were last seen in use; and those of an earlier SyncTarget of our
// name with all that is in them. Those may still be served: their Ingresses go first and the rest a
// delay later, so that hosts are taken over by our own copies before the pods behind them go.
// Loop-bound. Source: reference tmc.md 3.9.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>

#include "controller/controller.h"
#include "syncer/downstream_copy.h"

namespace syncer {

enum class Side { Upstream, Downstream };

class NamespaceCleaner : public std::enable_shared_from_this<NamespaceCleaner> {
 public:
  NamespaceCleaner(Target target, Duration delay, const Clock& clock,
                   std::shared_ptr<client::Client> downstream);

  // Looks at `ns` after the delay, counted anew with each call.
  void consider(const std::string& ns);
  // The same for the live namespace `ns`; looks at its locator, too.
  void consider_live(const json::Value& ns);
  // Nothing is removed until it is known what all is synced.
  void allow(bool allowed) { allowed_ = allowed; }
  // Makes `source` be followed, so that its objects count as use. Call on a shared cleaner.
  controller::Source watched(controller::Source source, Side side);

  Task<> run();  // until cancelled

  // The namespaces that are due at `now` and of no use. Those in use are dropped from the list.
  std::vector<std::string> take_unused(TimePoint now);

 private:
  friend class WatchedFeed;
  bool knows_all() const;
  std::set<std::string> used() const;
  Task<bool> remove(std::string ns);
  Task<bool> remove_ingresses(std::string ns);

  Target target_;
  Duration delay_;
  const Clock& clock_;
  std::shared_ptr<client::Client> downstream_;
  bool allowed_ = false;
  std::map<std::string, TimePoint> due_;
  std::set<std::string> outlived_;  // their SyncTarget was deleted, and ours has its name
  std::map<const controller::Feed*, Side> feeds_;
};

}  // namespace syncer
