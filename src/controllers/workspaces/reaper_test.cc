#include "controllers/workspaces/reaper.h"

#include <gtest/gtest.h>

#include "base/scope.h"
#include "json/text.h"
#include "object/object.h"
#include "registry/testing.h"
#include "sharing/claims.h"

namespace controllers {
namespace {

const cache::TableId kWorkspaces{"tenancy.kcp.io", "workspaces", ""};
const cache::TableId kMaps{"", "configmaps", ""};

// Workspaces are written as they are stored: a tree of logical clusters top > middle > low, with
// side beside middle, and other beside all of them.
class WorkspaceReaper : public testing::Test, protected registry::InMemoryRegistry {
 protected:
  void SetUp() override {
    put_workspace("root", "top");
    put_workspace("top", "middle");
    put_workspace("middle", "low");
    put_workspace("top", "side");
    put_workspace("root", "other");
    for (const char* cluster : {"top", "middle", "low", "side", "other"}) put_map(cluster, "map");
  }
  void TearDown() override {
    scope_.cancel();
    loop_.run_until_idle();
    store_.reset();
  }

  void start() {
    scope_.spawn("reaper", reap_workspaces(*registry_));
    loop_.run_until_idle();
  }
  void put(const cache::TableId& table, const std::string& cluster, const json::Value& object) {
    cache::Key key{cluster, object::ns(object), object::name(object)};
    storage::Transaction transaction;
    transaction.writes.push_back({cache::storage_key(table, key), registry_->encode(object)});
    run(loop_, store_->commit(std::move(transaction)));
  }
  static json::Value workspace(const std::string& name) {
    json::Value object = object::make("tenancy.kcp.io/v1alpha1", "Workspace", name);
    object.edit("spec").set("cluster", name);  // the cluster is called as the workspace is
    return object;
  }
  void put_workspace(const std::string& parent, const std::string& name) {
    put(kWorkspaces, parent, workspace(name));
  }
  void put_map(const std::string& cluster, const std::string& name) {
    put(kMaps, cluster, object::make("v1", "ConfigMap", name, "default"));
  }
  void put_held_map(const std::string& cluster) {
    json::Value map = object::make("v1", "ConfigMap", "held", "default");
    object::add_finalizer(map, "example.org/hold");
    map.edit("metadata").edit("labels").set(std::string(sharing::kClaimLabel) + "abc", "def");
    put(kMaps, cluster, map);
  }
  void remove(const std::string& parent, const std::string& name) {
    json::Value object = workspace(name);
    object.edit("metadata").set("deletionTimestamp", format_time(clock_.now()));
    put(kWorkspaces, parent, object);
    loop_.run_until_idle();
  }
  bool is_empty(const std::string& cluster) { return cache_->content(cluster, "", 1).empty(); }
  cache::ItemPtr find_workspace(const std::string& parent, const std::string& name) {
    return cache_->table(kWorkspaces).find({parent, "", name});
  }

  Scope scope_{loop_};
};

TEST_F(WorkspaceReaper, ATreeGoesAsAWholeAndNothingElseDoes) {
  start();
  remove("root", "top");
  for (const char* cluster : {"top", "middle", "low", "side"}) EXPECT_TRUE(is_empty(cluster));
  EXPECT_FALSE(find_workspace("root", "top"));
  EXPECT_FALSE(is_empty("other"));
  EXPECT_TRUE(find_workspace("root", "other"));
}

TEST_F(WorkspaceReaper, WhatIsHeldKeepsWhatLeadsToItButNothingBesideIt) {
  put_held_map("low");
  start();
  remove("root", "top");
  EXPECT_TRUE(is_empty("side"));
  EXPECT_FALSE(is_empty("low"));
  EXPECT_TRUE(find_workspace("middle", "low"));
  EXPECT_TRUE(find_workspace("top", "middle"));
  auto top = find_workspace("root", "top");
  ASSERT_TRUE(top);
  auto object = json::parse(top->json());
  ASSERT_TRUE(object);
  EXPECT_TRUE(json::print(object->at("status", "conditions")).contains("configmaps has 1 "));

  put_map("low", "held");  // without its finalizer
  loop_.advance(1s);
  EXPECT_FALSE(find_workspace("root", "top"));
  EXPECT_TRUE(is_empty("low"));
}

TEST_F(WorkspaceReaper, OneThatIsHeldDoesNotHoldUpOthers) {
  put_held_map("low");
  start();
  remove("root", "top");
  remove("root", "other");
  EXPECT_FALSE(find_workspace("root", "other"));
  EXPECT_TRUE(is_empty("other"));
}

TEST_F(WorkspaceReaper, GoesOnWithWhatWasDyingBeforeAStart) {
  remove("top", "middle");
  remove("root", "top");
  ASSERT_TRUE(find_workspace("root", "top"));
  start();
  EXPECT_FALSE(find_workspace("root", "top"));
  for (const char* cluster : {"top", "middle", "low", "side"}) EXPECT_TRUE(is_empty(cluster));
}

TEST_F(WorkspaceReaper, MoreThanOneTransactionHoldsGoes) {
  for (int i = 0; i < 5000; ++i) put_map("low", "m" + std::to_string(i));
  start();
  remove("root", "top");
  EXPECT_FALSE(find_workspace("root", "top"));
  EXPECT_TRUE(is_empty("low"));
}

}  // namespace
}  // namespace controllers
