// One object merged into another.
#include <set>

#include "apply/elements.h"
#include "apply/typed.h"

namespace apply {
namespace {

using json::Value;

Value merge_at(const Value* live, const Value* config, Type type);

// The live list with the config's elements: those of both stand in the order that the config gives
// them, those of one alone stay where they are among their neighbours.
class ListMerger {
 public:
  ListMerger(const Value* live, const Value* config, Type type, Shape shape)
      : live_(live, type, shape), config_(config, type, shape), type_(type) {
    for (const auto& element : config_.all()) {
      if (live_.contains(element.step)) shared_.push_back(&element.step);
    }
  }

  Value merged() {
    while (at_live_ < live_.all().size() || at_config_ < config_.all().size()) {
      if (!step_both() && !step_live()) step_config();
    }
    return Value::array(std::move(out_));
  }

 private:
  bool has_both() const {
    return at_live_ < live_.all().size() && at_config_ < config_.all().size();
  }
  // The next element of the config that is in the live list too, or null.
  const Step* next_shared() const {
    return next_shared_ < shared_.size() ? shared_[next_shared_] : nullptr;
  }

  // Takes an element that comes next in both, or leaves one out that has its turn later.
  bool step_both() {
    if (!has_both()) return false;
    const Step& step = live_.all()[at_live_].step;
    if (step == config_.all()[at_config_].step) {
      take(step);
      ++at_live_, ++at_config_, ++next_shared_;
      return true;
    }
    bool later = config_.contains(step) && next_shared() && *next_shared() != step;
    if (later) ++at_live_;
    return later;
  }

  // Takes a live element that the config does not name.
  bool step_live() {
    if (at_live_ >= live_.all().size()) return false;
    const auto& element = live_.all()[at_live_];
    if (!config_.contains(element.step)) {
      out_.push_back(*element.value);
      ++at_live_;
      return true;
    }
    if (taken_.contains(element.step)) ++at_live_;
    return false;
  }

  void step_config() {
    if (at_config_ >= config_.all().size()) return;
    const Step& step = config_.all()[at_config_++].step;
    take(step);
    if (next_shared() && *next_shared() == step) ++next_shared_;
  }

  void take(const Step& step) {
    taken_.insert(step);
    out_.push_back(merge_at(live_.find(step), config_.find(step), type_.element()));
  }

  Elements live_, config_;
  Type type_;
  std::vector<const Step*> shared_;  // steps of the config that are in the live list
  std::size_t at_live_ = 0, at_config_ = 0, next_shared_ = 0;
  std::set<Step> taken_;
  std::vector<Value> out_;
};

Value merge_maps(const Value& live, const Value& config, Type type) {
  Value merged = live;
  for (const json::Member& member : config.members()) {
    const Value* present = live.find(member.key);
    merged.set(member.key, merge_at(present, &member.value, type.member(member.key).type));
  }
  return merged;
}

bool is_empty(const Value* value) { return !value || value->empty(); }

// At least one of them is there. What the config says wins wherever it says something.
Value merge_at(const Value* live, const Value* config, Type type) {
  if (!config) return *live;
  if (!live) return *config;
  Shape shape = type.shape(config->is_null() ? *live : *config);
  if (is_leaf(shape) || (is_empty(live) && is_empty(config))) return *config;
  // A null of the config is an empty container, which takes nothing away.
  if (is_list(shape)) return ListMerger(live, config, type, shape).merged();
  if (!live->is_object()) return *config;
  return merge_maps(*live, *config, type);
}

}  // namespace

Value merge(const Value& live, const Value& config, const schema::Node& root) {
  return merge_maps(live, config, Type::root(&root));
}

}  // namespace apply
