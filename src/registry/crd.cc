// From a CustomResourceDefinition to a Kind.
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <mutex>
#include <unordered_map>

#include "json/text.h"
#include "registry/definition_text.h"
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

using Schemas = std::vector<schema::SchemaPtr>;

// `schema`: where the number of its schema stands.
Version read_version(const json::Value& source, const json::Value& schema, const Schemas& schemas) {
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
  std::size_t number = schema.is_integer() ? schema.as_uint() : schemas.size();
  version.schema = number < schemas.size() ? schemas[number] : schema::accept_all();
  return version;
}

std::shared_ptr<Kind> read_kind(const json::Value& spec, SchemaPlace place,
                                const Schemas& schemas) {
  const json::Value& names = spec["names"];
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
    const json::Value& schema = version["schema"];
    bool bare = place == SchemaPlace::Bare;
    kind->versions.push_back(
        read_version(version, bare ? schema : schema["openAPIV3Schema"], schemas));
  }
  std::ranges::sort(kind->versions, [](const Version& a, const Version& b) {
    return is_better_version(a.name, b.name);
  });
  return kind;
}

// Our own kind that a schema is equal to, if it is one that exports may offer; else null.
const schema::BuiltinKind* equal_builtin(const json::Value& spec, const Schemas& schemas) {
  const auto* builtin =
      schema::find_builtin(spec["group"].as_string(), spec.at("names", "plural").as_string());
  auto versions = spec["versions"].elements();
  if (!builtin || versions.size() != 1 || schemas.size() != 1) return nullptr;
  bool exported = std::ranges::find(builtin->sets, "export") != builtin->sets.end();
  bool same =
      versions[0]["name"].as_string() == builtin->version &&
      spec.at("names", "kind").as_string() == builtin->kind &&
      (spec["scope"].as_string() == "Namespaced") == builtin->namespaced &&
      (schemas[0] == builtin->schema || schemas[0]->openapi_v3() == builtin->schema->openapi_v3());
  return exported && same ? builtin : nullptr;
}

// All kinds in use, by digest; those that nobody holds any more are dropped.
struct Known {
  std::mutex mutex;
  std::unordered_map<std::string, std::weak_ptr<const Kind>> kinds;  // guarded by mutex
  std::size_t sweep_at = 64;                                         // guarded by mutex
};

Known& known() {
  static Known* all = new Known();
  return *all;
}

// The same definition is one Kind, however many clusters have it; `make` is called for a new one.
KindPtr shared_kind(const std::string& digest, const std::function<std::shared_ptr<Kind>()>& make) {
  Known& all = known();
  std::lock_guard lock(all.mutex);
  auto& place = all.kinds[digest];
  if (auto kind = place.lock()) return kind;
  auto kind = make();
  kind->digest = digest;
  place = kind;
  if (all.kinds.size() > all.sweep_at) {
    std::erase_if(all.kinds, [](const auto& entry) { return entry.second.expired(); });
    all.sweep_at = 2 * all.kinds.size() + 64;
  }
  return kind;
}

// `text`: the definition's, which `parts` point into.
Schemas schemas_of(const cache::ItemPtr& definition, std::string_view text,
                   const DefinitionText& parts) {
  Schemas schemas;
  for (std::string_view one : parts.schemas) {
    auto offset = static_cast<std::size_t>(one.data() - text.data());
    schemas.push_back(schema::stored_schema(cache::slice_of(definition, offset, one.size())));
  }
  return schemas;
}

std::string digest_of(std::string_view what, const DefinitionText& parts, const Schemas& schemas) {
  std::string text(what);
  text.append(" ").append(parts.spec);
  for (const auto& schema : schemas) text.append(" ").append(schema->digest());
  return schema::sha256_hex(text);
}

bool is_established(std::string_view status) {
  auto parsed = json::parse(status.empty() ? "null" : status);
  return parsed && object::is_true(json::Value::object({{"status", *parsed}}), "Established");
}

}  // namespace

KindPtr kind_of_crd(const cache::ItemPtr& definition) {
  cache::WholeText text = definition->json();
  auto parts = split_definition(text.view(), SchemaPlace::OpenApiV3);
  if (!parts || !is_established(parts->status)) return nullptr;
  auto spec = json::parse(parts->spec);
  if (!spec) return nullptr;
  // Not the names of the status: users can write those, and names are parts of storage keys.
  Schemas schemas = schemas_of(definition, text, *parts);
  KindPtr kind = shared_kind(digest_of("crd", *parts, schemas),
                             [&] { return read_kind(*spec, SchemaPlace::OpenApiV3, schemas); });
  return definition->deleting() ? closing(kind) : kind;
}

KindPtr closing(const KindPtr& kind) {
  return shared_kind(kind->digest + "/closing", [&] {
    auto copy = std::make_shared<Kind>(*kind);
    copy->verbs = {"delete", "deletecollection", "get", "list", "patch", "update", "watch"};
    return copy;
  });
}

KindPtr kind_of_schema(const cache::ItemPtr& definition, std::string_view identity) {
  cache::WholeText text = definition->json();
  auto parts = split_definition(text.view(), SchemaPlace::Bare);
  auto spec = parts ? json::parse(parts->spec) : json::parse("");
  if (!spec) return nullptr;
  Schemas schemas = schemas_of(definition, text, *parts);
  return shared_kind(
      digest_of(fmt::format("schema {}:{}", identity.size(), identity), *parts, schemas), [&] {
        const auto* builtin = equal_builtin(*spec, schemas);
        auto kind =
            builtin ? kind_of_builtin(*builtin) : read_kind(*spec, SchemaPlace::Bare, schemas);
        kind->identity = identity;
        return kind;
      });
}

}  // namespace registry
