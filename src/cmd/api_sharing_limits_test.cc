// What providers and consumers of APIs cannot do to each other.
#include "cmd/api_sharing_testing.h"

namespace cmd {
namespace {

TEST_F(ApiSharingTest, StatusIsTheSystemsOnly) {
  provide("prov");
  provide("other");
  permit("prov", "provider", "*", "*");
  permit_access("prov", "provider");
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

TEST_F(ApiSharingTest, StatusIsTheSystemsOnlyThroughAViewToo) {
  constexpr const char* kOnExports = "group: apis.kcp.io, resource: apiexports, verbs: ['*']";
  provide("other");
  provide("prov", fmt::format("[{{{}}}]", kOnExports));
  bind("b", "root:other");
  make_widget("b", "secret");
  bind("a", "root:prov",
       fmt::format("[{{{}, selector: {{matchAll: true}}, state: Accepted}}]", kOnExports));
  make_schema("a", "v1");
  create("a", std::string(kSharing) + "apiexports",
         export_of(Value::array({resource("v1", "widgets")}), "[]", "stolen"));
  permit("a", "provider", "apis.kcp.io", "apiexports/content");
  std::string foreign =
      call("GET", std::string("/clusters/other") + kSharing + "apiexports/widgets")
          .body()
          .at("status", "identityHash")
          .str();
  Value patch = Value::object();
  patch.edit("status").set("identityHash", foreign);

  std::string at = std::string("a") + kSharing + "apiexports/stolen";
  EXPECT_EQ(view("GET", at).status, 200);
  EXPECT_EQ(view("PATCH", at + "/status", patch).status, 403);
  EXPECT_EQ(call("GET", "/services/apiexport/a/stolen/clusters/*/apis/example.io/v1/widgets", {},
                 "provider")
                .names(),
            "");
}

TEST_F(ApiSharingTest, WhatProvidersDoNotPermitIsDenied) {
  provide("prov");
  bind("a", "root:prov");
  make_widget("a", "w");
  permit("a", "jane", "*", "*");
  permit_access("a", "jane");
  std::string widgets = std::string("/clusters/a") + kWidgets;
  EXPECT_EQ(call("GET", widgets, {}, "jane").names(), "a/w");

  Value policy = Value::object();
  policy.edit("spec").set("maximalPermissionPolicy", yaml("{local: {}}"));
  call("PATCH", std::string("/clusters/prov") + kSharing + "apiexports/widgets", policy);
  Answer denied = call("GET", widgets, {}, "jane");
  EXPECT_EQ(denied.status, 403);
  EXPECT_TRUE(denied.message().ends_with("not permitted by the provider of the API"));
  EXPECT_EQ(call("GET", std::string("/clusters/a") + kMaps, {}, "jane").status, 200);
  EXPECT_EQ(call("GET", widgets).names(), "a/w");  // the system is not bounded

  permit("prov", "apis.kcp.io:binding:jane", "example.io", "widgets");
  EXPECT_EQ(call("GET", widgets, {}, "jane").names(), "a/w");
  EXPECT_EQ(call("GET", widgets + "/w/status", {}, "jane").status, 403);
  EXPECT_EQ(call("GET", widgets, {}, "bob").status, 403);  // what is permitted is not granted
  policy.edit("spec").set("maximalPermissionPolicy", nullptr);
  call("PATCH", std::string("/clusters/prov") + kSharing + "apiexports/widgets", policy);
  EXPECT_EQ(call("GET", widgets + "/w/status", {}, "jane").status, 200);
}

TEST_F(ApiSharingTest, ClaimsAreAcceptedByThoseWhoHoldWhatTheyGive) {
  constexpr const char* kOnRoles =
      "group: rbac.authorization.k8s.io, resource: clusterrolebindings, verbs: ['*']";
  provide("prov", fmt::format("[{{resource: configmaps, verbs: ['*']}}, {{{}}}]", kOnRoles));
  permit("prov", "jane", "apis.kcp.io", "apiexports");
  permit("a", "jane", "apis.kcp.io", "apibindings");
  permit("a", "jane", "rbac.authorization.k8s.io", "clusterrolebindings");
  permit_access("a", "jane");
  auto answered = [&](const std::string& claims, const std::string& state) {
    std::string whole =
        fmt::format("[{{{}, selector: {{matchAll: true}}, state: {}}}]", claims, state);
    std::string bindings = std::string("/clusters/a") + kSharing + "apibindings";
    Answer answer = call("POST", bindings, binding_to("root:prov", "widgets", whole), "jane");
    if (answer.status == 201) call("DELETE", bindings + "/widgets");
    return std::to_string(answer.status) + " " + answer.message();
  };
  std::string maps = "resource: configmaps, verbs: ['*']";

  EXPECT_EQ(answered(maps, "Rejected"), "201 ");
  EXPECT_TRUE(answered(maps, "Accepted")
                  .ends_with("permissions not currently held:\n"
                             "{APIGroups:[\"\"], Resources:[\"configmaps\"], Verbs:[\"*\"]}"));
  permit("a", "jane", "", "configmaps");
  EXPECT_EQ(answered(maps, "Accepted"), "201 ");
  // Who may write bindings of roles may not give more than he has; a provider is not asked for it.
  EXPECT_TRUE(answered(kOnRoles, "Accepted").contains("escalate"));
}

TEST_F(ApiSharingTest, TheViewOverAllConsumersIsBoundToTheVerbsOfTheClaim) {
  provide("prov", "[{resource: configmaps, verbs: [create]}]");
  bind("a", "root:prov", accepted("{matchAll: true}", "[create]"));
  make_map("a", "hidden");

  EXPECT_EQ(view("GET", "*/api/v1/configmaps").status, 403);
  EXPECT_EQ(view("GET", std::string("a") + kMaps).status, 403);
}

TEST_F(ApiSharingTest, AnIdentityTakesNoSecretOfOthers) {
  create("prov", "/api/v1/namespaces/default/secrets",
         yaml("{metadata: {name: precious}, data: {a: eA==}}"));
  auto status_of = [&](std::string_view reference) {
    Value object = export_of(Value::array());
    object.edit("spec", "identity").set("secretRef", yaml(reference));
    return call("POST", std::string("/clusters/prov") + kSharing + "apiexports", object).status;
  };

  EXPECT_EQ(status_of("{namespace: default, name: precious}"), 403);
  EXPECT_EQ(status_of("{namespace: ../.., name: key}"), 422);
  EXPECT_EQ(status_of("{namespace: default, name: a/b/c}"), 422);
  EXPECT_EQ(call("GET", "/clusters/prov/api/v1/namespaces/default/secrets/precious").body()["data"],
            yaml("{a: eA==}"));
  EXPECT_EQ(status_of("{namespace: default, name: own}"), 201);
}

}  // namespace
}  // namespace cmd
