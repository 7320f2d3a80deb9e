// What two objects differ in.
#include <algorithm>

#include "apply/elements.h"
#include "apply/typed.h"

namespace apply {
namespace {

using json::Value;

// Two values at one place; null for one that is not there. One of them is.
struct Pair {
  const Value* before = nullptr;
  const Value* after = nullptr;
};

bool is_empty(const Value* value) { return !value || value->empty(); }

// Leaves out what is no container, so that a map that became a list is seen from both sides.
const Value* as_container(const Value* value, Shape shape) {
  bool fits = value && (is_map(shape) ? value->is_object() : value->is_array());
  return fits ? value : nullptr;
}

// All there is below a value that is there on one side only.
FieldSet all_below(const Value& value, Type type) {
  FieldSet all;
  Shape shape = type.shape(value);
  if (is_leaf(shape) || !as_container(&value, shape)) return all;
  if (is_map(shape)) {
    for (const json::Member& member : value.members()) {
      Type below = type.member(member.key).type;
      all.append(Step::field(member.key), true, all_below(member.value, below));
    }
  } else {
    Elements elements(&value, type, shape);
    for (const auto& element : elements.all()) {
      // What stands there several times is owned, and compared, as a group.
      bool is_one = elements.find(element.step) != nullptr;
      all.append(element.step, true,
                 is_one ? all_below(*element.value, type.element()) : FieldSet());
    }
  }
  all.sort();
  return all;
}

class Comparer {
 public:
  explicit Comparer(Comparison& out) : out_(out) {}

  void visit_map(Pair pair, Type type);
  void visit_list(Pair pair, Type type, Shape shape);

 private:
  void visit(Step step, Pair pair, Type type);
  using Group = std::span<const Elements::Element* const>;
  void visit_group(const Step& step, Group before, Group after);
  bool visit_below(Pair pair, Type type);

  Comparison& out_;
};

// Walks what is below a place that both have. False if it is a leaf and what stands there has
// changed.
bool Comparer::visit_below(Pair pair, Type type) {
  Shape first = type.shape(pair.before->is_null() ? *pair.after : *pair.before);
  Shape second = type.shape(pair.after->is_null() ? *pair.before : *pair.after);
  bool same = true;
  for (Shape shape : {first, second}) {
    Pair parts{as_container(pair.before, shape), as_container(pair.after, shape)};
    if (is_leaf(shape) || (is_empty(parts.before) && is_empty(parts.after))) {
      same &= *pair.before == *pair.after;
    } else if (is_map(shape)) {
      visit_map(parts, type);
    } else {
      visit_list(parts, type, shape);
    }
    if (first == second) break;
  }
  return same;
}

// Requires that the two differ. Values that share their content, as most do after a change, are the
// same at a glance, so callers look first.
void Comparer::visit(Step step, Pair pair, Type type) {
  if (!pair.before) {
    FieldSet below = all_below(*pair.after, type);
    return out_.added.append(std::move(step), true, std::move(below));
  }
  if (!pair.after) {
    FieldSet below = all_below(*pair.before, type);
    return out_.removed.append(std::move(step), true, std::move(below));
  }
  Comparison below;
  bool same = Comparer(below).visit_below(pair, type);
  below.added.sort(), below.removed.sort(), below.modified.sort();
  out_.modified.append(step, !same, std::move(below.modified));
  out_.removed.append(step, false, std::move(below.removed));
  out_.added.append(std::move(step), false, std::move(below.added));
}

void Comparer::visit_map(Pair pair, Type type) {
  if (pair.before) {
    for (const json::Member& member : pair.before->members()) {
      Pair below{&member.value, pair.after ? pair.after->find(member.key) : nullptr};
      if (below.after && *below.after == member.value) continue;
      visit(Step::field(member.key), below, type.member(member.key).type);
    }
  }
  if (!pair.after) return;
  for (const json::Member& member : pair.after->members()) {
    if (pair.before && pair.before->contains(member.key)) continue;
    visit(Step::field(member.key), {nullptr, &member.value}, type.member(member.key).type);
  }
}

void Comparer::visit_group(const Step& step, Group before, Group after) {
  bool same = std::ranges::equal(
      before, after, [](const auto* a, const auto* b) { return *a->value == *b->value; });
  if (same) return;
  auto& set = before.empty() ? out_.added : after.empty() ? out_.removed : out_.modified;
  set.append(step, true);
}

void Comparer::visit_list(Pair pair, Type type, Shape shape) {
  Elements before(pair.before, type, shape), after(pair.after, type, shape);
  std::vector<const Step*> steps;
  for (const auto& element : before.all()) steps.push_back(&element.step);
  for (const auto& element : after.all()) steps.push_back(&element.step);
  auto less = [](const Step* a, const Step* b) { return *a < *b; };
  auto equal = [](const Step* a, const Step* b) { return *a == *b; };
  std::ranges::sort(steps, less);
  steps.erase(std::ranges::unique(steps, equal).begin(), steps.end());
  for (const Step* step : steps) {
    auto old_group = before.group(*step), new_group = after.group(*step);
    if (old_group.size() > 1 || new_group.size() > 1) {
      visit_group(*step, old_group, new_group);
      continue;
    }
    Pair below{old_group.empty() ? nullptr : old_group.front()->value,
               new_group.empty() ? nullptr : new_group.front()->value};
    bool same = below.before && below.after && *below.before == *below.after;
    if (!same) visit(*step, below, type.element());
  }
}

}  // namespace

Comparison compare(const Value& before, const Value& after, const schema::Node& root) {
  Comparison result;
  Comparer(result).visit_map({&before, &after}, Type::root(&root));
  result.added.sort(), result.removed.sort(), result.modified.sort();
  return result;
}

}  // namespace apply
