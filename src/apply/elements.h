// Elements: the elements of a merging list by their path steps. Internal to apply/.
#pragma once

#include <span>
#include <vector>

#include "apply/type.h"

namespace apply {

class Elements {
 public:
  struct Element {
    Step step;
    const json::Value* value;
  };

  // Of null for a list that is not there.
  Elements(const json::Value* list, Type type, Shape shape);
  Elements(const Elements&) = delete;
  Elements& operator=(const Elements&) = delete;

  const std::vector<Element>& all() const { return all_; }
  bool contains(const Step& step) const { return !group(step).empty(); }
  // The only element of that step; null if there is none, or several.
  const json::Value* find(const Step& step) const;
  // All of that step, in their order.
  std::span<const Element* const> group(const Step& step) const;

 private:
  std::vector<Element> all_;
  std::vector<const Element*> sorted_;  // by step
};

}  // namespace apply
