#include "controllers/api_sharing/claim_labels.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "base/strings.h"
#include "controllers/system_call.h"
#include "json/text.h"

namespace controllers {
namespace {

using json::Value;

object::Labels labels_of(const Value& object) {
  object::Labels labels;
  for (const json::Member& one : object.at("metadata", "labels").members()) {
    labels.emplace_back(one.key, one.value.str());
  }
  std::ranges::sort(labels);
  return labels;
}

Error forbidden(const registry::Call& call, const Value& object, std::string_view why) {
  return Error::forbidden(call.kind->group, call.kind->plural, object::name(object), why);
}

// What a provider's view demands of the objects that it writes; null if the write is no such one.
struct Demand {
  std::string key, value;  // the claim label
  Value selector;          // of the consumer's claim
};
std::optional<Demand> demand_of(const registry::Call& call) {
  if (!call.user || !call.user->in_group(auth::kMasters)) return {};
  const auto& extra = call.user->extra;
  auto label = extra.find(sharing::kRequiredLabel);
  if (label == extra.end() || label->second.size() != 2) return {};
  Demand demand{label->second[0], label->second[1], {}};
  auto selector = extra.find(sharing::kRequiredSelector);
  if (selector != extra.end()) {
    demand.selector = value_or_throw(json::parse(selector->second.front()));
  }
  return demand;
}

// An object without the claim's label does not exist for the provider.
void check_visible(const registry::Call& call, const Demand& demand, const Value& before) {
  if (before.is_null() || object::label(before, demand.key) == demand.value) return;
  throw Error::not_found(call.kind->group, call.kind->plural, object::name(before));
}

// What the provider writes must stay within what was granted.
void keep_within(const registry::Call& call, const Demand& demand, Value& object) {
  for (const json::Member& one : demand.selector["matchLabels"].members()) {
    std::string_view wanted = one.value.as_string();
    if (!object::has_label(object, one.key)) {
      object::set_label(object, one.key, wanted);
    } else if (object::label(object, one.key) != wanted) {
      throw forbidden(call, object,
                      fmt::format("protected label {} must have value {}", one.key, wanted));
    }
  }
  if (!value_or_throw(sharing::claim_selector(demand.selector)).matches_object(object)) {
    throw forbidden(call, object, "object does not match required labels");
  }
}

class ClaimLabels final : public registry::Admission {
 public:
  explicit ClaimLabels(std::shared_ptr<const ClaimIndex> index) : index_(std::move(index)) {}
  std::string_view name() const override { return "apis.kcp.io/PermissionClaims"; }

  Task<> mutate(const registry::Call& call, Value& object, const Value& before) override {
    if (auto demand = demand_of(call)) {
      check_visible(call, *demand, before);
      keep_within(call, *demand, object);
    }
    object::Labels present = labels_of(object);
    object::Labels wanted = index_->labels_for(call.kind->table(), call.cluster, present);
    for (const auto& [key, value] : present) {
      if (!key.starts_with(sharing::kClaimLabel)) continue;
      auto right = std::ranges::find(wanted, key, [](const auto& label) { return label.first; });
      if (right != wanted.end() && right->second == value) continue;
      // A label that was right once is put right in silence.
      if (object::label(before, key) != value) {
        throw forbidden(
            call, object,
            right == wanted.end()
                ? fmt::format("metadata.labels[{}] must not be set", key)
                : fmt::format("metadata.labels[{}] must be {}", key, quote(right->second)));
      }
      object::remove_label(object, key);
    }
    for (const auto& [key, value] : wanted) object::set_label(object, key, value);
    co_return;
  }

  Task<> validate(const registry::Call& call, const Value& object, const Value& before) override {
    auto demand = object.is_null() ? demand_of(call) : std::nullopt;
    if (demand) check_visible(call, *demand, before);
    co_return;
  }

 private:
  std::shared_ptr<const ClaimIndex> index_;
};

Task<bool> write_again(registry::Registry& registry, registry::KindPtr kind, cache::Key key) {
  registry::Call call = system_call(registry, {kind->table(), key}, "update", "permission-claims");
  if (!call.kind) co_return true;  // gone meanwhile, and the object with it
  std::optional<Error> failure;
  try {
    co_await registry.update(call, [](const Value& present) -> Result<Value> { return present; });
  } catch (const Error& error) {
    failure = error;
  }
  if (!failure || failure->reason() == Reason::NotFound) co_return true;
  log(LogLevel::Warning, "sharing", "an object could not be labelled",
      {{"resource", kind->group_resource().text()},
       {"name", key.name},
       {"error", failure->message()}});
  co_return false;
}

}  // namespace

std::shared_ptr<registry::Admission> claim_labels(std::shared_ptr<const ClaimIndex> index) {
  return std::make_shared<ClaimLabels>(std::move(index));
}

Task<std::size_t> relabel_cluster(registry::Registry& registry, const ClaimIndex& index,
                                  std::string cluster) {
  std::size_t failed = 0;
  for (const registry::KindPtr& kind : registry.kinds().list(cluster)) {
    if (kind->virtual_only) continue;
    cache::Filter filter{.cluster = cluster};
    filter.matches = [&](const cache::Item& item) { return index.is_wrong(kind->table(), item); };
    auto wrong = registry.objects().table(kind->table()).list(filter).items;
    for (const auto& item : wrong) {
      if (!co_await write_again(registry, kind, item->key())) ++failed;
    }
  }
  co_return failed;
}

}  // namespace controllers
