#include "controllers/content/reaper.h"

#include <gtest/gtest.h>

#include "base/scope.h"
#include "json/text.h"
#include "object/object.h"
#include "registry/testing.h"

namespace controllers {
namespace {

class ContentReaper : public testing::Test, protected registry::InMemoryRegistry {
 protected:
  void SetUp() override {
    create("namespaces", object::make("v1", "Namespace", "apps"));
    json::Value held = object::make("v1", "ConfigMap", "held", "apps");
    object::add_finalizer(held, "example.org/hold");
    create("configmaps", held);
    create("configmaps", object::make("v1", "ConfigMap", "free", "apps"));
    scope_.spawn("reaper", reap_content(*registry_, {namespace_holder(*registry_),
                                                     definition_holder(*registry_)}));
    loop_.run_until_idle();
  }
  void TearDown() override {
    scope_.cancel();
    loop_.run_until_idle();
    store_.reset();
  }

  registry::Call call(std::string resource, std::string name, std::string verb) {
    registry::Call one;
    one.cluster = "c";
    one.kind = registry_->kinds().find("c", "", resource);
    one.version = &one.kind->storage_version();
    if (one.kind->namespaced) one.ns = "apps";
    one.name = std::move(name);
    one.verb = std::move(verb);
    one.user = auth::system_user("test");
    return one;
  }
  void create(std::string resource, json::Value object) {
    run(loop_, registry_->create(call(resource, object::name(object), "create"), object));
  }
  bool exists(std::string resource, std::string name) {
    std::string ns = resource == "namespaces" ? "" : "apps";
    return cache_->table({"", resource, ""}).find({"c", ns, name}) != nullptr;
  }

  Scope scope_{loop_};
};

TEST_F(ContentReaper, ANamespaceWaitsForFinalizersAndGoesWithTheLast) {
  run(loop_, registry_->remove(call("namespaces", "apps", "delete"), {}));
  loop_.advance(2s);
  EXPECT_TRUE(exists("namespaces", "apps"));
  EXPECT_FALSE(exists("configmaps", "free"));
  ASSERT_TRUE(exists("configmaps", "held"));

  auto release = [](const json::Value& present) -> Result<json::Value> {
    json::Value object = present;
    object::remove_finalizer(object, "example.org/hold");
    return object;
  };
  run(loop_, registry_->update(call("configmaps", "held", "patch"), release));
  loop_.advance(2s);
  EXPECT_FALSE(exists("configmaps", "held"));
  EXPECT_FALSE(exists("namespaces", "apps"));
}

TEST_F(ContentReaper, NothingNewComesIntoADyingNamespace) {
  run(loop_, registry_->remove(call("namespaces", "apps", "delete"), {}));
  try {
    create("configmaps", object::make("v1", "ConfigMap", "late", "apps"));
    FAIL() << "must be refused";
  } catch (const Error& error) {
    EXPECT_EQ(error.reason(), Reason::Forbidden);
  }
}

}  // namespace
}  // namespace controllers
