#include "apply/managers.h"

#include <gtest/gtest.h>

#include "json/text.h"

namespace {

using apply::Manager;
using apply::Managers;
using apply::Step;

Manager update(std::string name, std::string time, std::string_view field) {
  Manager manager{std::move(name), false, "v1", "", std::move(time), {}};
  manager.fields.add(Step::field(field), true);
  return manager;
}

std::string names(const Managers& managers) {
  std::string text;
  json::Value printed = managers.print();
  for (const json::Value& entry : printed.elements()) text += entry["manager"].str() + " ";
  return text;
}

TEST(Managers, AreWrittenAppliersFirstThenByTime) {
  Managers managers;
  managers.set(update("late", "2026-01-02T00:00:09Z", "a"));
  managers.set(update("early", "2026-01-02T00:00:01Z", "b"));
  Manager applier = update("applier", "2026-01-03T00:00:00Z", "c");
  applier.applies = true;
  managers.set(applier);
  EXPECT_EQ(names(managers), "applier early late ");
  auto read = Managers::read(managers.print());
  ASSERT_TRUE(read);
  EXPECT_EQ(read->print(), managers.print());
}

TEST(Managers, EntriesOfTheApiAreReadAsTheyAre) {
  std::string_view text =
      R"([{"manager":"a","operation":"Update","apiVersion":"v1","time":"2026-01-02T03:04:05Z",)"
      R"("fieldsType":"FieldsV1","fieldsV1":{"f:status":{"f:x":{}}},"subresource":"status"}])";
  auto managers = Managers::read(*json::parse(text));
  ASSERT_TRUE(managers);
  EXPECT_EQ(json::print(managers->print()), text);
  EXPECT_EQ(managers->all()[0].shown(), R"("a" with subresource "status" using v1)");
}

TEST(Managers, EntriesThatAreNoneMakeTheListUnusable) {
  for (const char* text : {
           R"([{"manager":"a","operation":"Delete","apiVersion":"v1","fieldsType":"FieldsV1"}])",
           R"([{"manager":"a","operation":"Update","apiVersion":"v1","fieldsType":"V2"}])",
           R"([{"manager":"a","operation":"Update","fieldsType":"FieldsV1"}])",
           R"([{"manager":"a","operation":"Update","apiVersion":"v1","fieldsType":"FieldsV1",)"
           R"("fieldsV1":{"k:{":{}}}])",
           R"([{"manager":"a","operation":"Update","apiVersion":"v1","fieldsType":"FieldsV1",)"
           R"("time":"yesterday"}])",
           R"([7])",
       }) {
    EXPECT_FALSE(Managers::read(*json::parse(text))) << text;
  }
  std::vector<json::Value> many(1'001, json::Value::object());
  EXPECT_FALSE(Managers::read(json::Value::array(std::move(many))));
  EXPECT_TRUE(Managers::read({})->empty());
}

TEST(Managers, AnApplierIsTheSameInEveryVersion) {
  Manager one = update("a", "", "x"), other = update("a", "", "x");
  other.api_version = "v2";
  EXPECT_FALSE(one.is(other));
  one.applies = other.applies = true;
  EXPECT_TRUE(one.is(other));
  other.subresource = "status";
  EXPECT_FALSE(one.is(other));
}

TEST(Managers, TheOldestUpdatesBecomeOne) {
  Managers managers;
  for (int i = 0; i < 5; ++i) {
    std::string digit = std::to_string(i);
    managers.set(update("m" + digit, "2026-01-02T00:00:0" + digit + "Z", "f" + digit));
  }
  managers.cap_updates(5);
  EXPECT_EQ(names(managers), "m0 m1 m2 m3 m4 ");
  managers.cap_updates(3);
  EXPECT_EQ(names(managers), "ancient-changes m3 m4 ");
  auto printed = managers.print();
  EXPECT_EQ(json::print(printed[0]["fieldsV1"]), R"({"f:f0":{},"f:f1":{},"f:f2":{}})");
  EXPECT_EQ(printed[0]["time"].str(), "2026-01-02T00:00:02Z");
}

TEST(Managers, OnlyTheSameVersionIsMerged) {
  Managers managers;
  for (int i = 0; i < 3; ++i) {
    Manager manager = update("m" + std::to_string(i), "", "x");
    manager.api_version = "v" + std::to_string(i);
    managers.set(manager);
  }
  managers.cap_updates(1);
  EXPECT_EQ(names(managers), "m0 m1 m2 ");
}

TEST(Managers, TheSameFieldsAgainAreANewTimeOnly) {
  Managers managers;
  managers.set(update("a", "2026-01-02T00:00:01Z", "x"));
  managers.set(update("b", "2026-01-02T00:00:02Z", "y"));
  Manager again = update("b", "2026-01-02T00:00:03Z", "y");
  json::Value held = managers.print();
  json::Value renewed = apply::with_new_time(held, again, again.fields, {});
  EXPECT_EQ(renewed[1]["time"].str(), "2026-01-02T00:00:03Z");
  EXPECT_EQ(renewed[0], held[0]);
  again.time = "";  // entries of a scale have none
  EXPECT_EQ(apply::with_new_time(managers.print(), again, again.fields, {}), json::Value());
  apply::FieldSet other = update("c", "", "x").fields;
  again.time = "2026-01-02T00:00:03Z";
  EXPECT_TRUE(apply::with_new_time(held, again, other, {}).is_null()) << "x is a's";
  EXPECT_TRUE(apply::with_new_time(held, again, again.fields, other).is_null()) << "x was a's";
  again.subresource = "status";
  EXPECT_TRUE(apply::with_new_time(held, again, again.fields, {}).is_null()) << "another manager";
}

TEST(Managers, AWriteThatChangesTimesOnlyIsNone) {
  Managers managers;
  managers.set(update("a", "2026-01-02T00:00:01Z", "x"));
  json::Value before = json::Value::object({{"metadata", json::Value::object()}, {"x", 1}});
  before.edit("metadata").set("managedFields", managers.print());
  managers.set(update("a", "2026-01-02T00:00:02Z", "x"));
  json::Value after = before;
  after.edit("metadata").set("managedFields", managers.print());
  json::Value changed = after;
  changed.set("x", 2);
  apply::keep_times(before, after);
  EXPECT_EQ(after, before);
  json::Value same = changed;
  apply::keep_times(before, changed);
  EXPECT_EQ(changed, same);
}

}  // namespace
