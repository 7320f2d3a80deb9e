#include "placement/choose.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/strings.h"
#include "object/object.h"
#include "placement/keys.h"

namespace placement {
namespace {

using object::LabelSelector;
using Operator = LabelSelector::Operator;

std::string first_unserved(const json::Value& sync_target,
                           const std::vector<NeededResource>& needed) {
  for (const NeededResource& one : needed) {
    auto serves = [&](const json::Value& entry) {
      return entry["group"].as_string() == one.group &&
             entry["resource"].as_string() == one.resource &&
             entry["identityHash"].as_string() == one.identity &&
             entry["state"].as_string() == "Accepted";
    };
    if (std::ranges::none_of(sync_target.at("status", "syncedResources").elements(), serves)) {
      return object::GroupResource{one.group, one.resource}.text();
    }
  }
  return "";
}

std::string why_not(const Target& target, TimePoint now) {
  std::string why;
  if (target.is_evicting(now)) {
    why = "is being drained since " + format_time(*target.evict_after);
  } else if (!target.ready) {
    why = "is not ready";
  } else if (!target.unserved.empty()) {
    why = "does not serve " + target.unserved + " as bound in this workspace";
  } else if (target.cordoned) {
    why = "takes no new work (unschedulable)";
  } else {
    return "";
  }
  return fmt::format("{} {}", target.name, why);
}

std::string why_none(const Location& location, TimePoint now) {
  if (location.targets.empty()) return "location " + location.name + " has no SyncTargets";
  std::vector<std::string> reasons;
  for (const Target& target : location.targets) {
    std::string why = why_not(target, now);
    if (!why.empty()) reasons.push_back(std::move(why));
  }
  return "location " + location.name + ": " + join(reasons, ", ");
}

const Target* find_target(const Location& location, std::string_view key) {
  auto it = std::ranges::find(location.targets, key, &Target::key);
  return key.empty() || it == location.targets.end() ? nullptr : &*it;
}

// Chooses for one Placement; the members are what does not change on the way.
class Chooser {
 public:
  Chooser(const std::vector<Location>& candidates, const Present& present, TimePoint now,
          Duration toleration)
      : candidates_(candidates), present_(present), now_(now), toleration_(toleration) {}

  Choice run() {
    const Location* location = pick_location();
    if (!location) return {};
    choice_.location = location->name;
    pick_target(*location);
    return std::move(choice_);
  }

 private:
  bool is_lost(const Target& target) const {
    return !target.ready && target.lost_since + toleration_ <= now_;
  }
  bool keeps_work(const Target& target) const {
    return !target.is_evicting(now_) && target.unserved.empty() && !is_lost(target);
  }
  // Its only fault is that nothing is heard of it.
  bool is_only_lost(const Target& target) const {
    return is_lost(target) && !target.is_evicting(now_) && target.unserved.empty();
  }
  std::size_t accepting(const Location& location) const {
    return static_cast<std::size_t>(std::ranges::count_if(
        location.targets, [this](const Target& one) { return one.accepts_work(now_); }));
  }
  bool has_free(const Location& location) const {
    return std::ranges::any_of(location.targets, [this](const Target& one) {
      return one.accepts_work(now_) && one.rivals == 0;
    });
  }
  const Target* here_in(const Location& location) const {
    return find_target(location, present_.key);
  }
  bool is_usable(const Location& location) const {
    const Target* here = here_in(location);
    return (here && keeps_work(*here)) || accepting(location) > 0;
  }
  bool is_mostly_lost(const std::vector<const Location*>& locations) const {
    std::size_t all = 0, lost = 0;
    for (const Location* location : locations) {
      all += location->targets.size();
      lost += static_cast<std::size_t>(
          std::ranges::count_if(location->targets, [](const Target& one) { return !one.ready; }));
    }
    return 2 * lost > all;
  }

  const Location* best_location() const {
    const Location* best = nullptr;
    auto rank = [this](const Location& one) {
      const Target* here = here_in(one);
      bool stays = here && keeps_work(*here);
      return std::tuple(!stays, !has_free(one), -static_cast<std::int64_t>(accepting(one)),
                        std::string_view(one.name));
    };
    for (const Location& one : candidates_) {
      if (!best || rank(one) < rank(*best)) best = &one;
    }
    return best;
  }

  const Location* pick_location() {
    auto it = std::ranges::find(candidates_, present_.location, &Location::name);
    const Location* current = it == candidates_.end() ? nullptr : &*it;
    const Location* best = best_location();
    if (!current || is_usable(*current) || !is_usable(*best)) return current ? current : best;
    const Target* here = here_in(*current);
    std::vector<const Location*> all;
    for (const Location& one : candidates_) all.push_back(&one);
    return here && is_only_lost(*here) && is_mostly_lost(all) ? current : best;
  }

  // The present target, wherever it is.
  const Target* find_here() const {
    for (const Location& one : candidates_) {
      if (const Target* here = here_in(one)) return here;
    }
    return nullptr;
  }

  const Target* best_target(const Location& location) const {
    const Target* best = nullptr;
    for (const Target& one : location.targets) {
      if (!one.accepts_work(now_)) continue;
      if (!best || std::tie(one.rivals, one.load, one.name) <
                       std::tie(best->rivals, best->load, best->name)) {
        best = &one;
      }
    }
    return best;
  }

  void stay(bool valid, std::string message) {
    choice_.key = present_.key;
    choice_.valid = valid;
    choice_.message = std::move(message);
  }

  void look_again(TimePoint when) {
    if (when <= now_) return;
    choice_.look_again_at = std::min(choice_.look_again_at.value_or(when), when);
  }

  void pick_target(const Location& location) {
    const Target* here = here_in(location);
    if (here && here->evict_after) look_again(*here->evict_after);
    if (here && !here->ready) look_again(here->lost_since + toleration_);
    if (here && keeps_work(*here)) return stay(true, "");
    const Target* elsewhere = here ? here : find_here();
    const Target* next = best_target(location);
    if (!next) {
      std::string why = why_none(location, now_);
      if (!present_.exists) {
        choice_.message = why;
        return;
      }
      std::string name = elsewhere ? elsewhere->name : "its present target";
      return stay(false, fmt::format("{}; the work stays on {} until another target is available",
                                     why, name));
    }
    bool for_loss = elsewhere && is_only_lost(*elsewhere);
    if (for_loss && here && is_mostly_lost({&location})) {
      return stay(false, fmt::format("more than half of the SyncTargets of location {} are not "
                                     "ready; the work stays on {}",
                                     location.name, here->name));
    }
    choice_.key = next->key;
    choice_.valid = true;
    choice_.for_loss = for_loss;
  }

  const std::vector<Location>& candidates_;
  const Present& present_;
  const TimePoint now_;
  const Duration toleration_;
  Choice choice_;
};

bool contradict(const LabelSelector::Requirement& a, const LabelSelector::Requirement& b) {
  if (a.key != b.key) return false;
  auto needs_value = [](const auto& one) {
    return one.op == Operator::In || one.op == Operator::Exists;
  };
  if (a.op == Operator::DoesNotExist) return needs_value(b);
  if (b.op == Operator::DoesNotExist) return needs_value(a);
  auto within = [&](const auto& in, const auto& other, bool wanted) {
    return std::ranges::none_of(in.values, [&](const std::string& value) {
      return std::ranges::binary_search(other.values, value) == wanted;
    });
  };
  if (a.op == Operator::In && b.op == Operator::In) return within(a, b, true);
  if (a.op == Operator::In && b.op == Operator::NotIn) return within(a, b, false);
  if (a.op == Operator::NotIn && b.op == Operator::In) return within(b, a, false);
  return false;
}

}  // namespace

std::vector<NeededResource> needed_by(const std::vector<json::Value>& bindings) {
  std::vector<NeededResource> needed;
  for (const json::Value& binding : bindings) {
    if (object::annotation(binding, kComputeAnnotation) != "true") continue;
    for (const json::Value& bound : binding.at("status", "boundResources").elements()) {
      needed.push_back({bound["group"].str(), bound["resource"].str(),
                        bound.at("schema", "identityHash").str()});
    }
  }
  std::ranges::sort(needed);
  return needed;
}

Target read_target(const json::Value& sync_target, const std::vector<NeededResource>& needed) {
  Target target;
  target.name = object::name(sync_target);
  target.key = object::label(sync_target, kKeyLabel);
  target.cordoned =
      sync_target.at("spec", "unschedulable").as_bool() || object::is_deleting(sync_target);
  target.ready = object::is_true(sync_target, "Ready");
  target.evict_after = parse_time(sync_target.at("spec", "evictAfter").as_string());
  for (const json::Value& one : sync_target.at("status", "conditions").elements()) {
    if (one["type"].as_string() != "Ready") continue;
    target.lost_since = parse_time(one["lastTransitionTime"].as_string()).value_or(TimePoint());
  }
  target.unserved = first_unserved(sync_target, needed);
  return target;
}

Choice choose(const std::vector<Location>& candidates, const Present& present, TimePoint now,
              Duration toleration) {
  return Chooser(candidates, present, now, toleration).run();
}

bool may_overlap(const json::Value& one, const json::Value& other) {
  if (one.is_null() || other.is_null()) return false;
  auto a = LabelSelector::from_object(one), b = LabelSelector::from_object(other);
  if (!a || !b) return false;
  for (const auto& left : a->requirements()) {
    for (const auto& right : b->requirements()) {
      if (contradict(left, right)) return false;
    }
  }
  return true;
}

bool is_candidate(const json::Value& location, const json::Value& placement) {
  if (object::is_deleting(location)) return false;
  if (location.at("spec", "resource") != placement.at("spec", "locationResource")) return false;
  for (const json::Value& one : placement.at("spec", "locationSelectors").elements()) {
    auto selector = LabelSelector::from_object(one);
    if (selector && selector->matches_object(location)) return true;
  }
  return false;
}

}  // namespace placement
