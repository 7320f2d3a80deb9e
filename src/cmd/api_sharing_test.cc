// What API sharing does: rules, labels, following exports, the provider's view.
#include "cmd/api_sharing_testing.h"

namespace cmd {
namespace {

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
