// From a CustomResourceDefinition to a Kind.
#include <algorithm>
#include <functional>
#include <map>
#include <mutex>

#include "json/text.h"
#include "registry/kind_table.h"
#include "registry/version_order.h"
#include "schema/builtin.h"
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

// Our own kind that a schema is equal to, if it is one that exports may offer; else null.
const schema::BuiltinKind* equal_builtin(const json::Value& spec) {
  const auto* builtin =
      schema::find_builtin(spec["group"].as_string(), spec.at("names", "plural").as_string());
  auto versions = spec["versions"].elements();
  if (!builtin || versions.size() != 1) return nullptr;
  bool exported = std::ranges::find(builtin->sets, "export") != builtin->sets.end();
  bool same = versions[0]["name"].as_string() == builtin->version &&
              spec.at("names", "kind").as_string() == builtin->kind &&
              (spec["scope"].as_string() == "Namespaced") == builtin->namespaced &&
              versions[0]["schema"] == builtin->schema->openapi_v3();
  return exported && same ? builtin : nullptr;
}

// The same definition is one Kind, however many clusters have it; `make` is called for a new one.
KindPtr shared_kind(const std::string& digest, const std::function<std::shared_ptr<Kind>()>& make) {
  static std::mutex mutex;
  static auto* known = new std::map<std::string, std::weak_ptr<const Kind>>();  // guarded by mutex
  std::lock_guard lock(mutex);
  auto& place = (*known)[digest];
  if (auto kind = place.lock()) return kind;
  auto kind = make();
  kind->digest = digest;
  place = kind;
  if (known->size() % 1024 == 0) {
    std::erase_if(*known, [](const auto& entry) { return entry.second.expired(); });
  }
  return kind;
}

// A schema's versions carry the OpenAPI schema itself, a CRD's one level deeper.
std::shared_ptr<Kind> read_schema(json::Value spec) {
  for (json::Value& version : spec.edit("versions").edit_elements()) {
    json::Value inner = version["schema"];
    version.set("schema", json::Value::object({{"openAPIV3Schema", std::move(inner)}}));
  }
  return read_kind(spec, spec["names"]);
}

}  // namespace

KindPtr kind_of_crd(const json::Value& crd) {
  if (!object::is_true(crd, "Established")) return nullptr;
  const json::Value& spec = crd["spec"];
  // Not those of the status: users can write that, and names are parts of storage keys.
  const json::Value& names = spec["names"];
  std::string digest = schema::sha256_hex("crd" + json::print(spec) + json::print(names));
  KindPtr kind = shared_kind(digest, [&] { return read_kind(spec, names); });
  return object::is_deleting(crd) ? closing(kind) : kind;
}

KindPtr closing(const KindPtr& kind) {
  return shared_kind(kind->digest + "/closing", [&] {
    auto copy = std::make_shared<Kind>(*kind);
    copy->verbs = {"delete", "deletecollection", "get", "list", "patch", "update", "watch"};
    return copy;
  });
}

KindPtr kind_of_schema(const json::Value& schema, std::string_view identity) {
  const json::Value& spec = schema["spec"];
  std::string digest = schema::sha256_hex("schema" + std::string(identity) + json::print(spec));
  return shared_kind(digest, [&] {
    const auto* builtin = equal_builtin(spec);
    auto kind = builtin ? kind_of_builtin(*builtin) : read_schema(spec);
    kind->identity = identity;
    return kind;
  });
}

}  // namespace registry
