#include "pki/certificate.h"

#include <gtest/gtest.h>

#include "base/strings.h"
#include "pki/digest.h"

namespace {

const TimePoint kStart = *parse_time("2026-01-01T00:00:00Z");

TEST(Certificate, IssuedCertificatesCarryNamesAndValidity) {
  auto ca = pki::make_ca("test-ca", kStart, kStart + 24h * 365);
  pki::CertificateRequest request;
  request.common_name = "jane";
  request.organizations = {"team-a", "team-b"};
  request.dns_names = {"a.example.org"};
  request.ip_addresses = {"127.0.0.1"};
  request.not_before = kStart;
  request.not_after = kStart + 24h;
  auto leaf = pki::issue(ca, request);
  ASSERT_TRUE(leaf);
  EXPECT_EQ(*pki::dns_names_of(leaf->certificate_pem), std::vector<std::string>{"a.example.org"});
  EXPECT_EQ(pki::validity_of(leaf->certificate_pem)->not_after, kStart + 24h);
}

TEST(Certificate, TheSubjectIsReadFromDer) {
  auto ca = pki::make_ca("test-ca", kStart, kStart + 24h);
  pki::CertificateRequest request{
      "jane", {"system:masters"}, {}, {}, pki::CertificateRequest::Usage::Client,
      kStart, kStart + 1h};
  auto leaf = pki::issue(ca, request);
  ASSERT_TRUE(leaf);
  std::string body;
  for (auto line : split(leaf->certificate_pem, '\n')) {
    if (!line.starts_with("-----")) body += line;
  }
  auto subject = pki::subject_of(*base64_decode(body));
  ASSERT_TRUE(subject);
  EXPECT_EQ(subject->common_name, "jane");
  EXPECT_EQ(subject->organizations, std::vector<std::string>{"system:masters"});
}

TEST(Certificate, MalformedInputIsAnError) {
  EXPECT_FALSE(pki::subject_of("nonsense"));
  EXPECT_FALSE(pki::validity_of("nonsense"));
  EXPECT_FALSE(pki::issue({"x", "y"}, {}));
}

TEST(Certificate, ALeafIsSignedByItsCaAloneAlsoOutOfABundle) {
  auto ca = pki::make_ca("test-ca", kStart, kStart + 24h);
  auto other = pki::make_ca("test-ca", kStart, kStart + 24h);
  pki::CertificateRequest request;
  request.dns_names = {"a.example.org"};
  request.not_before = kStart;
  request.not_after = kStart + 1h;
  auto leaf = *pki::issue(ca, request);

  EXPECT_TRUE(pki::is_signed_by(leaf.certificate_pem, other.certificate_pem + ca.certificate_pem));
  EXPECT_FALSE(pki::is_signed_by(leaf.certificate_pem, other.certificate_pem));
  EXPECT_FALSE(pki::is_signed_by(leaf.certificate_pem, "nonsense"));
  EXPECT_FALSE(pki::is_signed_by("nonsense", ca.certificate_pem));
}

TEST(Certificate, ABundleIsSplitIntoItsCertificates) {
  auto one = pki::make_ca("one", kStart, kStart + 24h);
  auto two = pki::make_ca("two", kStart, kStart + 24h);

  EXPECT_EQ(pki::split_bundle(one.certificate_pem + two.certificate_pem + "rest"),
            (std::vector{one.certificate_pem, two.certificate_pem}));
  EXPECT_TRUE(pki::split_bundle("").empty());
}

TEST(Digest, MatchesKnownVectors) {
  EXPECT_EQ(hex_encode(pki::md5("abc")), "900150983cd24fb0d6963f7d28e17f72");
  EXPECT_EQ(hex_encode(pki::sha256("abc")).substr(0, 16), "ba7816bf8f01cfea");
  EXPECT_EQ(hex_encode(pki::sha224("abc")).substr(0, 16), "23097d223405d822");
}

}  // namespace
