#include "cmd/flags.h"

#include <gtest/gtest.h>

namespace cmd {
namespace {

using Words = std::vector<std::string>;

struct FlagsTest : testing::Test {
  Flags flags{"kcp test [NAME...] [flags]", "Tests.", "kcp test a"};
  std::string size = "1";
  bool quick = false;
  FlagsTest() {
    flags.add("size", &size, "of it");
    flags.add_switch("quick", &quick, "less of it");
  }
};

TEST_F(FlagsTest, AValueFollowsOrIsPartOfTheWord) {
  EXPECT_EQ(flags.parse({"--size", "2"}), Flags::Outcome::Run);
  EXPECT_EQ(size, "2");
  EXPECT_EQ(flags.parse({"--size=3", "--quick"}), Flags::Outcome::Run);
  EXPECT_EQ(size, "3");
  EXPECT_TRUE(quick);
  EXPECT_EQ(flags.parse({"--quick=false"}), Flags::Outcome::Run);
  EXPECT_FALSE(quick);
}

TEST_F(FlagsTest, WhatIsNotKnownIsWrong) {
  EXPECT_EQ(flags.parse({"--sise", "2"}), Flags::Outcome::Wrong);
  EXPECT_EQ(flags.parse({"--size"}), Flags::Outcome::Wrong);
  EXPECT_EQ(flags.parse({"a"}), Flags::Outcome::Wrong);
  EXPECT_EQ(flags.parse({"--help"}), Flags::Outcome::Help);
}

TEST_F(FlagsTest, WordsStandBeforeAndBehindFlags) {
  Words words;
  flags.take_words(&words);
  EXPECT_EQ(flags.parse({"a", "--size", "2", "b", "--quick", "c"}), Flags::Outcome::Run);
  EXPECT_EQ(words, (Words{"a", "b", "c"}));
  EXPECT_EQ(flags.parse({"-q"}), Flags::Outcome::Wrong);
}

}  // namespace
}  // namespace cmd
