// Namespaces: phase, the kubernetes finalizer, and removal together with their content.
#include "base/strings.h"
#include "object/names.h"
#include "registry/rules/rules.h"

namespace registry {
namespace {

constexpr std::size_t kMaxContent = 100'000;  // storage keys of a cluster looked at on removal

class NamespaceRules final : public Rules {
 public:
  explicit NamespaceRules(Registry& registry) : registry_(registry) {}

  void on_create(const Call&, json::Value& object) const override {
    object.set("spec", json::Value::object({{"finalizers", json::Value::array({"kubernetes"})}}));
    object.set("status", json::Value::object({{"phase", "Active"}}));
    object::set_label(object, "kubernetes.io/metadata.name", object::name(object));
  }

  void on_update(const Call& call, json::Value& object, const json::Value& before) const override {
    if (call.subresource != "finalize") object.set("spec", before["spec"]);
    object::set_label(object, "kubernetes.io/metadata.name", object::name(object));
  }

  void on_delete(const Call& call, json::Value& object) const override {
    std::string name = object::name(object);
    for (const char* fixed : {"default", "kube-system", "kube-public"}) {
      if (name == fixed) {
        throw Error::forbidden("", "namespaces", name, "this namespace may not be deleted");
      }
    }
    object.edit("status", "phase") = "Terminating";
    if (!any_content_finalizer(call.cluster, name)) object.edit("spec").erase("finalizers");
  }

  std::vector<storage::Write> also_remove(const Call& call,
                                          const json::Value& object) const override {
    std::vector<storage::Write> writes;
    for (std::string& key : content(call.cluster, object::name(object))) {
      writes.push_back({std::move(key), std::nullopt});
    }
    return writes;
  }

 private:
  std::vector<std::string> content(const std::string& cluster, const std::string& ns) const {
    std::vector<std::string> keys;
    for (std::string& key : registry_.objects().keys_of_cluster(cluster, kMaxContent)) {
      auto place = cache::parse_storage_key(key);
      if (place && place->second.ns == ns) keys.push_back(std::move(key));
    }
    return keys;
  }

  bool any_content_finalizer(const std::string& cluster, const std::string& ns) const {
    for (const std::string& key : content(cluster, ns)) {
      auto place = cache::parse_storage_key(key);
      auto item = registry_.objects().table(place->first).find(place->second);
      if (item && item->json.view().contains("\"finalizers\":[")) return true;
    }
    return false;
  }

  Registry& registry_;
};

}  // namespace

std::shared_ptr<Rules> namespace_rules(Registry& registry) {
  return std::make_shared<NamespaceRules>(registry);
}

}  // namespace registry
