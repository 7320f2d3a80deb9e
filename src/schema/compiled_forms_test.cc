#include "schema/compiled_forms.h"

#include <gtest/gtest.h>

namespace schema {
namespace {

Form form() { return std::make_shared<const Node>(); }

TEST(CompiledForms, WhatWasNotUsedForLongestIsGivenUpForWhatIsNew) {
  int a = 0, b = 0, c = 0;
  CompiledForms forms(100);
  forms.add(&a, form(), 40);
  forms.add(&b, form(), 40);
  forms.find(&a);
  forms.add(&c, form(), 40);
  EXPECT_TRUE(forms.find(&a) && forms.find(&c));
  EXPECT_FALSE(forms.find(&b));
  EXPECT_EQ(forms.count(), 2U);
  EXPECT_EQ(forms.bytes(), 80U);
}

TEST(CompiledForms, OneThatIsLargerThanTheBoundIsKeptAlone) {
  int a = 0, b = 0;
  CompiledForms forms(100);
  forms.add(&a, form(), 40);
  forms.add(&b, form(), 1000);
  EXPECT_TRUE(forms.find(&b));
  EXPECT_EQ(forms.count(), 1U);
}

TEST(CompiledForms, WhoUsesAFormKeepsItAfterItIsGivenUp) {
  int a = 0, b = 0;
  CompiledForms forms(10);
  Form used = forms.add(&a, form(), 10);
  forms.add(&b, form(), 10);
  EXPECT_EQ(used.use_count(), 1);
}

TEST(CompiledForms, TheSecondOfTwoWhoCompiledAtOnceGetsTheFirstForm) {
  int a = 0;
  CompiledForms forms(100);
  Form first = forms.add(&a, form(), 10);
  EXPECT_EQ(forms.add(&a, form(), 10), first);
  EXPECT_EQ(forms.bytes(), 10U);
  forms.forget(&a);
  EXPECT_FALSE(forms.find(&a));
  EXPECT_EQ(forms.bytes(), 0U);
}

}  // namespace
}  // namespace schema
