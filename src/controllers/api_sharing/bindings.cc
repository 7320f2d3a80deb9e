#include "controllers/api_sharing/bindings.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "auth/accounts.h"
#include "base/strings.h"
#include "controllers/api_sharing/names.h"
#include "controllers/content/removal.h"
#include "object/names.h"
#include "registry/content.h"
#include "registry/kind_table.h"
#include "sharing/claims.h"

namespace controllers {
namespace {

using json::Value;

constexpr std::size_t kShownInvalid = 10;
constexpr std::size_t kShownMismatches = 5;
constexpr const char* kAskOwner =
    "Invalid APIExport. Please contact the APIExport owner to resolve";

// The entry about the same resource, or null.
const Value& find_claim(const Value& claims, const sharing::Claim& wanted) {
  static const Value nothing;
  auto all = claims.elements();
  auto it = std::ranges::find(all, wanted, sharing::claim_of);
  return it == all.end() ? nothing : *it;
}

std::string first_few(const std::vector<std::string>& all, std::size_t count) {
  std::vector<std::string> shown(all.begin(), all.begin() + std::min(count, all.size()));
  std::string text = join(shown, ", ");
  return all.size() > count ? fmt::format("{} and {} more", text, all.size() - count) : text;
}

// The entries of extra.apis.kcp.io/ follow the export; without one they go.
void mirror_annotations(const Value& api_export, Value& binding) {
  std::vector<std::string> stale;
  for (const json::Member& one : binding.at("metadata", "annotations").members()) {
    if (one.key.starts_with(sharing::kExtraAnnotation)) stale.push_back(one.key);
  }
  for (const std::string& key : stale) {
    if (!object::has_annotation(api_export, key)) object::remove_annotation(binding, key);
  }
  for (const json::Member& one : api_export.at("metadata", "annotations").members()) {
    if (!one.key.starts_with(sharing::kExtraAnnotation)) continue;
    object::set_annotation(binding, one.key, one.value.as_string());
  }
}

// Decides one binding. Lives for one write.
class Settler {
 public:
  Settler(const SharingContext& context, const std::string& cluster, Value& binding)
      : context_(context),
        cluster_(cluster),
        binding_(binding),
        now_(context.registry.clock().now()) {}

  void run() {
    if (object::is_deleting(binding_)) return;
    if (binding_.at("status", "phase").as_string().empty()) {
      binding_.edit("status").set("phase", "Binding");
    }
    auto found = find_export_of(context_, cluster_, binding_);
    mirror_annotations(found ? found->object : Value(), binding_);
    if (!found) {
      set({"APIExportValid", "False", "APIExportNotFound", "the APIExport was not found", "Error"});
    } else {
      follow(*found);
    }
    summarize();
  }

 private:
  void set(const object::Condition& condition) { object::set_condition(binding_, condition, now_); }

  void follow(const FoundExport& found) {
    object::set_label(binding_, sharing::kExportLabel,
                      sharing::export_hash(found.cluster, found.name()));
    const Value& claims = found.object.at("spec", "permissionClaims");
    Value& status = binding_.edit("status");
    if (claims.empty()) {
      status.erase("exportPermissionClaims");
    } else {
      status.set("exportPermissionClaims", claims);
    }
    if (found.identity().empty()) {
      set({"APIExportValid", "False", "MissingIdentityHash",
           fmt::format("APIExport {} has no identity yet", found.name()), "Error"});
      return;
    }
    status.set("apiExportClusterName", found.cluster);
    bind_resources(found);
    settle_claims();
  }

  // All schemas of the export, in its order; nothing if one is missing.
  std::optional<std::vector<Value>> load_schemas(const FoundExport& found) {
    std::vector<Value> schemas;
    for (const Value& one : found.object.at("spec", "resources").elements()) {
      Value schema = context_.object(kSchemas, {found.cluster, "", one["schema"].str()});
      if (schema.is_null()) {
        set({"APIExportValid", "False", "InternalError",
             fmt::format("{}: APIResourceSchema {} does not exist", kAskOwner,
                         quote(one["schema"].as_string())),
             "Error"});
        return {};
      }
      schemas.push_back(std::move(schema));
    }
    return schemas;
  }

  void bind_resources(const FoundExport& found) {
    auto schemas = load_schemas(found);
    if (!schemas) return;
    set({"APIExportValid", "True", "", ""});
    NamesInUse names(context_, cluster_, binding_);
    std::vector<std::string> skipped;
    for (const Value& schema : *schemas) {
      object::GroupResource resource{schema.at("spec", "group").str(),
                                     schema.at("spec", "names", "plural").str()};
      if (std::string owner = names.owner(resource); !owner.empty()) {
        skipped.push_back(fmt::format("{} ({})", resource.text(), owner));
        drop(resource);
        continue;
      }
      if (std::string conflict = names.conflict(schema); !conflict.empty()) {
        return set_incomplete(conflict);
      }
      put(resource, bound_entry(resource, schema, found.identity()));
    }
    if (!skipped.empty()) {
      return set_incomplete(
          "Unable to bind APIs because they are bound by other APIBindings or CRDs: " +
          join(skipped, ", "));
    }
    set({"InitialBindingCompleted", "True", "", ""});
    set({"BindingUpToDate", "True", "", ""});
    binding_.edit("status").set("phase", "Bound");
  }

  void set_incomplete(const std::string& why) {
    if (!object::is_true(binding_, "InitialBindingCompleted")) {
      set({"InitialBindingCompleted", "False", "NamingConflicts", why, "Error"});
    }
    set({"BindingUpToDate", "False", "NamingConflicts", why, "Error"});
  }

  // The place of a resource in status.boundResources; the size if it is not bound.
  std::size_t index_of(const object::GroupResource& resource) const {
    std::size_t index = 0;
    for (const Value& bound : binding_.at("status", "boundResources").elements()) {
      if (bound["group"].as_string() == resource.group &&
          bound["resource"].as_string() == resource.resource)
        break;
      ++index;
    }
    return index;
  }

  void drop(const object::GroupResource& resource) {
    std::size_t index = index_of(resource);
    if (index == binding_.at("status", "boundResources").size()) return;
    binding_.edit("status", "boundResources").erase_element(index);
  }

  void put(const object::GroupResource& resource, Value entry) {
    std::size_t index = index_of(resource);
    Value& bound = binding_.edit("status", "boundResources");
    if (index == bound.size()) {
      bound.push_back(std::move(entry));
    } else {
      bound.edit_element(index) = std::move(entry);
    }
  }

  Value bound_entry(const object::GroupResource& resource, const Value& schema,
                    const std::string& identity) const {
    const Value& bound = binding_.at("status", "boundResources");
    std::set<std::string> versions;
    for (const Value& one : bound[index_of(resource)]["storageVersions"].elements()) {
      versions.insert(one.str());
    }
    for (const Value& version : schema.at("spec", "versions").elements()) {
      if (version["storage"].as_bool()) versions.insert(version["name"].str());
    }
    Value stored = Value::array();
    for (const std::string& version : versions) stored.push_back(version);
    return Value::object({{"group", resource.group},
                          {"resource", resource.resource},
                          {"schema", Value::object({{"name", object::name(schema)},
                                                    {"UID", object::uid(schema)},
                                                    {"identityHash", identity}})},
                          {"storageVersions", std::move(stored)}});
  }

  void settle_claims() {
    const Value& offered = binding_.at("status", "exportPermissionClaims");
    const Value& answers = binding_.at("spec", "permissionClaims");
    bool ever = object::condition(binding_, "PermissionClaimsValid").has_value();
    if (offered.empty() && answers.empty() && !ever) return;
    std::vector<std::string> invalid, different;
    for (const Value& answer : answers.elements()) {
      if (!sharing::is_accepted(answer)) continue;
      sharing::Claim claim = sharing::claim_of(answer);
      const Value& asked = find_claim(offered, claim);
      const Value& selector = asked["defaultSelector"];
      if (asked.is_null()) {
        invalid.push_back(claim.text());
      } else if (!sharing::same_verbs(asked["verbs"], answer["verbs"]) ||
                 (!selector.is_null() && selector != answer["selector"])) {
        different.push_back(claim.text());
      }
    }
    if (!invalid.empty()) {
      set({"PermissionClaimsValid", "False", "InvalidPermissionClaims",
           "the APIExport does not claim " + first_few(invalid, kShownInvalid), "Error"});
    } else if (!different.empty()) {
      set({"PermissionClaimsValid", "False", "PermissionClaimsMismatch",
           fmt::format("{} accepted claims differ from what the APIExport proposes: {}",
                       different.size(), first_few(different, kShownMismatches)),
           "Warning"});
    } else {
      set({"PermissionClaimsValid", "True", "", ""});
    }
    settle_applied(granted_claims(binding_));
  }

  // Of the claims that were applied only those count that are still granted as they were then.
  void settle_applied(const Value& granted) {
    Value applied = Value::array();
    for (const Value& one : granted.elements()) {
      auto before = binding_.at("status", "appliedPermissionClaims").elements();
      if (std::ranges::find(before, one) != before.end()) applied.push_back(one);
    }
    bool complete = applied.size() == granted.size();
    if (applied.empty()) {
      binding_.edit("status").erase("appliedPermissionClaims");
    } else {
      binding_.edit("status").set("appliedPermissionClaims", std::move(applied));
    }
    if (complete) {
      set({"PermissionClaimsApplied", "True", "", ""});
    } else {
      set({"PermissionClaimsApplied", "False", "WaitingForLabels",
           "the objects that were granted are being labelled", "Info"});
    }
  }

  void summarize() {
    auto initial = object::condition(binding_, "InitialBindingCompleted");
    if (!initial) return;
    initial->type = "Ready";
    set(*initial);
  }

  const SharingContext& context_;
  const std::string& cluster_;
  Value& binding_;
  const TimePoint now_;
};

// Whether another binding in the cluster takes over: the way to move an export without losing
// data is one with the same identity and schema.
bool is_adopted(const SharingContext& context, const std::string& cluster, const std::string& name,
                const Value& bound) {
  for (const Value& other : context.objects(kBindings, cluster, name)) {
    auto found = find_export_of(context, cluster, other);
    bool same = found && !object::is_deleting(other) &&
                found->identity() == bound.at("schema", "identityHash").as_string();
    if (!same) continue;
    for (const Value& one : found->object.at("spec", "resources").elements()) {
      Value schema = context.object(kSchemas, {found->cluster, "", one["schema"].str()});
      if (one["group"] == bound["group"] && one["name"] == bound["resource"] &&
          object::uid(schema) == bound.at("schema", "UID").as_string())
        return true;
    }
  }
  return false;
}

// The objects of what a binding bound, but for those that another one takes over.
std::vector<cache::Placed> bound_objects(const SharingContext& context, const std::string& cluster,
                                         const Value& binding) {
  std::vector<cache::Placed> all;
  for (const Value& bound : binding.at("status", "boundResources").elements()) {
    if (is_adopted(context, cluster, object::name(binding), bound)) continue;
    cache::TableId table{bound["group"].str(), bound["resource"].str(),
                         bound.at("schema", "identityHash").str()};
    auto some = registry::content_of_table(context.registry.objects(), cluster, table);
    all.insert(all.end(), some.begin(), some.end());
  }
  return all;
}

class BindingRules final : public registry::Rules {
 public:
  explicit BindingRules(const SharingContext& context) : context_(context) {}

  void on_create(const registry::Call& call, Value& object) const override {
    Settler(context_, call.cluster, object).run();
  }

  void on_update(const registry::Call& call, Value& object, const Value& before) const override {
    keep_status_to_the_system(call, object);
    std::string label = object::label(before, sharing::kExportLabel);
    object::remove_label(object, sharing::kExportLabel);
    if (!label.empty()) object::set_label(object, sharing::kExportLabel, label);
    Settler(context_, call.cluster, object).run();
  }

  std::vector<Cause> validate(const registry::Call&, const Value& object,
                              const Value& before) const override {
    if (before["spec"] == object["spec"]) return {};
    auto causes = sharing::check_binding_claims(object.at("spec", "permissionClaims"));
    if (!before.is_null() && before.at("spec", "reference") != object.at("spec", "reference")) {
      causes.push_back(object::invalid_value("spec.reference", "object",
                                             "APIExport reference must not be changed"));
    }
    return causes;
  }

  // Copies of bound schemas, so that the provider cannot take them away.
  std::vector<storage::Write> also_write(const registry::Call&, Value& object,
                                         std::vector<storage::Compare>&) const override {
    std::vector<storage::Write> writes;
    std::string provider = object.at("status", "apiExportClusterName").str();
    for (const Value& bound : object.at("status", "boundResources").elements()) {
      std::string uid = bound.at("schema", "UID").str();
      cache::Key key{registry::kBoundSchemas, "", uid};
      if (context_.registry.objects().table(kSchemas).find(key)) continue;
      std::string name = bound.at("schema", "name").str();
      Value schema = context_.object(kSchemas, {provider, "", name});
      if (object::uid(schema) != uid) continue;
      Value copy = object::make("apis.kcp.io/v1alpha1", "APIResourceSchema", uid);
      copy.edit("metadata").set("uid", uid);
      object::set_annotation(copy, "kcp.io/cluster", registry::kBoundSchemas);
      object::set_annotation(copy, "apis.kcp.io/schema-cluster", provider);
      object::set_annotation(copy, "apis.kcp.io/schema-name", name);
      copy.set("spec", schema["spec"]);
      writes.push_back({cache::storage_key(kSchemas, key), context_.registry.encode(copy)});
    }
    return writes;
  }

  // With the binding go the objects of what it bound, in steps if they have finalizers.
  void on_delete(const registry::Call& call, Value& object) const override {
    object::remove_finalizer(object, kBindingFinalizer);
    auto content = bound_objects(context_, call.cluster, object);
    if (registry::takes_steps(content)) object::add_finalizer(object, kBindingFinalizer);
  }

  std::vector<storage::Write> also_remove(const registry::Call& call,
                                          const Value& object) const override {
    return registry::removals(bound_objects(context_, call.cluster, object));
  }

 private:
  const SharingContext context_;
};

// Bindings that wait for the finalizers of what they bound.
class BindingHolder final : public Holder {
 public:
  explicit BindingHolder(const SharingContext& context) : context_(context) {}
  const cache::TableId& table() const override { return kBindings; }

  std::vector<Place> content(const cache::Key& key, const Value& object) const override {
    std::vector<Place> places;
    for (auto& one : bound_objects(context_, key.cluster, object)) {
      places.push_back({std::move(one.table), one.item->key()});
    }
    return places;
  }

  void tell(Value& object, const std::vector<Place>& left, TimePoint now) const override {
    if (left.empty()) {
      object::remove_finalizer(object, kBindingFinalizer);
      return;
    }
    object::set_condition(object,
                          {"BindingResourceDeleteSuccess", "False", "SomeFinalizersRemain",
                           "Some resources are remaining: " + describe(left), "Error"},
                          now);
  }

 private:
  const SharingContext context_;
};

// Unknown exports and missing permission are answered alike, so that existence is not disclosed.
class BindCheck final : public registry::Admission {
 public:
  BindCheck(const SharingContext& context, auth::Authorizer& authorizer)
      : context_(context), authorizer_(authorizer) {}
  std::string_view name() const override { return "apis.kcp.io/APIBinding"; }

  Task<> validate(const registry::Call& call, const Value& object, const Value& before) override {
    if (call.kind->group != "apis.kcp.io" || !before.is_null() || !object.is_object()) co_return;
    bool binding = call.kind->plural == "apibindings";
    if (!binding && call.kind->plural != "apiexportendpointslices") co_return;
    const Value& reference =
        binding ? object.at("spec", "reference", "export") : object.at("spec", "export");
    auto found = find_export(context_, call.cluster, reference);
    bool allowed = false;
    if (found) {
      auth::Attributes attributes;
      attributes.user = acting_user(call.user);
      attributes.verb = "bind";
      attributes.cluster = found->cluster;
      attributes.group = "apis.kcp.io";
      attributes.version = "v1alpha2";
      attributes.resource = "apiexports";
      attributes.name = reference["name"].str();
      attributes.deep = true;
      allowed = (co_await authorizer_.authorize(attributes)).decision == auth::Decision::Allow;
    }
    if (allowed) co_return;
    throw Error::forbidden(
        "apis.kcp.io", call.kind->plural, object::name(object),
        fmt::format("unable to create {}: no permission to bind to export {}:{}", call.kind->kind,
                    reference["path"].str(), reference["name"].str()));
  }

 private:
  const SharingContext context_;
  auth::Authorizer& authorizer_;
};

}  // namespace

Value granted_claims(const Value& binding) {
  Value granted = Value::array();
  const Value& offered = binding.at("status", "exportPermissionClaims");
  for (const Value& answer : binding.at("spec", "permissionClaims").elements()) {
    bool wanted = !find_claim(offered, sharing::claim_of(answer)).is_null();
    if (!wanted || !sharing::is_accepted(answer)) continue;
    Value entry = Value::object();
    for (const char* field : {"group", "resource", "identityHash", "verbs", "selector"}) {
      if (answer.contains(field)) entry.set(field, answer[field]);
    }
    granted.push_back(std::move(entry));
  }
  return granted;
}

std::shared_ptr<registry::Rules> binding_rules(const SharingContext& context) {
  return std::make_shared<BindingRules>(context);
}

std::shared_ptr<registry::Admission> bind_check(const SharingContext& context,
                                                auth::Authorizer& authorizer) {
  return std::make_shared<BindCheck>(context, authorizer);
}

std::shared_ptr<Holder> binding_holder(const SharingContext& context) {
  return std::make_shared<BindingHolder>(context);
}

}  // namespace controllers
