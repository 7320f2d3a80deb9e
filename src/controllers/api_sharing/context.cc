#include "controllers/api_sharing/context.h"

#include "auth/accounts.h"
#include "json/text.h"
#include "sharing/claims.h"

namespace controllers {

using json::Value;

Value SharingContext::object(const cache::TableId& table, const cache::Key& key) const {
  auto item = registry.objects().table(table).find(key);
  auto parsed = item ? json::parse(item->json()) : Value();
  return parsed ? std::move(*parsed) : Value();
}

std::vector<Value> SharingContext::objects(const cache::TableId& table, const std::string& cluster,
                                           std::string_view except) const {
  std::vector<Value> all;
  for (const auto& item : registry.objects().table(table).list({.cluster = cluster}).items) {
    if (item->name() == except) continue;
    if (auto parsed = json::parse(item->json())) all.push_back(std::move(*parsed));
  }
  return all;
}

std::string SharingContext::view_url(std::string_view cluster, std::string_view name) const {
  return server_url + "/services/apiexport/" + std::string(cluster) + "/" + std::string(name);
}

std::optional<FoundExport> find_export(const SharingContext& context,
                                       const std::string& own_cluster, const Value& reference) {
  std::string path = reference["path"].str();
  auto cluster = path.empty() ? std::optional(own_cluster) : context.clusters.resolve(path);
  if (!cluster) return {};
  Value object = context.object(kExports, {*cluster, "", reference["name"].str()});
  if (object.is_null()) return {};
  return FoundExport{std::move(*cluster), std::move(object)};
}

std::optional<FoundExport> find_export_of(const SharingContext& context,
                                          const std::string& own_cluster, const Value& binding) {
  const Value& reference = binding.at("spec", "reference", "export");
  std::string known = binding.at("status", "apiExportClusterName").str();
  if (known.empty()) return find_export(context, own_cluster, reference);
  Value object = context.object(kExports, {known, "", reference["name"].str()});
  if (object.is_null()) return {};
  return FoundExport{std::move(known), std::move(object)};
}

auth::UserPtr acting_user(const auth::UserPtr& user) {
  auto name = user->extra.find(sharing::kProviderName);
  if (name == user->extra.end() || !user->in_group(auth::kMasters)) return user;
  auto provider = std::make_shared<auth::User>();
  provider->name = name->second.front();
  auto groups = user->extra.find(sharing::kProviderGroups);
  if (groups != user->extra.end()) provider->groups = groups->second;
  auto home = user->extra.find(auth::kClusterExtra);
  if (home != user->extra.end()) provider->extra.insert(*home);
  return provider;
}

bool is_by_system(const registry::Call& call) {
  return acting_user(call.user)->in_group(auth::kMasters);
}

void keep_status_to_the_system(const registry::Call& call, const Value& object) {
  if (call.subresource != "status" || is_by_system(call)) return;
  throw Error::forbidden(call.kind->group, call.kind->plural, object::name(object),
                         "its status is written by the system only");
}

}  // namespace controllers
