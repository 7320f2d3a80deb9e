#include "virtual_workspaces/syncer_workspace.h"

#include <gtest/gtest.h>

#include <map>

#include "auth/rbac.h"
#include "base/error.h"
#include "base/scope.h"
#include "json/text.h"
#include "object/object.h"
#include "placement/keys.h"
#include "registry/testing.h"
#include "server/server.h"
#include "virtual_workspaces/syncer_stream.h"

namespace virtual_workspaces {
namespace {

using json::Value;

struct AnyCluster final : server::ClusterResolver {
  std::optional<std::string> resolve(std::string_view path) const override {
    return std::string(path);
  }
};

Task<> serve_with(std::shared_ptr<VirtualWorkspace> workspace, http::Request request,
                  http::ResponseWriter& response) {
  auto user = std::static_pointer_cast<const auth::User>(request.peer.trusted_identity);
  std::string path(request.path());
  std::optional<Error> failure;
  try {
    co_await workspace->serve(std::move(request), path, user, response);
  } catch (const Error& error) {
    failure = error;
  }
  if (failure && !response.started()) {
    co_await response.send(failure->code(), {}, Bytes(failure->message()));
  }
}

struct Answer {
  int status = 0;
  std::string text;
  Value json() const { return json::parse(text).value_or(Value()); }
  std::string names() const {
    std::string all;
    for (const Value& item : json()["items"].elements()) all += object::name(item) + " ";
    return all;
  }
};

// A shard in memory with the SyncTarget "east" in cluster "compute" and the virtual workspace.
class World : private registry::InMemoryRegistry {
 public:
  World() {
    for (const char* cluster : {"a", "b"}) {
      Value ns = object::make("v1", "Namespace", "default");
      ns.edit("spec").set("finalizers", Value::array({"kubernetes"}));
      put({"", "namespaces", ""}, cluster, mark(ns, "default"));
    }
    Value target = object::make("workload.kcp.io/v1alpha1", "SyncTarget", "east");
    target.edit("metadata").set("uid", "uid-1");
    Value roles = Value::object({{"group", "rbac.authorization.k8s.io"},
                                 {"resource", "roles"},
                                 {"versions", Value::array({"v1"})},
                                 {"state", "Accepted"}});
    target.edit("status").set("syncedResources", Value::array({roles}));
    put({"workload.kcp.io", "synctargets", ""}, "compute", target);
    server_.ready();
  }
  ~World() {
    loop_.advance(1s);  // the tasks of watches that were dropped unwind
    store_.reset();
  }

  std::string key() const { return placement::target_key("compute", "east"); }

  // Labelled for east, and with what another target reported.
  Value mark(Value object, std::string_view uid) const {
    object.edit("metadata").set("uid", uid);
    object::set_label(object, std::string(placement::kStateLabel) + key(), "Sync");
    object::set_annotation(object, std::string(placement::kView) + "other", "{\"status\":1}");
    return object;
  }
  Value config(const char* name) const {
    Value object = object::make("v1", "ConfigMap", name, "default");
    object.edit("metadata").set("uid", name);
    object.set("data", Value::object({{"text", "items\":[{ }"}}));
    return object;
  }

  void put(const cache::TableId& table, const char* cluster, Value object) {
    object::set_annotation(object, "kcp.io/cluster", cluster);
    std::string at = cache::storage_key(table, {cluster, object::ns(object), object::name(object)});
    run(loop_, registry_->commit_raw({{}, {{at, registry_->encode(object)}}}));
  }
  void remove_target() {
    cache::TableId table{"workload.kcp.io", "synctargets", ""};
    std::string at = cache::storage_key(table, {"compute", "", "east"});
    run(loop_, registry_->commit_raw({{}, {{at, std::nullopt}}}));
  }
  void put_config(const char* cluster, const Value& object) {
    put({"", "configmaps", ""}, cluster, object);
  }

  Answer send(const char* method, const std::string& path, const Value& body = {},
              const char* type = "application/json", const char* user = nullptr) {
    return run(loop_, exchange(transport(user), request_of(method, path, body, type)));
  }
  Answer at(const char* method, const std::string& rest, const Value& body = {},
            const char* type = "application/json") {
    return send(method, "compute/east/uid-1/clusters/" + rest, body, type);
  }
  // Opens a watch, lets `change` happen and returns the events up to one with the text `last`.
  std::string watch(const std::string& rest, std::string_view last, std::function<void()> change) {
    std::string text;
    http::Response response = run(loop_, open(transport(nullptr), rest));
    change();
    while (text.find(last) == std::string::npos) {
      auto piece = run(loop_, next(*response.body));
      if (!piece) break;
      text += piece->view();
    }
    return text;
  }

 private:
  static http::Request request_of(const char* method, const std::string& path, const Value& body,
                                  const char* type) {
    http::Request request;
    request.method = method;
    request.target = path;
    request.headers.set("content-type", type);
    request.body = http::body_of(Bytes(body.is_null() ? "" : json::print(body)));
    return request;
  }
  static Task<Answer> exchange(std::shared_ptr<http::Transport> transport, http::Request request) {
    auto response = co_await transport->send(std::move(request));
    std::string text = co_await http::read_all(*response.body, 10'000'000);
    co_return Answer{response.status, std::move(text)};
  }
  static Task<http::Response> open(std::shared_ptr<http::Transport> transport, std::string rest) {
    co_return co_await transport->send(
        request_of("GET", "compute/east/uid-1/clusters/" + rest, {}, ""));
  }
  static Task<std::optional<Bytes>> next(http::BodyReader& body) { co_return co_await body.read(); }

  std::shared_ptr<http::Transport> transport(const char* user) {
    auto identity = std::make_shared<auth::User>();
    identity->name = user ? user : "admin";
    if (!user) identity->groups = {std::string(auth::kMasters)};
    http::Peer peer;
    peer.trusted_identity = std::shared_ptr<const auth::User>(identity);
    return http::direct_transport(
        [workspace = workspace_](http::Request request, http::ResponseWriter& response) {
          return serve_with(workspace, std::move(request), response);
        },
        peer);
  }

  std::unique_ptr<auth::Authorizer> rbac_ = auth::make_rbac(*cache_, {});
  auth::Authenticator authenticator_{{}};
  AnyCluster clusters_;
  server::Server server_{
      {*registry_, authenticator_, *rbac_, registry::Flavour::Workspaces, &clusters_, "v1.32.0"}};
  std::shared_ptr<VirtualWorkspace> workspace_ =
      make_syncer_workspace({*registry_, *rbac_, Shard(server_.handler()), "https://shard"});
};

constexpr const char* kConfigMaps = "/api/v1/namespaces/default/configmaps";

TEST(SyncerWorkspace, ListsTheTargetsObjectsOfAllClustersTransformed) {
  World world;
  world.put_config("a", world.mark(world.config("mine"), "m"));
  world.put_config("a", world.config("unmarked"));
  world.put_config("b", world.mark(world.config("too"), "t"));

  Answer answer = world.at("GET", "*/api/v1/configmaps?limit=500");

  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.names(), "mine too ");
  EXPECT_EQ(answer.text.find("syncer.internal"), std::string::npos) << answer.text;
  EXPECT_EQ(object::annotation(answer.json()["items"][1], placement::kWorkspaceUrl),
            "https://shard/clusters/b");
  EXPECT_EQ(answer.json()["items"][0].at("data", "text").as_string(), "items\":[{ }");
}

TEST(SyncerWorkspace, ASelectorOfTheSyncerOnlyNarrows) {
  World world;
  Value marked = world.mark(world.config("mine"), "m"), other = world.config("other");
  object::set_label(other, "app", "x");
  world.put_config("a", marked);
  world.put_config("a", other);

  EXPECT_EQ(world.at("GET", "*/api/v1/configmaps?labelSelector=app%3Dx").names(), "");
  EXPECT_EQ(world.at("GET", "*/api/v1/configmaps?labelSelector=!app").names(), "mine ");
}

TEST(SyncerWorkspace, AnObjectThatIsNotTheTargetsIsNotThere) {
  World world;
  world.put_config("a", world.config("unmarked"));
  std::string path = std::string("a") + kConfigMaps + "/unmarked";

  EXPECT_EQ(world.at("GET", path).status, 404);
  EXPECT_EQ(world.at("PUT", path, world.config("unmarked")).status, 404);
  EXPECT_EQ(world.at("GET", std::string("b") + kConfigMaps + "/unmarked").status, 404);
}

TEST(SyncerWorkspace, OffersOnlyWhatSyncingTakes) {
  World world;
  world.put_config("a", world.mark(world.config("mine"), "m"));
  std::string collection = std::string("a") + kConfigMaps, one = collection + "/mine";

  EXPECT_EQ(world.at("POST", collection, world.config("new")).status, 405);
  EXPECT_EQ(world.at("DELETE", one).status, 405);
  EXPECT_EQ(world.at("DELETE", collection).status, 405);
  EXPECT_EQ(world.at("GET", one + "/status").status, 404);
  EXPECT_EQ(world.at("GET", std::string("*") + kConfigMaps + "/mine").status, 405);
  EXPECT_EQ(world.at("PUT", one + "?dryRun=All", world.config("mine")).status, 400);
  EXPECT_EQ(world.at("GET", "a/api/v1/serviceaccounts").status, 404);
  EXPECT_EQ(world.at("GET", "root:a/api/v1/configmaps").status, 404);
}

// A syncer may write its SyncTarget's status: that must not open anything.
TEST(SyncerWorkspace, BuiltInKindsCannotBeAddedThroughTheStatus) {
  World world;

  EXPECT_EQ(world.at("GET", "*/apis/rbac.authorization.k8s.io/v1/roles").status, 404);
}

TEST(SyncerWorkspace, AnotherUidOrUserIsRefused) {
  World world;

  EXPECT_EQ(world.send("GET", "compute/east/uid-2/clusters/*/api/v1/configmaps").status, 404);
  EXPECT_EQ(world.send("GET", "compute/west/uid-1/clusters/*/api/v1/configmaps").status, 404);
  EXPECT_EQ(
      world.send("GET", "compute/east/uid-1/clusters/*/api/v1/configmaps", {}, "", "jane").status,
      403);
  EXPECT_EQ(world.send("GET", "compute/east/uid-1").status, 404);
}

TEST(SyncerWorkspace, WritesTakeFinalizerAndStatusOnly) {
  World world;
  std::string path = "a/api/v1/namespaces/default",
              finalizer = "workload.kcp.io/syncer-" + world.key();
  Value seen = world.at("GET", path).json();
  object::add_finalizer(seen, finalizer);
  object::set_label(seen, "sneaked", "in");
  Answer taken = world.at("PUT", path, seen);
  EXPECT_EQ(taken.status, 200) << taken.text;

  Value patch = Value::object({{"status", Value::object({{"phase", "Active"}})}});
  Answer reported = world.at("PATCH", path + "/status", patch, "application/merge-patch+json");
  EXPECT_EQ(reported.status, 200) << reported.text;
  EXPECT_EQ(reported.json().at("status", "phase").as_string(), "Active");

  Answer stale = world.at("PUT", path, seen);
  EXPECT_EQ(stale.status, 409);
  Value now = world.at("GET", path).json();
  EXPECT_TRUE(object::has_finalizer(now, finalizer));
  EXPECT_FALSE(object::has_label(now, "sneaked"));
}

TEST(SyncerWorkspace, AWatchShowsObjectsComeAndGoWithTheLabel) {
  World world;

  std::string events = world.watch("*/api/v1/configmaps?watch=1&resourceVersion=1", "DELETED", [&] {
    world.put_config("a", world.config("unmarked"));
    world.put_config("a", world.mark(world.config("mine"), "mine"));
    world.put_config("a", world.config("mine"));
  });

  EXPECT_NE(events.find("\"ADDED\""), std::string::npos) << events;
  EXPECT_NE(events.find("\"DELETED\""), std::string::npos) << events;
  EXPECT_EQ(events.find("unmarked"), std::string::npos);
  EXPECT_EQ(events.find("syncer.internal"), std::string::npos) << events;
}

// Else its syncer would remove copies that DNS still leads to.
TEST(SyncerWorkspace, AWatchEndsWithItsTargetBeforeItTellsThatObjectsAreReleased) {
  World world;
  world.put_config("a", world.mark(world.config("mine"), "mine"));

  std::string events = world.watch("*/api/v1/configmaps?watch=1&resourceVersion=1", "DELETED", [&] {
    world.remove_target();
    world.put_config("a", world.config("mine"));
  });

  EXPECT_EQ(events.find("\"DELETED\""), std::string::npos) << events;
}

TEST(SyncerWorkspace, TellsWhatItOffers) {
  World world;

  Value list = world.at("GET", "*/api/v1").json();

  std::string names;
  for (const Value& one : list["resources"].elements()) {
    names += one["name"].str() + " ";
    EXPECT_EQ(json::print(one["verbs"]).find("create"), std::string::npos);
  }
  EXPECT_NE(names.find("configmaps "), std::string::npos) << names;
  EXPECT_EQ(names.find("serviceaccounts"), std::string::npos) << names;
}

TEST(ItemSplitter, FindsObjectsWhereverTheTextIsCut) {
  std::string text =
      R"({"kind":"L","metadata":{"x":"items\":["},"items":[{"a":"}]\\"},{"b":[{},"\""]}]} )";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    ItemSplitter splitter;
    std::string around;
    std::vector<std::string> items;
    for (std::string_view piece :
         {std::string_view(text).substr(0, cut), std::string_view(text).substr(cut)}) {
      for (const auto& part : splitter.feed(piece)) {
        if (part.is_item) items.push_back(part.text);
        if (!part.is_item) around += part.text;
      }
    }
    ASSERT_EQ(items, (std::vector<std::string>{R"({"a":"}]\\"})", R"({"b":[{},"\""]})"})) << cut;
    ASSERT_EQ(around, R"({"kind":"L","metadata":{"x":"items\":["},"items":[,]} )") << cut;
  }
}

}  // namespace
}  // namespace virtual_workspaces
