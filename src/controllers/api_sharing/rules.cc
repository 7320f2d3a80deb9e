#include "controllers/api_sharing/rules.h"

#include <fmt/format.h>

#include "base/random.h"
#include "base/strings.h"
#include "json/text.h"
#include "object/names.h"
#include "schema/digest.h"
#include "schema/schema.h"
#include "tenancy/hash.h"

namespace controllers {
namespace {

using json::Value;

const cache::TableId kExports{"apis.kcp.io", "apiexports", ""};
const cache::TableId kSchemas{"apis.kcp.io", "apiresourceschemas", ""};
constexpr const char* kIdentityNamespace = "kcp-system";

class SchemaRules final : public registry::Rules {
 public:
  std::vector<Cause> validate(const registry::Call&, const Value& object,
                              const Value& before) const override {
    std::vector<Cause> causes;
    const Value& spec = object["spec"];
    if (!before.is_null() && before["spec"] != spec) {
      causes.push_back(object::invalid_value("spec", "object", "is immutable"));
    }
    for (const char* name : {"plural", "singular", "kind", "listKind"}) {
      if (spec.at("names", name).as_string().empty()) {
        causes.push_back(object::required_value(fmt::format("spec.names.{}", name)));
      }
    }
    std::string group = spec["group"].str();
    std::string suffix =
        "." + spec.at("names", "plural").str() + "." + (group.empty() ? "core" : group);
    std::string name = object::name(object);
    bool named = name.ends_with(suffix) && name.size() > suffix.size() &&
                 object::check_dns1035_label(name.substr(0, name.size() - suffix.size())).empty();
    if (!named) {
      causes.push_back(object::invalid_value("metadata.name", name, "must be <prefix>" + suffix));
    }
    std::size_t index = 0, storage = 0;
    for (const Value& version : spec["versions"].elements()) {
      std::string path = fmt::format("spec.versions[{}].schema", index++);
      storage += version["storage"].as_bool();
      auto schema = schema::compile(version["schema"], path);
      if (!schema) causes.insert(causes.end(), schema.error().begin(), schema.error().end());
    }
    if (storage != 1) {
      causes.push_back(
          object::invalid_value("spec.versions", static_cast<std::int64_t>(storage),
                                "must have exactly one version marked as storage version"));
    }
    return causes;
  }
};

class ExportRules final : public registry::Rules {
 public:
  explicit ExportRules(registry::Registry& registry) : registry_(registry) {}

  void on_create(const registry::Call& call, Value& object) const override {
    Value& secret = object.edit("spec", "identity", "secretRef");
    if (secret["name"].as_string().empty()) {
      secret.set("namespace", kIdentityNamespace).set("name", object::name(object));
    }
    std::string key = stored_key(call.cluster, secret["namespace"].str(), secret["name"].str());
    if (!key.empty()) set_identity(object, key);
  }

  void on_update(const registry::Call& call, Value& object, const Value& before) const override {
    if (call.subresource == "status" ||
        object.at("spec", "identity") == before.at("spec", "identity"))
      return;
    object.edit("spec").set("identity", before.at("spec", "identity"));  // write-once
  }

  std::vector<Cause> validate(const registry::Call&, const Value& object,
                              const Value&) const override {
    std::vector<Cause> causes;
    std::size_t index = 0;
    for (const Value& one : object.at("spec", "resources").elements()) {
      std::string group = one["group"].as_string().empty() ? "core" : one["group"].str();
      std::string suffix = "." + one["name"].str() + "." + group;
      if (!one["schema"].as_string().ends_with(suffix)) {
        causes.push_back(object::invalid_value(fmt::format("spec.resources[{}].schema", index),
                                               one["schema"], "must end in " + suffix));
      }
      ++index;
    }
    return causes;
  }

  // The identity's secret, unless the user brought one.
  std::vector<storage::Write> also_write(const registry::Call& call, Value& object,
                                         std::vector<storage::Compare>&) const override {
    if (call.verb != "create" || !object.at("status", "identityHash").as_string().empty())
      return {};
    std::string key = base64url_encode(random_bytes(32));
    set_identity(object, key);
    const Value& reference = object.at("spec", "identity", "secretRef");
    Value secret = object::make("v1", "Secret", reference["name"].as_string(),
                                reference["namespace"].as_string());
    secret.set("type", "Opaque");
    secret.edit("data", "key") = base64_encode(key);
    std::vector<storage::Write> writes;
    add(writes, call.cluster, "secrets", secret);
    cache::Key ns{call.cluster, "", reference["namespace"].str()};
    if (!registry_.objects().table({"", "namespaces", ""}).find(ns)) {
      Value space = object::make("v1", "Namespace", ns.name);
      space.set("spec", Value::object({{"finalizers", Value::array({"kubernetes"})}}));
      space.set("status", Value::object({{"phase", "Active"}}));
      add(writes, call.cluster, "namespaces", space);
    }
    return writes;
  }

 private:
  std::string stored_key(const std::string& cluster, const std::string& ns,
                         const std::string& name) const {
    auto item = registry_.objects().table({"", "secrets", ""}).find({cluster, ns, name});
    auto secret = item ? json::parse(item->json.view()) : Value();
    return secret ? base64_decode(secret->at("data", "key").as_string()).value_or("") : "";
  }

  void set_identity(Value& object, const std::string& key) const {
    object.edit("status").set("identityHash", schema::sha256_hex(key));
    object::set_condition(object, {"IdentityValid", "True", "", ""}, registry_.clock().now());
  }

  void add(std::vector<storage::Write>& writes, const std::string& cluster, const char* resource,
           Value object) const {
    object.edit("metadata").set("uid", random_uuid());
    object.edit("metadata").set("creationTimestamp", format_time(registry_.clock().now()));
    object::set_annotation(object, "kcp.io/cluster", cluster);
    cache::Key key{cluster, object::ns(object), object::name(object)};
    writes.push_back({cache::storage_key({"", resource, ""}, key), registry_.encode(object)});
  }

  registry::Registry& registry_;
};

// The export that a binding refers to; nothing if there is none.
struct FoundExport {
  std::string cluster;
  Value object;
};
std::optional<FoundExport> find_export(registry::Registry& registry,
                                       const server::ClusterResolver& clusters,
                                       const std::string& own_cluster, const Value& binding) {
  const Value& reference = binding.at("spec", "reference", "export");
  std::string path = reference["path"].str();
  auto cluster = path.empty() ? std::optional(own_cluster) : clusters.resolve(path);
  if (!cluster) return {};
  auto item = registry.objects().table(kExports).find({*cluster, "", reference["name"].str()});
  auto object = item ? json::parse(item->json.view()) : Value();
  if (!item || !object) return {};
  return FoundExport{*cluster, std::move(*object)};
}

class BindingRules final : public registry::Rules {
 public:
  BindingRules(registry::Registry& registry, const server::ClusterResolver& clusters)
      : registry_(registry), clusters_(clusters) {}

  void on_create(const registry::Call& call, Value& object) const override { bind(call, object); }

  std::vector<Cause> validate(const registry::Call&, const Value& object,
                              const Value& before) const override {
    if (before.is_null() || before.at("spec", "reference") == object.at("spec", "reference"))
      return {};
    return {object::invalid_value("spec.reference", "object",
                                  "APIExport reference must not be changed")};
  }

  // With the binding go the objects of what it bound.
  std::vector<storage::Write> also_remove(const registry::Call& call,
                                          const Value& object) const override {
    std::vector<storage::Write> writes;
    for (const Value& bound : object.at("status", "boundResources").elements()) {
      cache::TableId table{bound["group"].str(), bound["resource"].str(),
                           bound.at("schema", "identityHash").str()};
      for (const auto& item :
           registry_.objects().table(table).list({.cluster = call.cluster}).items) {
        writes.push_back({cache::storage_key(table, item->key), std::nullopt});
      }
    }
    return writes;
  }

 private:
  void bind(const registry::Call& call, Value& object) const {
    TimePoint now = registry_.clock().now();
    auto found = find_export(registry_, clusters_, call.cluster, object);
    object.edit("status", "phase") = "Binding";
    if (!found) {
      object::set_condition(
          object,
          {"APIExportValid", "False", "APIExportNotFound", "the APIExport was not found", "Error"},
          now);
      return;
    }
    std::string name = object::name(found->object),
                identity = found->object.at("status", "identityHash").str();
    object::set_label(object, "internal.apis.kcp.io/export",
                      tenancy::base62_sha224(found->cluster + ":" + name));
    object::set_condition(object, {"APIExportValid", "True", "", ""}, now);
    Value bound = Value::array();
    std::string problem;
    for (const Value& one : found->object.at("spec", "resources").elements()) {
      Value entry = bound_resource(call.cluster, found->cluster, one, identity, problem);
      if (!entry.is_null()) bound.push_back(std::move(entry));
    }
    if (!problem.empty()) {
      object::set_condition(
          object, {"InitialBindingCompleted", "False", "NamingConflicts", problem, "Error"}, now);
      return;
    }
    Value& status = object.edit("status");
    status.set("phase", "Bound").set("apiExportClusterName", found->cluster);
    status.set("boundResources", std::move(bound));
    for (const char* type : {"InitialBindingCompleted", "BindingUpToDate", "Ready"}) {
      object::set_condition(object, {type, "True", "", ""}, now);
    }
  }

  Value bound_resource(const std::string& cluster, const std::string& provider,
                       const Value& exported, const std::string& identity,
                       std::string& problem) const {
    std::string group = exported["group"].str(), resource = exported["name"].str();
    auto item = registry_.objects().table(kSchemas).find({provider, "", exported["schema"].str()});
    auto schema = item ? json::parse(item->json.view()) : Value();
    if (!item || !schema) {
      problem = "schema " + quote(exported["schema"].as_string()) + " does not exist";
      return {};
    }
    if (registry_.kinds().find(cluster, group, resource)) {
      problem = fmt::format("naming conflict: {} is served in this workspace already",
                            object::GroupResource{group, resource}.text());
      return {};
    }
    std::string storage_version;
    for (const Value& version : schema->at("spec", "versions").elements()) {
      if (version["storage"].as_bool()) storage_version = version["name"].str();
    }
    Value reference = Value::object(
        {{"name", exported["schema"]}, {"UID", object::uid(*schema)}, {"identityHash", identity}});
    return Value::object({{"group", group},
                          {"resource", resource},
                          {"schema", std::move(reference)},
                          {"storageVersions", Value::array({storage_version})}});
  }

  registry::Registry& registry_;
  const server::ClusterResolver& clusters_;
};

// Whether the user may bind. Unknown exports and missing permission are answered alike, so that
// existence is not disclosed.
class BindCheck final : public registry::Admission {
 public:
  BindCheck(registry::Registry& registry, const server::ClusterResolver& clusters,
            auth::Authorizer& authorizer)
      : registry_(registry), clusters_(clusters), authorizer_(authorizer) {}
  std::string_view name() const override { return "apis.kcp.io/APIBinding"; }

  Task<> validate(const registry::Call& call, const Value& object, const Value& before) override {
    bool relevant = call.kind->group == "apis.kcp.io" && call.kind->plural == "apibindings" &&
                    before.is_null() && object.is_object();
    if (!relevant) co_return;
    const Value& reference = object.at("spec", "reference", "export");
    auto found = find_export(registry_, clusters_, call.cluster, object);
    bool allowed = false;
    if (found) {
      auth::Attributes attributes;
      attributes.user = call.user;
      attributes.verb = "bind";
      attributes.cluster = found->cluster;
      attributes.group = "apis.kcp.io";
      attributes.version = "v1alpha2";
      attributes.resource = "apiexports";
      attributes.name = reference["name"].str();
      allowed = (co_await authorizer_.authorize(attributes)).decision == auth::Decision::Allow;
    }
    if (allowed) co_return;
    throw Error::forbidden(
        "apis.kcp.io", "apibindings", object::name(object),
        fmt::format("unable to create APIBinding: no permission to bind to export {}:{}",
                    reference["path"].str(), reference["name"].str()));
  }

 private:
  registry::Registry& registry_;
  const server::ClusterResolver& clusters_;
  auth::Authorizer& authorizer_;
};

}  // namespace

void install_api_sharing(registry::Registry& registry, const server::ClusterResolver& clusters,
                         auth::Authorizer& authorizer) {
  registry.add_rules({"apis.kcp.io", "apiresourceschemas"}, std::make_shared<SchemaRules>());
  registry.add_rules({"apis.kcp.io", "apiexports"}, std::make_shared<ExportRules>(registry));
  registry.add_rules({"apis.kcp.io", "apibindings"},
                     std::make_shared<BindingRules>(registry, clusters));
  registry.add_admission(std::make_shared<BindCheck>(registry, clusters, authorizer));
}

}  // namespace controllers
