#include "controllers/api_sharing/names.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/strings.h"
#include "tenancy/path.h"

namespace controllers {
namespace {

using json::Value;

bool binds(const Value& binding, const object::GroupResource& resource) {
  return std::ranges::any_of(binding.at("status", "boundResources").elements(),
                             [&](const Value& bound) {
                               return bound["group"].as_string() == resource.group &&
                                      bound["resource"].as_string() == resource.resource;
                             });
}

// The first of `wanted`'s names that `taken` has: "spec.names.plural=cowboys".
std::string shared_name(const Value& names, const registry::Kind& taken) {
  auto resource_name = [&](std::string_view name) {
    return !name.empty() && (name == taken.plural || name == taken.singular ||
                             std::ranges::find(taken.short_names, name) != taken.short_names.end());
  };
  auto kind_name = [&](std::string_view name) {
    return !name.empty() && (name == taken.kind || name == taken.list_kind);
  };
  auto found = [](std::string_view field, std::string_view name) {
    return fmt::format("spec.names.{}={}", field, name);
  };
  for (const char* field : {"plural", "singular"}) {
    std::string_view name = names[field].as_string();
    if (resource_name(name)) return found(field, name);
  }
  for (const Value& name : names["shortNames"].elements()) {
    if (resource_name(name.as_string())) return found("shortNames", name.as_string());
  }
  for (const char* field : {"kind", "listKind"}) {
    std::string_view name = names[field].as_string();
    if (kind_name(name)) return found(field, name);
  }
  return {};
}

}  // namespace

NamesInUse::NamesInUse(const SharingContext& context, const std::string& cluster,
                       const Value& binding) {
  std::string own_name = object::name(binding);
  for (const registry::KindPtr& kind : context.registry.kinds().list(cluster)) {
    bool builtin = kind->builtin && kind->identity.empty();
    std::string owner = builtin
                            ? "the built-in " + kind->kind
                            : "CustomResourceDefinition " + quote(kind->group_resource().text());
    uses_[kind->group_resource()] = {kind, owner, ""};
  }
  auto& kinds = context.registry.kinds();
  for (const Value& bound : binding.at("status", "boundResources").elements()) {
    auto use = uses_.find({bound["group"].str(), bound["resource"].str()});
    if (use != uses_.end() && !use->second.kind->identity.empty()) uses_.erase(use);
  }
  for (const Value& other : context.objects(kBindings, cluster, own_name)) {
    std::string name = object::name(other);
    const Value& reference = other.at("spec", "reference", "export");
    for (const Value& bound : other.at("status", "boundResources").elements()) {
      object::GroupResource resource{bound["group"].str(), bound["resource"].str()};
      // Two that came at the same moment: the first by name has it.
      if (binds(binding, resource) && own_name < name) continue;
      auto kind = kinds.find(cluster, resource.group, resource.resource,
                             bound.at("schema", "identityHash").as_string());
      uses_[resource] = {std::move(kind), "APIBinding " + quote(name),
                         " bound to " + tenancy::join_path(reference["path"].as_string(),
                                                           reference["name"].as_string())};
    }
  }
}

std::string NamesInUse::owner(const object::GroupResource& resource) const {
  auto use = uses_.find(resource);
  return use == uses_.end() ? "" : use->second.owner;
}

std::string NamesInUse::conflict(const Value& schema) const {
  const Value& spec = schema["spec"];
  for (const auto& [resource, use] : uses_) {
    if (resource.group != spec["group"].as_string() || !use.kind) continue;
    std::string name = shared_name(spec["names"], *use.kind);
    if (name.empty()) continue;
    return fmt::format("naming conflict with {}{}: {} is forbidden", use.owner, use.export_name,
                       name);
  }
  return {};
}

}  // namespace controllers
