// The controllers over a whole server in memory: workspace "app" binds deployments of workspace
// "compute" and has its workloads at the Locations of "loc".
#include "controllers/workload/workload.h"

#include <gtest/gtest.h>

#include "auth/authenticator.h"
#include "base/scope.h"
#include "json/text.h"
#include "object/object.h"
#include "placement/intents.h"
#include "placement/keys.h"
#include "registry/testing.h"
#include "server/server.h"

namespace controllers {
namespace {

using client::Resource;
using json::Value;

const Resource kTarget{"workload.kcp.io", "v1alpha1", "synctargets", false};
const Resource kLocation{"scheduling.kcp.io", "v1alpha1", "locations", false};
const Resource kPlacement{"scheduling.kcp.io", "v1alpha1", "placements", false};
const Resource kNamespace{"", "v1", "namespaces", false};
const Resource kConfigMap{"", "v1", "configmaps", true};
const Resource kDeployment{"apps", "v1", "deployments", true};

struct Clusters final : server::ClusterResolver {
  std::optional<std::string> resolve(std::string_view path) const override {
    if (path.starts_with("root:")) path.remove_prefix(5);
    bool known = path == "app" || path == "other" || path == "loc" || path == "compute";
    return known ? std::optional(std::string(path)) : std::nullopt;
  }
};

// Administrators may do everything, others only what is in their own workspace.
struct Policy final : auth::Authorizer {
  Task<auth::Verdict> authorize(const auth::Attributes& attributes) override {
    bool master = attributes.user->in_group(auth::kMasters);
    bool allowed = master || attributes.cluster == attributes.user->name;
    co_return auth::Verdict{allowed ? auth::Decision::Allow : auth::Decision::NoOpinion, ""};
  }
  std::vector<auth::Rule> rules_for(const auth::User&, std::string_view,
                                    std::string_view) override {
    return {};
  }
};

Value parse(std::string_view text) { return value_or_throw(json::parse(text)); }

std::string state(const std::string& target) {
  return std::string(placement::kStateLabel) + placement::target_key("loc", target);
}
std::string deletion(const std::string& target) {
  return std::string(placement::kDeletion) + placement::target_key("loc", target);
}

class Workload : public testing::Test, protected registry::InMemoryRegistry {
 protected:
  Workload() {
    install_workload_rules(*registry_, clusters_, policy_);
    server_.ready();
    admin_ = std::make_shared<client::Client>(server_.direct(auth::system_user("controllers")), "");
    store_api();
    scope_.spawn("workload", run_workload_controllers(*registry_, admin_, clusters_,
                                                      {.server_url = "https://kcp"}));
    settle();
  }
  ~Workload() override {
    scope_.cancel();
    loop_.run_until_idle();
    store_.reset();
  }

  // The export of deployments and the bindings to it, as API sharing writes them.
  void store_api() {
    put("compute", "apis.kcp.io", "apiresourceschemas", parse(R"({"metadata":{
        "name":"v1.deployments.apps","uid":"u"},"spec":{"group":"apps","scope":"Namespaced",
        "names":{"plural":"deployments","singular":"deployment","kind":"Deployment",
        "listKind":"DeploymentList"},"versions":[{"name":"v1","served":true,"storage":true,
        "schema":{"type":"object","x-kubernetes-preserve-unknown-fields":true}}]}})"));
    put("compute", "apis.kcp.io", "apiexports", parse(R"({"metadata":{"name":"kubernetes"},
        "spec":{"resources":[{"group":"apps","name":"deployments",
        "schema":"v1.deployments.apps"}]},"status":{"identityHash":"id"}})"));
    for (const char* cluster : {"app", "other"}) {
      put(cluster, "apis.kcp.io", "apibindings", parse(R"({"metadata":{"name":"kubernetes",
          "annotations":{"extra.apis.kcp.io/compute.workload.kcp.io":"true"}},"status":{
          "apiExportClusterName":"compute","boundResources":[{"group":"apps",
          "resource":"deployments","schema":{"name":"v1.deployments.apps","UID":"u",
          "identityHash":"id"}}]}})"));
      create(cluster, kNamespace, object::make("v1", "Namespace", "n"));
    }
  }
  void put(const std::string& cluster, std::string group, std::string resource, Value object) {
    object.set("apiVersion", "apis.kcp.io/v1alpha2");
    object.set("kind", resource);
    object::set_annotation(object, "kcp.io/cluster", cluster);
    std::string key = cache::storage_key({std::move(group), std::move(resource), ""},
                                         {cluster, "", object::name(object)});
    run(loop_, registry_->commit_raw({{}, {{key, registry_->encode(object)}}}));
  }

  client::Client at(const std::string& cluster) { return admin_->at("/clusters/" + cluster); }
  Value create(const std::string& cluster, const Resource& resource, Value object) {
    auto client = at(cluster);
    return run(loop_, client.create(resource, std::move(object)));
  }
  Value get(const std::string& cluster, const Resource& resource, const std::string& name) {
    auto client = at(cluster);
    return run(loop_, client.find(resource, resource.namespaced ? "n" : "", name))
        .value_or(Value());
  }
  void patch(const std::string& cluster, const Resource& resource, const std::string& name,
             Value change, std::string subresource = "") {
    auto client = at(cluster);
    run(loop_, client.patch(resource, resource.namespaced ? "n" : "", name,
                            client::PatchType::Merge, std::move(change), std::move(subresource)));
  }
  void remove(const std::string& cluster, const Resource& resource, const std::string& name) {
    auto client = at(cluster);
    run(loop_, client.remove(resource, resource.namespaced ? "n" : "", name));
  }
  void settle(Duration time = 3s) { loop_.advance(time); }
  void pass(Duration time) {
    clock_.advance(time);
    settle(time);
  }

  void heartbeat(const std::string& name) {
    Value change = Value::object();
    change.edit("status", "lastSyncerHeartbeatTime") = format_time(clock_.now());
    patch("loc", kTarget, name, std::move(change), "status");
  }
  // A SyncTarget whose syncer is up and accepts everything.
  void add_target(const std::string& name) {
    Value target = object::make("workload.kcp.io/v1alpha1", "SyncTarget", name);
    target.edit("spec").set("supportedAPIExports",
                            parse(R"([{"path":"root:compute","export":"kubernetes"}])"));
    create("loc", kTarget, std::move(target));
    settle();
    Value resources = get("loc", kTarget, name).at("status", "syncedResources");
    for (Value& one : resources.edit_elements()) one.set("state", "Accepted");
    Value change = Value::object();
    change.edit("status", "syncedResources") = resources;
    patch("loc", kTarget, name, std::move(change), "status");
    heartbeat(name);
    settle();
  }
  static Value placement_object(const std::string& name) {
    Value object = object::make("scheduling.kcp.io/v1alpha1", "Placement", name);
    object.set("spec", parse(R"({"locationSelectors":[{}],"namespaceSelector":{},
        "locationWorkspace":"root:loc","locationResource":{"group":"workload.kcp.io",
        "version":"v1alpha1","resource":"synctargets"}})"));
    return object;
  }
  void add_placement(const std::string& name) {
    create("app", kPlacement, placement_object(name));
    settle();
  }
  std::string chosen(const std::string& name) {
    return object::annotation(get("app", kPlacement, name), placement::kTargetAnnotation);
  }
  void add_objects(const std::string& cluster) {
    create(cluster, kConfigMap, object::make("v1", "ConfigMap", "settings", "n"));
    Value deployment = object::make("apps/v1", "Deployment", "web", "n");
    deployment.set("spec", parse(R"({"replicas":1,"template":{}})"));
    create(cluster, kDeployment, std::move(deployment));
    settle();
  }
  // As if the syncer of `target` had brought it up.
  void serve(const Resource& resource, const std::string& name, const std::string& target) {
    std::string key = placement::target_key("loc", target);
    Value object = get("app", resource, name);
    object::add_finalizer(object, std::string(placement::kSyncerFinalizer) + key);
    object::set_annotation(object, std::string(placement::kView) + key,
                           R"({"status":{"availableReplicas":1}})");
    auto client = at("app");
    run(loop_, client.update(resource, std::move(object)));
    settle();
  }
  // As if the syncer of `target` had removed its copy.
  void release(const Resource& resource, const std::string& name, const std::string& target) {
    Value object = get("app", resource, name);
    placement::forget(object, placement::target_key("loc", target));
    auto client = at("app");
    run(loop_, client.update(resource, std::move(object)));
    settle();
  }

  Policy policy_;
  auth::Authenticator authenticator_{{}};
  Clusters clusters_;
  server::Server server_{
      {*registry_, authenticator_, policy_, registry::Flavour::Workspaces, &clusters_, "v1.32.0"}};
  std::shared_ptr<client::Client> admin_;
  Scope scope_{loop_};
};

TEST_F(Workload, ASyncTargetComesWithALocationAndLearnsItsAddress) {
  Value target =
      create("loc", kTarget, object::make("workload.kcp.io/v1alpha1", "SyncTarget", "east"));
  EXPECT_EQ(object::label(target, placement::kKeyLabel), placement::target_key("loc", "east"));
  EXPECT_EQ(target.at("spec", "supportedAPIExports")[0]["export"].str(), "kubernetes");
  EXPECT_FALSE(get("loc", kLocation, "default").is_null()) << "in the same transaction";

  settle();
  target = get("loc", kTarget, "east");
  EXPECT_EQ(target.at("status", "virtualWorkspaces")[0]["syncerURL"].str(),
            "https://kcp/services/syncer/loc/east/" + object::uid(target));
  EXPECT_EQ(object::condition(target, "HeartbeatHealthy")->message, "No heartbeat yet seen");
  EXPECT_EQ(get("loc", kLocation, "default").at("status", "instances").as_int(), 1);
  EXPECT_EQ(get("loc", kLocation, "default").at("status", "availableInstances").as_int(), 0);
}

TEST_F(Workload, ASyncTargetIsReadyWhileItIsHeard) {
  add_target("east");
  EXPECT_TRUE(object::is_true(get("loc", kTarget, "east"), "Ready"));
  EXPECT_EQ(get("loc", kLocation, "default").at("status", "availableInstances").as_int(), 1);

  pass(61s);
  Value target = get("loc", kTarget, "east");
  EXPECT_EQ(object::condition(target, "Ready")->status, "False");
  EXPECT_EQ(object::condition(target, "HeartbeatHealthy")->reason, "ErrorHeartbeat");
  EXPECT_EQ(get("loc", kLocation, "default").at("status", "availableInstances").as_int(), 0);

  heartbeat("east");
  settle();
  EXPECT_TRUE(object::is_true(get("loc", kTarget, "east"), "Ready"));
}

TEST_F(Workload, SyncedResourcesFollowTheExportsAndKeepTheirState) {
  add_target("east");
  Value entry = get("loc", kTarget, "east").at("status", "syncedResources")[0];
  EXPECT_EQ(json::print(entry), R"({"group":"apps","resource":"deployments","versions":["v1"],)"
                                R"("identityHash":"id","state":"Accepted"})");
}

TEST_F(Workload, APlacementPutsANamespaceAndItsContentOnATarget) {
  add_target("east");
  add_placement("p");
  add_objects("app");
  add_objects("other");

  Value placement = get("app", kPlacement, "p");
  EXPECT_EQ(placement.at("status", "phase").str(), "Bound");
  EXPECT_EQ(json::print(placement.at("status", "selectedLocation")),
            R"({"path":"root:loc","locationName":"default"})");
  EXPECT_TRUE(object::is_true(placement, "Ready"));
  EXPECT_TRUE(object::is_true(placement, "Scheduled"));
  EXPECT_EQ(object::label(get("app", kNamespace, "n"), state("east")), "Sync");
  EXPECT_TRUE(object::is_true(get("app", kNamespace, "n"), "NamespaceScheduled"));
  EXPECT_EQ(object::label(get("app", kConfigMap, "settings"), state("east")), "Sync");
  EXPECT_EQ(object::label(get("app", kDeployment, "web"), state("east")), "Sync");
  for (const Value& object : {get("other", kNamespace, "n"), get("other", kConfigMap, "settings"),
                              get("other", kDeployment, "web")}) {
    EXPECT_FALSE(json::print(object).contains("workload.kcp.io")) << "another workspace's";
  }
}

TEST_F(Workload, ClusterLocalContentIsNotSynced) {
  add_target("east");
  add_placement("p");
  create("app", kConfigMap, object::make("v1", "ConfigMap", "kube-root-ca.crt", "n"));
  settle();
  EXPECT_FALSE(object::has_label(get("app", kConfigMap, "kube-root-ca.crt"), state("east")));
}

TEST_F(Workload, ATargetIsNotChosenBeforeItAcceptsWhatIsBound) {
  Value target = object::make("workload.kcp.io/v1alpha1", "SyncTarget", "east");
  create("loc", kTarget, std::move(target));
  heartbeat("east");
  add_placement("p");

  auto scheduled = object::condition(get("app", kPlacement, "p"), "Scheduled");
  EXPECT_EQ(scheduled->reason, "NoValidTarget");
  EXPECT_EQ(scheduled->message,
            "location default: east does not serve deployments.apps as bound in this workspace");
  EXPECT_EQ(chosen("p"), "");
}

TEST_F(Workload, TwoPlacementsPutAWorkloadOnTwoClusters) {
  add_target("east");
  add_target("west");
  add_placement("p");
  add_placement("q");
  add_objects("app");

  EXPECT_EQ(chosen("p"), placement::target_key("loc", "east"));
  EXPECT_EQ(chosen("q"), placement::target_key("loc", "west"));
  EXPECT_TRUE(object::has_label(get("app", kDeployment, "web"), state("east")));
  EXPECT_TRUE(object::has_label(get("app", kDeployment, "web"), state("west")));
}

TEST_F(Workload, ADrainedTargetLosesItsWorkOnceTheOtherServes) {
  add_target("east");
  add_target("west");
  add_placement("p");
  add_objects("app");
  serve(kConfigMap, "settings", "east");
  serve(kDeployment, "web", "east");
  Value drain = Value::object();
  drain.edit("spec", "evictAfter") = format_time(clock_.now());

  patch("loc", kTarget, "east", drain);
  settle();
  EXPECT_EQ(chosen("p"), placement::target_key("loc", "west"));
  serve(kConfigMap, "settings", "west");
  EXPECT_FALSE(object::has_annotation(get("app", kConfigMap, "settings"), deletion("east")));

  serve(kDeployment, "web", "west");
  EXPECT_TRUE(object::has_annotation(get("app", kConfigMap, "settings"), deletion("east")));
  EXPECT_TRUE(object::has_annotation(get("app", kDeployment, "web"), deletion("east")));
  EXPECT_TRUE(object::has_annotation(get("app", kNamespace, "n"), deletion("east")));

  release(kConfigMap, "settings", "east");
  EXPECT_TRUE(object::has_label(get("app", kNamespace, "n"), state("east")));
  release(kDeployment, "web", "east");
  EXPECT_FALSE(object::has_label(get("app", kNamespace, "n"), state("east")));
  EXPECT_TRUE(object::has_label(get("app", kNamespace, "n"), state("west")));
}

TEST_F(Workload, ALostTargetKeepsItsWorkForAWhile) {
  add_target("east");
  add_target("west");
  add_placement("p");
  auto pass_with_west = [this] {
    pass(55s);
    heartbeat("west");
    settle();
  };
  for (int times = 0; times < 6; ++times) {
    EXPECT_EQ(chosen("p"), placement::target_key("loc", "east")) << times;
    pass_with_west();
  }
  for (int times = 0; times < 3; ++times) pass_with_west();
  EXPECT_EQ(chosen("p"), placement::target_key("loc", "west"));
}

TEST_F(Workload, PlacementsLeaveALostTargetOneAfterTheOther) {
  add_target("east");
  add_placement("p");
  add_placement("q");
  add_target("west");
  add_target("north");
  auto moved = [this] {
    std::string east = placement::target_key("loc", "east");
    return (chosen("p") != east) + (chosen("q") != east);
  };
  ASSERT_EQ(moved(), 0);

  for (int seconds = 0; moved() == 0 && seconds < 600; ++seconds) {
    if (seconds % 20 == 0) heartbeat("west");
    if (seconds % 20 == 0) heartbeat("north");
    clock_.advance(1s);
    loop_.advance(1s);
  }
  EXPECT_EQ(moved(), 1);
  pass(11s);
  EXPECT_EQ(moved(), 2);
}

TEST_F(Workload, APlacementInUseKeepsItsTargetWhenTheLocationGoes) {
  add_target("east");
  add_placement("p");
  ASSERT_EQ(get("app", kPlacement, "p").at("status", "phase").str(), "Bound");

  remove("loc", kLocation, "default");
  settle();

  Value placement = get("app", kPlacement, "p");
  EXPECT_EQ(placement.at("status", "phase").str(), "Bound");
  EXPECT_EQ(object::condition(placement, "Ready")->reason, "LocationNotFound");
  EXPECT_EQ(object::condition(placement, "Scheduled")->reason, "ScheduleLocationNotFound");
  EXPECT_EQ(chosen("p"), placement::target_key("loc", "east"));
}

TEST_F(Workload, APlacementWithoutLocationsIsPending) {
  add_placement("p");
  Value placement = get("app", kPlacement, "p");
  EXPECT_EQ(placement.at("status", "phase").str(), "Pending");
  EXPECT_EQ(object::condition(placement, "Ready")->reason, "LocationNoMatch");
  Value ns = get("app", kNamespace, "n");
  EXPECT_EQ(object::condition(ns, "NamespaceScheduled")->message, "No available placements");
}

TEST_F(Workload, WithoutItsLastPlacementANamespaceIsEmptiedOfLabels) {
  add_target("east");
  add_placement("p");
  add_objects("app");
  serve(kDeployment, "web", "east");

  remove("app", kPlacement, "p");
  settle();
  EXPECT_FALSE(object::has_label(get("app", kConfigMap, "settings"), state("east")));
  EXPECT_TRUE(object::has_annotation(get("app", kDeployment, "web"), deletion("east")));
  release(kDeployment, "web", "east");
  Value ns = get("app", kNamespace, "n");
  EXPECT_FALSE(json::print(ns).contains("state.workload.kcp.io"));
  EXPECT_EQ(object::condition(ns, "NamespaceScheduled")->message, "No available placements");
}

TEST_F(Workload, ADeletedSyncTargetReleasesItsObjects) {
  add_target("east");
  add_placement("p");
  add_objects("app");
  serve(kDeployment, "web", "east");

  remove("loc", kTarget, "east");
  settle();

  EXPECT_EQ(chosen("p"), "");
  EXPECT_TRUE(object::finalizers(get("app", kDeployment, "web")).empty());
  EXPECT_FALSE(json::print(get("app", kDeployment, "web")).contains("workload.kcp.io"));
  EXPECT_FALSE(json::print(get("app", kNamespace, "n")).contains("state.workload.kcp.io"));
}

TEST_F(Workload, ADeletedObjectAsksForRemovalEverywhere) {
  add_target("east");
  add_placement("p");
  add_objects("app");
  serve(kDeployment, "web", "east");

  remove("app", kDeployment, "web");
  settle();

  Value web = get("app", kDeployment, "web");
  EXPECT_EQ(object::annotation(web, deletion("east")),
            web.at("metadata", "deletionTimestamp").str());
}

TEST_F(Workload, NobodyUsesLocationsOfAnotherWorkspaceWithoutPermission) {
  auto stranger = std::make_shared<auth::User>();
  stranger->name = "app";
  client::Client client(server_.direct(stranger), "/clusters/app");
  for (const char* path : {"root:loc", "root:unknown"}) {
    Value placement = placement_object("p");
    placement.edit("spec").set("locationWorkspace", path);
    try {
      run(loop_, client.create(kPlacement, placement));
      FAIL() << "must be refused";
    } catch (const Error& error) {
      EXPECT_EQ(error.reason(), Reason::Forbidden);
      EXPECT_TRUE(error.message().contains("or there is no such workspace")) << error.message();
    }
  }
}

TEST_F(Workload, NobodyNamesTheTargetButTheScheduler) {
  add_target("east");
  add_placement("p");
  auto owner = std::make_shared<auth::User>();
  owner->name = "app";
  client::Client client(server_.direct(owner), "/clusters/app");
  Value change = Value::object();
  change.edit("metadata", "annotations", placement::kTargetAnnotation) = "somebody-elses";

  Value written = run(loop_, client.patch(kPlacement, "", "p", client::PatchType::Merge, change));

  EXPECT_EQ(object::annotation(written, placement::kTargetAnnotation),
            placement::target_key("loc", "east"));
}

TEST_F(Workload, ResourcesThatComeLaterAreScheduledToo) {
  add_placement("p");
  add_objects("app");
  add_target("east");
  EXPECT_EQ(object::label(get("app", kDeployment, "web"), state("east")), "Sync");
}

}  // namespace
}  // namespace controllers
