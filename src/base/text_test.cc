#include <gtest/gtest.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/metrics.h"
#include "base/random.h"
#include "base/strings.h"

namespace {

TEST(Clock, TimesRoundTripThroughRfc3339) {
  auto time = parse_time("2026-02-03T04:05:06Z");
  ASSERT_TRUE(time);
  EXPECT_EQ(format_time(*time), "2026-02-03T04:05:06Z");
  EXPECT_EQ(format_micro_time(*time + 1234us), "2026-02-03T04:05:06.001234Z");
  EXPECT_EQ(parse_time("2026-02-03T06:05:06.5+02:00"), *time + 500ms);
}

TEST(Clock, MalformedTimesAreRefused) {
  for (auto text : {"", "2026-02-03", "2026-13-03T04:05:06Z", "2026-02-30T04:05:06Z",
                    "2026-02-03T04:05:06", "2026-02-03T04:05:06.Z", "2026-02-03T25:05:06Z"}) {
    EXPECT_FALSE(parse_time(text)) << text;
  }
}

TEST(Error, MessagesAreThoseOfKubernetes) {
  EXPECT_EQ(Error::not_found("", "configmaps", "a").message(), "configmaps \"a\" not found");
  EXPECT_EQ(Error::invalid("example.org", "Widget", "a",
                           {{"FieldValueInvalid", "spec.size", "Invalid value: 1: small"}})
                .message(),
            "Widget.example.org \"a\" is invalid: spec.size: Invalid value: 1: small");
  EXPECT_EQ(http_code(Reason::Invalid), 422);
}

TEST(Strings, Base64RoundTripsAndRefusesStrayBits) {
  for (std::string text : {"", "a", "ab", "abc", "abcd"}) {
    EXPECT_EQ(base64_decode(base64_encode(text)), text);
    EXPECT_EQ(base64url_decode(base64url_encode(text)), text);
  }
  EXPECT_FALSE(base64_decode("YQ="));
  EXPECT_FALSE(base64_decode("YR=="));
  EXPECT_FALSE(base64_decode("Y*=="));
}

TEST(Strings, PercentDecodingKeepsMalformedEscapes) {
  EXPECT_EQ(percent_decode("a%20b%2"), "a b%2");
  EXPECT_EQ(percent_decode("a+b", true), "a b");
  EXPECT_EQ(percent_encode("a b/c"), "a%20b%2Fc");
}

TEST(Random, UuidsAreVersionFour) {
  std::string uuid = random_uuid();
  EXPECT_EQ(uuid.size(), 36u);
  EXPECT_EQ(uuid[14], '4');
  EXPECT_NE(uuid, random_uuid());
}

TEST(Metrics, HistogramBucketsAreCumulative) {
  auto& h = metrics::histogram("test_seconds", "for this test", {0.1, 1});
  h.observe(0.05);
  h.observe(0.5);
  h.observe(5);
  auto text = metrics::text();
  EXPECT_NE(text.find("test_seconds_bucket{le=\"0.1\"} 1\n"), std::string::npos);
  EXPECT_NE(text.find("test_seconds_bucket{le=\"1\"} 2\n"), std::string::npos);
  EXPECT_NE(text.find("test_seconds_bucket{le=\"+Inf\"} 3\n"), std::string::npos);
}

}  // namespace
