#include "registry/kind_table.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "json/text.h"
#include "object/object.h"
#include "registry/testing.h"
#include "schema/schema.h"

namespace registry {
namespace {

using json::Value;

class KindTableTest : public testing::Test, protected InMemoryRegistry {
 protected:
  void TearDown() override { close(); }

  static Value definition(std::string_view plural, std::string_view kind,
                          std::string_view description = "") {
    return *json::parse(fmt::format(
        R"({{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition",
           "metadata":{{"name":"{0}.example.org"}},
           "spec":{{"group":"example.org","scope":"Namespaced",
             "names":{{"plural":"{0}","kind":"{1}","singular":"s{0}","shortNames":["{0}x"]}},
             "versions":[{{"name":"v1","served":true,"storage":true,
               "schema":{{"openAPIV3Schema":{{"type":"object","description":"{2}{0}",
                 "properties":{{"size":{{"type":"integer"}}}}}}}}}}]}}}})",
        plural, kind, description));
  }

  Call call(std::string cluster, std::string name, std::string verb) {
    Call one;
    one.cluster = std::move(cluster);
    one.kind = kinds().find(one.cluster, kCrdTable.group, kCrdTable.resource);
    one.version = &one.kind->storage_version();
    one.name = std::move(name);
    one.verb = std::move(verb);
    one.user = auth::system_user("test");
    return one;
  }
  Value create(const std::string& cluster, const Value& crd) {
    auto written = run(loop_, registry_->create(call(cluster, object::name(crd), "create"), crd));
    return *json::parse(written.item->json());
  }
  void replace(const std::string& cluster, const Value& crd) {
    run(loop_, registry_->update(call(cluster, object::name(crd), "update"),
                                 [&](const Value&) -> Result<Value> { return crd; }));
  }
  void remove(const std::string& cluster, const std::string& name) {
    run(loop_, registry_->remove(call(cluster, name, "delete"), {}));
  }
  KindTable& kinds() { return registry_->kinds(); }
};

TEST_F(KindTableTest, TheSameDefinitionInManyClustersIsOneKindAndOneSchema) {
  auto before = schema::usage();
  for (int i = 0; i < 50; ++i) create(fmt::format("c{}", i), definition("gears", "Gear"));
  auto first = kinds().find("c0", "example.org", "gears");
  ASSERT_TRUE(first);
  for (int i = 1; i < 50; ++i) {
    EXPECT_EQ(kinds().find(fmt::format("c{}", i), "example.org", "gears"), first);
  }
  EXPECT_EQ(schema::usage().schemas, before.schemas + 1);
  EXPECT_EQ(kinds().etag("c0"), kinds().etag("c49"));

  first.reset();
  for (int i = 0; i < 50; ++i) remove(fmt::format("c{}", i), "gears.example.org");
  EXPECT_FALSE(kinds().find("c0", "example.org", "gears"));
  EXPECT_EQ(kinds().etag("c0"), kinds().etag("never"));
}

TEST_F(KindTableTest, NothingIsCompiledUntilAnObjectIsWritten) {
  create("warm", definition("warms", "Warm"));
  std::uint64_t before = schema::usage().compilations;
  for (int i = 0; i < 20; ++i) {
    create("a", definition(fmt::format("lazies{}", i), fmt::format("Lazy{}", i)));
  }
  EXPECT_EQ(kinds().list("a", "example.org").size(), 20U);
  kinds().etag("a");
  LiveKindTable after_restart(Flavour::Workspaces, *cache_);
  EXPECT_EQ(after_restart.list("a", "example.org").size(), 20U);
  EXPECT_EQ(after_restart.etag("a"), kinds().etag("a"));
  EXPECT_EQ(schema::usage().compilations, before);

  Value object = *json::parse(R"({"size":"x"})");
  EXPECT_FALSE(kinds()
                   .find("a", "example.org", "lazies3")
                   ->versions[0]
                   .schema->validate(object, {})
                   .empty());
  EXPECT_EQ(schema::usage().compilations, before + 1);
}

TEST_F(KindTableTest, AnotherClusterSeesAndSharesNothing) {
  create("a", definition("secrets", "Hidden"));
  EXPECT_FALSE(kinds().find("b", "example.org", "secrets"));
  EXPECT_FALSE(kinds().find("*", "example.org", "secrets"));
  EXPECT_TRUE(kinds().named("b", "example.org", "Hidden").empty());
  EXPECT_TRUE(kinds().list("b", "example.org").empty());
  EXPECT_NE(kinds().etag("a"), kinds().etag("b"));
}

TEST_F(KindTableTest, TheTagIsThatOfWhatIsServedNow) {
  create("a", definition("ones", "One"));
  std::string first = kinds().etag("a");
  create("a", definition("twos", "Two"));
  std::string both = kinds().etag("a");
  EXPECT_NE(both, first);
  remove("a", "twos.example.org");
  EXPECT_EQ(kinds().etag("a"), first);
  Value changed = definition("ones", "One", "changed ");
  replace("a", changed);
  EXPECT_NE(kinds().etag("a"), first);
}

TEST_F(KindTableTest, NamesInUseAreFoundAmongFewAndAmongMany) {
  for (int count : {3, 200}) {
    std::string cluster = fmt::format("with{}", count);
    for (int i = 0; i < count; ++i) {
      create(cluster, definition(fmt::format("items{}", i), fmt::format("Item{}", i)));
    }
    Value same_kind = create(cluster, definition("others", "Item2"));
    EXPECT_FALSE(object::is_true(same_kind, "NamesAccepted"));
    EXPECT_FALSE(object::is_true(same_kind, "Established"));
    Value clash = definition("others2", "Other");
    clash.edit("spec", "names").set("shortNames", Value::array({"items1x"}));
    EXPECT_FALSE(object::is_true(create(cluster, clash), "NamesAccepted"));
    EXPECT_FALSE(kinds().find(cluster, "example.org", "others"));

    EXPECT_EQ(kinds().find_by_kind(cluster, "example.org", "Item1")->plural, "items1");
    remove(cluster, "items1.example.org");
    EXPECT_FALSE(kinds().find_by_kind(cluster, "example.org", "Item1"));
    EXPECT_TRUE(object::is_true(create(cluster, definition("again", "Item1")), "Established"));
  }
  EXPECT_EQ(kinds().find_by_kind("a", "", "ConfigMap")->plural, "configmaps");
}

TEST_F(KindTableTest, AListIsByGroupThenResource) {
  create("a", definition("zebras", "Zebra"));
  create("a", definition("ants", "Ant"));
  auto all = kinds().list("a");
  EXPECT_TRUE(std::ranges::is_sorted(all, ByResource()));
  auto mine = kinds().list("a", "example.org");
  ASSERT_EQ(mine.size(), 2U);
  EXPECT_EQ(mine[0]->plural, "ants");
  EXPECT_EQ(all.size(), kinds().list("none").size() + 2);
}

}  // namespace
}  // namespace registry
