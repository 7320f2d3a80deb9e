#include "glbc/hosts.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "glbc/keys.h"
#include "json/text.h"
#include "object/object.h"

namespace glbc {
namespace {

using json::Value;

const std::string kOwn = "own.glbc.test";

Value ingress(std::string_view spec) {
  Value object = object::make("networking.k8s.io/v1", "Ingress", "web", "default");
  object.set("spec", *json::parse(spec));
  return object;
}

std::string hosts_of(const Value& object) {
  std::string all;
  for (const Value& rule : object.at("spec", "rules").elements()) all += rule["host"].str() + " ";
  return all;
}

TEST(Hosts, EveryRuleGetsTheManagedHostAndTheOthersAreNoted) {
  Value object = ingress(R"({"rules":[{"host":"b.test"},{"http":{}},{"host":"a.test"}]})");

  apply_host(object, kOwn, "glbc.test");

  EXPECT_EQ(hosts_of(object), "own.glbc.test own.glbc.test own.glbc.test ");
  EXPECT_EQ(object::annotation(object, kHost), kOwn);
  EXPECT_EQ(object::annotation(object, kReplacedHosts),
            "replaced custom hosts [a.test b.test] to the glbc host due to custom host policy not "
            "being allowed");
}

TEST(Hosts, TlsOfReplacedHostsGoesAndAllOtherTlsStays) {
  Value object = ingress(R"({"rules":[{"host":"a.test"}],"tls":[
      {"hosts":["a.test"],"secretName":"one"},{"hosts":["a.test","c.test"],"secretName":"two"},
      {"hosts":["d.test"],"secretName":"three"},{"secretName":"four"}]})");

  apply_host(object, kOwn, "glbc.test");

  EXPECT_EQ(json::print(object.at("spec", "tls")),
            R"([{"hosts":["c.test"],"secretName":"two"},{"hosts":["d.test"],"secretName":"three"},)"
            R"({"secretName":"four"}])");
}

TEST(Hosts, NobodyCanTakePartInAnotherHostOfTheDomain) {
  Value object = ingress(R"({"rules":[{"host":"VICTIM.glbc.test"},{"host":"*.glbc.test"}],"tls":[
      {"hosts":["victim.glbc.test."],"secretName":"mine"},{"hosts":["*.glbc.test"]},
      {"hosts":["evilglbc.test"],"secretName":"other"},{"hosts":["glbc.test"]}]})");
  object::set_annotation(object, kHost, "victim.glbc.test");

  apply_host(object, kOwn, "glbc.test");

  EXPECT_EQ(object::annotation(object, kHost), kOwn);
  EXPECT_EQ(hosts_of(object), "own.glbc.test own.glbc.test ");
  EXPECT_EQ(json::print(object.at("spec", "tls")),
            R"([{"hosts":["evilglbc.test"],"secretName":"other"}])");
}

TEST(Hosts, AnIngressWithoutRulesKeepsNone) {
  Value object = ingress(R"({"defaultBackend":{}})");

  apply_host(object, kOwn, "glbc.test");

  EXPECT_FALSE(object["spec"].contains("rules"));
}

TEST(Hosts, ApplyingTwiceChangesNothingMore) {
  Value object = ingress(R"({"rules":[{"host":"a.test"}],"tls":[{"hosts":["own.glbc.test"]}]})");
  apply_host(object, kOwn, "glbc.test");
  apply_tls(object, kOwn, "hcg-tls-web");
  Value before = object;

  apply_host(object, kOwn, "glbc.test");
  apply_tls(object, kOwn, "hcg-tls-web");

  EXPECT_EQ(object, before);
  EXPECT_EQ(json::print(object.at("spec", "tls")),
            R"([{"hosts":["own.glbc.test"],"secretName":"hcg-tls-web"}])");
}

TEST(Hosts, ThousandsOfRulesLeaveAShortNote) {
  Value object = ingress(R"({"rules":[]})");
  for (int i = 0; i < 3000; ++i) {
    object.edit("spec", "rules")
        .push_back(Value::object({{"host", "h" + std::to_string(i) + ".test"}}));
  }

  apply_host(object, kOwn, "glbc.test");

  EXPECT_LT(object::annotation(object, kReplacedHosts).size(), 500u);
  EXPECT_TRUE(object::annotation(object, kReplacedHosts).contains("and 2980 more"));
}

TEST(Hosts, TheDomainMustBeOne) {
  EXPECT_NO_THROW(check_domain("glbc.test"));
  for (const char* bad : {"", "test", "*.test", "Glbc.test", "a..b", "glbc.test."}) {
    EXPECT_THROW(check_domain(bad), Error) << bad;
  }
  EXPECT_THROW(check_domain(std::string(60, 'a') + "." + std::string(240, 'b')), Error);
}

TEST(Keys, NamesInTheControlWorkspaceNeverMeet) {
  Owner one{"c", "a-b", "c", "u"}, other{"c", "a", "b-c", "u"};

  EXPECT_NE(one.control_name(), other.control_name());
  EXPECT_EQ(one.control_name(), one.control_name());
  EXPECT_LE(copy_name(std::string(253, 'x')).size(), 253u);
  EXPECT_NE(copy_name(std::string(253, 'x')), copy_name(std::string(252, 'x')));
  EXPECT_EQ(copy_name("web"), "hcg-tls-web");
}

}  // namespace
}  // namespace glbc
