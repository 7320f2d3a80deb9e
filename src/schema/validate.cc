#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <unordered_map>

#include "base/strings.h"
#include "json/text.h"
#include "json/utf8.h"
#include "object/names.h"
#include "schema/walks.h"

namespace schema {
namespace {

constexpr std::size_t kMaxCauses = 100;
constexpr std::size_t kMaxWork = 5'000'000;  // some hundred milliseconds
constexpr std::size_t kMaxShownNames = 100;  // of an enumeration
constexpr std::size_t kMaxDetail = 4096;

std::string_view type_name(const json::Value& value) {
  switch (value.kind()) {
    case json::Value::Kind::Null: return "null";
    case json::Value::Kind::Bool: return "boolean";
    case json::Value::Kind::Int:
    case json::Value::Kind::Uint: return "integer";
    case json::Value::Kind::Double: return "number";
    case json::Value::Kind::String: return "string";
    case json::Value::Kind::Array: return "array";
    case json::Value::Kind::Object: return "object";
  }
  return "null";
}

std::string_view type_name(Node::Type type) {
  constexpr std::string_view kNames[] = {"",        "object", "array",  "string",
                                         "integer", "number", "boolean"};
  return kNames[static_cast<int>(type)];
}

bool is_of_type(const json::Value& value, Node::Type type) {
  switch (type) {
    case Node::Type::Any: return true;
    case Node::Type::Object: return value.is_object();
    case Node::Type::Array: return value.is_array();
    case Node::Type::String: return value.is_string();
    case Node::Type::Boolean: return value.is_bool();
    case Node::Type::Number: return value.is_number();
    case Node::Type::Integer:
      return value.is_integer() ||
             (value.is_number() && std::trunc(value.as_double()) == value.as_double());
  }
  return false;
}

std::string member_path(const std::string& path, std::string_view key) {
  return path.empty() ? std::string(key) : fmt::format("{}.{}", path, key);
}

std::string shown(const std::string& path) { return path.empty() ? "<nil>" : path; }

// The length that Go counts: code points.
std::int64_t rune_count(std::string_view text) {
  return std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
}

std::string number_text(double number) { return json::print(json::Value(number)); }

}  // namespace

void Validator::add(Cause cause) {
  if (is_done()) return;
  if (cause.message.size() > kMaxDetail) {
    cause.message = json::valid_utf8(cause.message.substr(0, kMaxDetail)) + "...";
  }
  causes_.push_back(std::move(cause));
}

// Whether more violations would change nothing.
bool Validator::is_done() const {
  std::size_t enough = first_only_ ? 1 : kMaxCauses;
  return causes_.size() >= enough || work_ > kMaxWork;
}

// If it is only asked whether there is a violation, notes one without words and says yes.
bool Validator::is_enough() {
  if (first_only_ && causes_.empty()) causes_.emplace_back();
  return first_only_;
}

// Whether there is that much left of the work that one object may cause.
bool Validator::spend(std::size_t work) {
  work_ += work;
  return work_ <= kMaxWork;
}

std::vector<Cause> Validator::take() {
  if (work_ > kMaxWork) {
    causes_.assign({{"FieldValueInvalid", "<nil>",
                     "Invalid value: \"object\": it takes too much work to judge this object by "
                     "its schema; make the object smaller or the schema simpler"}});
  }
  return std::move(causes_);
}

void Validator::invalid(const std::string& path, const json::Value& value, std::string_view why) {
  if (is_done()) return;
  bool compound = value.is_object() || value.is_array();
  std::string text = compound ? quote(type_name(value)) : json::print(value);
  add({"FieldValueInvalid", shown(path),
       fmt::format("Invalid value: {}: {} in body {}", text, path, why)});
}

void Validator::check(const Node& node, const json::Value& value, const json::Value* before,
                      const std::string& path) {
  if (is_done() || !spend(1)) return;
  if (before && *before == value) return;  // what was accepted once is not judged again
  if (value.is_null() && node.nullable) return;
  bool ok = true;
  check_type(node, value, path, ok);
  if (!ok) return;
  if (node.limits) check_limits(*node.limits, value, path);
  if (value.is_object()) check_object(node, value, before, path);
  if (value.is_array()) check_array(node, value, before, path);
}

void Validator::check_type(const Node& node, const json::Value& value, const std::string& path,
                           bool& ok) {
  if (node.int_or_string) {
    ok = value.is_integer() || value.is_string();
    if (!ok)
      invalid(path, value,
              fmt::format("must be of type integer,string: {}", quote(type_name(value))));
    return;
  }
  ok = is_of_type(value, node.type);
  if (ok || is_enough()) return;
  add({"FieldValueTypeInvalid", shown(path),
       fmt::format("Invalid value: {}: {} in body must be of type {}: {}", quote(type_name(value)),
                   path, type_name(node.type), quote(type_name(value)))});
}

void Validator::check_object(const Node& node, const json::Value& value, const json::Value* before,
                             const std::string& path) {
  for (const std::string& name : node.required) {
    if (!value.contains(name)) add(object::required_value(member_path(path, name)));
  }
  for (const json::Member& member : value.members()) {
    if (is_done()) return;
    const Node* child = node.find(member.key);
    if (!child) child = node.additional.get();
    if (!child) continue;
    const json::Value* old = before ? before->find(member.key) : nullptr;
    check(*child, member.value, old, member_path(path, member.key));
  }
}

void Validator::check_array(const Node& node, const json::Value& value, const json::Value* before,
                            const std::string& path) {
  bool is_unique = node.list_type != Node::ListType::Atomic && !may_repeat_;
  if (is_unique) check_uniqueness(node, value, path);
  if (!node.items) return;
  // Elements of keyed lists are compared with the element of the same key.
  std::unordered_map<std::string, const json::Value*> old;
  auto identity = [&](const json::Value& element) {
    std::string text;
    for (const std::string& key : node.list_map_keys) json::print(element[key], text);
    return text;
  };
  if (before && node.list_type == Node::ListType::Map) {
    for (const json::Value& element : before->elements()) old.emplace(identity(element), &element);
  }
  std::size_t index = 0;
  for (const json::Value& element : value.elements()) {
    if (is_done()) return;
    auto place = old.empty() ? old.end() : old.find(identity(element));
    check(*node.items, element, place == old.end() ? nullptr : place->second,
          fmt::format("{}[{}]", path, index++));
  }
}

void Validator::check_uniqueness(const Node& node, const json::Value& value,
                                 const std::string& path) {
  std::set<std::string> seen;
  std::size_t index = 0;
  for (const json::Value& element : value.elements()) {
    json::Value identity = element;
    if (node.list_type == Node::ListType::Map) {
      identity = json::Value::object();
      for (const std::string& key : node.list_map_keys) {
        if (element.contains(key)) identity.set(key, element[key]);
      }
    }
    std::string text = json::print(identity);
    if (!spend(text.size() / 16)) return;
    if (!seen.insert(std::move(text)).second) {
      add(object::duplicate_value(fmt::format("{}[{}]", path, index), identity));
    }
    ++index;
  }
}

void Validator::check_limits(const Limits& limits, const json::Value& value,
                             const std::string& path) {
  if (limits.enumeration.is_array()) check_enumeration(limits.enumeration, value, path);
  if (value.is_number()) check_number(limits, value, path);
  if (value.is_string()) check_string(limits, value, path);
  if (value.is_array() || value.is_object()) check_sizes(limits, value, path);
  check_combinations(limits, value, path);
}

void Validator::check_enumeration(const json::Value& enumeration, const json::Value& value,
                                  const std::string& path) {
  auto allowed = enumeration.elements();
  if (!spend(allowed.size()) || std::ranges::find(allowed, value) != allowed.end()) return;
  if (is_enough()) return;
  std::vector<std::string> names;
  for (const json::Value& one : allowed.first(std::min(allowed.size(), kMaxShownNames))) {
    names.push_back(one.is_string() ? one.str() : json::print(one));
  }
  add(object::unsupported_value(shown(path), value, names));
}

// Each character may be looked at by each instruction, sixteen of them in the time of a step.
bool Validator::matches_pattern(const re2::RE2& pattern, std::string_view text) {
  std::size_t work = text.size() * static_cast<std::size_t>(pattern.ProgramSize()) / 16;
  return spend(work) && re2::RE2::PartialMatch({text.data(), text.size()}, pattern);
}

void Validator::check_number(const Limits& limits, const json::Value& value,
                             const std::string& path) {
  double number = value.as_double();
  if (limits.minimum &&
      (limits.exclusive_minimum ? number <= *limits.minimum : number < *limits.minimum)) {
    if (is_enough()) return;
    invalid(
        path, value,
        fmt::format("should be greater than {}{}", limits.exclusive_minimum ? "" : "or equal to ",
                    number_text(*limits.minimum)));
  }
  if (limits.maximum &&
      (limits.exclusive_maximum ? number >= *limits.maximum : number > *limits.maximum)) {
    if (is_enough()) return;
    invalid(path, value,
            fmt::format("should be less than {}{}", limits.exclusive_maximum ? "" : "or equal to ",
                        number_text(*limits.maximum)));
  }
  if (limits.multiple_of && *limits.multiple_of > 0) {
    double factor = number / *limits.multiple_of;
    if (std::fabs(factor - std::round(factor)) > 1e-9) {
      invalid(path, value,
              fmt::format("should be a multiple of {}", number_text(*limits.multiple_of)));
    }
  }
  bool too_large = limits.format == "int32" && std::fabs(number) > 2147483648.0;
  if (too_large)
    invalid(path, value, fmt::format("must be of type int32: {}", quote(json::print(value))));
}

void Validator::check_string(const Limits& limits, const json::Value& value,
                             const std::string& path) {
  std::string_view text = value.as_string();
  std::int64_t length = rune_count(text);
  if (limits.max_length && length > *limits.max_length) {
    add({"FieldValueTooLong", shown(path),
         fmt::format("Too long: may not be more than {} bytes", *limits.max_length)});
  }
  if (limits.min_length && length < *limits.min_length) {
    invalid(path, value, fmt::format("should be at least {} chars long", *limits.min_length));
  }
  if (limits.pattern && limits.pattern->ok() && !matches_pattern(*limits.pattern, text)) {
    invalid(path, value, fmt::format("should match '{}'", limits.pattern_text));
  }
  if (!matches_format(limits.format, text)) {
    invalid(path, value, fmt::format("must be of type {}: {}", limits.format, quote(text)));
  }
}

void Validator::check_sizes(const Limits& limits, const json::Value& value,
                            const std::string& path) {
  auto size = static_cast<std::int64_t>(value.size());
  auto most = value.is_array() ? limits.max_items : limits.max_properties;
  auto least = value.is_array() ? limits.min_items : limits.min_properties;
  if (most && size > *most) {
    add({"FieldValueTooMany", shown(path),
         fmt::format("Too many: {}: must have at most {} items", size, *most)});
  }
  if (least && size < *least) {
    invalid(path, value,
            fmt::format("should have at least {} {}", *least,
                        value.is_array() ? "items" : "properties"));
  }
  if (limits.unique_items && value.is_array()) {
    std::set<std::string> seen;
    for (const json::Value& one : value.elements()) {
      std::string text = json::print(one);
      if (!spend(text.size() / 16)) return;
      if (seen.insert(std::move(text)).second) continue;
      invalid(path, value, "shouldn't contain duplicates");
      break;
    }
  }
}

bool Validator::is_valid(const Node& node, const json::Value& value, const std::string& path) {
  Validator inner(may_repeat_);
  if (work_ > kMaxWork) return false;
  inner.work_ = work_;
  inner.first_only_ = true;
  inner.check(node, value, nullptr, path);
  work_ = inner.work_;
  return inner.causes_.empty();
}

void Validator::check_combinations(const Limits& limits, const json::Value& value,
                                   const std::string& path) {
  auto matching = [&](const std::vector<NodePtr>& nodes) {
    return std::ranges::count_if(nodes,
                                 [&](const NodePtr& node) { return is_valid(*node, value, path); });
  };
  auto complain = [&](std::string_view why) {
    if (is_enough()) return;
    add({"FieldValueInvalid", shown(path),
         fmt::format("Invalid value: {}: {} {}", json::print(value), path, why)});
  };
  for (const NodePtr& node : limits.all_of) check(*node, value, nullptr, path);
  if (!limits.any_of.empty() && matching(limits.any_of) == 0) {
    complain("must validate at least one schema (anyOf)");
  }
  if (!limits.one_of.empty()) {
    auto count = matching(limits.one_of);
    if (count == 0) complain("must validate one and only one schema (oneOf). Found none valid");
    if (count > 1)
      complain(fmt::format(
          "must validate one and only one schema (oneOf). Found {} valid alternatives", count));
  }
  if (limits.negated && is_valid(*limits.negated, value, path)) {
    complain("must not validate the schema (not)");
  }
}

}  // namespace schema
