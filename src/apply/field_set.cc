#include "apply/field_set.h"

#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "json/text.h"

namespace apply {
namespace {

using json::Value;

// 1.0 is the same as 1 in a path.
Value plain_number(const Value& value) {
  bool whole = value.kind() == Value::Kind::Double &&
               value.as_double() == static_cast<double>(value.as_int());
  return whole ? Value(value.as_int()) : value;
}

std::string shown_scalar(const Value& value) {
  return value.is_string() ? quote(value.as_string()) : json::print(value);
}

std::string shown_key(const Value& key) {
  std::string text;
  for (const json::Member& member : key.members()) {
    text += text.empty() ? "" : ",";
    text += member.key + "=" + shown_scalar(member.value);
  }
  return "[" + text + "]";
}

// Walks two ordered lists in step; `visit` sees each step with its entry in `a`, in `b` or in both.
template <class Left, class Right, class Visit>
void walk_entries(Left& a, const Right& b, Visit visit) {
  auto left = a.begin();
  auto right = b.begin();
  while (left != a.end() || right != b.end()) {
    auto order = left == a.end()    ? std::strong_ordering::greater
                 : right == b.end() ? std::strong_ordering::less
                                    : left->step <=> right->step;
    visit(order <= 0 ? &*left : nullptr, order >= 0 ? &*right : nullptr);
    if (order <= 0) ++left;
    if (order >= 0) ++right;
  }
}

// The one value that most entries of FieldsV1 have.
const Value& leaf() {
  thread_local const Value empty = Value::object();
  return empty;
}

Result<Step> parse_step(std::string_view text) {
  std::string_view rest = text.substr(2);
  switch (text[0]) {
    case 'f': return Step::field(rest);
    case 'k': {
      auto key = json::parse(rest);
      if (!key || !key->is_object()) break;
      return Step::key(*key);
    }
    case 'v': {
      auto value = json::parse(rest);
      if (!value) break;
      return Step::value(*value);
    }
    case 'i':
      if (auto number = parse_u64(rest)) return Step::index(*number);
      break;
    default: break;
  }
  return std::unexpected(Error::bad_request("not a step of a path: " + quote(text)));
}

bool is_step(std::string_view text) {
  return text.size() >= 2 && text[1] == ':' &&
         std::string_view("fkvi").find(text[0]) != std::string_view::npos;
}

std::string printed_step(const Step& step) {
  constexpr std::string_view kPrefixes[] = {"f:", "k:", "v:", "i:"};
  return std::string(kPrefixes[static_cast<std::size_t>(step.kind)]) + step.text;
}

Value print_below(const FieldSet& set, bool itself) {
  if (set.empty()) return leaf();
  Value printed = Value::object();
  if (itself) printed.set(".", leaf());
  for (const FieldSet::Entry& entry : set.entries()) {
    printed.set(printed_step(entry.step), print_below(entry.below, entry.member));
  }
  return printed;
}

// False when there is no room for more.
bool collect_paths(const FieldSet& set, const std::string& prefix, std::size_t& room,
                   std::vector<std::string>& all) {
  for (const FieldSet::Entry& entry : set.entries()) {
    if (!entry.member) continue;
    std::string path = prefix + entry.step.shown();
    if (path.size() >= room) return false;
    room -= path.size();
    all.push_back(std::move(path));
  }
  for (const FieldSet::Entry& entry : set.entries()) {
    if (entry.below.empty()) continue;
    std::string path = prefix + entry.step.shown();
    if (path.size() >= room || !collect_paths(entry.below, path, room, all)) return false;
  }
  return true;
}

}  // namespace

Step Step::value(const json::Value& element) {
  return {Kind::Value, json::print(plain_number(element))};
}

Step Step::key(const json::Value& key) {
  std::vector<const json::Member*> sorted;
  for (const json::Member& member : key.members()) sorted.push_back(&member);
  std::ranges::sort(sorted, {}, [](const json::Member* member) { return member->key; });
  Value ordered = Value::object();
  for (const json::Member* member : sorted) ordered.set(member->key, plain_number(member->value));
  return {Kind::Key, json::print(ordered)};
}

std::string Step::shown() const {
  switch (kind) {
    case Kind::Field: return "." + text;
    case Kind::Key: return shown_key(json::parse(text).value_or(Value()));
    case Kind::Value: return "[=" + shown_scalar(json::parse(text).value_or(Value())) + "]";
    case Kind::Index: break;
  }
  return "[" + text + "]";
}

// Here, where Entry is complete.
FieldSet::FieldSet() = default;
FieldSet::FieldSet(const FieldSet& other) = default;
FieldSet::FieldSet(FieldSet&& other) noexcept = default;
FieldSet& FieldSet::operator=(const FieldSet& other) = default;
FieldSet& FieldSet::operator=(FieldSet&& other) noexcept = default;
FieldSet::~FieldSet() = default;

bool FieldSet::empty() const { return entries_.empty(); }

const FieldSet::Entry* FieldSet::find(const Step& step) const {
  auto place = std::ranges::lower_bound(entries_, step, {}, &Entry::step);
  return place != entries_.end() && place->step == step ? &*place : nullptr;
}

std::size_t FieldSet::member_count() const {
  std::size_t count = 0;
  for (const Entry& entry : entries_) count += (entry.member ? 1 : 0) + entry.below.member_count();
  return count;
}

void FieldSet::add(Step step, bool member, FieldSet below) {
  if (!member && below.empty()) return;
  auto place = std::ranges::lower_bound(entries_, step, {}, &Entry::step);
  if (place == entries_.end() || place->step != step) {
    entries_.insert(place, {std::move(step), member, std::move(below)});
    return;
  }
  place->member |= member;
  place->below = place->below.empty() ? std::move(below) : unite(place->below, below);
}

void FieldSet::append(Step step, bool member, FieldSet below) {
  if (member || !below.empty()) entries_.push_back({std::move(step), member, std::move(below)});
}

void FieldSet::sort() {
  if (!std::ranges::is_sorted(entries_, {}, &Entry::step)) {
    std::ranges::sort(entries_, {}, &Entry::step);
  }
  auto same = [](const Entry& a, const Entry& b) { return a.step == b.step; };
  if (std::ranges::adjacent_find(entries_, same) == entries_.end()) return;
  std::vector<Entry> all = std::exchange(entries_, {});
  for (Entry& entry : all) {
    if (entries_.empty() || !same(entries_.back(), entry)) {
      entries_.push_back(std::move(entry));
      continue;
    }
    entries_.back().member |= entry.member;
    entries_.back().below = unite(entries_.back().below, entry.below);
  }
}

FieldSet FieldSet::unite(FieldSet a, const FieldSet& b) {
  if (a.empty()) return b;
  if (b.empty()) return a;
  FieldSet all;
  all.entries_.reserve(a.entries_.size() + b.entries_.size());
  walk_entries(a.entries_, b.entries_, [&](Entry* left, const Entry* right) {
    if (left && right) {
      all.entries_.push_back({std::move(left->step), left->member || right->member,
                              unite(std::move(left->below), right->below)});
    } else if (left) {
      all.entries_.push_back(std::move(*left));
    } else {
      all.entries_.push_back(*right);
    }
  });
  return all;
}

FieldSet FieldSet::intersect(const FieldSet& a, const FieldSet& b) {
  FieldSet both;
  if (a.empty() || b.empty()) return both;
  walk_entries(a.entries_, b.entries_, [&](const Entry* left, const Entry* right) {
    if (!left || !right) return;
    both.append(left->step, left->member && right->member, intersect(left->below, right->below));
  });
  return both;
}

void FieldSet::cut(const FieldSet& other, Cut how) {
  bool hollow = false;
  walk_entries(entries_, other.entries_, [&](Entry* left, const Entry* right) {
    if (!left || !right) return;
    if (right->member) left->member = false;
    if (right->member && how == Cut::Trees) {
      left->below = {};
    } else {
      left->below.cut(right->below, how);
    }
    hollow |= !left->member && left->below.empty();
  });
  if (!hollow) return;
  std::erase_if(entries_, [](const Entry& entry) { return !entry.member && entry.below.empty(); });
}

FieldSet FieldSet::subtract(FieldSet a, const FieldSet& b) {
  a.cut(b, Cut::Members);
  return a;
}

FieldSet FieldSet::subtract_trees(FieldSet a, const FieldSet& b) {
  a.cut(b, Cut::Trees);
  return a;
}

bool operator==(const FieldSet& a, const FieldSet& b) { return a.entries_ == b.entries_; }

Result<FieldSet> parse_fields(const json::Value& fields_v1) {
  FieldSet set;
  for (const json::Member& member : fields_v1.members()) {
    if (!is_step(member.key)) continue;
    auto step = parse_step(member.key);
    if (!step) return std::unexpected(std::move(step.error()));
    auto below = parse_fields(member.value);
    if (!below) return below;
    bool itself = member.value.empty() || member.value.contains(".");
    set.append(std::move(*step), itself, std::move(*below));
  }
  set.sort();
  return set;
}

json::Value print_fields(const FieldSet& set) { return print_below(set, false); }

bool may_touch(const json::Value& fields_v1, const FieldSet& set) {
  for (const FieldSet::Entry& entry : set.entries()) {
    const Value* found = fields_v1.find(printed_step(entry.step));
    if (!found) continue;
    if (entry.member || found->empty() || may_touch(*found, entry.below)) return true;
  }
  return false;
}

bool has_all(const json::Value& fields_v1, const FieldSet& set) {
  for (const FieldSet::Entry& entry : set.entries()) {
    const Value* found = fields_v1.find(printed_step(entry.step));
    if (!found) return false;
    if (entry.member && !found->empty() && !found->contains(".")) return false;
    if (!has_all(*found, entry.below)) return false;
  }
  return true;
}

std::vector<std::string> shown_paths(const FieldSet& set, std::size_t max_bytes) {
  std::vector<std::string> all;
  collect_paths(set, "", max_bytes, all);
  return all;
}

}  // namespace apply
