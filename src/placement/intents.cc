#include "placement/intents.h"

#include "json/text.h"
#include "object/object.h"
#include "placement/keys.h"

namespace placement {
namespace {

std::string with(std::string_view prefix, std::string_view key) {
  return std::string(prefix) + std::string(key);
}

bool has_address(const json::Value& status) {
  return !status.at("loadBalancer", "ingress").empty();
}

}  // namespace

std::map<std::string, Intent> intents_of(const json::Value& object) {
  std::map<std::string, Intent> intents;
  for (const auto& label : object.at("metadata", "labels").members()) {
    if (!label.key.starts_with(kStateLabel)) continue;
    std::string key = label.key.substr(kStateLabel.size());
    Intent intent;
    intent.state = label.value.str();
    intent.deletion = object::annotation(object, with(kDeletion, key));
    intent.soft_finalizers = object::annotation(object, with(kSoftFinalizers, key));
    intent.owned = object::has_finalizer(object, with(kSyncerFinalizer, key));
    intents.emplace(std::move(key), std::move(intent));
  }
  return intents;
}

std::optional<json::Value> status_at(const json::Value& object, std::string_view key) {
  auto view = json::parse(object::annotation(object, with(kView, key)));
  if (!view || !view->contains("status")) return std::nullopt;
  const json::Value& status = (*view)["status"];
  if (status.as_string() == kPromoted) return object["status"];
  return status;
}

bool is_serving_at(const json::Value& object, std::string_view key, std::string_view like) {
  if (!object::has_finalizer(object, with(kSyncerFinalizer, key))) return false;
  json::Value status = status_at(object, key).value_or(json::Value());
  const json::Value& replicas = object.at("spec", "replicas");
  if (replicas.is_integer() && object["spec"].contains("template") &&
      status["availableReplicas"].as_int() < replicas.as_int()) {
    return false;
  }
  auto other = like.empty() ? std::nullopt : status_at(object, like);
  return !other || !has_address(*other) || has_address(status);
}

void forget(json::Value& object, std::string_view key) {
  object::remove_label(object, with(kStateLabel, key));
  object::remove_finalizer(object, with(kSyncerFinalizer, key));
  for (std::string_view prefix : {kDeletion, kSoftFinalizers, kView, kSpecDiff, kLeaving}) {
    object::remove_annotation(object, with(prefix, key));
  }
}

}  // namespace placement
