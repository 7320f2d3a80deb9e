#include "controllers/api_sharing/exports.h"

#include <fmt/format.h>

#include "base/random.h"
#include "base/strings.h"
#include "object/names.h"
#include "schema/digest.h"
#include "sharing/claims.h"

namespace controllers {
namespace {

using json::Value;

constexpr const char* kIdentityNamespace = "kcp-system";
const cache::TableId kSecrets{"", "secrets", ""};
const cache::TableId kNamespaces{"", "namespaces", ""};
const cache::TableId kLogicalClusters{"core.kcp.io", "logicalclusters", ""};

// Collects objects that are written together with an export.
class Companions {
 public:
  Companions(const SharingContext& context, std::string cluster)
      : context_(context), cluster_(std::move(cluster)) {}

  void add(const cache::TableId& table, Value object) {
    object.edit("metadata").set("uid", random_uuid());
    TimePoint now = context_.registry.clock().now();
    object.edit("metadata").set("creationTimestamp", format_time(now));
    object::set_annotation(object, "kcp.io/cluster", cluster_);
    cache::Key key{cluster_, object::ns(object), object::name(object)};
    writes_.push_back({cache::storage_key(table, key), context_.registry.encode(object)});
  }
  bool exists(const cache::TableId& table, const std::string& ns, const std::string& name) const {
    return context_.registry.objects().table(table).find({cluster_, ns, name}) != nullptr;
  }
  std::vector<storage::Write> take() { return std::move(writes_); }

 private:
  const SharingContext& context_;
  const std::string cluster_;
  std::vector<storage::Write> writes_;
};

class ExportRules final : public registry::Rules {
 public:
  explicit ExportRules(const SharingContext& context) : context_(context) {}

  void on_create(const registry::Call& call, Value& object) const override {
    settle(call.cluster, object);
  }

  void on_update(const registry::Call& call, Value& object, const Value& before) const override {
    keep_status_to_the_system(call, object);
    if (before.at("spec", "identity").is_object()) {
      object.edit("spec").set("identity", before.at("spec", "identity"));  // write-once
    }
    settle(call.cluster, object);
  }

  std::vector<Cause> validate(const registry::Call&, const Value& object,
                              const Value& before) const override {
    if (before["spec"] == object["spec"]) return {};
    auto causes = sharing::check_export_claims(object.at("spec", "permissionClaims"));
    std::size_t index = 0;
    for (const Value& one : object.at("spec", "resources").elements()) {
      std::string path = fmt::format("spec.resources[{}]", index++);
      std::string group = one["group"].as_string().empty() ? "core" : one["group"].str();
      std::string suffix = "." + one["name"].str() + "." + group;
      if (!one["schema"].as_string().ends_with(suffix)) {
        causes.push_back(
            object::invalid_value(path + ".schema", one["schema"], "must end in " + suffix));
      }
      if (!one["storage"].contains("crd") || one["storage"].size() != 1) {
        causes.push_back(object::invalid_value(path + ".storage", "object",
                                               "must be {crd: {}}: only that is supported"));
      }
    }
    check_secret_name(object.at("spec", "identity", "secretRef"), causes);
    return causes;
  }

  // The identity's secret, unless the user brought one, and the default endpoint slice.
  std::vector<storage::Write> also_write(const registry::Call& call, Value& object,
                                         std::vector<storage::Compare>& compares) const override {
    Companions companions(context_, call.cluster);
    if (object.at("status", "identityHash").as_string().empty()) {
      add_identity(companions, object, call.cluster, compares);
    }
    Value slice = call.verb == "create" ? default_slice(context_, call.cluster, object) : Value();
    if (!slice.is_null() && !companions.exists(kSlices, "", object::name(slice))) {
      companions.add(kSlices, std::move(slice));
    }
    return companions.take();
  }

 private:
  static void check_secret_name(const Value& reference, std::vector<Cause>& causes) {
    constexpr const char* kPath = "spec.identity.secretRef";
    auto refuse = [&](const char* field, const std::vector<std::string>& why) {
      for (const std::string& one : why) {
        causes.push_back(
            object::invalid_value(fmt::format("{}.{}", kPath, field), reference[field], one));
      }
    };
    refuse("name", object::check_dns1123_subdomain(reference["name"].as_string()));
    refuse("namespace", object::check_dns1123_label(reference["namespace"].as_string()));
  }

  void settle(const std::string& cluster, Value& object) const {
    Value& secret = object.edit("spec", "identity", "secretRef");
    if (secret["name"].as_string().empty()) {
      secret.set("namespace", kIdentityNamespace).set("name", object::name(object));
    }
    if (object.at("status", "identityHash").as_string().empty()) {
      std::string key = stored_key(cluster, secret["namespace"].str(), secret["name"].str());
      if (!key.empty()) set_identity(object, key);
    }
    std::string url = context_.view_url(cluster, object::name(object));
    object.edit("status").set("virtualWorkspaces", Value::array({Value::object({{"url", url}})}));
    object::set_condition(object, {"VirtualWorkspaceURLsReady", "True", "", ""},
                          context_.registry.clock().now());
  }

  std::string stored_key(const std::string& cluster, const std::string& ns,
                         const std::string& name) const {
    Value secret = context_.object(kSecrets, {cluster, ns, name});
    return base64_decode(secret.at("data", "key").as_string()).value_or("");
  }

  void set_identity(Value& object, const std::string& key) const {
    object.edit("status").set("identityHash", schema::sha256_hex(key));
    object::set_condition(object, {"IdentityValid", "True", "", ""},
                          context_.registry.clock().now());
  }

  void add_identity(Companions& companions, Value& object, const std::string& cluster,
                    std::vector<storage::Compare>& compares) const {
    const Value& reference = object.at("spec", "identity", "secretRef");
    std::string ns = reference["namespace"].str(), name = reference["name"].str();
    // One that is there and holds no key is somebody's for another purpose.
    if (companions.exists(kSecrets, ns, name)) {
      throw Error::forbidden(kExports.group, kExports.resource, object::name(object),
                             fmt::format("Secret {}/{} is there already and has no data.key; put "
                                         "one into it or name another Secret",
                                         ns, name));
    }
    std::string key = base64url_encode(random_bytes(32));
    set_identity(object, key);
    Value secret = object::make("v1", "Secret", name, ns);
    secret.set("type", "Opaque");
    secret.edit("data", "key") = base64_encode(key);
    compares.push_back({cache::storage_key(kSecrets, {cluster, ns, name}), {}});
    companions.add(kSecrets, std::move(secret));
    if (companions.exists(kNamespaces, "", ns)) return;
    Value space = object::make("v1", "Namespace", ns);
    space.set("spec", Value::object({{"finalizers", Value::array({"kubernetes"})}}));
    space.set("status", Value::object({{"phase", "Active"}}));
    companions.add(kNamespaces, std::move(space));
  }

  const SharingContext context_;
};

class SliceRules final : public registry::Rules {
 public:
  explicit SliceRules(const SharingContext& context) : context_(context) {}

  void on_create(const registry::Call& call, Value& object) const override {
    settle(call.cluster, object);
  }

  void on_update(const registry::Call& call, Value& object, const Value&) const override {
    keep_status_to_the_system(call, object);
    settle(call.cluster, object);
  }

  std::vector<Cause> validate(const registry::Call&, const Value& object,
                              const Value& before) const override {
    std::vector<Cause> causes;
    if (!before.is_null() && before.at("spec", "export") != object.at("spec", "export")) {
      causes.push_back(object::invalid_value("spec.export", "object",
                                             "APIExport reference must not be changed"));
    }
    if (!object.at("spec", "partition").as_string().empty()) {
      causes.push_back(object::invalid_value("spec.partition", object.at("spec", "partition"),
                                             "there are no partitions; leave it out"));
    }
    return causes;
  }

 private:
  void settle(const std::string& cluster, Value& object) const {
    TimePoint now = context_.registry.clock().now();
    auto found = find_export(context_, cluster, object.at("spec", "export"));
    Value endpoints = Value::array();
    if (found) {
      std::string url = context_.view_url(found->cluster, found->name());
      endpoints.push_back(Value::object({{"url", url}}));
      object::set_label(object, sharing::kExportLabel,
                        sharing::export_hash(found->cluster, found->name()));
      object::set_condition(object, {"APIExportValid", "True", "", ""}, now);
    } else {
      object::set_condition(
          object,
          {"APIExportValid", "False", "APIExportNotFound", "the APIExport was not found", "Error"},
          now);
    }
    object.edit("status").set("endpoints", std::move(endpoints));
  }

  const SharingContext context_;
};

}  // namespace

Value default_slice(const SharingContext& context, const std::string& cluster,
                    const Value& api_export) {
  if (object::has_annotation(api_export, sharing::kSkipEndpointSlice)) return {};
  std::string name = object::name(api_export);
  Value slice = object::make("apis.kcp.io/v1alpha1", "APIExportEndpointSlice", name);
  object::set_label(slice, sharing::kExportLabel, sharing::export_hash(cluster, name));
  slice.edit("metadata")
      .set("ownerReferences", Value::array({object::owner_reference(api_export, true)}));
  Value logical_cluster = context.object(kLogicalClusters, {cluster, "", "cluster"});
  std::string path = object::annotation(logical_cluster, "kcp.io/path");
  Value reference = Value::object({{"name", name}});
  if (!path.empty()) reference.set("path", path);
  slice.edit("spec").set("export", std::move(reference));
  Value endpoint = Value::object({{"url", context.view_url(cluster, name)}});
  slice.edit("status").set("endpoints", Value::array({std::move(endpoint)}));
  object::set_condition(slice, {"APIExportValid", "True", "", ""}, context.registry.clock().now());
  return slice;
}

std::shared_ptr<registry::Rules> export_rules(const SharingContext& context) {
  return std::make_shared<ExportRules>(context);
}

std::shared_ptr<registry::Rules> slice_rules(const SharingContext& context) {
  return std::make_shared<SliceRules>(context);
}

}  // namespace controllers
