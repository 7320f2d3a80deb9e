#include "apply/elements.h"

namespace apply {

Elements::Elements(const json::Value* list, Type type, Shape shape) {
  if (!list) return;
  for (const json::Value& element : list->elements()) {
    auto step = type.step_of(shape, element);
    // An element without a key got in before there was one; nobody can own it.
    if (!step) step = Step::index(all_.size());
    std::string place = step->text;
    places_[std::move(place)].push_back(all_.size());
    all_.push_back({std::move(*step), &element});
  }
}

const json::Value* Elements::find(const Step& step) const {
  auto place = places_.find(step.text);
  return place == places_.end() || place->second.size() != 1 ? nullptr
                                                             : all_[place->second.front()].value;
}

std::vector<const json::Value*> Elements::group(const Step& step) const {
  std::vector<const json::Value*> values;
  auto place = places_.find(step.text);
  if (place == places_.end()) return values;
  for (std::size_t at : place->second) values.push_back(all_[at].value);
  return values;
}

}  // namespace apply
