#include "controllers/garbage/collector.h"

#include <gtest/gtest.h>

#include "base/scope.h"
#include "json/text.h"
#include "object/object.h"
#include "registry/testing.h"

namespace controllers {
namespace {

class GarbageCollector : public testing::Test, protected registry::InMemoryRegistry {
 protected:
  void SetUp() override {
    for (const char* cluster : {"a", "b"}) {
      create(cluster, "namespaces", object::make("v1", "Namespace", "apps"));
    }
    scope_.spawn("collector", collect_garbage(*registry_, make_owner_index(*cache_)));
    loop_.run_until_idle();
  }
  void TearDown() override {
    scope_.cancel();
    loop_.run_until_idle();
    store_.reset();
  }

  registry::Call call(std::string cluster, std::string resource, std::string name,
                      std::string verb) {
    registry::Call one;
    one.cluster = std::move(cluster);
    one.kind = registry_->kinds().find(one.cluster, "", resource);
    one.version = &one.kind->storage_version();
    if (one.kind->namespaced) one.ns = "apps";
    one.name = std::move(name);
    one.verb = std::move(verb);
    one.user = auth::system_user("test");
    return one;
  }
  json::Value create(std::string cluster, std::string resource, json::Value object) {
    auto written = run(
        loop_, registry_->create(call(cluster, resource, object::name(object), "create"), object));
    return *json::parse(written.item->json());
  }
  json::Value owner(std::string name) {
    return create("a", "configmaps", object::make("v1", "ConfigMap", name, "apps"));
  }
  void dependent(std::string cluster, std::string name, std::vector<json::Value> owners) {
    json::Value object = object::make("v1", "ConfigMap", name, "apps");
    for (const json::Value& one : owners) {
      object.edit("metadata", "ownerReferences").push_back(object::owner_reference(one, false));
    }
    for (json::Value& one : object.edit("metadata", "ownerReferences").edit_elements()) {
      one.set("blockOwnerDeletion", true);
    }
    create(cluster, "configmaps", object);
    settle();
  }
  void remove(std::string name, std::string policy) {
    registry::DeleteOptions options;
    options.propagation_policy = std::move(policy);
    run(loop_, registry_->remove(call("a", "configmaps", name, "delete"), options));
    settle();
  }
  void settle() { loop_.advance(3s); }
  json::Value find(std::string cluster, std::string name) {
    auto item = cache_->table({"", "configmaps", ""}).find({cluster, "apps", name});
    return item ? *json::parse(item->json()) : json::Value();
  }

  Scope scope_{loop_};
};

TEST_F(GarbageCollector, ADependentGoesWithItsOwner) {
  dependent("a", "child", {owner("one")});

  remove("one", "Background");

  EXPECT_TRUE(find("a", "child").is_null());
}

TEST_F(GarbageCollector, WhatChangedWhileNobodyCollectedIsCollectedLater) {
  auto index = make_owner_index(*cache_);
  scope_.cancel();
  loop_.run_until_idle();
  dependent("a", "child", {owner("one")});
  remove("one", "Background");
  ASSERT_FALSE(find("a", "child").is_null());

  Scope later(loop_);
  later.spawn("collector", collect_garbage(*registry_, index));
  settle();

  EXPECT_TRUE(find("a", "child").is_null());
  later.cancel();
  loop_.run_until_idle();
}

TEST_F(GarbageCollector, ADependentStaysUntilTheLastOwnerGoes) {
  auto one = owner("one"), two = owner("two");
  dependent("a", "child", {one, two});

  remove("one", "Background");

  ASSERT_FALSE(find("a", "child").is_null());
  EXPECT_EQ(find("a", "child").at("metadata", "ownerReferences").size(), 1u);
  remove("two", "");
  EXPECT_TRUE(find("a", "child").is_null());
}

TEST_F(GarbageCollector, AnOwnerInTheForegroundGoesLast) {
  dependent("a", "child", {owner("one")});
  json::Value held = find("a", "child");
  auto hold = [](const json::Value& present) -> Result<json::Value> {
    json::Value object = present;
    object::add_finalizer(object, "example.org/hold");
    return object;
  };
  run(loop_, registry_->update(call("a", "configmaps", "child", "patch"), hold));

  remove("one", "Foreground");

  EXPECT_TRUE(object::is_deleting(find("a", "child")));
  EXPECT_FALSE(find("a", "one").is_null());
  auto release = [](const json::Value& present) -> Result<json::Value> {
    json::Value object = present;
    object::remove_finalizer(object, "example.org/hold");
    return object;
  };
  run(loop_, registry_->update(call("a", "configmaps", "child", "patch"), release));
  settle();
  EXPECT_TRUE(find("a", "child").is_null());
  EXPECT_TRUE(find("a", "one").is_null());
}

TEST_F(GarbageCollector, AnOrphanStaysWithoutItsReference) {
  dependent("a", "child", {owner("one")});

  remove("one", "Orphan");

  EXPECT_TRUE(find("a", "one").is_null());
  ASSERT_FALSE(find("a", "child").is_null());
  EXPECT_TRUE(find("a", "child").at("metadata", "ownerReferences").empty());
}

TEST_F(GarbageCollector, AnOwnerOfAnotherClusterDoesNotCount) {
  auto one = owner("one");

  dependent("b", "stranger", {one});

  EXPECT_TRUE(find("b", "stranger").is_null());
  EXPECT_FALSE(find("a", "one").is_null());
}

TEST_F(GarbageCollector, AnOwnerThatWasMadeAnewDoesNotCount) {
  auto one = owner("one");
  remove("one", "Background");
  owner("one");

  dependent("a", "child", {one});

  EXPECT_TRUE(find("a", "child").is_null());
}

}  // namespace
}  // namespace controllers
