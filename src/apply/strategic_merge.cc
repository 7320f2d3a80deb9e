#include "apply/strategic_merge.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "json/text.h"

namespace apply {
namespace {

using json::Value;

constexpr std::string_view kPatch = "$patch";
constexpr std::string_view kRetainKeys = "$retainKeys";
constexpr std::string_view kDeletePrefix = "$deleteFromPrimitiveList/";
constexpr std::string_view kOrderPrefix = "$setElementOrder/";

// Identity of a list element: its merge key's value, or a primitive itself, as text.
std::string identity(const Value& element, const std::string& key) {
  return json::print(key.empty() ? element : element[key]);
}

// Applies one patch; the first error sticks.
class Merger {
 public:
  explicit Merger(const schema::Schema& schema) : schema_(schema) {}

  std::optional<Error> error() { return std::move(error_); }

  Value merge_map(Value target, const Value& patch) {
    std::string_view directive = patch[kPatch].as_string();
    if (directive == "delete") return Value::object();
    if (directive == "replace") return without_directives(patch);
    if (!directive.empty() && directive != "merge") {
      fail(Reason::BadRequest, fmt::format("unknown patch type: {}", directive));
    }
    if (!target.is_object()) target = Value::object();
    retain_keys(target, patch);
    for (const json::Member& member : patch.members()) {
      std::string_view key = member.key;
      if (key.starts_with(kDeletePrefix)) delete_primitives(target, key, member.value);
    }
    for (const json::Member& member : patch.members()) {
      if (!member.key.starts_with('$')) merge_member(target, patch, member);
    }
    for (const json::Member& member : patch.members()) {
      std::string_view key = member.key;
      if (!key.starts_with(kOrderPrefix)) continue;
      std::string field(key.substr(kOrderPrefix.size()));
      if (!patch.contains(field)) order_member(target, field, member.value);
    }
    return target;
  }

 private:
  void fail(Reason reason, std::string why) {
    if (!error_) error_ = Error(reason, std::move(why));
  }

  static Value without_directives(const Value& patch) {
    Value plain = Value::object();
    for (const json::Member& member : patch.members()) {
      if (!member.key.starts_with('$')) plain.set(member.key, member.value);
    }
    return plain;
  }

  // A patch value that replaces or starts something: directives and nulls have no place in it.
  static Value as_content(const Value& patch) {
    if (patch.is_object()) {
      Value content = Value::object();
      for (const json::Member& member : patch.members()) {
        if (member.key.starts_with('$') || member.value.is_null()) continue;
        content.set(member.key, as_content(member.value));
      }
      return content;
    }
    if (!patch.is_array()) return patch;
    std::vector<Value> list;
    for (const Value& one : patch.elements()) {
      if (one[kPatch].as_string() == "delete") continue;
      if (one.is_object() && one.size() == 1 && one.contains(kPatch)) continue;
      list.push_back(as_content(one));
    }
    return Value::array(std::move(list));
  }

  void retain_keys(Value& target, const Value& patch) {
    const Value* keep = patch.find(kRetainKeys);
    if (!keep) return;
    if (!keep->is_array()) return fail(Reason::BadRequest, "$retainKeys must be a list");
    Value kept = Value::object();
    for (const Value& name : keep->elements()) {
      if (const Value* present = target.find(name.as_string())) {
        kept.set(name.as_string(), *present);
      }
    }
    for (const json::Member& member : patch.members()) {
      bool named = member.key.starts_with('$') || member.value.is_null() ||
                   std::ranges::any_of(keep->elements(), [&](const Value& name) {
                     return name.as_string() == member.key;
                   });
      if (!named) {
        fail(Reason::Invalid,
             fmt::format("$retainKeys does not list the patched field {}", member.key));
      }
    }
    target = std::move(kept);
  }

  void delete_primitives(Value& target, std::string_view directive, const Value& values) {
    std::string field(directive.substr(kDeletePrefix.size()));
    if (!values.is_array()) {
      return fail(Reason::BadRequest, fmt::format("{} must be a list", directive));
    }
    if (!target[field].is_array()) return;
    std::vector<Value> kept;
    for (const Value& one : target[field].elements()) {
      if (std::ranges::find(values.elements(), one) == values.elements().end()) kept.push_back(one);
    }
    target.set(field, Value::array(std::move(kept)));
  }

  void merge_member(Value& target, const Value& patch, const json::Member& member) {
    if (member.value.is_null()) {
      target.erase(member.key);
      return;
    }
    path_.push_back(member.key);
    const Value* present = target.find(member.key);
    auto rule = schema_.merge_rule(path_);
    bool merges = rule.strategy.contains("merge");
    if (member.value.is_object()) {
      bool replaces = rule.strategy == "replace";
      Value merged = replaces || !present || !present->is_object()
                         ? fresh_map(member.value)
                         : merge_map(*present, member.value);
      bool deleted = member.value[kPatch].as_string() == "delete";
      if (deleted)
        target.erase(member.key);
      else
        target.set(member.key, std::move(merged));
    } else if (member.value.is_array() && merges) {
      Value list = merge_list(present ? *present : Value(), member.value, rule.key);
      if (const Value* order = patch.find(std::string(kOrderPrefix) + member.key)) {
        list = ordered(list, *order, rule.key);
      }
      target.set(member.key, std::move(list));
    } else {
      target.set(member.key, as_content(member.value));
    }
    path_.pop_back();
  }

  Value fresh_map(const Value& patch) {
    if (patch[kPatch].as_string() == "delete") return Value::object();
    return as_content(patch);
  }

  // How the list as a whole is to be treated: an element {"$patch": "replace"} replaces it.
  static bool replaces_list(const Value& patch) {
    return std::ranges::any_of(patch.elements(), [](const Value& one) {
      return one[kPatch].as_string() == "replace" && one.size() == 1;
    });
  }

  Value merge_list(const Value& target, const Value& patch, const std::string& key) {
    if (replaces_list(patch)) return as_content(patch);
    std::vector<Value> list(target.elements().begin(), target.elements().end());
    std::map<std::string, std::size_t> places;  // identity -> position in `list`
    for (std::size_t i = 0; i < list.size(); ++i) places.emplace(identity(list[i], key), i);
    std::vector<bool> removed(list.size(), false);
    for (const Value& one : patch.elements()) {
      if (one.is_array()) fail(Reason::Invalid, "merging lists of lists is not supported");
      if (!key.empty() && !one.contains(key)) {
        fail(Reason::Invalid, fmt::format("map does not contain declared merge key: {}", key));
        break;
      }
      auto place = places.find(identity(one, key));
      bool present = place != places.end();
      if (one[kPatch].as_string() == "delete") {
        if (present) removed[place->second] = true;
      } else if (!present) {
        places.emplace(identity(one, key), list.size());
        list.push_back(as_content(one));
        removed.push_back(false);
      } else if (one.is_object()) {
        list[place->second] = merge_map(list[place->second], one);
      }
    }
    std::vector<Value> kept;
    for (std::size_t i = 0; i < list.size(); ++i) {
      if (!removed[i]) kept.push_back(std::move(list[i]));
    }
    return Value::array(std::move(kept));
  }

  void order_member(Value& target, const std::string& field, const Value& order) {
    if (!target[field].is_array()) return;
    path_.push_back(field);
    target.set(field, ordered(target[field], order, schema_.merge_rule(path_).key));
    path_.pop_back();
  }

  // The elements named in `order` in that order; each other element stays behind the element that
  // it followed before.
  static Value ordered(const Value& list, const Value& order, const std::string& key) {
    std::map<std::string, std::size_t> rank;
    for (const Value& one : order.elements()) rank.emplace(identity(one, key), rank.size());
    std::multimap<std::size_t, const Value*> named;
    for (const Value& one : list.elements()) {
      auto at = rank.find(identity(one, key));
      if (at != rank.end()) named.emplace(at->second, &one);
    }
    auto next = named.begin();
    std::vector<Value> result;
    for (const Value& one : list.elements()) {
      result.push_back(rank.contains(identity(one, key)) ? *(next++)->second : one);
    }
    return Value::array(std::move(result));
  }

  const schema::Schema& schema_;
  std::vector<std::string> path_;  // of member names, list indices left out
  std::optional<Error> error_;
};

}  // namespace

Result<json::Value> strategic_merge(json::Value target, const json::Value& patch,
                                    const schema::Schema& schema) {
  if (!patch.is_object()) {
    return std::unexpected(Error::bad_request("a strategic merge patch must be an object"));
  }
  Merger merger(schema);
  json::Value merged = merger.merge_map(std::move(target), patch);
  if (auto error = merger.error()) return std::unexpected(std::move(*error));
  return merged;
}

}  // namespace apply
