// What is wrong with an object that somebody applies.
#include <fmt/format.h>

#include <set>

#include "apply/type.h"
#include "apply/typed.h"
#include "base/strings.h"
#include "json/text.h"

namespace apply {
namespace {

using json::Value;

constexpr std::size_t kMaxErrors = 20;

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

class Checker {
 public:
  void check(const Value& value, Type type, const std::string& path) {
    if (value.is_null()) return;
    Shape shape = type.shape(value);
    if (is_map(shape)) return check_map(value, type, path);
    if (is_list(shape)) return check_list(value, type, shape, path);
    check_scalar(value, type.node(), path);
  }

  std::string text() const {
    if (errors_.empty()) return {};
    return errors_.size() == 1 ? errors_.front() : "errors:\n  " + join(errors_, "\n  ");
  }

 private:
  void add(const std::string& path, std::string_view why) {
    if (errors_.size() == kMaxErrors) return;
    errors_.push_back(path.empty() ? std::string(why) : fmt::format("{}: {}", path, why));
  }

  void check_map(const Value& value, Type type, const std::string& path) {
    if (!value.is_object()) return add(path, fmt::format("expected map, got {}", shown(value)));
    for (const json::Member& member : value.members()) {
      std::string below = path + "." + member.key;
      auto place = type.member(member.key);
      if (place.is_known) {
        check(member.value, place.type, below);
      } else {
        add(below, "field not declared in schema");
      }
    }
  }

  void check_list(const Value& value, Type type, Shape shape, const std::string& path) {
    if (!value.is_array()) return add(path, fmt::format("expected list, got {}", shown(value)));
    std::set<Step> seen;
    std::size_t number = 0;
    for (const Value& element : value.elements()) {
      std::size_t index = number++;
      std::expected<Step, std::string> step = Step::index(index);
      if (shape != Shape::AtomicList) step = type.step_of(shape, element);
      if (!step) return add(path, fmt::format("element {}: {}", index, step.error()));
      if (!seen.insert(*step).second) {
        add(path, fmt::format("duplicate entries for key {}", step->shown()));
      }
      check(element, type.element(), path + step->shown());
    }
  }

  void check_scalar(const Value& value, const schema::Node* node, const std::string& path) {
    using Kind = schema::Node::Type;
    Kind kind = node ? node->type : Kind::Any;
    if (kind == Kind::String && node->limits && is_loose(node->limits->format)) kind = Kind::Any;
    bool is_container = value.is_object() || value.is_array();
    if ((kind == Kind::Integer || kind == Kind::Number) && !value.is_number()) {
      add(path, fmt::format("expected numeric (int or float), got {}", go_type(value)));
    } else if (kind == Kind::String && !value.is_string()) {
      add(path, fmt::format("expected string, got {}", shown(value)));
    } else if (kind == Kind::Boolean && !value.is_bool()) {
      add(path, fmt::format("expected boolean, got {}", shown(value)));
    } else if (kind == Kind::Any && is_container) {
      add(path, fmt::format("expected any scalar, got {}", shown(value)));
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
  checker.check(config, Type::root(&root), "");
  return checker.text();
}

}  // namespace apply
