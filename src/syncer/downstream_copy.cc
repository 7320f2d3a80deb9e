#include "syncer/downstream_copy.h"

#include <algorithm>

#include "base/strings.h"
#include "json/text.h"
#include "object/object.h"
#include "syncer/applied_fields.h"

namespace syncer {
namespace {

using json::Value;

constexpr const char* kServiceAccountName = "kubernetes.io/service-account.name";
constexpr const char* kServiceAccountUid = "kubernetes.io/service-account.uid";

// What the layers in between keep on objects; the physical cluster gets none of it.
bool is_internal(std::string_view annotation) {
  constexpr std::string_view kPrefixes[] = {placement::kDeletion,
                                            placement::kSoftFinalizers,
                                            placement::kView,
                                            placement::kSpecDiff,
                                            "experimental.status.workload.kcp.io/",
                                            "internal.workload.kcp.io/"};
  constexpr std::string_view kNames[] = {placement::kClusterAnnotation, placement::kLocator,
                                         "experimental.summarizing.workload.kcp.io", kAppliedFields,
                                         kGeneration};
  return std::ranges::find(kNames, annotation) != std::end(kNames) ||
         std::ranges::any_of(kPrefixes,
                             [&](auto prefix) { return annotation.starts_with(prefix); });
}

Value without_nulls(const Value& value) {
  if (value.is_object()) {
    Value kept = Value::object();
    for (const auto& member : value.members()) {
      if (!member.value.is_null()) kept.set(member.key, without_nulls(member.value));
    }
    return kept;
  }
  if (!value.is_array()) return value;
  Value kept = Value::array();
  for (const Value& element : value.elements()) kept.push_back(without_nulls(element));
  return kept;
}

Value metadata_of(const Value& view, const Target& target, const std::string& ns) {
  Value metadata = Value::object({{"name", object::name(view)}, {"namespace", ns}});
  Value& labels = metadata.edit("labels");
  for (const auto& label : view.at("metadata", "labels").members()) {
    if (!label.key.starts_with(placement::kStateLabel)) labels.set(label.key, label.value);
  }
  labels.set(placement::kClusterLabel, target.key);
  Value annotations = Value::object();
  for (const auto& annotation : view.at("metadata", "annotations").members()) {
    if (!is_internal(annotation.key)) annotations.set(annotation.key, annotation.value);
  }
  metadata.set("annotations", std::move(annotations));
  return metadata;
}

bool is_secret(const Value& object) {
  return object["kind"].as_string() == "Secret" && object["apiVersion"].as_string() == "v1";
}

// Bound to a service account, the physical cluster would refill or delete it.
void release_from_service_account(Value& secret) {
  if (!object::has_annotation(secret, kServiceAccountName)) return;
  secret.set("type", "Opaque");
  object::remove_annotation(secret, kServiceAccountName);
  object::remove_annotation(secret, kServiceAccountUid);
}

// What is compared: everything but the identity, which is the same anyway.
Value fields_of(Value object) {
  object.erase("apiVersion");
  object.erase("kind");
  object.edit("metadata").erase("name");
  object.edit("metadata").erase("namespace");
  return object;
}

}  // namespace

bool is_never_synced(const Value& view) {
  if (is_secret(view)) return view["type"].as_string() == "kubernetes.io/service-account-token";
  return view["kind"].as_string() == "ConfigMap" && view["apiVersion"].as_string() == "v1" &&
         object::name(view) == "kube-root-ca.crt";
}

Value downstream_copy(const Value& view, const Target& target, const std::string& ns) {
  Value copy = without_nulls(view);
  copy.erase("status");
  copy.set("metadata", metadata_of(view, target, ns));
  if (is_secret(copy)) release_from_service_account(copy);
  std::string shape = json::print(shape_of(fields_of(copy)));
  object::set_annotation(copy, kAppliedFields, shape);
  if (auto generation = object::generation(view); generation > 0) {
    object::set_annotation(copy, kGeneration, std::to_string(generation));
  }
  return copy;
}

Value downstream_namespace(const placement::Locator& locator, const std::string& key) {
  Value made = object::make("v1", "Namespace", locator.downstream_namespace());
  object::set_label(made, placement::kClusterLabel, key);
  object::set_label(made, placement::kTenant, locator.tenant_id());
  object::set_annotation(made, placement::kLocator, locator.text());
  return made;
}

Value update_of(const Value& live, const Value& wanted) {
  auto applied = json::parse(object::annotation(live, kAppliedFields));
  Value patch = patch_to(live, fields_of(wanted), applied ? *applied : Value());
  if (!patch.empty()) patch.edit("metadata").set("uid", object::uid(live));
  return patch;
}

std::optional<Value> upstream_status(const Value& live) {
  if (live["status"].empty()) return std::nullopt;
  Value status = live["status"];
  auto applied = parse_i64(object::annotation(live, kGeneration));
  if (!status["observedGeneration"].is_integer()) return status;
  if (!applied) {
    status.erase("observedGeneration");
  } else {
    bool current = status["observedGeneration"].as_int() >= object::generation(live);
    status.set("observedGeneration", current ? *applied : *applied - 1);
  }
  return status;
}

}  // namespace syncer
