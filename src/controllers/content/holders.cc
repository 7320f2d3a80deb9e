// Namespaces and custom resource definitions as holders of other objects.
#include "controllers/content/reaper.h"
#include "controllers/content/removal.h"
#include "object/object.h"
#include "registry/content.h"
#include "registry/rules/rules.h"

namespace controllers {
namespace {

std::vector<Place> places_of(std::vector<cache::Placed> content) {
  std::vector<Place> places;
  for (cache::Placed& one : content) places.push_back({std::move(one.table), one.item->key()});
  return places;
}

class NamespaceHolder final : public Holder {
 public:
  explicit NamespaceHolder(registry::Registry& registry) : registry_(registry) {}
  const cache::TableId& table() const override { return table_; }

  std::vector<Place> content(const cache::Key& key, const json::Value&) const override {
    return places_of(registry::content_of_namespace(registry_.objects(), key.cluster, key.name));
  }

  void tell(json::Value& object, const std::vector<Place>& left, TimePoint now) const override {
    if (left.empty()) {
      object.edit("spec").erase("finalizers");
      return;
    }
    object::set_condition(object,
                          {"NamespaceContentRemaining", "True", "SomeResourcesRemain",
                           "Some resources are remaining: " + describe(left)},
                          now);
    object::set_condition(object,
                          {"NamespaceFinalizersRemaining", "True", "SomeFinalizersRemain",
                           "Some content in the namespace has finalizers remaining"},
                          now);
  }

 private:
  registry::Registry& registry_;
  const cache::TableId table_{"", "namespaces", ""};
};

class DefinitionHolder final : public Holder {
 public:
  explicit DefinitionHolder(registry::Registry& registry) : registry_(registry) {}
  const cache::TableId& table() const override { return table_; }

  std::vector<Place> content(const cache::Key& key, const json::Value& object) const override {
    cache::TableId instances{object.at("spec", "group").str(),
                             object.at("spec", "names", "plural").str(), ""};
    return places_of(registry::content_of_table(registry_.objects(), key.cluster, instances));
  }

  void tell(json::Value& object, const std::vector<Place>& left, TimePoint now) const override {
    if (left.empty()) {
      object::remove_finalizer(object, registry::kCrdCleanup);
    } else {
      object::set_condition(object,
                            {"Terminating", "True", "InstanceDeletionInProgress",
                             "could not remove all instances yet: " + describe(left)},
                            now);
    }
  }

 private:
  registry::Registry& registry_;
  const cache::TableId table_{"apiextensions.k8s.io", "customresourcedefinitions", ""};
};

}  // namespace

std::shared_ptr<Holder> namespace_holder(registry::Registry& registry) {
  return std::make_shared<NamespaceHolder>(registry);
}

std::shared_ptr<Holder> definition_holder(registry::Registry& registry) {
  return std::make_shared<DefinitionHolder>(registry);
}

}  // namespace controllers
