#include <gtest/gtest.h>

#include "object/object.h"
#include "tenancy/content.h"
#include "tenancy/hash.h"
#include "tenancy/path.h"

namespace {

TEST(Path, GrammarAndParts) {
  EXPECT_TRUE(tenancy::is_path("root:team-a:x1"));
  for (auto text : {"", "root:", ":root", "root::a", "Root", "root:-a", "root:a-", "root/a"}) {
    EXPECT_FALSE(tenancy::is_path(text)) << text;
  }
  EXPECT_TRUE(tenancy::is_cluster_name("system:admin"));
  EXPECT_FALSE(tenancy::is_cluster_name("root:a"));
  EXPECT_EQ(tenancy::split_path("root:a:b"), (std::pair<std::string, std::string>{"root:a", "b"}));
  EXPECT_EQ(tenancy::join_path("root", "a"), "root:a");
}

TEST(Hash, NumbersAreWrittenWithoutLeadingZeros) {
  EXPECT_EQ(tenancy::base36(std::string("\x00\x24", 2)), "10");
  EXPECT_EQ(tenancy::base62(std::string("\x00\x3e", 2)), "10");
  EXPECT_EQ(tenancy::base36(std::string("\x00", 1)), "0");
}

TEST(ClusterName, IsSixteenCharactersAndValid) {
  std::string name = tenancy::cluster_name_from("some bytes");
  EXPECT_EQ(name.size(), 16u);
  EXPECT_TRUE(tenancy::is_segment(name));
  EXPECT_NE(name, tenancy::cluster_name_from("other bytes"));
}

TEST(Content, ANewClusterHasItsOwnerNamespaceAndAdmin) {
  tenancy::NewCluster cluster{"abc", "root:a", "root", "universal", "https://h:1", "jane", {}, {}};
  auto content = tenancy::initial_content(cluster);
  ASSERT_EQ(content.size(), 3u);
  EXPECT_EQ(object::annotation(content[0].object, "kcp.io/path"), "root:a");
  for (const auto& one : content)
    EXPECT_EQ(object::annotation(one.object, "kcp.io/cluster"), "abc");
  cluster.creator.clear();
  EXPECT_EQ(tenancy::initial_content(cluster).size(), 2u);
}

TEST(WorkspaceTypes, LimitsAreJudgedOnBothSides) {
  auto types = tenancy::builtin_types();
  auto in_use = [&](std::size_t index, std::vector<std::string> aliases) {
    return tenancy::TypeInUse{types[index], std::move(aliases)};
  };
  auto universal = in_use(0, {"root:universal"});
  auto root = in_use(1, {"root:root", "root:universal"});
  auto organization = in_use(2, {"root:organization", "root:universal"});
  auto team = in_use(3, {"root:team", "root:universal"});
  EXPECT_EQ(tenancy::why_not_allowed(root, universal), "");
  EXPECT_EQ(tenancy::why_not_allowed(root, organization), "");
  EXPECT_EQ(tenancy::why_not_allowed(organization, team), "");
  EXPECT_NE(tenancy::why_not_allowed(root, team), "");
  EXPECT_NE(tenancy::why_not_allowed(universal, organization), "");
  EXPECT_EQ(tenancy::why_not_allowed(universal, root),
            "workspace type root:root cannot have any parent");
}

}  // namespace
