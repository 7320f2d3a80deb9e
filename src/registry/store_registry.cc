#include "registry/store_registry.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/strings.h"
#include "json/size.h"
#include "json/text.h"
#include "object/names.h"
#include "registry/rules/rules.h"

namespace registry {
namespace {

using NameCheck = std::vector<std::string> (*)(std::string_view);

constexpr std::size_t kMaxObjectBytes = std::size_t{4} << 20;

std::vector<std::string> check_any_segment(std::string_view) { return {}; }

NameCheck name_check(const Kind& kind) {
  if (kind.plural == "namespaces" && kind.group.empty()) return object::check_dns1123_label;
  if (kind.plural == "services" && kind.group.empty()) return object::check_dns1035_label;
  if (kind.group == "rbac.authorization.k8s.io") return check_any_segment;
  return object::check_dns1123_subdomain;
}

// Fields of metadata that exist; others are dropped, as by decoding into a struct.
constexpr std::array<std::string_view, 14> kMetadataFields{"name",
                                                           "generateName",
                                                           "namespace",
                                                           "uid",
                                                           "labels",
                                                           "annotations",
                                                           "resourceVersion",
                                                           "creationTimestamp",
                                                           "generation",
                                                           "deletionTimestamp",
                                                           "ownerReferences",
                                                           "finalizers",
                                                           "deletionGracePeriodSeconds",
                                                           "managedFields"};

}  // namespace

void check_name(const Call& call, const std::string& name) {
  if (name == call.name) return;
  throw Error::bad_request(fmt::format(
      "the name of the object ({}) does not match the name on the URL ({})", name, call.name));
}

bool has_generation(const Kind& kind) {
  if (!kind.builtin) return true;
  constexpr std::array<std::string_view, 4> kWithout{"namespaces", "nodes", "services", "pods"};
  return kind.versions.front().has_status &&
         std::ranges::find(kWithout, kind.plural) == kWithout.end();
}

StoreRegistry::StoreRegistry(Options options)
    : options_(options), kinds_(options.flavour, options.cache) {
  install_builtin_rules(*this);
}

std::unique_ptr<Registry> make_registry(Options options) {
  return std::make_unique<StoreRegistry>(options);
}

void StoreRegistry::add_admission(std::shared_ptr<Admission> plugin) {
  admission_.push_back(std::move(plugin));
}

void StoreRegistry::add_rules(object::GroupResource kind, std::shared_ptr<Rules> rules) {
  kinds_.set_rules(kind, rules.get());
  rules_[kind] = std::move(rules);
}

cache::ItemPtr StoreRegistry::find(const Call& call) {
  return options_.cache.table(call.kind->table()).find(key_of(call));
}

Error StoreRegistry::not_found(const Call& call) {
  return Error::not_found(call.kind->group, call.kind->plural, call.name);
}

cache::ItemPtr StoreRegistry::get(const Call& call) {
  auto item = find(call);
  if (!item) throw not_found(call);
  return item;
}

Task<storage::CommitResult> StoreRegistry::commit_raw(storage::Transaction transaction) {
  return options_.store.commit(std::move(transaction));
}

Bytes StoreRegistry::encode(const json::Value& object) const {
  // apiVersion, kind and metadata first, so that a header is read without scanning the rest.
  constexpr std::array<const char*, 3> kFirst{"apiVersion", "kind", "metadata"};
  bool as_it_is =
      !object.at("metadata").contains("resourceVersion") && object.size() >= kFirst.size() &&
      std::ranges::equal(kFirst, object.members().first(kFirst.size()), {}, {}, &json::Member::key);
  if (as_it_is) return Bytes(json::print(object));
  json::Value ordered = json::Value::object();
  for (const char* name : kFirst) ordered.set(name, object[name]);
  if (object.at("metadata").contains("resourceVersion")) {
    ordered.edit("metadata").erase("resourceVersion");
  }
  for (const json::Member& member : object.members()) {
    if (!ordered.contains(member.key)) ordered.set(member.key, member.value);
  }
  return Bytes(json::print(ordered));
}

json::Value StoreRegistry::decode(const cache::Item& item, const Call& call) const {
  json::Value object = value_or_throw(json::parse(item.json()));
  if (call.version) object.set("apiVersion", call.kind->api_version(call.version->name));
  return object;
}

void StoreRegistry::to_storage_version(const Call& call, json::Value& object) {
  object.set("apiVersion", call.kind->api_version(call.kind->storage_version().name));
  object.set("kind", call.kind->kind);
}

cache::ItemPtr StoreRegistry::item_of(const Call& call, const Bytes& bytes,
                                      std::uint64_t revision) {
  cache::Key key = key_of(call);
  key.name.clear();  // as the object says: a review may come without a name
  auto item = cache::Item::make(key, bytes.view(), revision);
  if (!item) throw Error::internal("an object was written that cannot be read");
  return item;
}

void StoreRegistry::prune(const Call& call, json::Value& object,
                          std::vector<std::string>& warnings) {
  std::vector<std::string> unknown = call.version->schema->prune(object);
  json::Value metadata = json::Value::object();
  for (const json::Member& member : object["metadata"].members()) {
    bool known = std::ranges::find(kMetadataFields, member.key) != kMetadataFields.end();
    // As by writing a struct, nothing is left of empty maps and lists. [] asks something of owners.
    bool is_container = member.value.is_object() || member.value.is_array();
    bool is_hollow = is_container && member.value.empty() && member.key != "managedFields";
    if (known && !member.value.is_null() && !is_hollow) {
      metadata.set(member.key, member.value);
    } else if (!known && member.key != "selfLink") {
      unknown.push_back("metadata." + member.key);
    }
  }
  object.set("metadata", std::move(metadata));
  if (unknown.empty() || call.field_validation == FieldValidation::Ignore) return;
  std::vector<std::string> texts;
  for (const std::string& path : unknown) texts.push_back("unknown field " + quote(path));
  if (call.field_validation == FieldValidation::Strict) {
    throw Error::bad_request("strict decoding error: " + join(texts, ", "));
  }
  warnings.insert(warnings.end(), texts.begin(), texts.end());
}

void StoreRegistry::apply_defaults(const Call& call, json::Value& object) {
  call.version->schema->apply_defaults(object);
  if (json::is_within(object, kMaxObjectBytes)) return;
  throw Error(Reason::RequestEntityTooLarge,
              fmt::format("the object is over {} MiB with the defaults of its schema; make it "
                          "smaller",
                          kMaxObjectBytes >> 20));
}

Task<> StoreRegistry::mutate(const Call& call, json::Value& object, const json::Value& before) {
  for (const auto& plugin : admission_) co_await plugin->mutate(call, object, before);
}

Task<> StoreRegistry::validate(const Call& call, const json::Value& object,
                               const json::Value& before) {
  auto causes =
      object::check_metadata(object["metadata"], call.kind->namespaced, name_check(*call.kind));
  if (!before.is_null()) {
    auto more = object::check_metadata_update(before["metadata"], object["metadata"]);
    causes.insert(causes.end(), more.begin(), more.end());
  }
  auto found = call.version->schema->validate(object, before);
  causes.insert(causes.end(), found.begin(), found.end());
  if (call.kind->rules) {
    auto more = call.kind->rules->validate(call, object, before);
    causes.insert(causes.end(), more.begin(), more.end());
  }
  if (!causes.empty()) {
    throw Error::invalid(call.kind->group, call.kind->kind, object::name(object),
                         std::move(causes));
  }
  for (const auto& plugin : admission_) co_await plugin->validate(call, object, before);
}

void StoreRegistry::check_namespace(const Call& call) {
  if (!call.kind->namespaced) return;
  auto item = options_.cache.table({"", "namespaces", ""}).find({call.cluster, "", call.ns});
  if (!item) throw Error::not_found("", "namespaces", call.ns);
  if (item->deleting()) {
    throw Error::forbidden(
        call.kind->group, call.kind->plural, call.name,
        fmt::format("unable to create new content in namespace {} because it is being terminated",
                    call.ns));
  }
}

}  // namespace registry
