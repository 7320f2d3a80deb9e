#include "syncer/object_controller.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/manual_loop.h"
#include "base/scope.h"
#include "controller/testing.h"
#include "http/message.h"
#include "json/patch.h"
#include "json/text.h"
#include "placement/view.h"
#include "syncer/namespace_cleaner.h"

namespace syncer {
namespace {

using controller::Key;
using controller::Plan;
using json::Value;
using Kind = Plan::Write::Kind;

const client::Resource kDeployments{"apps", "v1", "deployments", true};
const Key kKey{kUpstream, "ws", "default", "web"};

Target test_target() {
  return {"compute", "east", "uid-1", placement::target_key("compute", "east")};
}

// A pair of clusters as the controller sees them.
class Pair {
 public:
  Pair() : world_(TimePoint(std::chrono::seconds(1'700'000'000))) {
    ObjectController::Parts parts;
    parts.target = target_;
    parts.upstream.name = kUpstream;
    parts.upstream.resource = kDeployments;
    parts.downstream.name = kDownstream;
    parts.namespaces.name = kNamespaces;
    parts.namespace_idle = [](const std::string&) {};
    controller_ = std::make_unique<ObjectController>(std::move(parts));
  }

  std::string ns() const { return target_.locator("ws", "default").downstream_namespace(); }
  std::string finalizer() const { return "workload.kcp.io/syncer-" + target_.key; }

  Value view() const {
    Value object = object::make("apps/v1", "Deployment", "web", "default");
    object.edit("metadata").set("uid", "up").set("generation", 5);
    object.set("spec", value_or_throw(json::parse(R"({"replicas":2,"template":{"x":null}})")));
    object::set_annotation(object, "kcp.io/cluster", "ws");
    object::set_annotation(object, placement::kWorkspaceUrl, "https://host/clusters/ws");
    object::set_annotation(object, "note", "kept");
    object::set_label(object, std::string(placement::kStateLabel) + target_.key, "Sync");
    return object;
  }
  Value owned() const {
    Value object = view();
    object::add_finalizer(object, finalizer());
    return object;
  }
  Value leaving() const {
    Value object = owned();
    object.edit("metadata").set("deletionTimestamp", "2026-01-01T00:00:00Z");
    return object;
  }

  void add_namespace() {
    world_.add(kNamespaces, downstream_namespace(target_.locator("ws", "default"), target_.key));
  }
  void add_copy(const Value& of) {
    Value copy = downstream_copy(of, target_, ns());
    copy.edit("metadata").set("uid", "down").set("generation", 3);
    world_.add(kDownstream, std::move(copy));
  }
  void change_copy(const std::function<void(Value&)>& change) {
    Value copy = *world_.find({kDownstream, "", ns(), "web"});
    change(copy);
    world_.add(kDownstream, std::move(copy));
  }

  Plan reconcile(const std::optional<Value>& seen) {
    return controller_->reconcile(world_, kKey, seen);
  }
  const Target& target() const { return target_; }
  controller::FakeWorld& world() { return world_; }
  const ObjectController& subject() const { return *controller_; }

 private:
  Target target_ = test_target();
  controller::FakeWorld world_;
  std::unique_ptr<ObjectController> controller_;
};

TEST(ObjectController, TakesAnObjectOverBeforeItCopies) {
  Pair pair;

  Plan plan = pair.reconcile(pair.view());

  ASSERT_EQ(plan.writes.size(), 1u);
  EXPECT_EQ(plan.writes[0].source, kUpstream);
  EXPECT_TRUE(object::has_finalizer(plan.writes[0].object, pair.finalizer()));
}

TEST(ObjectController, MakesNamespaceAndCopy) {
  Pair pair;

  Plan plan = pair.reconcile(pair.owned());

  ASSERT_EQ(plan.writes.size(), 2u);
  const Value& ns = plan.writes[0].object;
  EXPECT_EQ(object::name(ns), pair.ns());
  EXPECT_EQ(object::annotation(ns, placement::kLocator),
            pair.target().locator("ws", "default").text());
  EXPECT_EQ(object::label(ns, placement::kTenant),
            pair.target().locator("ws", "default").tenant_id());
  const Value& copy = plan.writes[1].object;
  EXPECT_EQ(json::print(copy["spec"]), R"({"replicas":2,"template":{}})");
  EXPECT_EQ(object::ns(copy), pair.ns());
  EXPECT_EQ(object::label(copy, placement::kClusterLabel), pair.target().key);
  EXPECT_EQ(copy.at("metadata", "labels").size(), 1u);
  EXPECT_EQ(copy.at("metadata", "annotations").size(), 3u);  // note, shape, generation
  EXPECT_EQ(object::annotation(copy, kGeneration), "5");
  EXPECT_TRUE(object::finalizers(copy).empty());
  EXPECT_FALSE(copy["metadata"].contains("uid"));
}

TEST(ObjectController, RefusesANamespaceOfAnother) {
  Pair pair;
  Value ns = downstream_namespace(pair.target().locator("ws", "default"), pair.target().key);
  object::set_annotation(ns, placement::kLocator, pair.target().locator("other", "x").text());
  pair.world().add(kNamespaces, ns);

  EXPECT_THROW(pair.reconcile(pair.owned()), Error);
}

TEST(ObjectController, WritesNothingWhenAllIsAsWanted) {
  Pair pair;
  pair.add_namespace();
  pair.add_copy(pair.owned());

  EXPECT_TRUE(pair.reconcile(pair.owned()).writes.empty());
}

TEST(ObjectController, BringsTheCopyToTheWantedState) {
  Pair pair;
  pair.add_namespace();
  Value before = pair.owned();
  before.edit("spec").set("paused", true);
  object::set_label(before, "old", "x");
  pair.add_copy(before);
  pair.change_copy([](Value& copy) { copy.edit("spec").set("replicas", 7).set("theirs", 1); });

  Plan plan = pair.reconcile(pair.owned());

  ASSERT_EQ(plan.writes.size(), 1u);
  EXPECT_EQ(plan.writes[0].kind, Kind::Patch);
  Value after = json::apply_merge_patch(*pair.world().find({kDownstream, "", pair.ns(), "web"}),
                                        plan.writes[0].patch);
  EXPECT_EQ(json::print(after["spec"]), R"({"replicas":2,"template":{},"theirs":1})");
  EXPECT_FALSE(object::has_label(after, "old"));
  EXPECT_EQ(plan.writes[0].patch.at("metadata", "uid").as_string(), "down");
}

TEST(ObjectController, ReportsTheStatusWithTheUpstreamGeneration) {
  Pair pair;
  pair.add_namespace();
  pair.add_copy(pair.owned());
  for (auto [observed, expected] : {std::pair{3, 5}, {2, 4}}) {
    pair.change_copy([&](Value& copy) {
      copy.edit("status").set("observedGeneration", observed).set("replicas", 2);
    });

    Plan plan = pair.reconcile(pair.owned());

    ASSERT_EQ(plan.writes.size(), 1u);
    EXPECT_EQ(plan.writes[0].kind, Kind::UpdateStatus);
    EXPECT_EQ(plan.writes[0].cluster, "ws");
    EXPECT_EQ(plan.writes[0].object.at("status", "observedGeneration").as_int(), expected);
  }
}

TEST(ObjectController, RemovesTheCopyBeforeItLetsGo) {
  Pair pair;
  pair.add_namespace();
  pair.add_copy(pair.owned());

  Plan first = pair.reconcile(pair.leaving());
  ASSERT_EQ(first.writes.size(), 1u);
  EXPECT_EQ(first.writes[0].kind, Kind::Delete);
  pair.change_copy(
      [](Value& copy) { copy.edit("metadata").set("deletionTimestamp", "2026-01-01T00:00:00Z"); });
  EXPECT_TRUE(pair.reconcile(pair.leaving()).writes.empty());

  Pair without_copy;
  Plan last = without_copy.reconcile(without_copy.leaving());
  ASSERT_EQ(last.writes.size(), 1u);
  EXPECT_FALSE(object::has_finalizer(last.writes[0].object, without_copy.finalizer()));
}

TEST(ObjectController, RemovesTheCopyOfWhatIsNoLongerThere) {
  Pair pair;
  pair.add_namespace();
  pair.add_copy(pair.owned());

  Plan plan = pair.reconcile(std::nullopt);

  ASSERT_EQ(plan.writes.size(), 1u);
  EXPECT_EQ(plan.writes[0].kind, Kind::Delete);
  EXPECT_EQ(plan.writes[0].source, kDownstream);
}

TEST(ObjectController, NeverRemovesWhatIsInANamespaceOfAnother) {
  Pair pair;
  pair.add_copy(pair.owned());
  Value ns = downstream_namespace(pair.target().locator("ws", "default"), pair.target().key);
  object::set_annotation(ns, placement::kLocator, pair.target().locator("other", "x").text());
  pair.world().add(kNamespaces, ns);

  EXPECT_TRUE(pair.reconcile(std::nullopt).writes.empty());
}

TEST(ObjectController, ADownstreamEventWakesItsUpstreamObject) {
  Pair pair;
  pair.add_namespace();
  pair.add_copy(pair.owned());
  auto wakes = pair.subject().declare().wakes;
  Value copy = *pair.world().find({kDownstream, "", pair.ns(), "web"});
  Value ns = *pair.world().find({kNamespaces, "", "", pair.ns()});

  EXPECT_EQ(wakes[kDownstream](pair.world(), copy), std::vector{kKey});
  EXPECT_EQ(wakes[kNamespaces](pair.world(), ns), std::vector{kKey});
  object::set_annotation(ns, placement::kLocator, "nonsense");
  EXPECT_TRUE(wakes[kNamespaces](pair.world(), ns).empty());
}

TEST(Copy, WhatClustersMakeThemselvesIsNeverSynced) {
  Value token = object::make("v1", "Secret", "t", "default");
  token.set("type", "kubernetes.io/service-account-token");

  EXPECT_TRUE(is_never_synced(token));
  EXPECT_TRUE(is_never_synced(object::make("v1", "ConfigMap", "kube-root-ca.crt", "default")));
  EXPECT_FALSE(is_never_synced(object::make("v1", "ConfigMap", "mine", "default")));
  Pair pair;
  EXPECT_TRUE(pair.reconcile(token).writes.empty());
}

TEST(Copy, ASecretIsReleasedFromItsServiceAccount) {
  Value secret = object::make("v1", "Secret", "s", "default");
  object::set_annotation(secret, "kubernetes.io/service-account.name", "default");

  Value copy = downstream_copy(secret, test_target(), "ns");

  EXPECT_EQ(copy["type"].as_string(), "Opaque");
  EXPECT_FALSE(object::has_annotation(copy, "kubernetes.io/service-account.name"));
}

// A downstream cluster that answers each list with `items`, and each watch with nothing.
std::shared_ptr<client::Client> listing(const char* items) {
  std::string list = R"({"kind":"List","metadata":{"resourceVersion":"1"},"items":)";
  auto transport = http::direct_transport(
      [body = Bytes(list + items + "}")](http::Request request, http::ResponseWriter& response) {
        bool watch = request.query().contains("watch=1");
        return response.send(200, {}, watch ? Bytes() : body);
      },
      {});
  return std::make_shared<client::Client>(transport, "");
}

void consider_both(NamespaceCleaner& cleaner) {
  cleaner.consider("kcp-x");
  cleaner.consider("kcp-y");
}

// Lets a cleaner see one downstream feed's list and asks what of `considered` is unused.
std::vector<std::string> unused_with(
    const char* items, Duration waited, bool allowed,
    const std::function<void(NamespaceCleaner&)>& considered = consider_both) {
  ManualLoop loop;
  FakeClock clock;
  auto cleaner = std::make_shared<NamespaceCleaner>(test_target(), 30s, clock, nullptr);
  auto source =
      cleaner->watched(downstream_source(kDownstream, kDeployments, test_target(), listing(items)),
                       Side::Downstream);
  auto feed = source.make_feed(source, [](const controller::Change&) {});
  Scope scope(loop);
  scope.spawn("feed", feed->run());
  loop.run_until([&] { return feed->synced(); });
  considered(*cleaner);
  cleaner->allow(allowed);
  clock.advance(waited);
  auto unused = cleaner->take_unused(clock.now());
  scope.cancel();
  run(loop, scope.join());
  return unused;
}

constexpr const char* kOneInX = R"([{"metadata":{"name":"a","namespace":"kcp-x"}}])";

TEST(NamespaceCleaner, FindsNamespacesThatNothingIsIn) {
  EXPECT_EQ(unused_with(kOneInX, 31s, true), std::vector<std::string>{"kcp-y"});
  EXPECT_EQ(unused_with("[]", 31s, true), (std::vector<std::string>{"kcp-x", "kcp-y"}));
}

// The copies of a SyncTarget that was deleted would otherwise stay for ever: no syncer may touch
// what is not in its own namespaces.
TEST(NamespaceCleaner, FindsTheNamespacesOfAnEarlierSyncTargetThatHadTheName) {
  Target earlier = test_target(), other = test_target();
  earlier.uid = "uid-0";
  other.name = "west";
  other.uid = "uid-0";
  auto ns_of = [](const Target& target) {
    return downstream_namespace(target.locator("ws", "default"), test_target().key);
  };
  auto name_of = [&](const Target& target) { return object::name(ns_of(target)); };
  std::string items = "[";
  for (const Target& one : {earlier, other, test_target()}) {
    items += items.size() == 1 ? "" : ",";
    items += R"({"metadata":{"name":"a","namespace":")" + name_of(one) + R"("}})";
  }
  items += "]";

  auto unused = unused_with(items.c_str(), 31s, true, [&](NamespaceCleaner& cleaner) {
    for (const Target& one : {earlier, other, test_target()}) cleaner.consider_live(ns_of(one));
  });

  EXPECT_EQ(unused, std::vector<std::string>{name_of(earlier)});
}

// A downstream cluster with one namespace and an Ingress in it; `deleted` has the paths of what
// was.
std::shared_ptr<client::Client> serving(const Value& ns, std::vector<std::string>& deleted) {
  std::string item = R"({"metadata":{"name":"door","namespace":"n","uid":"u"}})";
  std::string empty = R"({"kind":"List","metadata":{"resourceVersion":"1"},"items":[)";
  auto transport = http::direct_transport(
      [=, &deleted](http::Request request, http::ResponseWriter& response) {
        std::string path(request.path());
        bool opened = deleted.empty() && path.contains("/ingresses");
        if (request.method == "DELETE") deleted.push_back(path);
        bool list = path.ends_with("/ingresses") || path.ends_with("/deployments");
        bool watch = request.query().contains("watch=1");
        std::string answer = list ? empty + (opened ? item : "") + "]}" : json::print(ns);
        return response.send(200, {}, watch ? Bytes() : Bytes(answer));
      },
      {});
  return std::make_shared<client::Client>(transport, "");
}

// Its hosts are served as long as there are pods: whoever takes them over comes first.
TEST(NamespaceCleaner, RemovesTheIngressesOfAnEarlierNamespaceADelayBeforeAllElse) {
  ManualLoop loop;
  FakeClock clock;
  Target earlier = test_target();
  earlier.uid = "uid-0";
  Value ns = downstream_namespace(earlier.locator("ws", "default"), test_target().key);
  std::vector<std::string> deleted;
  auto downstream = serving(ns, deleted);
  auto cleaner = std::make_shared<NamespaceCleaner>(test_target(), 30s, clock, downstream);
  auto source = cleaner->watched(
      downstream_source(kDownstream, kDeployments, test_target(), downstream), Side::Downstream);
  auto feed = source.make_feed(source, [](const controller::Change&) {});
  Scope scope(loop);
  scope.spawn("feed", feed->run());
  scope.spawn("cleaner", cleaner->run());
  loop.run_until([&] { return feed->synced(); });
  cleaner->consider_live(ns);
  cleaner->allow(true);
  auto let = [&](Duration time) {
    for (Duration gone = 0s; gone < time; gone += 1s) {
      clock.advance(1s);
      loop.advance(1s);
    }
  };

  let(32s);
  EXPECT_EQ(deleted.size(), 1u);
  let(25s);
  EXPECT_EQ(deleted.size(), 1u);
  let(10s);

  ASSERT_EQ(deleted.size(), 2u);
  EXPECT_TRUE(deleted[0].ends_with("/ingresses/door"));
  EXPECT_TRUE(deleted[1].ends_with("/namespaces/" + object::name(ns)));
  scope.cancel();
  run(loop, scope.join());
}

TEST(NamespaceCleaner, WaitsForTheDelayAndForKnowingAll) {
  EXPECT_TRUE(unused_with("[]", 29s, true).empty());
  EXPECT_TRUE(unused_with("[]", 31s, false).empty());
}

}  // namespace
}  // namespace syncer
