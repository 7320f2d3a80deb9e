#include <gtest/gtest.h>

#include "dnswire/message.h"
#include "dnswire/name.h"

namespace dnswire {
namespace {

Query query_for(std::string_view name, Type type = Type::A) {
  Query query;
  query.id = 7;
  query.recursion_desired = true;
  query.question = Question{*parse_name(name), type, kClassIn};
  return query;
}

TEST(Name, TextAndWireForm) {
  EXPECT_EQ(name_text(*parse_name("WWW.example.org")), "WWW.example.org.");
  EXPECT_EQ(name_text(*parse_name(".")), ".");
  EXPECT_EQ(lower_name(*parse_name("WwW.X")), *parse_name("www.x"));
  for (auto text : {"", "a..b", "a b", ".a", "a/b"}) EXPECT_FALSE(parse_name(text)) << text;
  EXPECT_FALSE(parse_name(std::string(64, 'a')));
  std::string long_name;
  for (int i = 0; i < 50; ++i) long_name += "abcdef.";
  EXPECT_FALSE(parse_name(long_name));
}

TEST(Name, Containment) {
  EXPECT_TRUE(is_within(*parse_name("a.b.org"), *parse_name("b.org")));
  EXPECT_TRUE(is_within(*parse_name("b.org"), *parse_name("b.org")));
  EXPECT_FALSE(is_within(*parse_name("ab.org"), *parse_name("b.org")));
  EXPECT_TRUE(is_within(*parse_name("x"), *parse_name(".")));
}

TEST(Query, RoundTripsWithEdns) {
  Query query = query_for("Host.glbc.test", Type::AAAA);
  query.edns = Edns{1400, 0, false};
  auto parsed = parse_query(print_query(query));
  ASSERT_EQ(parsed.outcome, ParsedQuery::Outcome::Ok);
  EXPECT_EQ(parsed.query.question->name, query.question->name);
  EXPECT_EQ(parsed.query.edns->udp_size, 1400);
}

TEST(Query, MalformedOnesAreToldApart) {
  std::string good = print_query(query_for("a.b"));
  EXPECT_EQ(parse_query(good.substr(0, 11)).outcome, ParsedQuery::Outcome::Drop);
  std::string response = good;
  response[2] = static_cast<char>(0x80);
  EXPECT_EQ(parse_query(response).outcome, ParsedQuery::Outcome::Drop);
  for (std::size_t cut = 12; cut < good.size(); ++cut) {
    EXPECT_EQ(parse_query(good.substr(0, cut)).outcome, ParsedQuery::Outcome::FormErr) << cut;
  }
  std::string looping = good;
  looping.replace(12, 2, "\xC0\x0C");
  EXPECT_EQ(parse_query(looping).outcome, ParsedQuery::Outcome::FormErr);
  std::string many = good;
  many[11] = 100;
  EXPECT_EQ(parse_query(many).outcome, ParsedQuery::Outcome::FormErr);
}

TEST(Response, RepeatedNamesAreCompressedAndOversizeIsTruncated) {
  Query query = query_for("host.glbc.test");
  Response response;
  for (int i = 0; i < 40; ++i) {
    response.answer.push_back(
        {query.question->name, Type::A, 5, *address_rdata("127.0.1." + std::to_string(i))});
  }
  std::string whole = print_response(query, response, 65535);
  EXPECT_EQ(whole.size(), print_query(query).size() + 40 * 16);
  std::string cut = print_response(query, response, 512);
  EXPECT_EQ(cut.size(), print_query(query).size());
  EXPECT_TRUE(cut[2] & 0x02);
}

TEST(Rdata, AddressesByTheirForm) {
  EXPECT_EQ(address_rdata("127.0.0.1")->size(), 4u);
  EXPECT_EQ(address_rdata("::1")->size(), 16u);
  EXPECT_FALSE(address_rdata("host"));
}

}  // namespace
}  // namespace dnswire
