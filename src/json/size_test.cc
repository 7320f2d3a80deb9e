#include "json/size.h"

#include <gtest/gtest.h>

#include "json/text.h"

namespace {

using json::Value;

TEST(Size, IsAboutThatOfThePrint) {
  Value value = *json::parse(R"({"a":["bc",{"d":"efg"},[]]})");
  EXPECT_TRUE(json::is_within(value, 60));
  EXPECT_FALSE(json::is_within(value, 15));
}

TEST(Size, SharedPartsCountAsOftenAsTheyAreThere) {
  Value value = Value(std::string(1000, 'x'));
  for (int i = 0; i < 60; ++i) value = Value::array({value, value});  // 2^60 KB in print
  EXPECT_FALSE(json::is_within(value, 1'000'000));
}

}  // namespace
