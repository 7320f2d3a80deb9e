#include "server/usage.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <set>

#include "base/strings.h"
#include "object/object.h"
#include "server/server_metrics.h"
#include "server/testing.h"

namespace server {
namespace {

using json::Value;

constexpr const char* kUsages = "/apis/usage.kcp.io/v1alpha1/workspaceusages";

// A server in memory. "ann" may do everything in cluster "a", "root-admin" in "root".
class UsageTest : public testing::Test, protected InMemoryServer {
 protected:
  UsageTest() {
    make_admin("a", "ann");
    make_admin("root", "root-admin");
    server_.ready();
  }

  struct Answer {
    int status = 0;
    std::string text;
    Value body() const { return *json::parse(text); }
  };
  Answer send(const std::string& user, std::string method, std::string target, Value body = {}) {
    auto response = open(std::move(method), std::move(target), body, accept_, user);
    std::string text = run(loop_, http::read_all(*response.body, 10'000'000));
    return {response.status, std::move(text)};
  }
  Answer get(const std::string& user, std::string target) {
    return send(user, "GET", std::move(target));
  }

  void make_map(const std::string& cluster, const std::string& name, std::size_t bytes = 0) {
    Value map = object::make("v1", "ConfigMap", name);
    map.set("data", Value::object({{"text", std::string(bytes, 'x')}}));
    object::set_annotation(map, "kcp.io/cluster", cluster);
    store_object({"", "configmaps", ""}, {cluster, "default", name}, map);
  }

  // Opens a watch, which stays open while the Response lives.
  http::Response watch(const std::string& cluster) {
    return open("GET", "/clusters/" + cluster + "/api/v1/configmaps?watch=true", {});
  }

  std::vector<std::string> names(const Value& list) {
    std::vector<std::string> all;
    for (const Value& one : list["items"].elements()) all.push_back(object::name(one));
    return all;
  }

  void store_object(const cache::TableId& table, const cache::Key& key, const Value& object) {
    run(loop_,
        registry_->commit_raw({{}, {{cache::storage_key(table, key), registry_->encode(object)}}}));
  }

  std::string accept_ = "application/json";

 private:
  void make_admin(const std::string& cluster, const std::string& user) {
    Value role = *json::parse(R"({"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRole",
        "metadata":{"name":"all"},"rules":[{"verbs":["*"],"apiGroups":["*"],"resources":["*"]}]})");
    Value binding = *json::parse(fmt::format(
        R"({{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRoleBinding",
        "metadata":{{"name":"all"}},"roleRef":{{"apiGroup":"rbac.authorization.k8s.io",
        "kind":"ClusterRole","name":"all"}},"subjects":[{{"kind":"User",
        "apiGroup":"rbac.authorization.k8s.io","name":"{}"}}]}})",
        user));
    const char* group = "rbac.authorization.k8s.io";
    store_object({group, "clusterroles", ""}, {cluster, "", "all"}, role);
    store_object({group, "clusterrolebindings", ""}, {cluster, "", "all"}, binding);
  }
};

TEST_F(UsageTest, AWorkspaceSeesItselfOnly) {
  make_map("a", "mine");
  make_map("b", "secret", 5000);

  EXPECT_EQ(names(get("ann", std::string("/clusters/a") + kUsages + "?top=9&by=bytes").body()),
            std::vector<std::string>{"a"});
  auto self = get("ann", std::string("/clusters/a") + kUsages + "/self");
  EXPECT_EQ(self.status, 200);
  EXPECT_EQ(object::name(self.body()), "a");
  EXPECT_EQ(self.body().at("status", "objects").as_int(), 3);  // a role, its binding, the map
  EXPECT_EQ(get("ann", std::string("/clusters/a") + kUsages + "/a").status, 200);
  for (const char* other : {"b", "root", "nosuch"}) {
    EXPECT_EQ(get("ann", std::string("/clusters/a") + kUsages + "/" + other).status, 404) << other;
  }
}

TEST_F(UsageTest, OthersAreForbiddenAndNothingIsShownAcrossClusters) {
  for (const char* cluster : {"b", "root", "*"}) {
    std::string target = "/clusters/" + std::string(cluster) + kUsages;
    EXPECT_EQ(get("ann", target).status, 403) << cluster;
    EXPECT_EQ(get("ann", target + "/a").status, 403) << cluster;
  }
  EXPECT_EQ(get("", std::string("/clusters/*") + kUsages).status, 405);
}

TEST_F(UsageTest, RootSeesTheLargestInTheOrderThatIsAskedFor) {
  for (int i = 0; i < 7; ++i) make_map("many", fmt::format("m{}", i));
  make_map("large", "l", 9000);
  auto top = [&](const std::string& query) {
    return names(get("root-admin", std::string("/clusters/root") + kUsages + query).body());
  };

  EXPECT_EQ(top("?top=1"), std::vector<std::string>{"many"});
  EXPECT_EQ(top("?top=2&by=bytes"), (std::vector<std::string>{"large", "many"}));
  EXPECT_EQ(top(""), (std::vector<std::string>{"many", "a", "root", "large"}));
  EXPECT_EQ(top("?limit=2"), (std::vector<std::string>{"many", "a"}));
  EXPECT_EQ(top("?fieldSelector=metadata.name%3Dlarge"), std::vector<std::string>{"large"});
  for (const char* wrong : {"?top=0", "?top=1001", "?top=x", "?by=size"}) {
    EXPECT_EQ(get("root-admin", std::string("/clusters/root") + kUsages + wrong).status, 400);
  }
  auto one = get("root-admin", std::string("/clusters/root") + kUsages + "/large");
  EXPECT_EQ(one.body().at("status", "objects").as_int(), 1);
  EXPECT_GT(one.body().at("status", "bytes").as_int(), 9000);
  EXPECT_EQ(get("root-admin", std::string("/clusters/root") + kUsages + "/nosuch").status, 404);
}

TEST_F(UsageTest, TheScanOverManyTablesAndPagesAgreesWithMeasuringEachCluster) {
  storage::Transaction transaction;
  for (int cluster = 0; cluster < 40; ++cluster) {
    for (int i = 0; i < 10 + cluster * 7 % 100; ++i) {
      std::string name = fmt::format("o{}", i), at = fmt::format("c{}", cluster);
      if (cluster % 3 == 0) at += "-x";  // sorts before the cluster without it
      Value map = object::make("v1", i % 2 ? "ConfigMap" : "Secret", name);
      transaction.writes.push_back(
          {cache::storage_key({"", i % 2 ? "configmaps" : "secrets", ""}, {at, "default", name}),
           registry_->encode(map)});
    }
  }
  run(loop_, registry_->commit_raw(std::move(transaction)));

  auto all = run(loop_, find_largest(*cache_, UsageBy::Objects, 1000));

  EXPECT_EQ(all.size(), 42u);
  std::size_t objects = 0;
  for (const auto& [cluster, content] : all) {
    Content alone = run(loop_, measure(*cache_, cluster));
    EXPECT_EQ(alone.objects, content.objects) << cluster;
    EXPECT_EQ(alone.bytes, content.bytes) << cluster;
    objects += content.objects;
  }
  EXPECT_EQ(objects, cache_->size().objects);
  auto is_larger = [](const auto& x, const auto& y) { return x.second.objects > y.second.objects; };
  EXPECT_TRUE(std::ranges::is_sorted(all, is_larger));
}

TEST_F(UsageTest, RequestsAndOpenWatchesAreThoseOfTheWorkspace) {
  make_map("b", "x");
  for (int i = 0; i < 60; ++i) get("", "/clusters/b/api/v1/configmaps");
  auto first = watch("b");
  std::optional<http::Response> second = watch("b");

  auto status = [&](const std::string& cluster) {
    return get("", std::string("/clusters/root") + kUsages + "/" + cluster).body()["status"];
  };
  EXPECT_EQ(status("b").at("requests", "count").as_int(), 62);
  EXPECT_NEAR(status("b").at("requests", "perSecond").as_double(), 62.0 / 60, 0.01);
  EXPECT_EQ(status("b")["watches"].as_int(), 2);
  EXPECT_EQ(status("a").at("requests", "count").as_int(), 0);
  EXPECT_EQ(status("a")["watches"].as_int(), 0);
  auto busiest = get("", std::string("/clusters/root") + kUsages + "?by=watches").body();
  EXPECT_EQ(names(busiest), std::vector<std::string>{"b"});
  second.reset();
  loop_.run_until_idle();
  EXPECT_EQ(status("b")["watches"].as_int(), 1);
}

TEST_F(UsageTest, KubectlGetsATable) {
  make_map("a", "x");
  accept_ = "application/json;as=Table;v=v1;g=meta.k8s.io";

  auto table = get("ann", std::string("/clusters/a") + kUsages + "?limit=500").body();

  EXPECT_EQ(table["kind"].as_string(), "Table");
  EXPECT_EQ(table["columnDefinitions"][2]["name"].as_string(), "Objects");
  EXPECT_EQ(table["rows"][0]["cells"][0].as_string(), "a");
  EXPECT_EQ(table["rows"][0]["cells"][2].as_int(), 3);
}

TEST_F(UsageTest, NothingOfItIsStoredOrWritten) {
  Value usage = object::make("usage.kcp.io/v1alpha1", "WorkspaceUsage", "a");
  std::string all = std::string("/clusters/a") + kUsages;

  EXPECT_EQ(send("ann", "POST", all, usage).status, 405);
  EXPECT_EQ(send("ann", "PUT", all + "/a", usage).status, 405);
  EXPECT_EQ(send("ann", "DELETE", all + "/a").status, 405);
  EXPECT_EQ(send("ann", "DELETE", all).status, 405);
  EXPECT_EQ(get("ann", all + "?watch=true").status, 405);
}

// The lines of the page without their values.
std::set<std::string> series_of(const std::string& page) {
  std::set<std::string> series;
  for (std::string_view line : split(page, '\n')) {
    if (!line.empty() && line[0] != '#') series.emplace(line.substr(0, line.rfind(' ')));
  }
  return series;
}

class MetricsTest : public UsageTest {
 protected:
  // What a workspace with a definition of its own does.
  void use(const std::string& cluster, const std::string& plural) {
    std::string at = "/clusters/" + cluster, group = plural + ".example.org";
    Value definition = *json::parse(fmt::format(
        R"({{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition",
        "metadata":{{"name":"{0}.{1}"}},"spec":{{"group":"{1}","scope":"Cluster",
        "names":{{"plural":"{0}","kind":"Thing"}},"versions":[{{"name":"v1","served":true,
        "storage":true,"schema":{{"openAPIV3Schema":{{"type":"object"}}}}}}]}}}})",
        plural, group));
    std::string definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    ASSERT_EQ(send("", "POST", at + definitions, definition).status, 201);
    std::string things = at + "/apis/" + group + "/v1/" + plural;
    Value thing = object::make(group + "/v1", "Thing", "t");
    ASSERT_EQ(send("", "POST", things, thing).status, 201);
    ASSERT_EQ(get("", things).status, 200);
    ASSERT_EQ(get("", things + "/nosuch").status, 404);
    ASSERT_EQ(get("", at + "/apis/nosuch." + group + "/v1/" + plural).status, 404);
    make_map(cluster, "m");
    auto open = watch(cluster);
  }
};

TEST_F(MetricsTest, TheNumberOfSeriesDoesNotGrowWithWorkspacesAndTheirKinds) {
  use("first", "firsts");
  get("", "/metrics");
  auto before = series_of(get("", "/metrics").text);

  for (int i = 0; i < 300; ++i) use(fmt::format("w{}", i), fmt::format("things{}", i));

  std::string page = get("", "/metrics").text;
  EXPECT_EQ(series_of(page), before);
  EXPECT_TRUE(page.contains("apiserver_storage_objects{group=\"\",resource=\"custom\"} 301\n"));
}

TEST_F(MetricsTest, RequestsAreCountedByVerbResourceAndStatus) {
  auto counted = [](const char* labels) {
    return metrics::counter("apiserver_request_total", "Requests by verb, resource and status.",
                            labels)
        .value();
  };
  const char *read = R"(verb="LIST",group="",resource="configmaps",code="200")",
             *missing = R"(verb="GET",group="",resource="secrets",code="404")",
             *refused = R"(verb="LIST",group="",resource="configmaps",code="403")";
  auto reads = counted(read), misses = counted(missing), refusals = counted(refused);
  auto watches = figures().watches.value();

  get("", "/clusters/b/api/v1/configmaps");
  get("", "/clusters/b/api/v1/namespaces/default/secrets/nosuch");
  get("ann", "/clusters/b/api/v1/configmaps");
  auto open = watch("b");

  EXPECT_EQ(counted(read), reads + 1);
  EXPECT_EQ(counted(missing), misses + 1);
  EXPECT_EQ(counted(refused), refusals + 1);
  EXPECT_EQ(figures().watches.value(), watches + 1);
  EXPECT_EQ(figures().reading.value(), 0);
  EXPECT_EQ(figures().mutating.value(), 0);
}

TEST_F(MetricsTest, AStoppingServerEndsItsWatches) {
  auto open = watch("b");

  server_.stop();
  loop_.run_until_idle();

  std::string rest = run(loop_, http::read_all(*open.body, 1000));
  EXPECT_EQ(rest, "");
  EXPECT_EQ(cache_->size().waiting, 0u);
}

}  // namespace
}  // namespace server
