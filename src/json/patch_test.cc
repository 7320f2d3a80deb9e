#include "json/patch.h"

#include <gtest/gtest.h>

#include "json/text.h"

namespace {

using json::Value;

Value parsed(std::string_view text) { return *json::parse(text); }

std::string patched(std::string_view target, std::string_view patch) {
  auto result = json::apply_json_patch(parsed(target), parsed(patch));
  return result ? json::print(*result) : std::string(to_string(result.error().reason()));
}

TEST(JsonPatch, AppliesEachOperation) {
  EXPECT_EQ(patched(R"({"a":1})", R"([{"op":"add","path":"/b","value":2}])"), R"({"a":1,"b":2})");
  EXPECT_EQ(patched(R"({"a":[1,3]})", R"([{"op":"add","path":"/a/1","value":2}])"),
            R"({"a":[1,2,3]})");
  EXPECT_EQ(patched(R"({"a":[1]})", R"([{"op":"add","path":"/a/-","value":2}])"), R"({"a":[1,2]})");
  EXPECT_EQ(patched(R"({"a":1})", R"([{"op":"remove","path":"/a"}])"), "{}");
  EXPECT_EQ(patched(R"({"a":1})", R"([{"op":"replace","path":"/a","value":null}])"),
            R"({"a":null})");
  EXPECT_EQ(patched(R"({"a":1})", R"([{"op":"move","from":"/a","path":"/b"}])"), R"({"b":1})");
  EXPECT_EQ(patched(R"({"a":[1]})", R"([{"op":"copy","from":"/a/0","path":"/b"}])"),
            R"({"a":[1],"b":1})");
  EXPECT_EQ(patched(R"({"a/b~":1})", R"([{"op":"test","path":"/a~1b~0","value":1}])"),
            R"({"a/b~":1})");
}

TEST(JsonPatch, ShortPatchesCannotMakeEndlessWork) {
  Value target = Value::object({{"a", Value::array(std::vector<Value>(1'000'000))}});
  Value patch = Value::array();
  for (int i = 0; i < 9000; ++i) {
    patch.push_back(parsed(R"({"op":"add","path":"/a/0","value":1})"));
  }
  auto added = json::apply_json_patch(target, patch);
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().reason(), Reason::RequestEntityTooLarge);
  for (Value& one : patch.edit_elements()) one = parsed(R"({"op":"remove","path":"/a/0"})");
  EXPECT_FALSE(json::apply_json_patch(target, patch));
}

TEST(JsonPatch, RefusesWhatCannotBeApplied) {
  EXPECT_EQ(patched("{}", R"([{"op":"remove","path":"/a"}])"), "Invalid");
  EXPECT_EQ(patched("{}", R"([{"op":"replace","path":"/a","value":1}])"), "Invalid");
  EXPECT_EQ(patched("{}", R"([{"op":"add","path":"/a/b","value":1}])"), "Invalid");
  EXPECT_EQ(patched(R"({"a":[]})", R"([{"op":"add","path":"/a/1","value":1}])"), "Invalid");
  EXPECT_EQ(patched(R"({"a":1})", R"([{"op":"test","path":"/a","value":2}])"), "Invalid");
  EXPECT_EQ(patched(R"({"a":{"b":1}})", R"([{"op":"move","from":"/a","path":"/a/b/c"}])"),
            "Invalid");
}

TEST(JsonPatch, RefusesMalformedPatches) {
  for (auto patch :
       {"{}", R"([{"op":"add"}])", R"([{"op":"add","path":"a","value":1}])",
        R"([{"op":"jump","path":"/a","value":1}])", R"([{"op":"add","path":"/a"}])", "[1]"}) {
    EXPECT_EQ(patched("{}", patch), "BadRequest") << patch;
  }
}

TEST(JsonPatch, GrowthByCopyIsBounded) {
  std::string patch = R"([{"op":"add","path":"/a","value":")" + std::string(1000, 'x') + "\"}";
  for (int i = 0; i < 30; ++i)
    patch += R"(,{"op":"copy","from":"","path":"/c)" + std::to_string(i) + "\"}";
  EXPECT_EQ(patched("{}", patch + "]"), "Invalid");
}

TEST(MergePatch, FollowsTheRfcAndItsDiffRestores) {
  struct Row {
    const char *from, *patch, *to;
  };
  for (auto [from, patch, to] : std::initializer_list<Row>{
           {R"({"a":"b"})", R"({"a":"c"})", R"({"a":"c"})"},
           {R"({"a":"b"})", R"({"b":"c"})", R"({"a":"b","b":"c"})"},
           {R"({"a":"b","b":"c"})", R"({"a":null})", R"({"b":"c"})"},
           {R"({"a":["b"]})", R"({"a":"c"})", R"({"a":"c"})"},
           {R"({"a":{"b":"c"}})", R"({"a":{"b":"d","c":null}})", R"({"a":{"b":"d"}})"},
           {R"({})", R"({"a":{"bb":{"ccc":null}}})", R"({"a":{"bb":{}}})"}}) {
    EXPECT_EQ(json::apply_merge_patch(parsed(from), parsed(patch)), parsed(to)) << from << patch;
    auto diff = json::diff_merge_patch(parsed(from), parsed(to));
    EXPECT_EQ(json::apply_merge_patch(parsed(from), diff), parsed(to));
  }
}

TEST(JsonPath, FindsWhatPrinterColumnsName) {
  Value root = parsed(
      R"({"spec":{"list":[{"name":"a","ok":"no"},{"name":"b","ok":"yes"}],"x.y/z":7,"n":0}})");
  auto first = [&](std::string_view text) {
    auto path = json::JsonPath::parse(text);
    return path ? json::print(path->find_first(root)) : "error";
  };
  EXPECT_EQ(first(".spec.n"), "0");
  EXPECT_EQ(first("{.spec.list[1].name}"), "\"b\"");
  EXPECT_EQ(first(".spec.list[-1].name"), "\"b\"");
  EXPECT_EQ(first(".spec['x.y/z']"), "7");
  EXPECT_EQ(first(".spec.x\\.y/z"), "7");
  EXPECT_EQ(first(R"(.spec.list[?(@.ok=="yes")].name)"), "\"b\"");
  EXPECT_EQ(first(".spec.gone.deeper"), "null");
  EXPECT_EQ(json::JsonPath::parse(".spec.list[*].name")->find_all(root).size(), 2u);
  for (auto text : {"spec", ".a[", ".a[x]", ".a..b", ".a[0]b"})
    EXPECT_EQ(first(text), "error") << text;
}

std::string yaml(std::string_view text) {
  auto value = json::parse_yaml(text);
  return value ? json::print(*value) : "error";
}

TEST(Yaml, ScalarsMeanWhatGoTakesThemFor) {
  EXPECT_EQ(yaml("{a: 1, b: 'x', c: yes, d: 010, e: 0x1F, f: 1e3, g: ~, h: 1.5, i: '1', j: 0o17}"),
            R"({"a":1,"b":"x","c":true,"d":8,"e":31,"f":1000,"g":null,"h":1.5,"i":"1","j":15})");
  EXPECT_EQ(yaml("a: 2026-01-01\nb: 1_000\nc: 127.0.0.1\nd: 100m\n8080: x"),
            R"({"a":"2026-01-01","b":1000,"c":"127.0.0.1","d":"100m","8080":"x"})");
}

TEST(Yaml, MergeKeysAnchorsAndStreams) {
  EXPECT_EQ(yaml("base: &b {p: 1, q: 2}\nuse:\n  <<: *b\n  q: 3"),
            R"({"base":{"p":1,"q":2},"use":{"q":3,"p":1}})");
  auto documents = json::parse_yaml_stream("---\na: 1\n---\n# nothing\n---\nb: 2\n");
  ASSERT_TRUE(documents);
  EXPECT_EQ(documents->size(), 2u);
}

TEST(Yaml, HostileInputIsRefused) {
  EXPECT_EQ(yaml("a: 1\na: 2"), "error");
  EXPECT_EQ(yaml("a: *nobody"), "error");
  EXPECT_EQ(yaml("a: [1"), "error");
  std::string bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
  for (int i = 1; i < 10; ++i) {
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int j = 0; j < 10; ++j) bomb += (j ? ",*a" : "*a") + std::to_string(i - 1);
    bomb += "]\n";
  }
  EXPECT_EQ(yaml(bomb), "error");
}

TEST(Yaml, PrintingReadsBackTheSame) {
  Value value = parsed(
      R"({"a":[{"b":1,"c":["x"]},[],{}],"d":"yes","e":"1","f":"a: b","g":"","h":"line\nline","i":null,)"
      R"("j":"2026-01-01","k":"- x","l":[[1,2],[3]],"8":"https://127.0.0.1:6443/clusters/root"})");
  auto again = json::parse_yaml(json::print_yaml(value));
  ASSERT_TRUE(again) << json::print_yaml(value);
  EXPECT_EQ(*again, value) << json::print_yaml(value);
}

}  // namespace
