#include "apply/elements.h"

#include <algorithm>

namespace apply {
namespace {

const Step& step_of(const Elements::Element* element) { return element->step; }

}  // namespace

Elements::Elements(const json::Value* list, Type type, Shape shape) {
  if (!list) return;
  all_.reserve(list->size());
  sorted_.reserve(list->size());
  for (const json::Value& element : list->elements()) {
    auto step = type.step_of(shape, element);
    // An element without a key got in before there was one; nobody can own it.
    if (!step) step = Step::index(all_.size());
    all_.push_back({std::move(*step), &element});
    sorted_.push_back(&all_.back());
  }
  std::ranges::sort(sorted_, [](const Element* a, const Element* b) {
    auto order = a->step <=> b->step;
    return order != 0 ? order < 0 : a < b;
  });
}

std::span<const Elements::Element* const> Elements::group(const Step& step) const {
  return std::ranges::equal_range(sorted_, step, {}, step_of);
}

const json::Value* Elements::find(const Step& step) const {
  auto found = group(step);
  return found.size() == 1 ? found.front()->value : nullptr;
}

}  // namespace apply
