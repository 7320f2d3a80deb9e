#include "glbc/ingress_controller.h"

#include <gtest/gtest.h>

#include "base/manual_loop.h"
#include "base/strings.h"
#include "glbc/testing.h"
#include "json/text.h"
#include "placement/keys.h"

namespace glbc {
namespace {

using controller::Key;
using json::Value;
using placement::kDeletion;
using placement::kSoftFinalizers;
using placement::kStateLabel;
using placement::kView;

std::string with(std::string_view prefix, std::string_view key) {
  return std::string(prefix) + std::string(key);
}

class IngressTest : public testing::Test {
 protected:
  IngressTest() {
    IngressParts parts;
    parts.issuer = std::make_shared<AuthorityIssuer>(kControl);
    parts.xids = std::make_shared<XidSource>(XidSource::Origin{{1, 2, 3}, 4, 5});
    parts.probes = probes_;
    parts.on_removed = [this](const std::string& record) { removed_.push_back(record); };
    IngressSettings settings;
    settings.control_cluster = kControl;
    settings.domain = "glbc.test";
    settings.ttl = 60;
    controller_ = std::make_unique<IngressController>(std::move(parts), settings);
    stage_.store(kLeafSource, kControl, kept_authority(std::nullopt, kBegin));
    add_ingress(kTenant, "web", R"({"rules":[{"host":"custom.test","http":{}}]})");
  }

  void add_ingress(const std::string& cluster, const std::string& name, std::string_view spec) {
    Value object = object::make("networking.k8s.io/v1", "Ingress", name, "default");
    object.set("spec", *json::parse(spec));
    stage_.store(kIngressSource, cluster, std::move(object));
  }

  Key key(const std::string& cluster = kTenant, const std::string& name = "web") const {
    return {kIngressSource, cluster, "default", name};
  }
  Value ingress(const std::string& cluster = kTenant, const std::string& name = "web") const {
    return stage_.world.find(key(cluster, name)).value_or(Value());
  }
  Value record(const std::string& cluster = kTenant, const std::string& name = "web") const {
    std::string control = owner_for(ingress(cluster, name)).control_name();
    return stage_.world.find({kRecordSource, kControl, kControlNamespace, control})
        .value_or(Value());
  }
  Value copy() const {
    return stage_.world.find({kCopySource, kTenant, "default", "hcg-tls-web"}).value_or(Value());
  }
  Value projection() const {
    return stage_.world.find({kProjectionSource, kTenant, "default", "web"}).value_or(Value());
  }
  std::vector<Value> all(const char* source) const { return stage_.world.list(source, "", "", {}); }
  std::string host() const { return object::annotation(record(), kHost); }

  controller::Plan reconcile(const std::string& cluster = kTenant,
                             const std::string& name = "web") {
    controller::Plan plan = controller_->reconcile(stage_.world, key(cluster, name),
                                                   stage_.world.find(key(cluster, name)));
    stage_.carry_out(plan);
    return plan;
  }
  // Until nothing is written any more.
  controller::Plan settle() {
    for (int i = 0; i < 20; ++i) {
      controller::Plan plan = reconcile();
      if (plan.writes.empty()) return plan;
    }
    ADD_FAILURE() << "it never settles: " << stage_.log.back();
    return {};
  }

  void change_ingress(const std::function<void(Value&)>& change) {
    Value object = ingress();
    change(object);
    stage_.world.add(kIngressSource, std::move(object));
  }
  // The cluster `target` has the Ingress and reported `address`.
  void place(const std::string& target, const std::string& address) {
    change_ingress([&](Value& object) {
      object::set_label(object, with(kStateLabel, target), "Sync");
      object::set_annotation(
          object, with(kView, target),
          R"({"status":{"loadBalancer":{"ingress":[{"ip":")" + address + R"("}]}}})");
    });
  }
  void leave(const std::string& target) {
    change_ingress([&](Value& object) {
      object::set_annotation(object, with(kDeletion, target), "2026-01-01T00:00:00Z");
    });
  }
  void come_back(const std::string& target) {
    change_ingress(
        [&](Value& object) { object::remove_annotation(object, with(kDeletion, target)); });
  }
  // What the prober notes.
  void verdict(const std::string& address, bool healthy) {
    Value object = record();
    object.edit("status", "health").edit(address).set("healthy", healthy);
    stage_.world.add(kRecordSource, std::move(object));
  }
  // What the record controller notes once DNS answers.
  void dns_answers() {
    Value object = record();
    object.edit("status").set("observedGeneration", object::generation(object));
    stage_.world.add(kRecordSource, std::move(object));
  }
  std::string published() const {
    std::vector<std::string> ips;
    for (const Address& one : published_in(record())) ips.push_back(one.ip);
    return join(ips, " ");
  }
  std::string held(const std::string& target) const {
    return object::annotation(ingress(), with(kSoftFinalizers, target));
  }
  std::string delete_at(const Value& object, const std::string& target) const {
    return object::annotation(object, with(kDeleteAt, target));
  }
  // Two clusters, both published.
  void on_two_clusters() {
    place("east", "127.0.1.1");
    settle();
    verdict("127.0.1.1", true);
    settle();
    dns_answers();
    place("west", "127.0.2.1");
    settle();
    verdict("127.0.2.1", true);
    settle();
    dns_answers();
    settle();
  }

  Stage stage_;
  std::shared_ptr<FakeProbes> probes_ = std::make_shared<FakeProbes>();
  std::unique_ptr<IngressController> controller_;
  std::vector<std::string> removed_;
};

TEST_F(IngressTest, TheHostIsStoredBeforeTheIngressLearnsOfIt) {
  reconcile();

  ASSERT_EQ(stage_.log.size(), 1u);
  EXPECT_TRUE(stage_.log[0].starts_with("create control-dnsrecords ingress-"));
  EXPECT_EQ(object::annotation(ingress(), kHost), "");
  EXPECT_TRUE(host().ends_with(".glbc.test"));
  EXPECT_EQ(host().size(), 30u);

  reconcile();

  EXPECT_EQ(object::annotation(ingress(), kHost), host());
  EXPECT_EQ(ingress().at("spec", "rules")[0]["host"].str(), host());
  EXPECT_TRUE(object::has_finalizer(ingress(), kFinalizer));
}

TEST_F(IngressTest, AForgedHostIsOverwrittenAndChangesNobodyElse) {
  add_ingress("evil", "web", R"({"rules":[{"http":{}}]})");
  settle();
  std::string victim = host();
  Value forged = ingress("evil");
  object::set_annotation(forged, kHost, victim);
  forged.edit("spec", "rules").edit_element(0).set("host", victim);
  stage_.world.add(kIngressSource, std::move(forged));
  Value before = record();

  for (int i = 0; i < 5; ++i) reconcile("evil");

  std::string own = object::annotation(record("evil"), kHost);
  EXPECT_NE(own, victim);
  EXPECT_EQ(object::annotation(ingress("evil"), kHost), own);
  EXPECT_EQ(ingress("evil").at("spec", "rules")[0]["host"].str(), own);
  EXPECT_EQ(record(), before);
}

TEST_F(IngressTest, TheHostStaysWhateverTheUserDoesToTheAnnotation) {
  settle();
  std::string first = host();
  change_ingress([](Value& object) { object::remove_annotation(object, kHost); });

  settle();

  EXPECT_EQ(host(), first);
  EXPECT_EQ(object::annotation(ingress(), kHost), first);
}

TEST_F(IngressTest, TheCertificateIsCopiedBeforeItIsNamed) {
  reconcile();
  reconcile();
  EXPECT_EQ(object::annotation(ingress(), kCertificateStatus), "issuing");
  EXPECT_TRUE(ingress().at("spec", "tls").empty());
  EXPECT_TRUE(copy().is_null());

  settle();

  EXPECT_EQ(object::annotation(ingress(), kCertificateStatus), "ready");
  EXPECT_EQ(ingress().at("spec", "tls")[0]["secretName"].str(), "hcg-tls-web");
  EXPECT_EQ(copy()["type"].str(), "kubernetes.io/tls");
  EXPECT_EQ(object::label(copy(), kManagedLabel), "true");
  EXPECT_EQ(copy().at("metadata", "ownerReferences")[0]["name"].str(), "web");
  auto pair = find_pair(copy());
  ASSERT_TRUE(pair);
  EXPECT_EQ(*pki::dns_names_of(pair->certificate_pem), std::vector{host()});
}

TEST_F(IngressTest, AChangedOrDeletedCopyIsRepaired) {
  settle();
  Value good = copy(), bad = copy();
  bad.edit("data").set("tls.crt", "bm9uc2Vuc2U=");
  stage_.world.add(kCopySource, std::move(bad));

  settle();

  EXPECT_EQ(copy()["data"], good["data"]);
  stage_.world.remove({kCopySource, kTenant, "default", "hcg-tls-web"});
  settle();
  EXPECT_EQ(copy()["data"], good["data"]);
}

TEST_F(IngressTest, ACertificateIsRenewedBeforeItEndsAndTheOldOneServesMeanwhile) {
  controller::Plan plan = settle();
  ASSERT_TRUE(plan.look_again_at);
  EXPECT_EQ(*plan.look_again_at, kBegin + kLeafLifetime - kRenewBefore);
  std::string before = copy().at("data", "tls.crt").str();

  stage_.advance(kLeafLifetime - kRenewBefore - 1s);
  settle();
  EXPECT_EQ(copy().at("data", "tls.crt").str(), before);
  stage_.advance(2s);
  reconcile();
  EXPECT_EQ(object::annotation(ingress(), kCertificateStatus), "ready");
  settle();

  EXPECT_NE(copy().at("data", "tls.crt").str(), before);
  auto validity = pki::validity_of(find_pair(copy())->certificate_pem);
  EXPECT_EQ(validity->not_after, stage_.now() + kLeafLifetime);
}

TEST_F(IngressTest, ACertificateOfALostAuthorityIsMadeAnew) {
  settle();
  std::string before = copy().at("data", "tls.crt").str();
  stage_.store(kLeafSource, kControl, kept_authority(std::nullopt, kBegin));

  settle();

  EXPECT_NE(copy().at("data", "tls.crt").str(), before);
}

TEST_F(IngressTest, AnAddressIsPublishedOnceItAnswered) {
  settle();
  place("east", "127.0.1.1");
  settle();
  EXPECT_EQ(published(), "");
  ASSERT_EQ(probes_->orders.size(), 1u);
  EXPECT_TRUE(probes_->orders.begin()->second.addresses.contains("127.0.1.1"));

  verdict("127.0.1.1", true);
  settle();

  EXPECT_EQ(json::print(record().at("spec", "endpoints")),
            R"([{"dnsName":")" + host() +
                R"(","recordType":"A","targets":["127.0.1.1"],"recordTTL":60,)"
                R"("setIdentifier":"127.0.1.1","labels":{"key":"east"}}])");
  EXPECT_EQ(projection()["spec"], record()["spec"]);
}

TEST_F(IngressTest, WhatWasPublishedIsNeverWithdrawnWithoutAReplacement) {
  place("east", "127.0.1.1");
  settle();
  verdict("127.0.1.1", true);
  settle();
  dns_answers();

  verdict("127.0.1.1", false);
  settle();
  EXPECT_EQ(published(), "127.0.1.1");
  place("east", "127.0.1.2");  // another address, not answering yet
  settle();
  EXPECT_EQ(published(), "127.0.1.1");
  verdict("127.0.1.2", true);
  settle();
  EXPECT_EQ(published(), "127.0.1.1 127.0.1.2");  // DNS does not answer the new one yet
  dns_answers();
  settle();
  EXPECT_EQ(published(), "127.0.1.2");

  change_ingress([](Value& object) {
    object::remove_label(object, with(kStateLabel, "east"));
    object::remove_annotation(object, with(kView, "east"));
  });
  settle();
  EXPECT_EQ(published(), "127.0.1.2");
}

TEST_F(IngressTest, AMoveWaitsForTheWinnerForDnsAndForTheLargestTtl) {
  place("east", "127.0.1.1");
  settle();
  verdict("127.0.1.1", true);
  settle();
  dns_answers();
  EXPECT_EQ(held("east"), kMigration);

  place("west", "127.0.2.1");
  leave("east");
  settle();
  EXPECT_EQ(published(), "127.0.1.1");
  verdict("127.0.2.1", true);
  settle();
  EXPECT_EQ(published(), "127.0.1.1 127.0.2.1");
  dns_answers();
  settle();
  EXPECT_EQ(published(), "127.0.2.1");
  EXPECT_EQ(delete_at(record(), "east"), "");  // DNS may still answer the old address
  stage_.advance(10min);
  settle();
  EXPECT_EQ(held("east"), kMigration);

  dns_answers();
  controller::Plan plan = settle();
  std::string when = print_seconds(stage_.now() + 120s);
  EXPECT_EQ(delete_at(record(), "east"), when);
  EXPECT_EQ(delete_at(ingress(), "east"), when);
  EXPECT_EQ(held("east"), kMigration);
  ASSERT_TRUE(plan.look_again_at);
  EXPECT_EQ(*plan.look_again_at, stage_.now() + 120s);
  stage_.advance(119s);
  settle();
  EXPECT_EQ(held("east"), kMigration);
  stage_.advance(1s);
  settle();

  EXPECT_EQ(held("east"), "");
  EXPECT_EQ(held("west"), kMigration);
  change_ingress([](Value& object) { object::remove_label(object, with(kStateLabel, "east")); });
  settle();
  EXPECT_EQ(delete_at(record(), "east"), "");
  EXPECT_EQ(delete_at(ingress(), "east"), "");
}

TEST_F(IngressTest, AClusterThatComesBackCancelsItsClock) {
  on_two_clusters();
  leave("east");
  settle();
  dns_answers();
  settle();
  ASSERT_NE(delete_at(record(), "east"), "");

  come_back("east");
  settle();

  EXPECT_EQ(delete_at(record(), "east"), "");
  EXPECT_EQ(held("east"), kMigration);
  EXPECT_EQ(published(), "127.0.1.1 127.0.2.1");
}

TEST_F(IngressTest, AMalformedClockStartsAgainAndTheUsersCopyIsNotRead) {
  on_two_clusters();
  leave("east");
  settle();
  dns_answers();
  settle();
  for (const char* bad : {"", "soon", "-1", "99999999999"}) {
    Value object = record();
    object::set_annotation(object, with(kDeleteAt, "east"), bad);
    stage_.world.add(kRecordSource, std::move(object));
    change_ingress([](Value& own) { object::set_annotation(own, with(kDeleteAt, "east"), "1"); });

    settle();

    EXPECT_EQ(delete_at(record(), "east"), print_seconds(stage_.now() + 120s)) << bad;
    EXPECT_EQ(delete_at(ingress(), "east"), print_seconds(stage_.now() + 120s)) << bad;
    EXPECT_EQ(held("east"), kMigration) << bad;
  }
}

TEST_F(IngressTest, TheLargestTtlEverHandedOutCounts) {
  on_two_clusters();
  Value object = record();
  object::set_annotation(object, kLargestTtl, "300");
  stage_.world.add(kRecordSource, std::move(object));

  leave("east");
  settle();
  dns_answers();
  settle();

  EXPECT_EQ(delete_at(record(), "east"), print_seconds(stage_.now() + 600s));
}

TEST_F(IngressTest, WithoutASuccessorTheClockRunsAtOnceAndDnsGoesOn) {
  place("east", "127.0.1.1");
  settle();
  verdict("127.0.1.1", true);
  settle();
  dns_answers();

  leave("east");
  settle();
  EXPECT_EQ(held("east"), kMigration);
  stage_.advance(120s);
  settle();

  EXPECT_EQ(held("east"), "");
  EXPECT_EQ(published(), "127.0.1.1");
}

TEST_F(IngressTest, OthersSoftFinalizersStay) {
  on_two_clusters();
  change_ingress([](Value& object) {
    object::set_annotation(object, with(kSoftFinalizers, "east"), "other/one");
  });
  settle();
  EXPECT_EQ(held("east"), "other/one,kuadrant.dev/glbc-migration");
  leave("east");
  settle();
  dns_answers();
  settle();
  stage_.advance(120s);
  settle();

  EXPECT_EQ(held("east"), "other/one");
}

TEST_F(IngressTest, DeletionLeavesNothingAndWaitsForNothing) {
  on_two_clusters();
  leave("east");
  settle();
  std::string name = object::name(record());
  change_ingress([](Value& object) {
    object.edit("metadata").set("deletionTimestamp", "2026-01-01T00:00:00Z");
  });

  auto plan = reconcile();
  ManualLoop loop;
  for (auto& effect : plan.effects) run(loop, effect());

  EXPECT_EQ(removed_, std::vector{name});
  EXPECT_TRUE(ingress().is_null());
  EXPECT_TRUE(copy().is_null());
  EXPECT_TRUE(projection().is_null());
  EXPECT_TRUE(all(kRecordSource).empty());
  EXPECT_EQ(all(kLeafSource).size(), 1u);  // the authority
  EXPECT_FALSE(probes_->orders.contains(name));
}

TEST_F(IngressTest, ARecordWhoseIngressVanishedIsKeptForAWhile) {
  settle();
  Value gone = ingress();
  std::string first = host();
  stage_.world.remove(key());
  reconcile();
  stage_.advance(9min);
  reconcile();
  ASSERT_EQ(all(kRecordSource).size(), 1u);

  stage_.world.add(kIngressSource, gone);
  settle();
  EXPECT_EQ(host(), first);
  EXPECT_EQ(object::annotation(record(), kOrphanedAt), "");

  stage_.world.remove(key());
  reconcile();
  stage_.advance(10min);
  reconcile();
  EXPECT_TRUE(all(kRecordSource).empty());
  EXPECT_EQ(all(kLeafSource).size(), 1u);
}

TEST_F(IngressTest, AnIngressMadeAnewGetsAHostOfItsOwn) {
  settle();
  std::string first = host();
  stage_.world.remove(key());
  add_ingress(kTenant, "web", R"({"rules":[{"http":{}}]})");

  settle();

  EXPECT_NE(host(), first);
  EXPECT_EQ(all(kRecordSource).size(), 1u);
}

TEST_F(IngressTest, WhatATenantWritesIntoItsDnsRecordIsOverwritten) {
  on_two_clusters();
  Value edited = projection();
  edited.edit("spec").set("endpoints", Value::array());
  stage_.world.add(kProjectionSource, std::move(edited));
  Value before = record();

  settle();

  EXPECT_EQ(projection()["spec"], before["spec"]);
  EXPECT_EQ(record(), before);
}

TEST_F(IngressTest, HostileLabelsAndAddressesAreBounded) {
  settle();
  change_ingress([](Value& object) {
    Value many = Value::array();
    for (int i = 0; i < 1000; ++i) {
      many.push_back(Value::object(
          {{"ip", "10.0." + std::to_string(i / 250) + "." + std::to_string(i % 250 + 1)}}));
    }
    for (const char* bad : {"0.0.0.0", "224.0.0.1", "::", "ff02::1", "nonsense", ""}) {
      many.push_back(Value::object({{"ip", bad}}));
    }
    many.push_back(Value::object({{"hostname", "lb.example.org"}}));
    Value view = Value::object();
    view.edit("status", "loadBalancer").set("ingress", many);
    object::set_label(object, with(kStateLabel, "east"), "Sync");
    object::set_annotation(object, with(kView, "east"), json::print(view));
    object::set_label(object, with(kStateLabel, std::string(60, 'x')), "Sync");
    object::set_label(object, with(kStateLabel, "no.key"), "Sync");
  });

  settle();

  const auto& order = probes_->orders.begin()->second;
  EXPECT_EQ(order.addresses.size(), 64u);
  EXPECT_FALSE(order.addresses.contains("0.0.0.0"));
  EXPECT_EQ(held(std::string(60, 'x')), "");
  EXPECT_EQ(object::condition(projection(), "HostnamesResolved")->status, "False");
}

TEST_F(IngressTest, ObjectsThatBelongToNoIngressWakeNobody) {
  auto declaration = controller_->declare();
  auto woken = [&](const char* source, const std::string& cluster, Value object) {
    object::set_annotation(object, "kcp.io/cluster", cluster);
    return declaration.wakes[source](stage_.world, object);
  };
  Value record = object::make("kuadrant.dev/v1", "DNSRecord", "web", "default");
  Value secret = object::make("v1", "Secret", "hcg-tls-web", "default");
  Value stranger = object::make("v1", "Secret", "hcg-tls-other", "default");
  Value forged = object::make("kuadrant.dev/v1", "DNSRecord", "x", "default");
  owner_for(ingress()).mark(forged);

  EXPECT_EQ(woken(kProjectionSource, kTenant, record), std::vector{key()});
  EXPECT_EQ(woken(kCopySource, kTenant, secret), std::vector{key()});
  EXPECT_TRUE(woken(kProjectionSource, "evil", record).empty());
  EXPECT_TRUE(woken(kCopySource, "evil", secret).empty());
  EXPECT_TRUE(woken(kCopySource, kTenant, stranger).empty());
  EXPECT_TRUE(woken(kRecordSource, kControl, forged).empty());
}

TEST_F(IngressTest, IngressesOfTheControlWorkspaceAreNotServed) {
  add_ingress(kControl, "web", R"({"rules":[{"http":{}}]})");

  EXPECT_TRUE(reconcile(kControl).writes.empty());
}

}  // namespace
}  // namespace glbc
