#include <gtest/gtest.h>

#include "base/strings.h"
#include "cmd/plugin/bind.h"
#include "cmd/plugin/claims.h"
#include "cmd/plugin/session.h"
#include "cmd/plugin/syncer_manifest.h"
#include "json/text.h"

namespace plugin {
namespace {

using json::Value;

SyncerManifest example() {
  SyncerManifest manifest;
  manifest.target_name = "us-west1";
  manifest.target_uid = "uid";
  manifest.target_cluster = "2xyz";
  manifest.syncer_id = "kcp-syncer-us-west1-1nuzj7pw";
  manifest.ns = manifest.syncer_id;
  manifest.kcp_namespace = "default";
  manifest.server = "https://kcp:6443";
  manifest.ca_pem = "CA";
  manifest.token = "secret-token";
  manifest.image = "image";
  manifest.synced = {{"apps", "deployments"}, {"", "services"}};
  return manifest;
}

TEST(SyncerManifest, HasItsObjectsInTheOrderOfTheirUse) {
  std::vector<std::string> names;
  for (const Value& object : manifest_objects(example())) {
    names.push_back(object["kind"].str() + "/" + object::name(object));
  }
  EXPECT_EQ(
      names,
      (std::vector<std::string>{
          "Namespace/kcp-syncer-us-west1-1nuzj7pw", "ServiceAccount/kcp-syncer-us-west1-1nuzj7pw",
          "Secret/kcp-syncer-us-west1-1nuzj7pw-token", "ClusterRole/kcp-syncer-us-west1-1nuzj7pw",
          "ClusterRoleBinding/kcp-syncer-us-west1-1nuzj7pw", "Role/kcp-dns-us-west1-1nuzj7pw",
          "RoleBinding/kcp-dns-us-west1-1nuzj7pw", "Secret/kcp-syncer-us-west1-1nuzj7pw",
          "Deployment/kcp-syncer-us-west1-1nuzj7pw"}));
}

TEST(SyncerManifest, ItsKubeconfigLeadsToTheServerWithTheToken) {
  auto objects = manifest_objects(example());
  auto config = json::parse_yaml(objects[7].at("stringData", "kubeconfig").as_string());
  ASSERT_TRUE(config);
  EXPECT_EQ((*config)["clusters"][0].at("cluster", "server").as_string(), "https://kcp:6443");
  EXPECT_EQ((*config)["clusters"][0].at("cluster", "certificate-authority-data").as_string(),
            base64_encode("CA"));
  EXPECT_EQ((*config)["users"][0].at("user", "token").as_string(), "secret-token");
  EXPECT_EQ((*config)["contexts"][0].at("context", "namespace").as_string(), "default");
}

TEST(SyncerManifest, TheSyncerMayWriteWhatIsSyncedAndSecretsAndConfigMaps) {
  auto rules = manifest_objects(example())[3]["rules"];
  EXPECT_EQ(json::print(rules[5]),
            R"({"apiGroups":[""],"resources":["configmaps","secrets","services"],"verbs":["*"]})");
  EXPECT_EQ(json::print(rules[6]),
            R"({"apiGroups":["apps"],"resources":["deployments"],"verbs":["*"]})");
  EXPECT_EQ(rules.size(), 7u);
}

TEST(SyncerManifest, ItsTextIsReadBackAsTheSameObjects) {
  auto documents = json::parse_yaml_stream(manifest_text(example()));
  ASSERT_TRUE(documents);
  EXPECT_EQ(*documents, manifest_objects(example()));
}

Value yaml(std::string_view text) { return *json::parse_yaml(text); }

Value binding() {
  return yaml(R"(
metadata: {name: wildwest}
spec:
  permissionClaims:
  - {group: "", resource: secrets, verbs: [get], selector: {matchAll: true}, state: Rejected}
status:
  exportPermissionClaims:
  - {group: "", resource: secrets, verbs: [get]}
  - {group: apps, resource: deployments, verbs: [get, list], identityHash: abc}
)");
}

TEST(Claims, PendingOnesAreShown) {
  EXPECT_EQ(claim_rows(binding()), (std::vector<std::vector<std::string>>{
                                       {"wildwest", "secrets", "get", "Rejected"},
                                       {"wildwest", "deployments.apps", "get,list", "Pending"}}));
}

TEST(Claims, AnswersKeepVerbsAndIdentityOfWhatIsAskedFor) {
  std::size_t matched = 0;
  ClaimFilter filter{{{"apps", "deployments"}}, "", false};
  auto claims = answered_claims(binding(), binding().at("status", "exportPermissionClaims"), filter,
                                Answer::Accepted, &matched);
  EXPECT_EQ(matched, 1u);
  ASSERT_EQ(claims.size(), 2u);
  EXPECT_EQ(claims[0]["state"].as_string(), "Rejected");
  EXPECT_EQ(json::print(claims[1]),
            R"({"group":"apps","resource":"deployments","verbs":["get","list"],)"
            R"("identityHash":"abc","selector":{"matchAll":true},"state":"Accepted"})");
}

TEST(Claims, FiltersMeanWhatTheySay) {
  auto wanted = binding().at("status", "exportPermissionClaims");
  EXPECT_TRUE((ClaimFilter{{}, "abc", false}.means(wanted[1])));
  EXPECT_FALSE((ClaimFilter{{}, "abc", false}.means(wanted[0])));
  EXPECT_FALSE((ClaimFilter{{{"apps", "deployments"}}, "other", false}.means(wanted[1])));
  EXPECT_FALSE((ClaimFilter{}.means(wanted[0])));
  EXPECT_TRUE((ClaimFilter{{}, "", true}.means(wanted[0])));
}

TEST(Binds, ComparesPathsClustersAndTheOwnWorkspace) {
  ExportName wanted{"root:compute", "kubernetes"};
  auto to = [](const char* path, const char* cluster) {
    Value one = binding_to({path, "kubernetes"}, "b");
    one.edit("status", "apiExportClusterName") = cluster;
    return one;
  };
  EXPECT_TRUE(binds(to("root:compute", ""), wanted, "root:a", ""));
  EXPECT_TRUE(binds(to("2xyz", "2xyz"), wanted, "root:a", "2xyz"));
  EXPECT_TRUE(binds(to("", ""), wanted, "root:compute", ""));
  EXPECT_FALSE(binds(to("", ""), wanted, "root:a", ""));
  EXPECT_FALSE(binds(to("root:other", "3abc"), wanted, "root:a", "2xyz"));
  EXPECT_FALSE(binds(to("root:other", ""), wanted, "root:a", ""));
  EXPECT_FALSE(binds(to("root:compute", ""), {"root:compute", "more"}, "root:a", ""));
}

TEST(TableText, ColumnsAreAsWideAsTheirWidestCell) {
  EXPECT_EQ(table_text({{"A", "B"}, {"long", "x"}}), "A      B\nlong   x\n");
}

}  // namespace
}  // namespace plugin
