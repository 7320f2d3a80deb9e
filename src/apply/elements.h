// Elements: the elements of a merging list by their path steps. Internal to apply/.
#pragma once

#include <unordered_map>
#include <vector>

#include "apply/type.h"

namespace apply {

class Elements {
 public:
  // Of null for a list that is not there.
  Elements(const json::Value* list, Type type, Shape shape);

  struct Element {
    Step step;
    const json::Value* value;
  };
  const std::vector<Element>& all() const { return all_; }
  bool contains(const Step& step) const { return places_.contains(step.text); }
  // The only element of that step; null if there is none, or several.
  const json::Value* find(const Step& step) const;
  // All of that step, in order.
  std::vector<const json::Value*> group(const Step& step) const;

 private:
  std::vector<Element> all_;
  std::unordered_map<std::string, std::vector<std::size_t>> places_;  // by the step's text
};

}  // namespace apply
