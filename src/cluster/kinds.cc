#include "cluster/kinds.h"

namespace cluster {

std::vector<controller::Key> controller_of(const json::Value& object, std::string_view kind,
                                           std::string_view source) {
  for (const json::Value& owner : object.at("metadata", "ownerReferences").elements()) {
    if (owner["controller"].as_bool() && owner["kind"].as_string() == kind) {
      return {{std::string(source), "", object::ns(object), owner["name"].str()}};
    }
  }
  return {};
}

bool is_controlled_by(const json::Value& object, const json::Value& owner) {
  for (const json::Value& one : object.at("metadata", "ownerReferences").elements()) {
    if (one["controller"].as_bool() && one["uid"] == owner.at("metadata", "uid")) return true;
  }
  return false;
}

bool is_ready(const json::Value& pod) {
  return !object::is_deleting(pod) && object::is_true(pod, "Ready");
}

}  // namespace cluster
