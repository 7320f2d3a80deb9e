// For tests of API sharing as a whole, in memory: rules, labels, the task that follows exports, and
// the provider's view. Workspaces "prov" and "other" provide, "a" and "b" consume.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "auth/workspace_authorizer.h"
#include "base/scope.h"
#include "base/strings.h"
#include "controllers/api_sharing/policies.h"
#include "controllers/api_sharing/rules.h"
#include "json/text.h"
#include "object/object.h"
#include "registry/kind_table.h"
#include "registry/testing.h"
#include "schema/builtin.h"
#include "server/server.h"
#include "sharing/claims.h"
#include "tenancy/path.h"
#include "virtual_workspaces/api_export.h"

namespace cmd {

using json::Value;

inline constexpr const char* kWorkspaces[] = {"prov", "other", "a", "b"};

struct Resolver final : server::ClusterResolver {
  std::optional<std::string> resolve(std::string_view path) const override {
    if (path.starts_with("root:")) path.remove_prefix(5);
    for (const char* name : kWorkspaces) {
      if (path == name) return std::string(name);
    }
    return std::nullopt;
  }
};

inline Value yaml(std::string_view text) { return value_or_throw(json::parse_yaml(text)); }

class ApiSharingTest : public testing::Test, protected registry::InMemoryRegistry {
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
  void permit_access(const std::string& cluster, const std::string& user) {
    create(cluster, "/apis/rbac.authorization.k8s.io/v1/clusterroles", yaml(R"(
metadata: {name: access}
rules: [{nonResourceURLs: ["/"], verbs: [access]}]
)"));
    create(cluster, "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
           yaml("{metadata: {name: access}, roleRef: {apiGroup: rbac.authorization.k8s.io, kind: "
                "ClusterRole, name: access}, subjects: [{apiGroup: rbac.authorization.k8s.io, "
                "kind: User, name: " +
                user + "}]}"));
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

  std::unique_ptr<auth::Authorizer> authorizer_ = auth::make_workspace_authorizer(
      *cache_, std::string(tenancy::kAdmin), controllers::make_permission_policies(*cache_));
  auth::Authenticator authenticator_{{}};
  Resolver clusters_;
  server::Server server_{{*registry_, authenticator_, *authorizer_, registry::Flavour::Workspaces,
                          &clusters_, "v1.32.0"}};
  controllers::ApiSharing sharing_{*registry_, clusters_, *authorizer_, "https://kcp.example"};
  Scope scope_{loop_};
  int roles_ = 0;
};

}  // namespace cmd
