// Which Location and which SyncTarget a Placement gets. Deterministic: what is chosen is kept while
// it will do; else free targets before shared ones, then those with the least work, then by name.
// Pure, thread-safe. Source: reference tmc.md 2.4 to 2.6, 9.2.
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "json/value.h"
#include "object/selector.h"

namespace placement {

struct NeededResource {
  std::string group, resource, identity;
  friend auto operator<=>(const NeededResource&, const NeededResource&) = default;
};
// What APIBindings need from a target: the resources bound through exports that are for compute.
std::vector<NeededResource> needed_by(const std::vector<json::Value>& bindings);

struct Target {
  std::string name, key;
  bool cordoned = false;
  bool ready = false;
  TimePoint lost_since;                  // where it is not ready
  std::optional<TimePoint> evict_after;  // from then on its work leaves
  std::string unserved;                  // what it cannot serve ("deployments.apps"); "" = nothing
  std::size_t rivals = 0;                // Placements of the same workspace that share namespaces
  std::size_t load = 0;                  // all Placements that have chosen it

  bool is_evicting(TimePoint now) const { return evict_after && *evict_after <= now; }
  bool accepts_work(TimePoint now) const {
    return ready && !cordoned && !is_evicting(now) && unserved.empty();
  }
};
Target read_target(const json::Value& sync_target, const std::vector<NeededResource>& needed);

// A Location that the Placement admits, with the targets that it selects.
struct Location {
  std::string name;
  std::vector<Target> targets;
};

struct Present {
  std::string location;  // "" = none
  std::string key;       // "" = none
  bool exists = false;   // there is a SyncTarget with that key in the location workspace
};

struct Choice {
  std::string location;   // "" = no candidate
  std::string key;        // "" = no target
  bool valid = false;     // the target will do; otherwise work stays for want of an alternative
  bool for_loss = false;  // moves because the present target is lost: subject to a rate limit
  std::string message;    // why there is no valid target, or why work does not move
  std::optional<TimePoint> look_again_at;
};

// A target that is not ready keeps its work for `toleration`; nothing moves for that reason while
// more than half of the targets in question are not ready. A cordoned one keeps its work.
Choice choose(const std::vector<Location>& candidates, const Present& present, TimePoint now,
              Duration toleration);

// Whether an object may match both label selectors (metav1 objects; null matches nothing).
bool may_overlap(const json::Value& one, const json::Value& other);

// Locations of this resource that one of the Placement's selectors matches.
bool is_candidate(const json::Value& location, const json::Value& placement);

}  // namespace placement
