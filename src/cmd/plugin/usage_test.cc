#include "cmd/plugin/usage.h"

#include <gtest/gtest.h>

#include "json/text.h"

namespace plugin {
namespace {

TEST(UsageText, ShowsSizesInUnitsAndWorkspacesWithoutAPath) {
  auto list = *json::parse(R"([
    {"metadata":{"name":"2xyz"},"status":{"path":"root:a","objects":12,"bytes":4096,"watches":1,
     "requests":{"count":9,"perSecond":1.5}}},
    {"metadata":{"name":"system"},"status":{"objects":1,"bytes":1023,"watches":0,
     "requests":{"count":0,"perSecond":0}}},
    {"metadata":{"name":"3abc"},"status":{"path":"root:b","objects":1,"bytes":1610612736,"watches":0,
     "requests":{"count":0,"perSecond":0}}}])");

  std::string text = usage_text({list[0], list[1], list[2]});

  EXPECT_EQ(text,
            "WORKSPACE   CLUSTER   OBJECTS   SIZE      WATCHES   REQUESTS/S\n"
            "root:a      2xyz      12        4.0 KiB   1         1.50\n"
            "<none>      system    1         1023 B    0         0.00\n"
            "root:b      3abc      1         1.5 GiB   0         0.00\n");
}

}  // namespace
}  // namespace plugin
