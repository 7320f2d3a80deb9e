#include "cmd/plugin/options.h"

#include <gtest/gtest.h>

#include "json/text.h"

namespace plugin {
namespace {

struct Line {
  std::string name, output;
  std::vector<std::string> exports{"root:compute:kubernetes"}, selectors{""};
  bool all = false;

  // "" or what is wrong.
  std::string parse(const std::vector<std::string>& arguments) {
    Options options("x NAME", "About.", "x east");
    options.positional("the name", &name);
    options.add("output-file", 'o', &output, "where to");
    options.add_list("apiexports", &exports, Options::Commas::Separate, "what");
    options.add_list("location-selectors", &selectors, Options::Commas::Belong, "which");
    options.add_switch("all", &all, "everything");
    try {
      return options.parse(arguments) ? "" : "help";
    } catch (const Error& error) {
      return error.message();
    }
  }
};

TEST(Options, FlagsComeInAllForms) {
  Line line;
  EXPECT_EQ(line.parse({"-o", "-", "east", "--apiexports=a:b,c:d", "--apiexports", "e:f", "--all",
                        "--location-selectors", "a=b,c", "--location-selectors=d"}),
            "");
  EXPECT_EQ(line.name, "east");
  EXPECT_EQ(line.output, "-");
  EXPECT_EQ(line.exports, (std::vector<std::string>{"a:b", "c:d", "e:f"}));
  EXPECT_EQ(line.selectors, (std::vector<std::string>{"a=b,c", "d"}));
  EXPECT_TRUE(line.all);
}

TEST(Options, AnEmptyListReplacesTheDefault) {
  Line line;
  EXPECT_EQ(line.parse({"east", "--apiexports="}), "");
  EXPECT_TRUE(line.exports.empty());
}

TEST(Options, WhatIsWrongIsNamed) {
  EXPECT_EQ(Line().parse({}), "the name is missing; see --help");
  EXPECT_EQ(Line().parse({"a", "b"}), "unexpected argument b; see --help");
  EXPECT_EQ(Line().parse({"a", "--nonsense=1"}), "unknown flag --nonsense; see --help");
  EXPECT_EQ(Line().parse({"a", "-x"}), "unknown flag -x; see --help");
  EXPECT_EQ(Line().parse({"a", "-o"}), "flag -o needs a value; see --help");
  EXPECT_EQ(Line().parse({"--help"}), "help");
}

TEST(ParseDuration, ReadsWhatGoWrites) {
  EXPECT_EQ(*parse_duration("timeout", "1m30s"), 90s);
  EXPECT_EQ(*parse_duration("timeout", "500ms"), 500ms);
  for (const char* bad : {"", "5", "s", "5 s", "-5s", "5x", "99999999999999999999s"}) {
    EXPECT_FALSE(parse_duration("timeout", bad)) << bad;
  }
}

TEST(ParseExportName, TakesTheLastColon) {
  auto name = parse_export_name("root:compute:kubernetes");
  ASSERT_TRUE(name);
  EXPECT_EQ(name->path, "root:compute");
  EXPECT_EQ(name->name, "kubernetes");
  for (const char* bad :
       {"", "kubernetes", ":kubernetes", "root:", "root::x", "ROOT:x", "root:X"}) {
    EXPECT_FALSE(parse_export_name(bad)) << bad;
  }
}

TEST(ParseGroupResource, CoreIsTheEmptyGroup) {
  EXPECT_EQ(*parse_group_resource("secrets"), (object::GroupResource{"", "secrets"}));
  EXPECT_EQ(*parse_group_resource("secrets.core"), (object::GroupResource{"", "secrets"}));
  EXPECT_EQ(*parse_group_resource("ingresses.networking.k8s.io"),
            (object::GroupResource{"networking.k8s.io", "ingresses"}));
  for (const char* bad : {"", ".apps", "Deployments.apps", "a.b/c"}) {
    EXPECT_FALSE(parse_group_resource(bad)) << bad;
  }
}

std::string selector(std::string_view text) {
  auto object = selector_object(text);
  return object ? json::print(*object) : "refused";
}

TEST(SelectorObject, SaysWhatTheTextSays) {
  EXPECT_EQ(selector(""), "{}");
  EXPECT_EQ(selector("a=b"), R"({"matchLabels":{"a":"b"}})");
  EXPECT_EQ(selector("a in (c,b),!d"),
            R"({"matchExpressions":[{"key":"a","operator":"In","values":["b","c"]},)"
            R"({"key":"d","operator":"DoesNotExist"}]})");
  EXPECT_EQ(selector("a!=b"),
            R"({"matchExpressions":[{"key":"a","operator":"NotIn","values":["b"]}]})");
  EXPECT_EQ(selector("a=b,a=c"), R"({"matchLabels":{"a":"b"},"matchExpressions":[{"key":"a",)"
                                 R"("operator":"In","values":["c"]}]})");
  EXPECT_EQ(selector("a>1"), "refused");
  EXPECT_EQ(selector("a in ("), "refused");
}

}  // namespace
}  // namespace plugin
