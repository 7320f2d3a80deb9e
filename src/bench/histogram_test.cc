#include "bench/histogram.h"

#include <gtest/gtest.h>

namespace bench {
namespace {

TEST(HistogramTest, PercentilesAreWithinOnePercent) {
  Histogram histogram;
  for (std::int64_t i = 1; i <= 100'000; ++i) histogram.record(i * 1000);

  EXPECT_NEAR(static_cast<double>(histogram.percentile(50)), 50e6, 0.5e6);
  EXPECT_NEAR(static_cast<double>(histogram.percentile(99)), 99e6, 1e6);
  EXPECT_EQ(histogram.percentile(100), 100'000'000);
  EXPECT_EQ(histogram.max(), 100'000'000);
}

TEST(HistogramTest, SmallValuesAreExact) {
  Histogram histogram;
  for (std::int64_t value : {3, 5, 7, 9}) histogram.record(value);

  EXPECT_EQ(histogram.percentile(25), 3);
  EXPECT_EQ(histogram.percentile(50), 5);
  EXPECT_EQ(histogram.percentile(76), 9);
}

TEST(HistogramTest, ARareStallShowsInTheHighPercentilesOnly) {
  Histogram histogram;
  for (int i = 0; i < 999; ++i) histogram.record(1'000);
  histogram.record(1'000'000'000);

  EXPECT_LT(histogram.percentile(99), 1'100);
  EXPECT_EQ(histogram.percentile(100), 1'000'000'000);
}

TEST(HistogramTest, MergingIsTheSameAsRecordingInOne) {
  Histogram one, other, both;
  for (std::int64_t i = 0; i < 1000; ++i) {
    (i % 2 ? one : other).record(i * i);
    both.record(i * i);
  }

  one.merge(other);

  EXPECT_EQ(one.count(), both.count());
  for (double percent : {1.0, 50.0, 99.0, 100.0}) {
    EXPECT_EQ(one.percentile(percent), both.percentile(percent));
  }
}

TEST(HistogramTest, NothingRecordedIsZero) { EXPECT_EQ(Histogram().percentile(99), 0); }

TEST(HistogramTest, AClockThatGoesBackCountsAsZero) {
  Histogram histogram;
  histogram.record(-5);

  EXPECT_EQ(histogram.count(), 1u);
  EXPECT_EQ(histogram.percentile(100), 0);
}

}  // namespace
}  // namespace bench
