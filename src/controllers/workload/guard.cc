#include "controllers/workload/guard.h"

#include <algorithm>

#include "object/object.h"
#include "placement/keys.h"

namespace controllers {
namespace {

using json::Value;

// Who forwards the writes of API providers; their own name is not the system's.
constexpr const char* kProviders = "system:apiexport";

bool is_ours(std::string_view field, std::string_view key) {
  if (field == "labels") return key.starts_with(placement::kStateLabel);
  return key.starts_with(placement::kDeletion) || key.starts_with(placement::kView);
}

bool has_ours(const Value& object, const char* field) {
  return std::ranges::any_of(object.at("metadata", field).members(),
                             [&](const json::Member& one) { return is_ours(field, one.key); });
}

// Puts back what `before` has of ours, and takes away what it does not have.
void restore(Value& object, const Value& before, const char* field) {
  if (!has_ours(object, field) && !has_ours(before, field)) return;
  Value kept = Value::object();
  for (const json::Member& one : object.at("metadata", field).members()) {
    if (!is_ours(field, one.key)) kept.set(one.key, one.value);
  }
  for (const json::Member& one : before.at("metadata", field).members()) {
    if (is_ours(field, one.key)) kept.set(one.key, one.value);
  }
  if (kept == object.at("metadata", field)) return;
  if (kept.empty()) {
    object.edit("metadata").erase(field);
  } else {
    object.edit("metadata").set(field, std::move(kept));
  }
}

class WorkloadGuard final : public registry::Admission {
 public:
  std::string_view name() const override { return "workload.kcp.io/State"; }

  Task<> mutate(const registry::Call& call, Value& object, const Value& before) override {
    bool trusted = call.user->in_group(auth::kMasters) && call.user->name != kProviders;
    if (trusted || !object.is_object()) co_return;
    for (const char* field : {"labels", "annotations"}) restore(object, before, field);
  }
};

}  // namespace

std::shared_ptr<registry::Admission> make_workload_guard() {
  return std::make_shared<WorkloadGuard>();
}

}  // namespace controllers
