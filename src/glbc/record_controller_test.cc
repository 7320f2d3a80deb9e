#include "glbc/record_controller.h"

#include <gtest/gtest.h>

#include "base/manual_loop.h"
#include "base/scope.h"
#include "dnswire/name.h"
#include "glbc/endpoints.h"
#include "glbc/testing.h"

namespace glbc {
namespace {

using dnswire::Rcode;
using json::Value;

// A table on a loop under control, and what it published last.
class RecordTest : public testing::Test {
 protected:
  void TearDown() override {
    scope_.cancel();
    loop_.advance(1s);
  }

  void start() {
    scope_.spawn("table", table_->run());
    loop_.advance(1s);
  }

  void add(const std::string& name, const std::string& host,
           const std::vector<Address>& addresses) {
    auto present = stage_.world.find(key(name));
    Value record =
        present.value_or(object::make("kuadrant.dev/v1", "DNSRecord", name, kControlNamespace));
    object::set_annotation(record, kHost, host);
    record.edit("spec").set("endpoints", endpoints_for(host, 60, addresses));
    if (present) {
      record.edit("metadata").set("generation", object::generation(*present) + 1);
    }
    stage_.store(kRecordSource, kControl, std::move(record));
  }
  controller::Key key(const std::string& name) const {
    return {kRecordSource, kControl, kControlNamespace, name};
  }
  // Reconciles as the runtime does, until nothing is to be looked at again.
  void reconcile(const std::string& name) {
    for (int i = 0; i < 5; ++i) {
      auto plan = controller_.reconcile(stage_.world, key(name), stage_.world.find(key(name)));
      stage_.carry_out(plan);
      for (auto& effect : plan.effects) scope_.spawn("effect", effect());
      loop_.advance(1s);
      if (!plan.look_again_at) return;
    }
  }
  dnswire::Response ask(std::string_view name) const {
    dnswire::ParsedQuery parsed;
    parsed.outcome = dnswire::ParsedQuery::Outcome::Ok;
    parsed.query.question =
        dnswire::Question{*dnswire::parse_name(name), dnswire::Type::A, dnswire::kClassIn};
    return zones_->answer(parsed, 0);
  }
  Value status(const std::string& name) { return (*stage_.world.find(key(name)))["status"]; }

  ManualLoop loop_;
  Stage stage_;
  FakeClock clock_{kBegin};
  std::shared_ptr<const gslb::Zones> zones_;
  std::shared_ptr<Table> table_ = std::make_shared<Table>(
      gslb::ZoneOptions{"glbc.test", {"ns1.glbc.test"}, {"127.0.0.1"}, 60, 5}, clock_,
      [this](std::shared_ptr<const gslb::Zones> zones) { zones_ = std::move(zones); });
  RecordController controller_{{}, table_, {}};
  Scope scope_{loop_};
};

TEST_F(RecordTest, DnsAnswersAChangeAndTheStatusSaysSoAfterwards) {
  start();
  add("one", "a.glbc.test", {{"127.0.1.1", "east"}});

  reconcile("one");

  EXPECT_EQ(ask("a.glbc.test").answer.size(), 1u);
  EXPECT_EQ(status("one")["observedGeneration"].as_int(), 1);
  const Value zone = status("one")["zones"][0];
  EXPECT_EQ(zone.at("dnsZone", "id").str(), "glbc.test");
  EXPECT_EQ(zone["conditions"][0]["reason"].str(), "ProviderSuccess");
  EXPECT_EQ(zone["endpoints"].size(), 1u);

  add("one", "a.glbc.test", {{"127.0.1.1", "east"}, {"127.0.2.1", "west"}});
  reconcile("one");
  EXPECT_EQ(ask("a.glbc.test").answer.size(), 2u);
  EXPECT_EQ(status("one")["observedGeneration"].as_int(), 2);
}

TEST_F(RecordTest, TheStatusDoesNotSaySoBeforeDnsAnswers) {
  add("one", "a.glbc.test", {{"127.0.1.1", "east"}});

  reconcile("one");  // the table does not publish yet

  EXPECT_TRUE(status("one")["observedGeneration"].is_null());
  start();
  reconcile("one");
  EXPECT_EQ(status("one")["observedGeneration"].as_int(), 1);
}

TEST_F(RecordTest, NothingIsAnsweredBeforeEverythingIsThere) {
  add("one", "a.glbc.test", {{"127.0.1.1", "east"}});
  ASSERT_TRUE(load_record(*table_, *stage_.world.find(key("one")), {}));
  EXPECT_FALSE(zones_);

  start();

  EXPECT_EQ(ask("a.glbc.test").answer.size(), 1u);
}

TEST_F(RecordTest, AHostWithoutAddressesIsNoDataAndAnUnknownOneNxdomain) {
  start();
  add("one", "a.glbc.test", {});

  reconcile("one");

  EXPECT_EQ(ask("a.glbc.test").rcode, Rcode::NoError);
  EXPECT_EQ(ask("b.glbc.test").rcode, Rcode::NxDomain);
  stage_.world.remove(key("one"));
  reconcile("one");
  EXPECT_EQ(ask("a.glbc.test").rcode, Rcode::NxDomain);
}

TEST_F(RecordTest, UnhealthyAddressesAreLeftOutWhileAHealthyOneRemains) {
  start();
  add("one", "a.glbc.test", {{"127.0.1.1", "east"}, {"127.0.2.1", "west"}});
  Value record = *stage_.world.find(key("one"));
  record.edit("status", "health").edit("127.0.1.1").set("healthy", false);
  stage_.world.add(kRecordSource, record);
  reconcile("one");
  EXPECT_EQ(ask("a.glbc.test").answer.size(), 1u);

  record = *stage_.world.find(key("one"));
  record.edit("status", "health").edit("127.0.2.1").set("healthy", false);
  stage_.world.add(kRecordSource, record);
  reconcile("one");

  EXPECT_EQ(ask("a.glbc.test").answer.size(), 2u);
  EXPECT_EQ(status("one")["health"].size(), 2u);
}

TEST_F(RecordTest, AMalformedRecordSaysSoAndDisturbsNobody) {
  start();
  add("good", "a.glbc.test", {{"127.0.1.1", "east"}});
  reconcile("good");
  add("bad", "a.elsewhere.test", {{"127.0.1.1", "east"}});

  reconcile("bad");

  EXPECT_EQ(status("bad")["zones"][0]["conditions"][0]["status"].str(), "True");
  EXPECT_TRUE(status("bad")["observedGeneration"].is_null());
  add("good", "a.glbc.test", {{"127.0.2.1", "west"}});
  reconcile("good");
  EXPECT_EQ(ask("a.glbc.test").answer.size(), 1u);
}

TEST_F(RecordTest, WhatWasPublishedStaysIfTheNewStateIsMalformed) {
  start();
  add("one", "a.glbc.test", {{"127.0.1.1", "east"}});
  reconcile("one");

  add("one", "a.glbc.test", {{"nonsense", "east"}});
  reconcile("one");

  EXPECT_EQ(ask("a.glbc.test").answer.size(), 1u);
  EXPECT_EQ(status("one")["observedGeneration"].as_int(), 1);
}

TEST_F(RecordTest, TheSerialOnlyGrowsAlsoAcrossARestart) {
  start();
  add("one", "a.glbc.test", {});
  std::uint32_t before = table_->serial();
  reconcile("one");
  EXPECT_GT(table_->serial(), before);
  std::uint32_t last = table_->serial();

  FakeClock earlier(kBegin - 24h);
  Table again({"glbc.test", {}, {}}, earlier, [](auto) {});
  ASSERT_TRUE(load_record(again, *stage_.world.find(key("one")), {}));
  scope_.spawn("again", again.run());
  loop_.advance(1s);

  EXPECT_GT(again.serial(), last);
  scope_.cancel();
  loop_.advance(1s);
}

TEST_F(RecordTest, RecordsOfOtherNamespacesAreNotServed) {
  start();
  Value record = object::make("kuadrant.dev/v1", "DNSRecord", "one", "default");
  object::set_annotation(record, kHost, "a.glbc.test");
  stage_.store(kRecordSource, kControl, record);
  controller::Key other{kRecordSource, kControl, "default", "one"};

  auto plan = controller_.reconcile(stage_.world, other, stage_.world.find(other));

  EXPECT_TRUE(plan.writes.empty() && plan.effects.empty());
  EXPECT_EQ(ask("a.glbc.test").rcode, Rcode::NxDomain);
}

}  // namespace
}  // namespace glbc
