#include <fmt/format.h>

#include "registry/store_registry.h"

namespace registry {
namespace {

constexpr std::string_view kSystem = "kcp";  // the system's own components as a field manager

// What a write to this resource leaves as it is, and therefore cannot own.
apply::FieldSet ignored_by(const Call& call, bool in_workspaces) {
  apply::FieldSet set, metadata, annotations;
  if (call.subresource == "status") {
    set.add(apply::Step::field("spec"), true);
    set.add(apply::Step::field("metadata"), true);
    return set;
  }
  if (call.version->has_status) set.add(apply::Step::field("status"), true);
  if (in_workspaces) {
    annotations.add(apply::Step::field("kcp.io/cluster"), true);
    metadata.add(apply::Step::field("annotations"), false, std::move(annotations));
    set.add(apply::Step::field("metadata"), false, std::move(metadata));
  }
  return set;
}

std::shared_ptr<const schema::Node> schema_of(const Kind& kind, std::string_view api_version) {
  auto parsed = object::parse_group_version(api_version);
  if (!parsed || parsed->group != kind.group) return nullptr;
  const Version* version = kind.find_version(parsed->version);
  return version ? version->schema->root() : nullptr;
}

// A configuration that names a uid means an object that is there.
void check_is_for_absent(const Call& call, const json::Value& config) {
  std::string uid = object::uid(config);
  if (!uid.empty()) {
    throw Error::conflict(call.kind->group, call.kind->plural, call.name,
                          fmt::format("uid mismatch: the provided object specified uid {}, and no "
                                      "existing object was found",
                                      uid));
  }
}

}  // namespace

apply::FieldManager StoreRegistry::field_manager(const Call& call) const {
  apply::Write write;
  write.manager = call.field_manager.empty() ? kSystem : call.field_manager;
  write.api_version = call.kind->api_version(call.version->name);
  write.empty = call.version->empty;
  write.empty.set("apiVersion", write.api_version).set("kind", call.kind->kind);
  write.subresource = call.subresource;
  if (call.subresource != "scale") write.time = format_time(options_.clock.now());
  write.ignored = ignored_by(call, options_.flavour == Flavour::Workspaces);
  write.typed = call.kind->builtin && !call.kind->group.ends_with(".kcp.io");
  write.begins = !call.field_manager.empty();
  auto schemas = [kind = call.kind](std::string_view version) { return schema_of(*kind, version); };
  return {std::move(schemas), std::move(write)};
}

Task<Written> StoreRegistry::apply(const Call& call, json::Value config, ApplyOptions options) {
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    if (auto written = co_await try_apply(call, config, options)) co_return std::move(*written);
    if (options_.store.shared()) co_await options_.store.catch_up();
  }
  throw Error::conflict(call.kind->group, call.kind->plural, call.name,
                        "the object is being changed by others all the time; please try again");
}

Task<std::optional<Written>> StoreRegistry::try_apply(const Call& call, const json::Value& config,
                                                      const ApplyOptions& options) {
  auto item = find(call);
  if (!item) co_return co_await create_applied(call, config, options);
  json::Value present = decode(*item, call);
  auto wanted = value_or_throw(field_manager(call).apply(present, config, options.force));
  co_return co_await replace(call, std::move(item), present, std::move(wanted), Owners::Told);
}

Task<std::optional<Written>> StoreRegistry::create_applied(const Call& call,
                                                           const json::Value& config,
                                                           const ApplyOptions& options) {
  if (!call.subresource.empty()) throw not_found(call);
  if (options.may_create) co_await options.may_create();
  check_is_for_absent(call, config);
  auto object = value_or_throw(field_manager(call).apply({}, config, options.force));
  std::string name = object::name(object);
  if (name.empty()) {
    throw Error::bad_request(fmt::format(
        "the name of the object ({} based on URL) was undeterminable: name must be provided",
        call.name));
  }
  check_name(call, name);
  object.edit("metadata").erase("resourceVersion");
  Call creation = call;
  creation.verb = "create";
  prepare_create(creation, object);
  co_return co_await try_create(creation, std::move(object), Owners::Told);
}

}  // namespace registry
