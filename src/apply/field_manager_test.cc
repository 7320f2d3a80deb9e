#include "apply/field_manager.h"

#include <gtest/gtest.h>

#include "apply/testing.h"
#include "base/strings.h"

namespace {

using apply::FieldManager;
using apply::machine;
using json::Value;

const Value kEmpty = Value::object({{"apiVersion", "x.org/v1"}, {"kind", "Machine"}});

// One object, written by several managers.
class Object : public testing::Test {
 protected:
  apply::Write write(std::string manager, std::string subresource = "") const {
    return {std::move(manager),
            "x.org/v1",
            kEmpty,
            std::move(subresource),
            "2026-01-02T03:04:" + std::to_string(10 + writes_) + "Z",
            ignored_,
            false,
            true};
  }
  FieldManager by(std::string manager, std::string subresource = "") {
    ++writes_;
    auto find = [this](std::string_view version) -> std::shared_ptr<const schema::Node> {
      return version == "x.org/v1" ? schema_->root() : nullptr;
    };
    return {find, write(std::move(manager), std::move(subresource))};
  }

  // "" or the error.
  std::string apply(std::string manager, std::string_view spec, bool force = false) {
    return apply_object(std::move(manager), machine(spec), force);
  }
  std::string apply_object(std::string manager, const Value& config, bool force = false) {
    auto result = by(std::move(manager)).apply(object_, config, force);
    if (!result) {
      error_ = result.error();
      return result.error().message();
    }
    object_ = *result;
    return "";
  }
  void update(std::string manager, std::string_view spec) {
    Value wanted = machine(spec);
    if (!object_.is_null()) wanted.set("metadata", object_["metadata"]);
    by(std::move(manager)).track(object_, wanted);
    object_ = wanted;
  }

  std::string spec() const { return json::print(object_["spec"]); }
  // What a manager owns of spec; "-" if it is none.
  std::string owned(std::string_view manager) const {
    for (const Value& entry : object_.at("metadata", "managedFields").elements()) {
      if (entry["manager"].as_string() != manager) continue;
      return json::print(entry["fieldsV1"]["f:spec"]);
    }
    return "-";
  }
  std::string managers() const {
    std::vector<std::string> names;
    for (const Value& entry : object_.at("metadata", "managedFields").elements()) {
      names.push_back(entry["manager"].str() + ":" + entry["operation"].str());
    }
    return join(names, " ");
  }

  schema::SchemaPtr schema_ = apply::machine_schema();
  apply::FieldSet ignored_;
  Value object_;
  std::optional<Error> error_;
  int writes_ = 0;
};

TEST_F(Object, WhoeverMakesItOwnsIt) {
  update("kubectl-create", R"({"size":1,"labels":{"a":"x"}})");
  EXPECT_EQ(managers(), "kubectl-create:Update");
  EXPECT_EQ(owned("kubectl-create"), R"({".":{},"f:labels":{".":{},"f:a":{}},"f:size":{}})");
  EXPECT_FALSE(object_.at("metadata", "managedFields")[0]["fieldsV1"].contains("f:metadata"));
}

TEST_F(Object, AnUpdateTakesWhatItChanges) {
  apply("alice", R"({"size":1,"name":"a"})");
  update("bob", R"({"size":2,"name":"a","port":80})");
  EXPECT_EQ(owned("alice"), R"({"f:name":{}})");
  EXPECT_EQ(owned("bob"), R"({"f:port":{},"f:size":{}})");
  update("bob", R"({"size":2,"name":"a"})");
  EXPECT_EQ(owned("bob"), R"({"f:size":{}})");
  update("carol", R"({})");
  EXPECT_EQ(managers(), "");
}

TEST_F(Object, AnUpdateThatChangesNothingLeavesNoTrace) {
  apply("alice", R"({"size":1})");
  Value before = object_;
  update("bob", R"({"size":1})");
  EXPECT_EQ(object_, before);
}

TEST_F(Object, TheOrderOfASetIsNobodys) {
  apply("alice", R"({"tags":["a","b"]})");
  update("bob", R"({"tags":["a","b"],"size":1})");
  Value before = object_;
  update("bob", R"({"tags":["b","a"],"size":1})");
  EXPECT_EQ(spec(), R"({"tags":["b","a"],"size":1})");
  EXPECT_EQ(object_["metadata"], before["metadata"]);
}

TEST_F(Object, ApplyingOwnsTheConfigAndLeavesTheRest) {
  EXPECT_EQ(apply("alice", R"({"size":1,"tags":["a"]})"), "");
  EXPECT_EQ(apply("bob", R"({"name":"b","tags":["b"]})"), "");
  EXPECT_EQ(spec(), R"({"size":1,"tags":["a","b"],"name":"b"})");
  EXPECT_EQ(owned("alice"), R"({"f:size":{},"f:tags":{"v:\"a\"":{}}})");
  EXPECT_EQ(owned("bob"), R"({"f:name":{},"f:tags":{"v:\"b\"":{}}})");
}

TEST_F(Object, WhatAConfigDropsGoesUnlessSomebodyOwnsIt) {
  apply("alice", R"({"size":1,"name":"a","parts":[{"name":"w","weight":1},{"name":"v"}]})");
  apply("bob", R"({"name":"a","parts":[{"name":"w","color":"red"}]})");
  EXPECT_EQ(apply("alice", R"({"size":1})"), "");
  EXPECT_EQ(spec(), R"({"size":1,"name":"a","parts":[{"name":"w","color":"red"}]})");
  EXPECT_EQ(apply("bob", R"({})"), "");
  EXPECT_EQ(spec(), R"({"size":1})");
  EXPECT_EQ(managers(), "alice:Apply bob:Apply");
}

TEST_F(Object, WhatAnEmptyObjectHasIsNobodys) {
  Value empty = kEmpty, made = machine(R"({"size":1,"nested":{"a":"x"},"tags":["a"]})");
  empty.set("spec", *json::parse(R"({"nested":{},"tags":null})"));
  apply::Write write = this->write("maker");
  write.empty = empty;
  FieldManager([this](std::string_view) { return schema_->root(); }, write).track({}, made);
  EXPECT_EQ(json::print(made.at("metadata", "managedFields")[0]["fieldsV1"]["f:spec"]),
            R"({"f:nested":{"f:a":{}},"f:size":{},"f:tags":{"v:\"a\"":{}}})");
}

TEST_F(Object, AnApplyThatChangesNothingKeepsItsTime) {
  apply("alice", R"({"size":1})");
  Value before = object_;
  EXPECT_EQ(apply("alice", R"({"size":1})"), "");
  EXPECT_EQ(object_, before);
  EXPECT_EQ(apply("bob", R"({"size":1})"), "");
  EXPECT_EQ(object_.at("metadata", "managedFields")[0]["manager"].str(), "bob");
  EXPECT_FALSE(object_.at("metadata", "managedFields")[0].contains("time"));
}

TEST_F(Object, ConflictsNameEachManagerAndField) {
  apply("alice", R"({"size":1,"name":"a"})");
  EXPECT_EQ(apply("bob", R"({"size":2})"),
            R"(Apply failed with 1 conflict: conflict with "alice": .spec.size)");
  EXPECT_EQ(error_->reason(), Reason::Conflict);
  ASSERT_EQ(error_->causes().size(), 1u);
  EXPECT_EQ(error_->causes()[0].type, "FieldManagerConflict");
  EXPECT_EQ(error_->causes()[0].field, ".spec.size");
  EXPECT_EQ(error_->causes()[0].message, R"(conflict with "alice")");
  update("carol", R"({"size":3,"name":"a"})");
  EXPECT_EQ(apply("bob", R"({"size":2,"name":"b"})"),
            "Apply failed with 2 conflicts: conflicts with \"alice\":\n- .spec.name\n"
            "conflicts with \"carol\" using x.org/v1:\n- .spec.size");
  EXPECT_EQ(spec(), R"({"size":3,"name":"a"})");
}

TEST_F(Object, ForceTakesAndTheSameValueIsShared) {
  apply("alice", R"({"size":1,"name":"a"})");
  EXPECT_EQ(apply("bob", R"({"size":1})"), "");
  EXPECT_EQ(owned("alice"), owned("alice"));
  EXPECT_EQ(owned("bob"), R"({"f:size":{}})");
  EXPECT_EQ(apply("bob", R"({"size":2})", true), "");
  EXPECT_EQ(owned("alice"), R"({"f:name":{}})");
  EXPECT_EQ(apply("alice", R"({"name":"a"})"), "");
  EXPECT_EQ(spec(), R"({"size":2,"name":"a"})");
}

TEST_F(Object, WhatWasThereBeforeTheFirstApplyHasAnOwner) {
  object_ = machine(R"({"size":1,"name":"a"})");
  update("bob", R"({"size":2,"name":"a"})");
  EXPECT_EQ(managers(), "");
  EXPECT_EQ(apply("alice", R"({"size":3})"),
            "Apply failed with 1 conflict: conflict with \"before-first-apply\" using x.org/v1: "
            ".spec.size");
  EXPECT_EQ(apply("alice", R"({"size":2})"), "");
  EXPECT_EQ(managers(), "alice:Apply before-first-apply:Update");
}

TEST_F(Object, ManagersCanBeForgotten) {
  apply("alice", R"({"size":1})");
  Value wanted = object_;
  wanted.edit("metadata").set("managedFields", *json::parse("[{}]"));
  Value through_status = wanted;
  by("bob").track(object_, wanted);
  EXPECT_FALSE(wanted["metadata"].contains("managedFields"));
  by("bob", "status").track(object_, through_status);
  EXPECT_EQ(through_status, object_);
  for (const char* useless : {"null", "[]", R"([{"manager":"x"}])"}) {
    wanted = object_;
    wanted.edit("metadata").set("managedFields", *json::parse(useless));
    by("bob").track(object_, wanted);
    EXPECT_EQ(wanted, object_) << useless;
  }
}

TEST_F(Object, WhatAWriteCannotChangeItDoesNotOwn) {
  ignored_.add(apply::Step::field("status"), true);
  Value config = machine(R"({"size":1})");
  config.edit("status").set("phase", "x");
  EXPECT_EQ(apply_object("alice", config), "");
  EXPECT_FALSE(object_.at("metadata", "managedFields")[0]["fieldsV1"].contains("f:status"));
}

TEST_F(Object, MovesFromClientSideApplyToServerSideApply) {
  Value live = machine(R"({"size":1,"name":"a"})");
  live.edit("metadata", "annotations")
      .set("kubectl.kubernetes.io/last-applied-configuration",
           json::print(machine(R"({"size":1})")) + "\n");
  by("kubectl-client-side-apply").track({}, live);
  object_ = live;
  EXPECT_NE(apply("alice", R"({"size":2})"), "") << "only kubectl may";
  EXPECT_EQ(apply("kubectl", R"({"size":2})"), "");
  EXPECT_EQ(owned("kubectl"), R"({"f:size":{}})");
  EXPECT_EQ(
      object_.at("metadata", "annotations", "kubectl.kubernetes.io/last-applied-configuration")
          .str(),
      json::print(machine(R"({"size":2})")) + "\n");
  EXPECT_NE(apply("kubectl", R"({"size":2,"name":"b"})"), "") << "the name was never applied";
}

TEST_F(Object, ManagersOfAVersionThatIsGoneAreDropped) {
  apply("alice", R"({"size":1})");
  Value& entry = object_.edit("metadata", "managedFields").edit_element(0);
  entry.set("apiVersion", "x.org/v0");
  EXPECT_EQ(apply("bob", R"({"size":2})"), "");
  EXPECT_EQ(managers(), "bob:Apply");
}

TEST_F(Object, ConfigsThatCannotBeAppliedAreRefused) {
  Value config = machine("{}");
  config.set("apiVersion", "x.org/v0");
  EXPECT_EQ(apply_object("alice", config),
            "Incorrect version specified in apply patch. Specified patch version: x.org/v0, "
            "expected: x.org/v1");
  config = machine("{}");
  config.edit("metadata").set("managedFields", Value::array());
  EXPECT_EQ(apply_object("alice", config), "metadata.managedFields must be nil");
  EXPECT_EQ(apply("alice", R"({"sizes":1})"),
            "failed to create typed patch object (/m; x.org/v1, Kind=Machine): .spec.sizes: field "
            "not declared in schema");
}

TEST_F(Object, WhatIsTooMuchToTellHasNoOwners) {
  std::vector<Value> many;
  for (int i = 0; i < 100'000; ++i) many.push_back(i);
  Value config = machine("{}");
  config.edit("spec", "free").set("list", Value::array(std::move(many)));
  EXPECT_TRUE(apply_object("alice", config).starts_with("the object has more than 100000 values"));
  EXPECT_EQ(error_->reason(), Reason::RequestEntityTooLarge);
  by("alice").track({}, config);
  EXPECT_FALSE(config["metadata"].contains("managedFields"));
}

// A path of half a megabyte, and thousands of fields at its end.
TEST_F(Object, WhatIsSaidOfLongPathsIsBounded) {
  Value leaves = Value::object();
  for (int i = 0; i < 5'000; ++i) leaves.set(std::to_string(i), 1);
  auto nested = [](Value value) {
    for (int i = 0; i < 500; ++i) value = Value::object({{std::string(1'000, 'x'), value}});
    return value;
  };
  Value config = machine("{}");
  config.edit("spec").set("free", nested(leaves));
  EXPECT_EQ(apply_object("alice", config), "");
  for (json::Member& leaf : leaves.edit_members()) leaf.value = 2;
  config.edit("spec").set("free", nested(leaves));
  std::string message = apply_object("bob", config);
  EXPECT_TRUE(message.starts_with("Apply failed with 5000 conflicts")) << message.size();
  EXPECT_LT(message.size(), 200'000u);
  config.edit("spec").set("tags", nested(leaves));
  config.edit("spec").set("nested", nested(leaves));
  EXPECT_LT(apply_object("bob", config).size(), 10'000u);
}

TEST_F(Object, ManagedFieldsAreBounded) {
  std::string letters(1'000, 'x');
  Value config = machine("{}");
  for (int i = 0; i < 600; ++i) config.edit("spec", "labels").set(letters + std::to_string(i), "");
  EXPECT_EQ(apply_object("alice", config), "");
  EXPECT_TRUE(apply_object("bob", config).starts_with("metadata.managedFields would be over 1024"));
  EXPECT_EQ(managers(), "alice:Apply");
  for (int i = 0; i < 600; ++i) config.edit("spec", "labels").set(std::to_string(i) + letters, "");
  config.edit("metadata").set("managedFields", object_["metadata"]["managedFields"]);
  by("carol").track(object_, config);
  EXPECT_FALSE(config["metadata"].contains("managedFields"));
}

TEST_F(Object, AtMostTenUpdatersAreKept) {
  Value spec = Value::object();
  for (int i = 0; i < 15; ++i) {
    spec.edit("labels").set("l" + std::to_string(i), "x");
    update("m" + std::to_string(i), json::print(spec));
  }
  EXPECT_EQ(object_.at("metadata", "managedFields").size(), 10u);
  EXPECT_TRUE(managers().starts_with("ancient-changes:Update m6:Update ")) << managers();
}

}  // namespace
