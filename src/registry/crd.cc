// From a CustomResourceDefinition to a Kind.
#include <algorithm>
#include <mutex>

#include "json/text.h"
#include "registry/kind_table.h"
#include "registry/version_order.h"
#include "schema/digest.h"

namespace registry {
namespace {

std::vector<std::string> strings_of(const json::Value& list) {
  std::vector<std::string> all;
  for (const json::Value& one : list.elements()) all.push_back(one.str());
  return all;
}

Version read_version(const json::Value& source) {
  Version version;
  version.name = source["name"].str();
  version.served = source["served"].as_bool();
  version.storage = source["storage"].as_bool();
  version.deprecated = source["deprecated"].as_bool();
  version.deprecation_warning = source["deprecationWarning"].str();
  version.has_status = source["subresources"].contains("status");
  if (const json::Value* scale = source["subresources"].find("scale")) {
    version.scale =
        ScalePaths{(*scale)["specReplicasPath"].str(), (*scale)["statusReplicasPath"].str(),
                   (*scale)["labelSelectorPath"].str()};
  }
  for (const json::Value& column : source["additionalPrinterColumns"].elements()) {
    version.columns.push_back({column["name"].str(), column["type"].str(), column["format"].str(),
                               column["description"].str(), column["jsonPath"].str(),
                               static_cast<int>(column["priority"].as_int())});
  }
  if (version.columns.empty()) {
    version.columns.push_back({"Age", "date", "", "", ".metadata.creationTimestamp", 0});
  }
  for (const json::Value& field : source["selectableFields"].elements()) {
    std::string path = field["jsonPath"].str();
    version.selectable_fields.push_back(path.starts_with('.') ? path.substr(1) : path);
  }
  auto schema = schema::compile(source.at("schema", "openAPIV3Schema"), "");
  version.schema = schema ? *schema : schema::accept_all();
  return version;
}

std::shared_ptr<Kind> read_kind(const json::Value& spec, const json::Value& names) {
  auto kind = std::make_shared<Kind>();
  kind->group = spec["group"].str();
  kind->plural = names["plural"].str();
  kind->singular = names["singular"].str();
  kind->kind = names["kind"].str();
  kind->list_kind = names["listKind"].str();
  kind->short_names = strings_of(names["shortNames"]);
  kind->categories = strings_of(names["categories"]);
  kind->namespaced = spec["scope"].as_string() == "Namespaced";
  for (const json::Value& version : spec["versions"].elements()) {
    kind->versions.push_back(read_version(version));
  }
  std::ranges::sort(kind->versions, [](const Version& a, const Version& b) {
    return is_better_version(a.name, b.name);
  });
  return kind;
}

// The same definition is one Kind, however many clusters have it.
KindPtr shared_kind(const json::Value& spec, const json::Value& names, std::string_view identity) {
  static std::mutex mutex;
  static auto* known = new std::map<std::string, std::weak_ptr<const Kind>>();  // guarded by mutex
  std::string digest =
      schema::sha256_hex(json::print(spec) + json::print(names) + std::string(identity));
  std::lock_guard lock(mutex);
  auto& place = (*known)[digest];
  if (auto kind = place.lock()) return kind;
  auto kind = read_kind(spec, names);
  kind->identity = identity;
  place = kind;
  if (known->size() % 1024 == 0) {
    std::erase_if(*known, [](const auto& entry) { return entry.second.expired(); });
  }
  return kind;
}

}  // namespace

KindPtr kind_of_crd(const json::Value& crd) {
  if (!object::is_true(crd, "Established")) return nullptr;
  return shared_kind(crd["spec"], crd.at("status", "acceptedNames"), "");
}

KindPtr kind_of_schema(const json::Value& schema, std::string_view identity) {
  json::Value spec = schema["spec"];
  // A schema's versions carry the OpenAPI schema itself, a CRD's one level deeper.
  for (json::Value& version : spec.edit("versions").edit_elements()) {
    json::Value inner = version["schema"];
    version.set("schema", json::Value::object({{"openAPIV3Schema", std::move(inner)}}));
  }
  return shared_kind(spec, spec["names"], identity);
}

}  // namespace registry
