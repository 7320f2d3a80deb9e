#include "json/value.h"

#include <gtest/gtest.h>

#include "json/text.h"

namespace {

using json::Value;

std::string reprint(std::string_view text) {
  auto value = json::parse(text);
  return value ? json::print(*value) : "error: " + value.error().message();
}

TEST(Value, CopiesShareUntilOneChanges) {
  Value a = Value::object({{"spec", Value::object({{"size", 1}})}});
  Value b = a;

  b.edit("spec", "size") = 2;

  EXPECT_EQ(a.at("spec", "size").as_int(), 1);
  EXPECT_EQ(b.at("spec", "size").as_int(), 2);
}

TEST(Value, ReadingWhatIsMissingGivesNeutralValues) {
  Value a = Value::object({{"name", "x"}});
  EXPECT_EQ(a.at("spec", "deep", "er").as_string(), "");
  EXPECT_EQ(a["name"].as_int(7), 7);
  EXPECT_TRUE(a["list"].elements().empty());
  EXPECT_TRUE(a["list"][3].is_null());
}

TEST(Value, LargeObjectsFindAndKeepOrder) {
  Value a = Value::object();
  for (int i = 0; i < 1000; ++i) a.set("key" + std::to_string(i), i);
  EXPECT_EQ(a["key777"].as_int(), 777);
  EXPECT_TRUE(a.erase("key0"));
  EXPECT_FALSE(a.contains("key0"));
  EXPECT_EQ(a["key777"].as_int(), 777);
  EXPECT_EQ(a.members()[0].key, "key1");
}

TEST(Value, AssigningAPartOfItselfIsSafe) {
  Value a = Value::object({{"inner", Value::object({{"x", 1}})}});
  a = a["inner"];
  EXPECT_EQ(a["x"].as_int(), 1);
}

TEST(Parse, RoundTripsAsGoWritesIt) {
  for (auto text :
       {"null", "true", "[]", "{}", "-1", "9223372036854775807", "18446744073709551615", "0.1",
        "1e-7", "1e+21", "\"a\\\"\\\\\\n\"", "[1,[2,{\"a\":[]}]]", "\"\xc3\xa9\""}) {
    EXPECT_EQ(reprint(text), text);
  }
  EXPECT_EQ(reprint("1.0"), "1");
  EXPECT_EQ(reprint("1.5E3"), "1500");
  EXPECT_EQ(reprint(" { \"a\" : 1 } "), "{\"a\":1}");
  EXPECT_EQ(reprint("\"\\ud83d\\ude00\""), "\"\xF0\x9F\x98\x80\"");
}

TEST(Parse, InvalidUtf8BecomesTheReplacementCharacter) {
  EXPECT_EQ(reprint("\"\\ud800\""), "\"\xEF\xBF\xBD\"");
  EXPECT_EQ(reprint("\"a\xff\""), "\"a\xEF\xBF\xBD\"");
}

TEST(Parse, MalformedTextIsRefusedWithItsPlace) {
  for (auto text : {"", "{", "[1,]", "{\"a\":1,}", "01", "1.", "-", "1e", "tru", "\"\n\"",
                    "\"\\x\"", "\"\\u12\"", "1 2", "{a:1}", "[1 2]", "nul", "\"abc", "1e400"}) {
    auto value = json::parse(text);
    ASSERT_FALSE(value) << text;
    EXPECT_EQ(value.error().reason(), Reason::BadRequest);
  }
  EXPECT_EQ(json::parse("[1,]").error().message(), "invalid JSON at byte 3: expected a value");
}

TEST(Parse, DepthIsBounded) {
  std::string deep(100'000, '[');
  EXPECT_FALSE(json::parse(deep));
  std::string fine = std::string(1000, '[') + std::string(1000, ']');
  EXPECT_TRUE(json::parse(fine));
}

TEST(Parse, ReportsDuplicateKeysWithTheirPath) {
  std::vector<std::string> duplicates;
  auto value = json::parse(R"({"a":{"b":1,"b":2},"a":3})", {.duplicates = &duplicates});
  ASSERT_TRUE(value);
  EXPECT_EQ(duplicates, (std::vector<std::string>{"a.b", "a"}));
  EXPECT_EQ(json::print(*value), "{\"a\":3}");
}

TEST(Value, EqualityIgnoresMemberOrderAndNumberForm) {
  EXPECT_EQ(*json::parse(R"({"a":1,"b":2.0})"), *json::parse(R"({"b":2,"a":1})"));
  EXPECT_NE(*json::parse("[1,2]"), *json::parse("[2,1]"));
}

}  // namespace
