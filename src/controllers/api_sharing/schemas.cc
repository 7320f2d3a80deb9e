#include "controllers/api_sharing/schemas.h"

#include <fmt/format.h>

#include "object/names.h"
#include "registry/version_limits.h"
#include "schema/schema.h"

namespace controllers {
namespace {

using json::Value;

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
    check_names(spec, causes);
    std::string group = spec["group"].str();
    std::string suffix =
        "." + spec.at("names", "plural").str() + "." + (group.empty() ? "core" : group);
    std::string name = object::name(object);
    bool named = name.ends_with(suffix) && name.size() > suffix.size() &&
                 object::check_dns1035_label(name.substr(0, name.size() - suffix.size())).empty();
    if (!named) {
      causes.push_back(object::invalid_value("metadata.name", name, "must be <prefix>" + suffix));
    }
    auto too_many = registry::check_version_counts(spec["versions"]);
    causes.insert(causes.end(), too_many.begin(), too_many.end());
    if (!too_many.empty()) return causes;
    std::size_t index = 0, storage = 0;
    for (const Value& version : spec["versions"].elements()) {
      std::string path = fmt::format("spec.versions[{}].schema", index++);
      storage += version["storage"].as_bool();
      auto found = schema::check(version["schema"], path);
      causes.insert(causes.end(), found.begin(), found.end());
    }
    if (storage != 1) {
      causes.push_back(
          object::invalid_value("spec.versions", static_cast<std::int64_t>(storage),
                                "must have exactly one version marked as storage version"));
    }
    return causes;
  }

 private:
  // They become parts of storage keys and of addresses.
  static void check_names(const Value& spec, std::vector<Cause>& causes) {
    std::string_view group = spec["group"].as_string();
    if (!group.empty()) {
      for (const std::string& why : object::check_dns1123_subdomain(group)) {
        causes.push_back(object::invalid_value("spec.group", spec["group"], why));
      }
    }
    if (group == "core") {
      causes.push_back(
          object::invalid_value("spec.group", spec["group"], "must be empty for the core group"));
    }
    for (const char* name : {"plural", "singular"}) {
      const Value& value = spec.at("names", name);
      if (value.as_string().empty()) continue;
      for (const std::string& why : object::check_dns1035_label(value.as_string())) {
        causes.push_back(object::invalid_value(fmt::format("spec.names.{}", name), value, why));
      }
    }
  }
};

}  // namespace

std::shared_ptr<registry::Rules> schema_rules() { return std::make_shared<SchemaRules>(); }

}  // namespace controllers
