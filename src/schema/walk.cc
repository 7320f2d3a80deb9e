// Pruning and defaulting: the two walks that change an object.
#include <fmt/format.h>

#include "schema/walks.h"

namespace schema {
namespace {

bool is_type_meta(std::string_view key) {
  return key == "apiVersion" || key == "kind" || key == "metadata";
}

std::string join_path(const std::string& path, std::string_view key) {
  return path.empty() ? std::string(key) : fmt::format("{}.{}", path, key);
}

// Whether anything below `value` would be removed: most objects have nothing to prune, and are
// then not copied.
bool has_unknown(const Node& node, const json::Value& value, bool is_root) {
  for (const json::Member& member : value.members()) {
    if ((is_root || node.embedded) && is_type_meta(member.key)) continue;
    const Node* child = node.find(member.key);
    if (!child) child = node.additional.get();
    if (!child) {
      if (!node.preserve_unknown && !node.additional_allowed && !node.int_or_string) return true;
      continue;
    }
    if (has_unknown(*child, member.value, false)) return true;
  }
  for (const json::Value& one : value.elements()) {
    if (node.items && has_unknown(*node.items, one, false)) return true;
  }
  return false;
}

}  // namespace

void prune_node(const Node& node, json::Value& value, bool is_root, const std::string& path,
                std::vector<std::string>& removed) {
  if (!has_unknown(node, value, is_root)) return;
  if (value.is_object()) {
    json::Value kept = json::Value::object();
    for (json::Member& member : value.edit_members()) {
      std::string below = join_path(path, member.key);
      const Node* child = node.find(member.key);
      if (!child) child = node.additional.get();
      bool implied = (is_root || node.embedded) && is_type_meta(member.key);
      if (child && !implied) prune_node(*child, member.value, false, below, removed);
      if (!child && !implied && !node.preserve_unknown && !node.additional_allowed) {
        removed.push_back(below);
      } else {
        kept.set(member.key, std::move(member.value));
      }
    }
    value = std::move(kept);
  }
  if (!node.items) return;
  std::size_t index = 0;
  for (json::Value& one : value.edit_elements()) {
    prune_node(*node.items, one, false, fmt::format("{}[{}]", path, index++), removed);
  }
}

namespace {

void default_additional(const Node& node, json::Value& value) {
  std::vector<std::string> nulls;
  for (json::Member& member : value.edit_members()) {
    if (node.find(member.key)) continue;
    if (member.value.is_null() && !node.additional->nullable) {
      nulls.push_back(member.key);
    } else {
      default_node(*node.additional, member.value);
    }
  }
  for (const std::string& key : nulls) value.erase(key);
}

}  // namespace

void default_node(const Node& node, json::Value& value) {
  if (value.is_object()) {
    for (const auto& [name, child] : node.properties) {
      const json::Value* present = value.find(name);
      bool missing = !present || (present->is_null() && !child->nullable);
      if (missing && child->default_value) {
        value.set(name, *child->default_value);
      } else if (present && present->is_null() && !child->nullable) {
        value.erase(name);
        continue;
      } else if (!present) {
        continue;
      }
      default_node(*child, value.edit(name));
    }
    if (node.additional) default_additional(node, value);
  }
  if (value.is_array() && node.items) {
    for (json::Value& one : value.edit_elements()) default_node(*node.items, one);
  }
}

}  // namespace schema
