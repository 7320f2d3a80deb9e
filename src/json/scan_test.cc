#include "json/scan.h"

#include <gtest/gtest.h>

#include <string>

namespace json {
namespace {

// "key=value;" for each member of the object in `text`, and "!" if it is malformed.
std::string read(std::string_view text) {
  std::string found;
  Scanner scan(text);
  scan.members([&](std::string_view key) {
    found.append(key).append("=").append(scan.value()).append(";");
  });
  return scan.ok() ? found : found + "!";
}

TEST(Scanner, GivesTheTextOfEachMember) {
  EXPECT_EQ(read(R"( { "a" : {"b":["}","\\"]} , "c":-1.5e3,"d":"x\"y" } )"),
            R"(a={"b":["}","\\"]};c=-1.5e3;d="x\"y";)");
  EXPECT_EQ(read("{}"), "");
}

TEST(Scanner, StopsWhereItIsTold) {
  Scanner scan(R"({"a":1,"b":2})");
  int seen = 0;
  scan.members([&](std::string_view) {
    ++seen;
    return false;
  });
  EXPECT_EQ(seen, 1);
  EXPECT_TRUE(scan.ok());
}

TEST(Scanner, SkipsWhatIsOfAnotherKind) {
  Scanner scan(R"([null,[1,2]])");
  int members = 0, elements = 0;
  scan.elements([&] {
    ++elements;
    scan.members([&](std::string_view) { ++members; });
  });
  EXPECT_EQ(elements, 2);
  EXPECT_EQ(members, 0);
  EXPECT_TRUE(scan.ok());
}

TEST(Scanner, NothingIsReadBeyondTheEnd) {
  for (const char* text : {"", "{", R"({"a)", R"({"a")", R"({"a":)", R"({"a":{)", R"({"a":"\)",
                           R"({"a":1,)", R"({"a":1 "b":2})"}) {
    EXPECT_TRUE(read(text).ends_with("!")) << text;
  }
}

}  // namespace
}  // namespace json
