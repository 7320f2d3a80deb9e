#include "glbc/xid.h"

#include <gtest/gtest.h>

#include <set>

namespace glbc {
namespace {

const XidSource::Origin kOrigin{{0x60, 0xf4, 0x86}, 0xe428, 4271560};

TEST(Xid, IsThatOfTheOriginal) {
  XidSource source(kOrigin);
  TimePoint when{std::chrono::seconds(1300816219)};

  EXPECT_EQ(source.make(when), "9m4e2mr0ui3e8a215n4g");
  EXPECT_EQ(encode_xid({}), "00000000000000000000");
  EXPECT_EQ(encode_xid({255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255}),
            "vvvvvvvvvvvvvvvvvvvg");
}

TEST(Xid, DiffersWithinASecondAndSortsByTheSecond) {
  XidSource source(XidSource::this_process());
  TimePoint when{std::chrono::seconds(1'700'000'000)};
  std::set<std::string> seen;

  for (int i = 0; i < 1000; ++i) seen.insert(source.make(when));

  EXPECT_EQ(seen.size(), 1000u);
  EXPECT_LT(*seen.rbegin(), source.make(when + 1s));
}

TEST(Xid, TheCounterWrapsWithin24Bits) {
  XidSource source({{1, 2, 3}, 4, 0xffffff});

  EXPECT_TRUE(source.make({}).ends_with("000"));
}

}  // namespace
}  // namespace glbc
