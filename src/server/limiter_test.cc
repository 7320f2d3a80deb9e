#include "server/limiter.h"

#include <gtest/gtest.h>

#include <optional>

#include "base/error.h"

namespace server {
namespace {

bool is_refused(Limiter& limiter, const std::string& user) {
  try {
    Limiter::Slot slot(limiter, user);
  } catch (const Error& error) {
    EXPECT_EQ(error.reason(), Reason::TooManyRequests);
    return true;
  }
  return false;
}

TEST(Limiter, OneUserCannotTakeAllTheRoom) {
  Limiter limiter(4, 2);
  std::optional<Limiter::Slot> first, second;
  first.emplace(limiter, "mallory");
  second.emplace(limiter, "mallory");

  EXPECT_TRUE(is_refused(limiter, "mallory"));
  EXPECT_FALSE(is_refused(limiter, "jane"));
  first.reset();
  EXPECT_FALSE(is_refused(limiter, "mallory"));
}

TEST(Limiter, AllTogetherAreBoundedAndTheNamelessOnlySo) {
  Limiter limiter(3, 1);
  Limiter::Slot jane(limiter, "jane"), one(limiter, ""), two(limiter, "");

  EXPECT_TRUE(is_refused(limiter, ""));
  EXPECT_TRUE(is_refused(limiter, "bob"));
}

}  // namespace
}  // namespace server
