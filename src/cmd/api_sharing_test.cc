// API sharing as a whole, in memory: rules, labels, the task that follows exports, and the
// provider's view. Workspaces "prov" and "other" provide, "a" and "b" consume.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "auth/workspace_authorizer.h"
#include "base/manual_loop.h"
#include "base/scope.h"
#include "base/strings.h"
#include "controllers/api_sharing/rules.h"
#include "json/text.h"
#include "object/object.h"
#include "registry/kind_table.h"
#include "schema/builtin.h"
#include "server/server.h"
#include "sharing/claims.h"
#include "storage/memory.h"
#include "tenancy/path.h"
#include "virtual_workspaces/api_export.h"

namespace cmd {
namespace {

using json::Value;

constexpr const char* kWorkspaces[] = {"prov", "other", "a", "b"};

struct Resolver final : server::ClusterResolver {
  std::optional<std::string> resolve(std::string_view path) const override {
    if (path.starts_with("root:")) path.remove_prefix(5);
    for (const char* name : kWorkspaces) {
      if (path == name) return std::string(name);
    }
    return std::nullopt;
  }
};

Value yaml(std::string_view text) { return value_or_throw(json::parse_yaml(text)); }

class ApiSharingTest : public testing::Test {
 protected:
  struct Answer {
    int status = 0;
    std::string text;
    Value body() const { return json::parse(text).value_or(Value()); }
    std::string message() const { return body()["message"].str(); }
    // Names of a list's items with their clusters: "a/x,b/z".
    std::string names() const {
      std::vector<std::string> all;
      for (const Value& item : body()["items"].elements()) {
        all.push_back(object::annotation(item, "kcp.io/cluster") + "/" + object::name(item));
      }
      return status == 200 ? join(all, ",") : std::to_string(status) + " " + message();
    }
  };

  ApiSharingTest() {
    server_.mount("/services/",
                  virtual_workspaces::make_handler(
                      {virtual_workspaces::make_api_export_workspace(
                          *registry_, *authorizer_, virtual_workspaces::Shard(server_.handler()))},
                      authenticator_));
    for (const char* cluster : kWorkspaces) {
      Value ns = object::make("v1", "Namespace", "default");
      ns.set("status", Value::object({{"phase", "Active"}}));
      put_raw({"", "namespaces", ""}, {cluster, "", "default"}, ns);
    }
    scope_.spawn("sharing", sharing_.run());
    loop_.run_until_idle();
  }
  ~ApiSharingTest() override {
    scope_.cancel();
    loop_.run_until_idle();
    store_.reset();
  }

  void put_raw(const cache::TableId& table, const cache::Key& key, const Value& object) {
    std::string place = cache::storage_key(table, key);
    run(loop_, registry_->commit_raw({{}, {{place, registry_->encode(object)}}}));
    loop_.run_until_idle();
  }

  static auth::UserPtr user(const std::string& name) {
    auto identity = std::make_shared<auth::User>();
    identity->name = name;
    identity->groups = {std::string(auth::kAuthenticated)};
    if (name == "admin") identity->groups.emplace_back(auth::kMasters);
    return identity;
  }

  static Task<Answer> exchange(std::shared_ptr<http::Transport> transport, http::Request request) {
    auto response = co_await transport->send(std::move(request));
    std::string text = co_await http::read_all(*response.body, 10'000'000);
    co_return Answer{response.status, std::move(text)};
  }
  static http::Request request(std::string method, std::string target, const Value& body) {
    http::Request one;
    one.method = std::move(method);
    one.target = std::move(target);
    std::string type = one.method == "PATCH" ? "application/merge-patch+json" : "application/json";
    one.headers.set("content-type", type);
    one.body = http::body_of(body.is_null() ? Bytes() : Bytes(json::print(body)));
    return one;
  }
  Answer send(http::Request one, const std::string& as = "admin") {
    Answer answer = run(loop_, exchange(server_.direct(user(as)), std::move(one)));
    loop_.run_until_idle();
    return answer;
  }
  Answer call(std::string method, std::string target, const Value& body = {},
              const std::string& as = "admin") {
    return send(request(std::move(method), std::move(target), body), as);
  }
  // The provider's user, at the view of prov's export.
  Answer view(std::string method, const std::string& rest, const Value& body = {},
              const std::string& as = "provider") {
    return call(std::move(method), "/services/apiexport/prov/widgets/clusters/" + rest, body, as);
  }

  void create(const std::string& cluster, const std::string& path, const Value& body) {
    Answer answer = call("POST", "/clusters/" + cluster + path, body);
    EXPECT_EQ(answer.status, 201) << answer.text;
  }

  static constexpr const char* kSharing = "/apis/apis.kcp.io/v1alpha2/";
  static constexpr const char* kMaps = "/api/v1/namespaces/default/configmaps";
  static constexpr const char* kWidgets = "/apis/example.io/v1/namespaces/default/widgets";

  void make_schema(const std::string& cluster, const std::string& prefix,
                   const std::string& plural = "widgets", const std::string& field = "size") {
    std::string kind = plural == "widgets" ? "Widget" : "Gadget";
    create(cluster, "/apis/apis.kcp.io/v1alpha1/apiresourceschemas",
           yaml(fmt::format(R"(
apiVersion: apis.kcp.io/v1alpha1
kind: APIResourceSchema
metadata: {{name: {0}.{1}.example.io}}
spec:
  group: example.io
  names: {{plural: {1}, singular: {2}, kind: {3}, listKind: {3}List}}
  scope: Namespaced
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {{status: {{}}}}
    schema:
      type: object
      properties:
        spec: {{type: object, properties: {{{4}: {{type: integer}}}}}}
        status: {{type: object, properties: {{ready: {{type: boolean}}}}}}
)",
                            prefix, plural, lower(kind), kind, field)));
  }
  static Value resource(const std::string& prefix, const std::string& plural) {
    return Value::object({{"group", "example.io"},
                          {"name", plural},
                          {"schema", prefix + "." + plural + ".example.io"}});
  }
  static Value export_of(Value resources, std::string_view claims = "[]",
                         std::string_view name = "widgets") {
    Value object = object::make("apis.kcp.io/v1alpha2", "APIExport", name);
    object.edit("spec").set("resources", std::move(resources));
    object.edit("spec").set("permissionClaims", yaml(claims));
    return object;
  }
  // An export "widgets" with the resource of that name; the user "provider" may use its content.
  void provide(const std::string& cluster, std::string_view claims = "[]") {
    make_schema(cluster, "v1");
    create(cluster, std::string(kSharing) + "apiexports",
           export_of(Value::array({resource("v1", "widgets")}), claims));
    permit(cluster, "provider", "apis.kcp.io", "apiexports/content");
  }
  void permit(const std::string& cluster, const std::string& user, std::string_view group,
              std::string_view resource) {
    constexpr const char* kPath = "/apis/rbac.authorization.k8s.io/v1/";
    std::string name = user + "-" + std::to_string(++roles_);
    create(cluster, std::string(kPath) + "clusterroles",
           yaml(fmt::format(R"(
metadata: {{name: {}}}
rules: [{{apiGroups: ["{}"], resources: ["{}"], verbs: ["*"]}}]
)",
                            name, group, resource)));
    create(cluster, std::string(kPath) + "clusterrolebindings",
           yaml(fmt::format(R"(
metadata: {{name: {0}}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: {0}}}
subjects: [{{apiGroup: rbac.authorization.k8s.io, kind: User, name: "{1}"}}]
)",
                            name, user)));
  }
  static Value binding_to(const std::string& path, const std::string& name = "widgets",
                          std::string_view claims = "[]") {
    Value object = object::make("apis.kcp.io/v1alpha2", "APIBinding", name);
    object.edit("spec", "reference")
        .set("export", Value::object({{"path", path}, {"name", "widgets"}}));
    object.edit("spec").set("permissionClaims", yaml(claims));
    return object;
  }
  void bind(const std::string& cluster, const std::string& path, std::string_view claims = "[]") {
    create(cluster, std::string(kSharing) + "apibindings", binding_to(path, "widgets", claims));
  }
  Value binding(const std::string& cluster, const std::string& name = "widgets") {
    return call("GET", "/clusters/" + cluster + kSharing + "apibindings/" + name).body();
  }
  void answer_claims(const std::string& cluster, std::string_view claims) {
    Value patch = Value::object();
    patch.edit("spec").set("permissionClaims", yaml(claims));
    Answer answer = call("PATCH", "/clusters/" + cluster + kSharing + "apibindings/widgets", patch);
    EXPECT_EQ(answer.status, 200) << answer.text;
  }
  static std::string accepted(std::string_view selector = "{matchAll: true}",
                              std::string_view verbs = "['*']") {
    return fmt::format("[{{resource: configmaps, verbs: {}, selector: {}, state: Accepted}}]",
                       verbs, selector);
  }
  void make_widget(const std::string& cluster, const std::string& name) {
    create(cluster, kWidgets, yaml("{metadata: {name: " + name + "}, spec: {size: 1}}"));
  }
  void make_map(const std::string& cluster, const std::string& name,
                std::string_view labels = "{}") {
    create(cluster, kMaps,
           yaml(fmt::format("{{metadata: {{name: {}, labels: {}}}}}", name, labels)));
  }
  static std::string reason(const Value& object, std::string_view condition) {
    auto found = object::condition(object, condition);
    return found ? found->status + " " + found->reason : "missing";
  }
  static constexpr const char* kClaims = "[{resource: configmaps, verbs: ['*']}]";

  ManualLoop loop_;
  FakeClock clock_;
  std::unique_ptr<storage::Store> store_ = std::make_unique<storage::MemoryStore>();
  std::unique_ptr<cache::Cache> cache_ = cache::make_cache(*store_);
  std::unique_ptr<registry::Registry> registry_ =
      registry::make_registry({registry::Flavour::Workspaces, *store_, *cache_, clock_});
  std::unique_ptr<auth::Authorizer> authorizer_ =
      auth::make_workspace_authorizer(*cache_, std::string(tenancy::kAdmin));
  auth::Authenticator authenticator_{{}};
  Resolver clusters_;
  server::Server server_{{*registry_, authenticator_, *authorizer_, registry::Flavour::Workspaces,
                          &clusters_, "v1.32.0"}};
  controllers::ApiSharing sharing_{*registry_, clusters_, *authorizer_, "https://kcp.example"};
  Scope scope_{loop_};
  int roles_ = 0;
};

TEST_F(ApiSharingTest, TwoProvidersOfOneGroupNeverMeet) {
  provide("prov");
  provide("other");
  bind("a", "root:prov");
  bind("b", "root:other");

  make_widget("a", "w");
  make_widget("b", "w");

  EXPECT_EQ(view("GET", "*/apis/example.io/v1/widgets").names(), "a/w");
  EXPECT_EQ(call("GET", "/services/apiexport/other/widgets/clusters/*/apis/example.io/v1/widgets",
                 {}, "provider")
                .names(),
            "b/w");
  Answer crossed = view("GET", std::string("b") + kWidgets + "/w");
  EXPECT_EQ(crossed.status, 403);
  EXPECT_TRUE(
      crossed.message().contains("could not find suitable APIBinding in target logical cluster"))
      << crossed.message();
}

TEST_F(ApiSharingTest, TheViewServesAllVerbsOnExportedResources) {
  provide("prov");
  bind("a", "root:prov");
  std::string at = std::string("a") + kWidgets;

  EXPECT_EQ(view("POST", at, yaml("{metadata: {name: w}, spec: {size: 1}}")).status, 201);
  EXPECT_EQ(view("PATCH", at + "/w", yaml("{spec: {size: 2}}")).status, 200);
  EXPECT_EQ(view("PATCH", at + "/w/status", yaml("{status: {ready: true}}")).status, 200);
  Value stored = call("GET", std::string("/clusters/") + at + "/w").body();
  EXPECT_EQ(stored.at("spec", "size").as_int(), 2);
  EXPECT_TRUE(stored.at("status", "ready").as_bool());
  EXPECT_EQ(view("PUT", at + "/w", stored.set("spec", yaml("{size: 3}"))).status, 200);
  EXPECT_EQ(view("GET", at).names(), "a/w");
  EXPECT_EQ(view("DELETE", at + "/w").status, 200);
  EXPECT_EQ(view("GET", at + "/w").status, 404);
  EXPECT_EQ(view("DELETE", "*/apis/example.io/v1/widgets").status, 405);
  EXPECT_EQ(view("GET", std::string("*") + kWidgets).status, 400);
}

TEST_F(ApiSharingTest, DiscoveryNamesWhatIsExportedAndClaimed) {
  provide("prov", kClaims);

  Value groups = view("GET", "*/apis").body()["groups"];
  ASSERT_EQ(groups.size(), 2U);
  Value bindings = view("GET", "*/apis/apis.kcp.io/v1alpha2").body();
  EXPECT_EQ(bindings.at("resources")[0]["verbs"], yaml("[get, list, watch]"));
  EXPECT_EQ(view("GET", "*/api/v1").body()["resources"].size(), 1U);
  EXPECT_EQ(view("GET", "*/apis/apps/v1").status, 404);
  std::string url = view("GET", "*/openapi/v3")
                        .body()
                        .at("paths", "apis/example.io/v1", "serverRelativeURL")
                        .str();
  EXPECT_TRUE(url.starts_with(
      "/services/apiexport/prov/widgets/clusters/*/openapi/v3/apis/example.io/v1?hash="))
      << url;
  EXPECT_EQ(call("GET", url, {}, "provider").status, 200);
}

TEST_F(ApiSharingTest, StrangersAreRefusedWhetherTheExportExistsOrNot) {
  provide("prov");
  bind("a", "root:prov");
  make_widget("a", "w");
  constexpr const char* kRest = "/clusters/*/apis/example.io/v1/widgets";

  Answer present =
      call("GET", std::string("/services/apiexport/prov/widgets") + kRest, {}, "stranger");
  Answer absent =
      call("GET", std::string("/services/apiexport/prov/nothing") + kRest, {}, "stranger");

  EXPECT_EQ(present.status, 403);
  EXPECT_EQ(absent.status, 403);
  EXPECT_EQ(call("GET", std::string("/services/apiexport/prov/nothing") + kRest).status, 404);
}

TEST_F(ApiSharingTest, ClaimsGrantNothingUntilTheyAreAccepted) {
  provide("prov", kClaims);
  bind("a", "root:prov", accepted());
  bind("b", "root:prov");
  make_map("a", "x");
  make_map("b", "z");

  EXPECT_EQ(view("GET", "*/api/v1/configmaps").names(), "a/x");
  EXPECT_EQ(view("GET", std::string("a") + kMaps).names(), "a/x");
  Answer unanswered = view("GET", std::string("b") + kMaps);
  EXPECT_EQ(unanswered.status, 403);
  EXPECT_TRUE(unanswered.message().contains(
      "failed to find suitable reason to allow access in APIBinding"));

  answer_claims("b", accepted());
  EXPECT_EQ(view("GET", "*/api/v1/configmaps").names(), "a/x,b/z");
  answer_claims("a",
                "[{resource: configmaps, verbs: ['*'], selector: {matchAll: true}, "
                "state: Rejected}]");
  EXPECT_EQ(view("GET", "*/api/v1/configmaps").names(), "b/z");
  EXPECT_EQ(view("GET", std::string("a") + kMaps + "/x").status, 403);
  call("DELETE", std::string("/clusters/b") + kSharing + "apibindings/widgets");
  EXPECT_EQ(view("GET", "*/api/v1/configmaps").names(), "");
  Value left = call("GET", std::string("/clusters/b") + kMaps + "/z").body();
  EXPECT_TRUE(left.at("metadata", "labels").is_null());
}

TEST_F(ApiSharingTest, StatusTellsWhichClaimsHold) {
  provide("prov", "[{resource: configmaps, verbs: [get, list]}]");
  bind("a", "root:prov");
  EXPECT_EQ(binding("a").at("status", "exportPermissionClaims").size(), 1U);

  answer_claims("a", accepted("{matchAll: true}", "[get, list]"));
  Value settled = binding("a");
  EXPECT_EQ(reason(settled, "PermissionClaimsValid"), "True ");
  EXPECT_EQ(reason(settled, "PermissionClaimsApplied"), "True ");
  EXPECT_TRUE(
      settled.at("status", "appliedPermissionClaims")[0].at("selector", "matchAll").as_bool());

  answer_claims("a", accepted("{matchAll: true}", "[get]"));
  EXPECT_EQ(reason(binding("a"), "PermissionClaimsValid"), "False PermissionClaimsMismatch");
  EXPECT_EQ(binding("a").at("status", "appliedPermissionClaims")[0]["verbs"], yaml("[get]"));

  answer_claims("a",
                "[{group: apps, resource: deployments, identityHash: abc, verbs: [get], "
                "selector: {matchAll: true}, state: Accepted}]");
  EXPECT_EQ(reason(binding("a"), "PermissionClaimsValid"), "False InvalidPermissionClaims");
  EXPECT_TRUE(binding("a").at("status", "appliedPermissionClaims").empty());
}

TEST_F(ApiSharingTest, VerbsNeedBothSidesAndAnAsteriskMeansAll) {
  provide("prov", "[{resource: configmaps, verbs: [get, list, create]}]");
  bind("a", "root:prov", accepted("{matchAll: true}", "['*']"));
  make_map("a", "x");
  std::string at = std::string("a") + kMaps;

  EXPECT_EQ(view("GET", at + "/x").status, 200);
  EXPECT_EQ(view("DELETE", at + "/x").status, 403);
  EXPECT_EQ(view("POST", at, yaml("{metadata: {name: new}}")).status, 201);
  answer_claims("a", accepted("{matchAll: true}", "[get]"));
  EXPECT_EQ(view("POST", at, yaml("{metadata: {name: z}}")).status, 403);
  EXPECT_EQ(view("GET", at).status, 403);
}

TEST_F(ApiSharingTest, SelectorsLimitWhatIsSeenAndWritten) {
  provide("prov", kClaims);
  bind("a", "root:prov", accepted("{matchLabels: {team: blue}}"));
  make_map("a", "blue", "{team: blue}");
  make_map("a", "red", "{team: red}");
  std::string at = std::string("a") + kMaps;

  EXPECT_EQ(view("GET", "*/api/v1/configmaps").names(), "a/blue");
  EXPECT_EQ(view("GET", at + "/red").status, 404);
  EXPECT_EQ(view("PATCH", at + "/red", yaml("{data: {a: b}}")).status, 404);
  EXPECT_EQ(view("DELETE", at + "/red").status, 404);
  EXPECT_EQ(view("POST", at, yaml("{metadata: {name: made}}")).status, 201);
  EXPECT_EQ(object::label(view("GET", at + "/made").body(), "team"), "blue");
  Answer stolen = view("POST", at, yaml("{metadata: {name: n, labels: {team: red}}}"));
  EXPECT_EQ(stolen.status, 403);
  EXPECT_TRUE(stolen.message().contains("protected label team must have value blue"));
  EXPECT_EQ(view("PATCH", at + "/made", yaml("{metadata: {labels: {team: red}}}")).status, 403);
  EXPECT_EQ(view("DELETE", at).status, 200);
  EXPECT_EQ(call("GET", "/clusters/" + at).names(), "a/red");
}

TEST_F(ApiSharingTest, ExpressionsAreNotInjected) {
  provide("prov", kClaims);
  bind("a", "root:prov", accepted("{matchExpressions: [{key: team, operator: Exists}]}"));
  std::string at = std::string("a") + kMaps;

  Answer bare = view("POST", at, yaml("{metadata: {name: x}}"));
  Answer fitting = view("POST", at, yaml("{metadata: {name: x, labels: {team: any}}}"));

  EXPECT_EQ(bare.status, 403);
  EXPECT_TRUE(bare.message().contains("object does not match required labels"));
  EXPECT_EQ(fitting.status, 201);
}

TEST_F(ApiSharingTest, AChangedSelectorRelabelsPresentObjects) {
  provide("prov", kClaims);
  bind("a", "root:prov", accepted("{matchLabels: {team: blue}}"));
  make_map("a", "blue", "{team: blue}");
  make_map("a", "red", "{team: red}");

  answer_claims("a", accepted("{matchLabels: {team: red}}"));

  EXPECT_EQ(view("GET", "*/api/v1/configmaps").names(), "a/red");
  call("PATCH", std::string("/clusters/a") + kMaps + "/red",
       yaml("{metadata: {labels: {team: green}}}"));
  EXPECT_EQ(view("GET", "*/api/v1/configmaps").names(), "");
}

TEST_F(ApiSharingTest, ClaimLabelsAreNeitherForgedNorLost) {
  provide("prov", kClaims);
  bind("a", "root:prov", accepted());
  bind("b", "root:prov");
  make_map("a", "x");
  Value map = call("GET", std::string("/clusters/a") + kMaps + "/x").body();
  std::string key = sharing::claim_label_key(sharing::export_hash("prov", "widgets"));
  ASSERT_EQ(object::label(map, key), sharing::claim_label_value({"", "configmaps", ""}));

  Value forged = yaml("{metadata: {name: forged}}");
  forged.edit("metadata").set("labels", map.at("metadata", "labels"));
  Answer refused = call("POST", std::string("/clusters/b") + kMaps, forged);
  Value stripped = yaml("{metadata: {labels: null}}");
  Answer kept = call("PATCH", std::string("/clusters/a") + kMaps + "/x", stripped);
  Value wrong = Value::object();
  wrong.edit("metadata", "labels").set(key, "else");
  Answer changed = call("PATCH", std::string("/clusters/a") + kMaps + "/x", wrong);

  EXPECT_EQ(refused.status, 403);
  EXPECT_TRUE(refused.message().contains("must not be set")) << refused.message();
  EXPECT_EQ(object::label(kept.body(), key), object::label(map, key));
  EXPECT_EQ(changed.status, 403);
}

TEST_F(ApiSharingTest, ObjectsThatMissedAChangeAreLabelledLater) {
  provide("prov", kClaims);
  bind("a", "root:prov", accepted());

  put_raw({"", "configmaps", ""}, {"a", "default", "late"},
          object::make("v1", "ConfigMap", "late", "default"));

  Value late = call("GET", std::string("/clusters/a") + kMaps + "/late").body();
  EXPECT_EQ(late.at("metadata", "labels").size(), 1U);
}

TEST_F(ApiSharingTest, ProvidersSeeTheBindingsOfTheirExportOnly) {
  provide("prov");
  provide("other");
  bind("a", "root:prov");
  bind("b", "root:other");
  constexpr const char* kAll = "*/apis/apis.kcp.io/v1alpha2/apibindings";
  std::string one = std::string("a") + kSharing + "apibindings/widgets";

  EXPECT_EQ(view("GET", kAll).names(), "a/widgets");
  EXPECT_EQ(view("GET", one).status, 200);
  Answer refused = view("DELETE", one);
  EXPECT_EQ(refused.status, 403);
  EXPECT_TRUE(refused.message().contains(
      "write access to APIBinding is not allowed from virtual workspace"));
}

TEST_F(ApiSharingTest, BindingThroughTheViewTakesTheProvidersPermission) {
  provide("prov", "[{group: apis.kcp.io, resource: apibindings, verbs: ['*']}]");
  make_schema("other", "v1", "gadgets");
  create("other", std::string(kSharing) + "apiexports",
         export_of(Value::array({resource("v1", "gadgets")})));
  bind("a", "root:prov",
       "[{group: apis.kcp.io, resource: apibindings, verbs: ['*'], selector: {matchAll: true}, "
       "state: Accepted}]");
  std::string at = std::string("a") + kSharing + "apibindings";

  Answer refused = view("POST", at, binding_to("root:other", "gadgets"));
  permit("other", "provider", "apis.kcp.io", "apiexports");
  Answer allowed = view("POST", at, binding_to("root:other", "gadgets"));

  EXPECT_EQ(refused.status, 403);
  EXPECT_TRUE(refused.message().contains("no permission to bind to export root:other:widgets"));
  EXPECT_EQ(allowed.status, 201) << allowed.text;
}

TEST_F(ApiSharingTest, AWatchOverAllConsumersTellsOfNoOtherWorkspace) {
  provide("prov", kClaims);
  bind("a", "root:prov", accepted());
  bind("b", "root:prov");
  make_map("a", "first");
  auto open = request(
      "GET", "/services/apiexport/prov/widgets/clusters/*/api/v1/configmaps?watch=true", {});
  auto response = run(loop_, server_.direct(user("provider"))->send(std::move(open)));
  auto next = [&] {
    auto piece = run(loop_, response.body->read());
    Value event = piece ? value_or_throw(json::parse(piece->view())) : Value();
    return event["type"].str() + " " + object::name(event["object"]);
  };

  EXPECT_EQ(next(), "ADDED first");
  make_map("b", "hidden");
  make_map("other", "hidden");
  make_map("a", "second");
  EXPECT_EQ(next(), "ADDED second");
  answer_claims("a", "[]");
  EXPECT_EQ(next(), "DELETED first");
  response.body.reset();
  loop_.run_until_idle();
}

TEST_F(ApiSharingTest, ClaimsOnAnotherExportGoByItsIdentityAndItsPolicy) {
  make_schema("other", "v1", "gadgets");
  Value owner = export_of(Value::array({resource("v1", "gadgets")}));
  owner.edit("spec").set("maximalPermissionPolicy", yaml("{local: {}}"));
  create("other", std::string(kSharing) + "apiexports", owner);
  std::string identity =
      call("GET", std::string("/clusters/other") + kSharing + "apiexports/widgets")
          .body()
          .at("status", "identityHash")
          .str();
  std::string claim =
      fmt::format("group: example.io, resource: gadgets, identityHash: {}, verbs: ['*']", identity);
  provide("prov", "[{" + claim + "}]");
  bind("a", "root:prov", "[{" + claim + ", selector: {matchAll: true}, state: Accepted}]");
  constexpr const char* kGadgets = "/apis/example.io/v1/namespaces/default/gadgets";

  EXPECT_EQ(view("GET", std::string("a") + kGadgets).status, 403);  // by the policy
  permit("other", "apis.kcp.io:binding:provider", "example.io", "gadgets");
  EXPECT_EQ(view("GET", std::string("a") + kGadgets).names(), "");  // not bound there yet
  create("a", std::string(kSharing) + "apibindings", binding_to("root:other", "gadgets"));
  create("a", kGadgets, yaml("{metadata: {name: g}}"));
  EXPECT_EQ(view("GET", std::string("a") + kGadgets).names(), "a/g");
  EXPECT_EQ(view("GET", "*/apis/example.io/v1/gadgets").names(), "a/g");
}

TEST_F(ApiSharingTest, BindingsFollowTheirExport) {
  provide("prov");
  bind("a", "root:prov");
  make_schema("prov", "v1", "gadgets");
  make_schema("prov", "v2", "widgets", "weight");
  Value changed =
      call("GET", std::string("/clusters/prov") + kSharing + "apiexports/widgets").body();
  changed.edit("spec").set("resources",
                           Value::array({resource("v2", "widgets"), resource("v1", "gadgets")}));
  changed.edit("spec").set("permissionClaims", yaml(kClaims));
  object::set_annotation(changed, "extra.apis.kcp.io/note", "hello");

  Answer updated =
      call("PUT", std::string("/clusters/prov") + kSharing + "apiexports/widgets", changed);

  ASSERT_EQ(updated.status, 200) << updated.text;
  Value followed = binding("a");
  EXPECT_EQ(followed.at("status", "boundResources").size(), 2U);
  EXPECT_EQ(followed.at("status", "boundResources")[0].at("schema", "name").as_string(),
            "v2.widgets.example.io");
  EXPECT_EQ(followed.at("status", "exportPermissionClaims").size(), 1U);
  EXPECT_EQ(object::annotation(followed, "extra.apis.kcp.io/note"), "hello");
  create("a", kWidgets, yaml("{metadata: {name: w}, spec: {weight: 2}}"));
  EXPECT_EQ(call("GET", std::string("/clusters/a") + kWidgets + "/w")
                .body()
                .at("spec", "weight")
                .as_int(),
            2);
}

TEST_F(ApiSharingTest, AnExportThatGoesTakesNothingFromConsumers) {
  provide("prov");
  bind("a", "root:prov");
  make_widget("a", "w");

  call("DELETE", std::string("/clusters/prov") + kSharing + "apiexports/widgets");
  call("DELETE",
       "/clusters/prov/apis/apis.kcp.io/v1alpha1/apiresourceschemas/"
       "v1.widgets.example.io");

  EXPECT_EQ(reason(binding("a"), "APIExportValid"), "False APIExportNotFound");
  EXPECT_EQ(call("GET", std::string("/clusters/a") + kWidgets).names(), "a/w");
  registry::LiveKindTable after_restart(registry::Flavour::Workspaces, *cache_);
  EXPECT_TRUE(after_restart.find("a", "example.io", "widgets", ""));
}

TEST_F(ApiSharingTest, ANameIsTakenOnceAndPassedOn) {
  provide("prov");
  provide("other");
  bind("a", "root:prov");

  create("a", std::string(kSharing) + "apibindings", binding_to("root:other", "second"));

  Value second = binding("a", "second");
  EXPECT_EQ(reason(second, "InitialBindingCompleted"), "False NamingConflicts");
  EXPECT_EQ(object::condition(second, "BindingUpToDate")->message,
            "Unable to bind APIs because they are bound by other APIBindings or CRDs: "
            "widgets.example.io (APIBinding \"widgets\")");
  call("DELETE", std::string("/clusters/a") + kSharing + "apibindings/widgets");
  EXPECT_EQ(binding("a", "second").at("status", "phase").as_string(), "Bound");
}

TEST_F(ApiSharingTest, NamesOfOwnDefinitionsAreTaken) {
  provide("prov");
  create("a", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", yaml(R"(
metadata: {name: others.example.io}
spec:
  group: example.io
  scope: Namespaced
  names: {plural: others, singular: widget, kind: Other, listKind: OtherList}
  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]
)"));

  bind("a", "root:prov");

  EXPECT_EQ(object::condition(binding("a"), "BindingUpToDate")->message,
            "naming conflict with CustomResourceDefinition \"others.example.io\": "
            "spec.names.singular=widget is forbidden");
  call("DELETE",
       "/clusters/a/apis/apiextensions.k8s.io/v1/customresourcedefinitions/"
       "others.example.io");
  EXPECT_EQ(binding("a").at("status", "phase").as_string(), "Bound");
}

TEST_F(ApiSharingTest, StatusIsTheSystemsOnly) {
  provide("prov");
  provide("other");
  permit("prov", "provider", "*", "*");
  create("prov", "/apis/rbac.authorization.k8s.io/v1/clusterroles", yaml(R"(
metadata: {name: access}
rules: [{nonResourceURLs: ["/"], verbs: [access]}]
)"));
  create("prov", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", yaml(R"(
metadata: {name: access}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: access}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: provider}]
)"));
  std::string foreign =
      call("GET", std::string("/clusters/other") + kSharing + "apiexports/widgets")
          .body()
          .at("status", "identityHash")
          .str();
  Value patch = Value::object();
  patch.edit("status").set("identityHash", foreign);

  std::string at = std::string("/clusters/prov") + kSharing + "apiexports/widgets";
  Answer through_status = call("PATCH", at + "/status", patch, "provider");
  Answer through_object = call("PATCH", at, patch, "provider");

  EXPECT_EQ(through_status.status, 403) << through_status.text;
  EXPECT_EQ(through_object.status, 200) << through_object.text;
  EXPECT_NE(through_object.body().at("status", "identityHash").as_string(), foreign);
}

TEST_F(ApiSharingTest, TheEndpointSliceComesWithTheExportAndComesBack) {
  provide("prov");
  constexpr const char* kSlice =
      "/clusters/prov/apis/apis.kcp.io/v1alpha1/apiexportendpointslices/widgets";

  Value slice = call("GET", kSlice).body();
  EXPECT_EQ(slice.at("status", "endpoints")[0]["url"].as_string(),
            "https://kcp.example/services/apiexport/prov/widgets");
  Value api_export =
      call("GET", std::string("/clusters/prov") + kSharing + "apiexports/widgets").body();
  EXPECT_EQ(api_export.at("status", "virtualWorkspaces")[0]["url"].as_string(),
            "https://kcp.example/services/apiexport/prov/widgets");
  call("DELETE", kSlice);
  EXPECT_EQ(call("GET", kSlice).status, 200);
}

TEST_F(ApiSharingTest, BuiltinKindsBoundFromAnExportBehaveAsBuiltins) {
  const auto* builtin = schema::find_builtin("apps", "deployments");
  ASSERT_TRUE(builtin);
  Value schema = object::make("apis.kcp.io/v1alpha1", "APIResourceSchema", "s1.deployments.apps");
  Value version = yaml("{name: v1, served: true, storage: true}");
  version.set("schema", builtin->schema->openapi_v3());
  schema.set("spec", yaml("{group: apps, scope: Namespaced, names: {plural: deployments, singular: "
                          "deployment, kind: Deployment, listKind: DeploymentList}}"));
  schema.edit("spec").set("versions", Value::array({version}));
  for (const char* cluster : {"prov", "other"}) {
    create(cluster, "/apis/apis.kcp.io/v1alpha1/apiresourceschemas", schema);
    create(cluster, std::string(kSharing) + "apiexports",
           export_of(yaml("[{group: apps, name: deployments, schema: s1.deployments.apps}]")));
  }
  bind("a", "root:prov");
  bind("b", "root:other");

  auto here = registry_->kinds().find("a", "apps", "deployments");
  auto there = registry_->kinds().find("b", "apps", "deployments");
  ASSERT_TRUE(here && there);
  EXPECT_TRUE(here->builtin);
  EXPECT_TRUE(here->versions[0].scale.has_value());
  EXPECT_EQ(here->versions[0].schema, builtin->schema);
  EXPECT_EQ(here->versions[0].columns.size(), builtin->columns.size());
  EXPECT_NE(here->identity, there->identity);
  EXPECT_EQ(registry_->kinds().find("*", "apps", "deployments", here->identity), here);
  EXPECT_FALSE(registry_->kinds().find("b", "apps", "deployments", here->identity));

  create("a", "/apis/apps/v1/namespaces/default/deployments", yaml(R"(
metadata: {name: d}
spec:
  selector: {matchLabels: {a: b}}
  template:
    metadata: {labels: {a: b}}
    spec: {containers: [{name: one, image: old}, {name: two, image: old}]}
)"));
  auto patch = request("PATCH", "/clusters/a/apis/apps/v1/namespaces/default/deployments/d",
                       yaml("{spec: {template: {spec: {containers: [{name: two, image: new}]}}}}"));
  patch.headers.set("content-type", "application/strategic-merge-patch+json");
  Answer patched = send(std::move(patch));
  ASSERT_EQ(patched.status, 200) << patched.text;
  EXPECT_EQ(patched.body().at("spec", "template", "spec", "containers").size(), 2U);
}

TEST_F(ApiSharingTest, InvalidClaimsAreRefused) {
  make_schema("prov", "v1");
  std::string exports = std::string("/clusters/prov") + kSharing + "apiexports";
  Value resources = Value::array({resource("v1", "widgets")});
  auto status_of = [&](std::string_view claims) {
    return call("POST", exports, export_of(resources, claims)).status;
  };

  EXPECT_EQ(status_of("[{verbs: [get]}]"), 422);
  EXPECT_EQ(status_of("[{resource: configmaps}]"), 422);
  EXPECT_EQ(status_of("[{group: apps, resource: deployments, verbs: [get]}]"), 422);
  EXPECT_EQ(status_of("[{resource: secrets, verbs: [get]}, {resource: secrets, verbs: [list]}]"),
            422);
  EXPECT_EQ(status_of("[{resource: secrets, verbs: [get]}]"), 201);
  std::string bindings = std::string("/clusters/a") + kSharing + "apibindings";
  auto answered = [&](std::string_view claim) {
    return call("POST", bindings, binding_to("root:prov", "widgets", claim)).status;
  };
  EXPECT_EQ(answered("[{resource: secrets, verbs: [get], selector: {matchAll: true}, "
                     "state: Perhaps}]"),
            422);
  EXPECT_EQ(answered("[{resource: secrets, verbs: [get], state: Accepted}]"), 422);
  EXPECT_EQ(answered("[{resource: secrets, verbs: [get], selector: {}, state: Accepted}]"), 422);
}

}  // namespace
}  // namespace cmd
