// What is wrong with an object that somebody applies.
#include <fmt/format.h>

#include <ranges>
#include <set>

#include "apply/type.h"
#include "apply/typed.h"
#include "base/strings.h"
#include "json/text.h"

namespace apply {
namespace {

using json::Value;

constexpr std::size_t kMaxErrors = 20;
constexpr std::size_t kMaxPath = 1'000;  // bytes of a path that an error shows

std::string_view go_type(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::Bool: return "bool";
    case Value::Kind::Int:
    case Value::Kind::Uint: return "int64";
    case Value::Kind::Double: return "float64";
    case Value::Kind::String: return "string";
    case Value::Kind::Array: return "[]interface {}";
    case Value::Kind::Object: return "map[string]interface {}";
    case Value::Kind::Null: break;
  }
  return "<nil>";
}

// Where a value is: what leads to it from where its container is. Written out for errors only,
// since paths may be longer than all of what is checked.
struct Place {
  const Place* up = nullptr;
  std::string_view field;      // of a map
  const Step* step = nullptr;  // of a list

  std::string text() const {
    std::vector<const Place*> way;
    for (const Place* place = this; place->up; place = place->up) way.push_back(place);
    std::string path;
    for (const Place* place : std::views::reverse(way)) {
      path += place->step ? place->step->shown() : "." + std::string(place->field);
      if (path.size() > kMaxPath) return path.substr(0, kMaxPath) + "...";
    }
    return path;
  }
};

class Checker {
 public:
  void check(const Value& value, Type type, const Place& place) {
    if (value.is_null()) return;
    Shape shape = type.shape(value);
    if (is_map(shape)) return check_map(value, type, place);
    if (is_list(shape)) return check_list(value, type, shape, place);
    check_scalar(value, type.node(), place);
  }

  std::string text() const {
    if (errors_.empty()) return {};
    return errors_.size() == 1 ? errors_.front() : "errors:\n  " + join(errors_, "\n  ");
  }

 private:
  bool is_full() const { return errors_.size() == kMaxErrors; }

  void add(const Place& place, std::string_view why) {
    if (is_full()) return;
    std::string path = place.text();
    errors_.push_back(path.empty() ? std::string(why) : fmt::format("{}: {}", path, why));
  }

  void check_map(const Value& value, Type type, const Place& place) {
    if (!value.is_object()) return add(place, fmt::format("expected map, got {}", shown(value)));
    for (const json::Member& member : value.members()) {
      Place below{&place, member.key};
      auto found = type.member(member.key);
      if (is_full()) return;
      if (found.is_known) {
        check(member.value, found.type, below);
      } else {
        add(below, "field not declared in schema");
      }
    }
  }

  void check_list(const Value& value, Type type, Shape shape, const Place& place) {
    if (!value.is_array()) return add(place, fmt::format("expected list, got {}", shown(value)));
    std::set<Step> seen;
    std::size_t number = 0;
    for (const Value& element : value.elements()) {
      std::size_t index = number++;
      std::expected<Step, std::string> step = Step::index(index);
      if (shape != Shape::AtomicList) step = type.step_of(shape, element);
      if (is_full()) return;
      if (!step) return add(place, fmt::format("element {}: {}", index, step.error()));
      bool is_new = shape == Shape::AtomicList || seen.insert(*step).second;
      if (!is_new) add(place, fmt::format("duplicate entries for key {}", step->shown()));
      check(element, type.element(), {&place, {}, &*step});
    }
  }

  void check_scalar(const Value& value, const schema::Node* node, const Place& place) {
    using Kind = schema::Node::Type;
    Kind kind = node ? node->type : Kind::Any;
    if (kind == Kind::String && node->limits && is_loose(node->limits->format)) kind = Kind::Any;
    bool is_container = value.is_object() || value.is_array();
    if ((kind == Kind::Integer || kind == Kind::Number) && !value.is_number()) {
      add(place, fmt::format("expected numeric (int or float), got {}", go_type(value)));
    } else if (kind == Kind::String && !value.is_string()) {
      add(place, fmt::format("expected string, got {}", shown(value)));
    } else if (kind == Kind::Boolean && !value.is_bool()) {
      add(place, fmt::format("expected boolean, got {}", shown(value)));
    } else if (kind == Kind::Any && is_container) {
      add(place, fmt::format("expected any scalar, got {}", shown(value)));
    }
  }

  // Strings of a format may be written in other ways, for instance dates.
  static bool is_loose(std::string_view format) { return !format.empty() && format != "byte"; }

  static std::string shown(const Value& value) {
    constexpr std::size_t kShown = 200;
    std::string text = json::print(value);
    return text.size() <= kShown ? text : text.substr(0, kShown) + "...";
  }

  std::vector<std::string> errors_;
};

}  // namespace

std::string check_config(const Value& config, const schema::Node& root) {
  Checker checker;
  checker.check(config, Type::root(&root), Place());
  return checker.text();
}

}  // namespace apply
