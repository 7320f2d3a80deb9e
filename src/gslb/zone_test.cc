#include "gslb/zone.h"

#include <gtest/gtest.h>

#include "dnswire/name.h"

namespace gslb {
namespace {

using dnswire::Rcode;
using dnswire::Type;

Zones make_zones(std::vector<HostRecord> hosts) {
  ZoneOptions options{"glbc.test", {"ns1.glbc.test"}, {"127.0.0.1"}, 60, 5};
  auto zone = Zone::make(options, 3, hosts);
  EXPECT_TRUE(zone);
  return Zones({*zone});
}

dnswire::ParsedQuery ask(std::string_view name, Type type = Type::A) {
  dnswire::ParsedQuery parsed;
  parsed.outcome = dnswire::ParsedQuery::Outcome::Ok;
  parsed.query.question = dnswire::Question{*dnswire::parse_name(name), type, dnswire::kClassIn};
  return parsed;
}

TEST(Zones, AllHealthyAddressesAreAnsweredInTurn) {
  auto zones = make_zones(
      {{"abc.glbc.test", 5, {{"127.0.1.1", true}, {"127.0.2.1", true}, {"127.0.3.1", false}}}});
  auto first = zones.answer(ask("ABC.glbc.test"), 0),
       second = zones.answer(ask("abc.glbc.test"), 1);
  ASSERT_EQ(first.answer.size(), 2u);
  EXPECT_EQ(first.answer[0].ttl, 5u);
  EXPECT_TRUE(first.authoritative);
  EXPECT_EQ(first.answer[0].rdata, second.answer[1].rdata);
  EXPECT_EQ(first.answer[0].name, *dnswire::parse_name("ABC.glbc.test"));
}

TEST(Zones, WithNoHealthyTargetAllAreAnswered) {
  auto zones = make_zones({{"abc.glbc.test", 5, {{"127.0.1.1", false}, {"127.0.2.1", false}}}});
  EXPECT_EQ(zones.answer(ask("abc.glbc.test"), 0).answer.size(), 2u);
}

TEST(Zones, EachKindOfAddressFailsOpenByItself) {
  auto zones = make_zones({{"abc.glbc.test", 5, {{"127.0.1.1", false}, {"::1", true}}}});
  EXPECT_EQ(zones.answer(ask("abc.glbc.test"), 0).answer.size(), 1u);
  EXPECT_EQ(zones.answer(ask("abc.glbc.test", Type::AAAA), 0).answer.size(), 1u);
}

TEST(Zones, AHostWithoutAddressesExists) {
  auto zones = make_zones({{"abc.glbc.test", 5, {}}});
  auto answer = zones.answer(ask("abc.glbc.test"), 0);
  EXPECT_EQ(answer.rcode, Rcode::NoError);
  EXPECT_TRUE(answer.answer.empty());
  EXPECT_EQ(answer.authority.size(), 1u);
}

TEST(Zones, NegativeAnswersCarryTheSoa) {
  auto zones = make_zones({{"a.b.glbc.test", 5, {{"127.0.1.1", true}}}});
  auto missing = zones.answer(ask("x.glbc.test"), 0);
  EXPECT_EQ(missing.rcode, Rcode::NxDomain);
  EXPECT_EQ(missing.authority.at(0).type, Type::SOA);
  EXPECT_EQ(missing.authority[0].ttl, 5u);
  auto other_type = zones.answer(ask("a.b.glbc.test", Type::AAAA), 0);
  EXPECT_EQ(other_type.rcode, Rcode::NoError);
  EXPECT_EQ(other_type.authority.size(), 1u);
  EXPECT_EQ(zones.answer(ask("b.glbc.test"), 0).rcode, Rcode::NoError);
  EXPECT_EQ(zones.answer(ask("example.org"), 0).rcode, Rcode::Refused);
}

TEST(Zones, TheApexHasSoaAndNameServers) {
  auto zones = make_zones({});
  EXPECT_EQ(zones.answer(ask("glbc.test", Type::SOA), 0).answer.size(), 1u);
  EXPECT_EQ(zones.answer(ask("glbc.test", Type::NS), 0).answer.size(), 1u);
  EXPECT_EQ(zones.answer(ask("ns1.glbc.test"), 0).answer.size(), 1u);
  EXPECT_EQ(zones.answer(ask("glbc.test", Type::ANY), 0).answer.size(), 1u);
}

TEST(Zones, UnusualQueriesGetTheirCodes) {
  auto zones = make_zones({});
  auto query = ask("glbc.test");
  query.query.opcode = 4;
  EXPECT_EQ(zones.answer(query, 0).rcode, Rcode::NotImp);
  query = ask("glbc.test");
  query.query.edns = dnswire::Edns{1232, 1, false};
  EXPECT_EQ(zones.answer(query, 0).rcode, Rcode::BadVers);
  query.outcome = dnswire::ParsedQuery::Outcome::FormErr;
  EXPECT_EQ(zones.answer(query, 0).rcode, Rcode::FormErr);
}

TEST(Zone, MalformedRecordsAreRefused) {
  ZoneOptions options{"glbc.test", {}, {}, 60, 5};
  EXPECT_FALSE(Zone::make(options, 1, {{"a.other.test", 5, {}}}));
  EXPECT_FALSE(Zone::make(options, 1, {{"a.glbc.test", 5, {{"nonsense", true}}}}));
}

}  // namespace
}  // namespace gslb
