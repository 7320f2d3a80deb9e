#include "glbc/endpoints.h"

#include <gtest/gtest.h>

#include "glbc/keys.h"
#include "json/text.h"
#include "object/object.h"
#include "placement/keys.h"

namespace glbc {
namespace {

using json::Value;

void report(Value& ingress, const std::string& key, const std::string& addresses, bool leaving) {
  object::set_label(ingress, std::string(placement::kStateLabel) + key, "Sync");
  object::set_annotation(ingress, std::string(placement::kView) + key,
                         R"({"status":{"loadBalancer":{"ingress":)" + addresses + "}}}");
  if (leaving) {
    object::set_annotation(ingress, std::string(placement::kDeletion) + key,
                           "2026-01-01T00:00:00Z");
  }
}

Value ingress() { return object::make("networking.k8s.io/v1", "Ingress", "web", "default"); }

TEST(Endpoints, ASharedAddressBelongsToAClusterThatStays) {
  Value object = ingress();
  report(object, "a", R"([{"ip":"10.0.0.1"}])", true);
  report(object, "b", R"([{"ip":"10.0.0.1"},{"ip":"2001:DB8:0::1"}])", false);

  Candidates candidates = candidates_of(object);

  EXPECT_EQ(candidates.addresses, (std::vector<Address>{{"10.0.0.1", "b"}, {"2001:db8::1", "b"}}));
  EXPECT_EQ(candidates.leaving, std::set<std::string>{"a"});
  EXPECT_EQ(candidates.here, std::set<std::string>{"b"});
}

TEST(Endpoints, WhatAClusterDidNotReportIsNotTakenFromAnother) {
  Value object = ingress();
  report(object, "a", R"([{"ip":"10.0.0.1"}])", false);
  object::set_label(object, std::string(placement::kStateLabel) + "b", "Sync");
  object.edit("status", "loadBalancer")
      .set("ingress", Value::array({Value::object({{"ip", "10.0.0.9"}})}));

  EXPECT_EQ(candidates_of(object).addresses, (std::vector<Address>{{"10.0.0.1", "a"}}));
}

TEST(Endpoints, TheyAreSortedWhateverTheOrder) {
  std::vector<Address> one{{"::1", "a"}, {"10.0.0.2", "b"}, {"10.0.0.1", "c"}};
  std::vector<Address> other{{"10.0.0.1", "c"}, {"::1", "a"}, {"10.0.0.2", "b"}};

  Value endpoints = endpoints_for("h.glbc.test", 60, one);

  EXPECT_EQ(endpoints, endpoints_for("h.glbc.test", 60, other));
  EXPECT_EQ(endpoints[0]["targets"][0].str(), "10.0.0.1");
  EXPECT_EQ(endpoints[2]["recordType"].str(), "AAAA");
}

TEST(Endpoints, ARecordIsReadBackAsItWasWritten) {
  Value record = object::make("kuadrant.dev/v1", "DNSRecord", "r", "glbc");
  object::set_annotation(record, kHost, "h.glbc.test");
  record.edit("spec").set("endpoints",
                          endpoints_for("h.glbc.test", 30, {{"10.0.0.1", "a"}, {"::1", "b"}}));
  record.edit("status", "health").edit("::1").set("healthy", false);

  auto hosts = hosts_in(record, true, 60);

  ASSERT_TRUE(hosts);
  gslb::HostRecord expected{"h.glbc.test", 30, {{"10.0.0.1", true}, {"::1", false}}};
  EXPECT_EQ(*hosts, std::vector{expected});
  EXPECT_EQ(published_in(record), (std::vector<Address>{{"10.0.0.1", "a"}, {"::1", "b"}}));
  EXPECT_EQ(max_ttl_of(record), 30);
  EXPECT_TRUE((*hosts_in(record, false, 60))[0].targets[1].healthy);
}

TEST(Endpoints, RecordsOfOtherTypesAndBoundlessTtlsAreErrors) {
  Value record = *json::parse(R"({"spec":{"endpoints":[{"dnsName":"a.glbc.test","recordType":"TXT",
      "targets":["x"],"recordTTL":1}]}})");
  EXPECT_FALSE(hosts_in(record, true, 60));

  record.edit("spec", "endpoints").edit_element(0).set("recordType", "A").set("recordTTL", -1);
  EXPECT_FALSE(hosts_in(record, true, 60));
}

}  // namespace
}  // namespace glbc
