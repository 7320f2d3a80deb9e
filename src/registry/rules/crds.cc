// CustomResourceDefinitions. Names are accepted and the definition is established in the write that
// creates it, so that a definition that was acknowledged is served by the next request. Removing it
// removes its instances in the same transaction. Source: reference
// kube-apiserver.md 5.1, 5.3, 5.10.
#include <fmt/format.h>

#include <algorithm>

#include "base/strings.h"
#include "object/names.h"
#include "registry/content.h"
#include "registry/rules/rules.h"
#include "registry/version_limits.h"
#include "schema/schema.h"

namespace registry {
namespace {

class CrdRules final : public Rules {
 public:
  explicit CrdRules(Registry& registry) : registry_(registry) {}

  void on_create(const Call& call, json::Value& object) const override {
    settle_names(object);
    object.erase("status");
    settle_status(call, object);
  }

  void on_update(const Call& call, json::Value& object, const json::Value& before) const override {
    if (call.subresource == "status") return;
    settle_names(object);
    if (object["spec"] != before["spec"]) settle_status(call, object);
  }

  std::vector<Cause> validate(const Call&, const json::Value& object,
                              const json::Value& before) const override {
    std::vector<Cause> causes;
    check_names(object, causes);
    check_versions(object["spec"], causes);
    if (!before.is_null() && object.at("spec", "scope") != before.at("spec", "scope")) {
      causes.push_back(
          object::invalid_value("spec.scope", object.at("spec", "scope"), "field is immutable"));
    }
    return causes;
  }

  void on_delete(const Call& call, json::Value& object) const override {
    object::remove_finalizer(object, kCrdCleanup);
    if (!takes_steps(instances(call, object))) return;
    object::add_finalizer(object, kCrdCleanup);
    object::set_condition(object,
                          {"Terminating", "True", "InstanceDeletionInProgress",
                           "CustomResource deletion is in progress"},
                          registry_.clock().now());
  }

  std::vector<storage::Write> also_remove(const Call& call,
                                          const json::Value& object) const override {
    return removals(instances(call, object));
  }

 private:
  std::vector<cache::Placed> instances(const Call& call, const json::Value& object) const {
    cache::TableId table{object.at("spec", "group").str(),
                         object.at("spec", "names", "plural").str(), ""};
    return content_of_table(registry_.objects(), call.cluster, table);
  }

  static void settle_names(json::Value& object) {
    json::Value& names = object.edit("spec", "names");
    if (names["singular"].as_string().empty())
      names.set("singular", lower(names["kind"].as_string()));
    if (names["listKind"].as_string().empty()) names.set("listKind", names["kind"].str() + "List");
  }

  void settle_status(const Call& call, json::Value& object) const {
    TimePoint now = registry_.clock().now();
    std::string clash = find_clash(call, object);
    json::Value& status = object.edit("status");
    json::Value stored = status["storedVersions"];
    for (const json::Value& version : object.at("spec", "versions").elements()) {
      auto known = stored.elements();
      bool is_new =
          version["storage"].as_bool() && std::ranges::find(known, version["name"]) == known.end();
      if (is_new) stored.push_back(version["name"]);
    }
    object.edit("status").set("storedVersions", stored.is_null() ? json::Value::array() : stored);
    bool ok = clash.empty();
    object.edit("status").set(
        "acceptedNames",
        ok ? object.at("spec", "names") : json::Value::object({{"plural", ""}, {"kind", ""}}));
    object::set_condition(object,
                          {"NamesAccepted", ok ? "True" : "False",
                           ok ? "NoConflicts" : "NameConflict", ok ? "no conflicts found" : clash},
                          now);
    object::set_condition(
        object,
        {"Established", ok ? "True" : "False", ok ? "InitialNamesAccepted" : "NotAccepted",
         ok ? "the initial names have been accepted" : "not all names are accepted"},
        now);
  }

  // What another kind of the same group in this cluster already has.
  std::string find_clash(const Call& call, const json::Value& object) const {
    const json::Value& names = object.at("spec", "names");
    std::string group = object.at("spec", "group").str(), plural = names["plural"].str();
    auto others = [&](std::string_view name) {
      auto owners = registry_.kinds().named(call.cluster, group, name);
      std::erase_if(owners, [&](const KindPtr& other) { return other->plural == plural; });
      return owners;
    };
    std::string kind = names["kind"].str();
    for (const KindPtr& other : others(kind)) {
      if (other->kind == kind) return fmt::format("{} is already in use", quote(kind));
    }
    for (const json::Value& name : names["shortNames"].elements()) {
      for (const KindPtr& other : others(name.as_string())) {
        if (!other->has_short_name(name.as_string())) continue;
        return fmt::format("{} is already in use", quote(name.as_string()));
      }
    }
    return "";
  }

  static void check_names(const json::Value& object, std::vector<Cause>& causes) {
    const json::Value& spec = object["spec"];
    std::string wanted = spec.at("names", "plural").str() + "." + spec["group"].str();
    if (object::name(object) != wanted) {
      causes.push_back(object::invalid_value("metadata.name", object::name(object),
                                             "must be spec.names.plural+\".\"+spec.group"));
    }
    for (const std::string& why : object::check_dns1123_subdomain(spec["group"].as_string())) {
      causes.push_back(object::invalid_value("spec.group", spec["group"], why));
    }
    if (!spec["group"].as_string().contains('.')) {
      causes.push_back(object::invalid_value("spec.group", spec["group"],
                                             "should be a domain with at least one dot"));
    }
    for (const char* name : {"plural", "singular"}) {
      for (const std::string& why :
           object::check_dns1035_label(spec.at("names", name).as_string())) {
        causes.push_back(
            object::invalid_value(fmt::format("spec.names.{}", name), spec.at("names", name), why));
      }
    }
    check_kind("kind", spec["names"], causes);
    check_kind("listKind", spec["names"], causes);
  }

  static void check_kind(const char* name, const json::Value& names, std::vector<Cause>& causes) {
    std::string path = fmt::format("spec.names.{}", name);
    std::string_view kind = names[name].as_string();
    if (!names.contains(name)) return;  // the schema says so already
    if (kind.empty()) return causes.push_back(object::required_value(path));
    for (const std::string& why : object::check_dns1035_label(lower(kind))) {
      causes.push_back(object::invalid_value(
          path, kind, fmt::format("may have mixed case, but should otherwise match: {}", why)));
    }
  }

  static void check_versions(const json::Value& spec, std::vector<Cause>& causes) {
    auto too_many = check_version_counts(spec["versions"]);
    causes.insert(causes.end(), too_many.begin(), too_many.end());
    if (!too_many.empty()) return;
    std::size_t index = 0, storage = 0;
    std::vector<std::string> seen;
    for (const json::Value& version : spec["versions"].elements()) {
      std::string path = fmt::format("spec.versions[{}]", index++);
      std::string name = version["name"].str();
      if (std::ranges::find(seen, name) != seen.end()) {
        causes.push_back(object::invalid_value(path + ".name", name, "must be unique"));
      }
      seen.push_back(name);
      for (const std::string& why : object::check_dns1035_label(name)) {
        causes.push_back(object::invalid_value(path + ".name", name, why));
      }
      storage += version["storage"].as_bool();
      const json::Value& source = version.at("schema", "openAPIV3Schema");
      if (!source.is_object()) {
        causes.push_back(
            object::required_value(path + ".schema.openAPIV3Schema", "schemas are required"));
        continue;
      }
      auto found = schema::check(source, path + ".schema.openAPIV3Schema");
      causes.insert(causes.end(), found.begin(), found.end());
    }
    if (storage != 1) {
      causes.push_back(
          object::invalid_value("spec.versions", json::Value(static_cast<std::int64_t>(storage)),
                                "must have exactly one version marked as storage version"));
    }
  }

  Registry& registry_;
};

}  // namespace

std::shared_ptr<Rules> crd_rules(Registry& registry) {
  return std::make_shared<CrdRules>(registry);
}

}  // namespace registry
