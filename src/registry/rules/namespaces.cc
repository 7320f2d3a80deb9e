// Namespaces: phase, the kubernetes finalizer, and removal together with their content.
#include "object/names.h"
#include "registry/content.h"
#include "registry/rules/rules.h"

namespace registry {
namespace {

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
    if (!takes_steps(content(call.cluster, name))) object.edit("spec").erase("finalizers");
  }

  std::vector<storage::Write> also_remove(const Call& call,
                                          const json::Value& object) const override {
    return removals(content(call.cluster, object::name(object)));
  }

 private:
  std::vector<cache::Placed> content(const std::string& cluster, const std::string& ns) const {
    return content_of_namespace(registry_.objects(), cluster, ns);
  }

  Registry& registry_;
};

}  // namespace

std::shared_ptr<Rules> namespace_rules(Registry& registry) {
  return std::make_shared<NamespaceRules>(registry);
}

}  // namespace registry
