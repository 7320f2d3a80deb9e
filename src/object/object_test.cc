#include "object/object.h"

#include <gtest/gtest.h>

#include "json/text.h"
#include "object/header.h"
#include "object/names.h"
#include "object/selector.h"

namespace {

using object::LabelSelector;

TEST(Header, IsReadFromTextWithoutATree) {
  auto header = object::read_header(
      R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","namespace":"n","uid":"u",)"
      R"("labels":{"b":"2","a":"1"},"ownerReferences":[{"kind":"X","uid":"o"}],)"
      R"("annotations":{"x":"{\"metadata\":[}"}},"data":{"metadata":"no"}})");
  ASSERT_TRUE(header);
  EXPECT_EQ(header->name, "a");
  EXPECT_EQ(header->ns, "n");
  EXPECT_EQ(header->uid, "u");
  EXPECT_EQ(header->labels, (std::vector<object::LabelsView::Label>{{"a", "1"}, {"b", "2"}}));
  EXPECT_EQ(header->owner_uids, std::vector<std::string_view>{"o"});
  EXPECT_FALSE(header->deleting);
  EXPECT_FALSE(header->has_finalizers);
}

TEST(Header, TellsWhetherThereAreFinalizers) {
  auto with = object::read_header(
      R"({"apiVersion":"v1","kind":"A","metadata":{"name":"a","finalizers":["x/y"],"uid":"u"}})");
  auto without = object::read_header(
      R"({"apiVersion":"v1","kind":"A","metadata":{"name":"a","finalizers":[],"uid":"u"}})");
  ASSERT_TRUE(with && without);
  EXPECT_TRUE(with->has_finalizers);
  EXPECT_EQ(with->uid, "u");
  EXPECT_FALSE(without->has_finalizers);
}

TEST(Header, ResourceVersionIsSplicedIntoMetadata) {
  for (std::string text : {R"({"kind":"A","apiVersion":"v1","metadata":{"name":"a"}})",
                           R"({"kind":"A","apiVersion":"v1","metadata":{}})"}) {
    auto header = object::read_header(text);
    ASSERT_TRUE(header);
    std::string spliced = text;
    spliced.insert(header->metadata_offset,
                   object::resource_version_text(text, header->metadata_offset, 42));
    auto value = json::parse(spliced);
    ASSERT_TRUE(value);
    EXPECT_EQ(object::resource_version(*value), "42");
    EXPECT_EQ(object::name(*value), header->name);
  }
}

TEST(Header, MalformedTextIsAnError) {
  for (auto text : {"", "{", "[]", "{}", R"({"metadata":null})", R"({"metadata":{"name":"a)",
                    R"({"metadata":{"labels":{"a")", "{\"a\\"}) {
    EXPECT_FALSE(object::read_header(text)) << text;
  }
}

TEST(LabelSelector, MatchesAsKubernetesDoes) {
  object::Labels labels{{"app", "web"}, {"tier", "2"}};
  struct Row {
    const char* text;
    bool matches;
  };
  for (auto [text, matches] : std::initializer_list<Row>{{"", true},
                                                         {"app=web", true},
                                                         {"app==web,tier", true},
                                                         {"app!=web", false},
                                                         {"gone!=x", true},
                                                         {"!gone", true},
                                                         {"!app", false},
                                                         {"app in (a, web)", true},
                                                         {"app notin (web)", false},
                                                         {"tier>1", true},
                                                         {"tier<2", false},
                                                         {"app in ()", false},
                                                         {"x=", false}}) {
    auto selector = LabelSelector::parse(text);
    ASSERT_TRUE(selector) << text;
    EXPECT_EQ(selector->matches(labels), matches) << text;
    EXPECT_EQ(LabelSelector::parse(selector->text())->matches(labels), matches) << text;
  }
}

TEST(LabelSelector, MalformedTextIsRefused) {
  for (auto text :
       {"a in b", "a=b,", ",", "a in (b", "=x", "a b", "a=!x", "-a", "a>b", "!", "a==b c"}) {
    EXPECT_FALSE(LabelSelector::parse(text)) << text;
  }
}

TEST(LabelSelector, ANullObjectMatchesNothingAndAnEmptyOneEverything) {
  EXPECT_FALSE(LabelSelector::from_object({})->matches(object::Labels()));
  EXPECT_TRUE(LabelSelector::from_object(json::Value::object())->matches(object::Labels()));
}

TEST(FieldSelector, ComparesFields) {
  auto selector = object::FieldSelector::parse("metadata.name=a,spec.x!=b");
  ASSERT_TRUE(selector);
  auto value_of = [](std::string_view field) {
    return std::string(field == "metadata.name" ? "a" : "c");
  };
  EXPECT_TRUE(selector->matches(value_of));
  EXPECT_FALSE(object::FieldSelector::parse("a"));
}

TEST(Names, FollowKubernetesRules) {
  EXPECT_TRUE(object::check_dns1123_label("a-1").empty());
  EXPECT_EQ(object::check_dns1123_label("a.b").front(), "must not contain dots");
  EXPECT_FALSE(object::check_dns1123_subdomain("A").empty());
  EXPECT_FALSE(object::check_dns1123_subdomain("a..b").empty());
  EXPECT_TRUE(object::check_qualified_name("example.org/My_name").empty());
  EXPECT_FALSE(object::check_qualified_name("/x").empty());
  EXPECT_FALSE(object::check_qualified_name("a/b/c").empty());
  EXPECT_FALSE(object::check_label_value("-a").empty());
  EXPECT_EQ(object::check_path_segment("a/b").front(), "may not contain '/'");
}

TEST(Metadata, UpdateKeepsIdentityAndRefusesNewFinalizersWhileDeleting) {
  auto before =
      *json::parse(R"({"name":"a","uid":"1","deletionTimestamp":"x","finalizers":["a/b"]})");
  auto after = before;
  after.edit("finalizers").push_back("c/d");
  auto causes = object::check_metadata_update(before, after);
  ASSERT_EQ(causes.size(), 1u);
  EXPECT_EQ(causes[0].message,
            "Forbidden: no new finalizers can be added if the object is being deleted, found new "
            "finalizers []string{\"c/d\"}");
  after = before;
  after.set("uid", "2");
  EXPECT_EQ(object::check_metadata_update(before, after).front().message,
            "Invalid value: \"2\": field is immutable");
}

TEST(Condition, TransitionTimeMovesOnlyWithTheStatus) {
  TimePoint t0{std::chrono::seconds(1000)};
  json::Value value = object::make("v1", "X", "a");
  EXPECT_TRUE(object::set_condition(value, {"Ready", "True", "Ok", ""}, t0));
  EXPECT_FALSE(object::set_condition(value, {"Ready", "True", "Ok", ""}, t0 + 1h));
  EXPECT_TRUE(object::set_condition(value, {"Ready", "True", "Other", ""}, t0 + 1h));
  EXPECT_EQ(value.at("status", "conditions")[0]["lastTransitionTime"].as_string(), format_time(t0));
}

TEST(Quantity, CanonicalForms) {
  struct Row {
    const char* text;
    const char* canonical;
  };
  for (auto [text, canonical] : std::initializer_list<Row>{{"100m", "100m"},
                                                           {"1000m", "1"},
                                                           {"0.5", "500m"},
                                                           {"1024Mi", "1Gi"},
                                                           {"1500Mi", "1500Mi"},
                                                           {"1e3", "1e3"},
                                                           {"12", "12"},
                                                           {"1.5Gi", "1536Mi"},
                                                           {"-2k", "-2k"},
                                                           {"0", "0"},
                                                           {"2000", "2k"}}) {
    auto quantity = object::parse_quantity(text);
    ASSERT_TRUE(quantity) << text;
    EXPECT_EQ(quantity->text, canonical) << text;
  }
  for (auto text : {"", "m", "1.2.3", "1x", "1 ", "--1", "1e99", "."}) {
    EXPECT_FALSE(object::parse_quantity(text)) << text;
  }
}

}  // namespace
