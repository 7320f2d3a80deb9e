#include "syncer/applied_fields.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "json/patch.h"
#include "json/text.h"

namespace syncer {
namespace {

using json::Value;

Value parse(const char* text) { return value_or_throw(json::parse(text)); }

struct Case {
  const char* name;
  const char* live;
  const char* before;  // what was applied last
  const char* wanted;
  const char* patch;
};

constexpr Case kCases[] = {
    {"what is there is left alone", R"({"a":1,"b":{"c":2,"other":3}})", R"({"a":1,"b":{"c":2}})",
     R"({"a":1,"b":{"c":2}})", "{}"},
    {"a changed field is set", R"({"b":{"c":2,"other":3}})", R"({"b":{"c":2}})", R"({"b":{"c":5}})",
     R"({"b":{"c":5}})"},
    {"a field given up is removed", R"({"b":{"c":2,"other":3}})", R"({"b":{"c":2}})", R"({"b":{}})",
     R"({"b":{"c":null}})"},
    {"another's field is not", R"({"clusterIP":"10.0.0.1"})", "{}", "{}", "{}"},
    {"a new member is set", "{}", "{}", R"({"b":{"c":[]}})", R"({"b":{"c":[]}})"},
    {"false is set at first", "{}", "{}", R"({"a":false})", R"({"a":false})"},
    {"and may be left out by the server", "{}", R"({"a":false})", R"({"a":false})", "{}"},
    {"defaults inside list elements are no difference", R"({"l":[{"n":"x","d":1}]})",
     R"({"l":[{"n":"x"}]})", R"({"l":[{"n":"x"}]})", "{}"},
    {"elements that others added may stay", R"({"l":[{"n":"s"},{"n":"x"}]})",
     R"({"l":[{"n":"x"}]})", R"({"l":[{"n":"x"}]})", "{}"},
    {"an element given up takes the list along", R"({"l":[{"n":"x"},{"n":"y"}]})",
     R"({"l":[{"n":"x"},{"n":"y"}]})", R"({"l":[{"n":"x"}]})", R"({"l":[{"n":"x"}]})"},
    {"a field given up inside an element too", R"({"l":[{"n":"x","p":{"q":1}}]})",
     R"({"l":[{"n":"x","p":{"q":1}}]})", R"({"l":[{"n":"x"}]})", R"({"l":[{"n":"x"}]})"},
    {"order counts", R"({"l":[{"n":"x"},{"n":"y"}]})", R"({"l":[{"n":"x"},{"n":"y"}]})",
     R"({"l":[{"n":"y"},{"n":"x"}]})", R"({"l":[{"n":"y"},{"n":"x"}]})"},
    {"plain lists are equal or replaced", R"({"l":["x","y"]})", R"({"l":["x"]})", R"({"l":["x"]})",
     R"({"l":["x"]})"},
    {"a value of another type is replaced", R"({"a":{"b":1}})", R"({"a":1})", R"({"a":1})",
     R"({"a":1})"},
};

TEST(AppliedFields, PatchesWhatIsOursOnly) {
  for (const Case& one : kCases) {
    Value live = parse(one.live), wanted = parse(one.wanted), shape = shape_of(parse(one.before));

    Value patch = patch_to(live, wanted, shape);

    EXPECT_EQ(json::print(patch), one.patch) << one.name;
    Value after = json::apply_merge_patch(live, patch);
    EXPECT_TRUE(patch_to(after, wanted, shape_of(wanted)).empty()) << one.name;
  }
}

TEST(AppliedFields, TheShapeHasNoValues) {
  EXPECT_EQ(json::print(shape_of(parse(R"({"data":{"password":"secret"},"l":["secret"]})"))),
            R"({"data":{"password":0},"l":0})");
}

}  // namespace
}  // namespace syncer
