#include "auth/authenticator.h"

#include <gtest/gtest.h>

#include "base/strings.h"
#include "pki/certificate.h"

namespace auth {
namespace {

http::Request with_token(std::string_view header) {
  http::Request request;
  if (!header.empty()) request.headers.set("authorization", header);
  return request;
}

std::string name_of(const Result<UserPtr>& user) {
  return user ? (*user)->name : std::string(to_string(user.error().reason()));
}

TEST(Authenticator, TokensNameTheirUserAndWrongOnesAreRefused) {
  auto users = parse_token_file("# people\nsecret,jane,1,\"team-a,team-b\"\n\nother,bob,2\n");
  ASSERT_TRUE(users);
  Authenticator authenticator(*users);
  auto jane = authenticator.authenticate(with_token("Bearer secret"));
  EXPECT_EQ(name_of(jane), "jane");
  EXPECT_TRUE((*jane)->in_group("team-b"));
  EXPECT_TRUE((*jane)->in_group(kAuthenticated));
  EXPECT_EQ(name_of(authenticator.authenticate(with_token("bearer other"))), "bob");
  for (auto header : {"Bearer wrong", "Bearer", "Basic c2VjcmV0", "Bearer "}) {
    EXPECT_EQ(name_of(authenticator.authenticate(with_token(header))), "Unauthorized") << header;
  }
}

TEST(Authenticator, WithoutCredentialsTheUserIsAnonymous) {
  Authenticator authenticator({});
  auto user = authenticator.authenticate(with_token(""));
  EXPECT_EQ(name_of(user), kAnonymous);
  EXPECT_FALSE((*user)->in_group(kAuthenticated));
}

TEST(Authenticator, CertificatesNameUserAndGroups) {
  TimePoint now = system_clock().now();
  auto ca = pki::make_ca("ca", now, now + 1h);
  pki::CertificateRequest wanted{"jane", {"team-a"}, {}, {}, pki::CertificateRequest::Usage::Client,
                                 now,    now + 1h};
  auto pair = pki::issue(ca, wanted);
  std::string body;
  for (auto line : split(pair->certificate_pem, '\n')) {
    if (!line.starts_with("-----")) body += line;
  }
  http::Request request;
  request.peer.certificate_der = *base64_decode(body);
  Authenticator authenticator({});
  for (int i = 0; i < 2; ++i) {
    auto user = authenticator.authenticate(request);
    EXPECT_EQ(name_of(user), "jane");
    EXPECT_TRUE((*user)->in_group("team-a"));
  }
  request.peer.certificate_der = "nonsense";
  EXPECT_EQ(name_of(authenticator.authenticate(request)), "Unauthorized");
  request.peer.certificate_invalid = true;
  EXPECT_EQ(name_of(authenticator.authenticate(request)), "Unauthorized");
}

TEST(Authenticator, NobodyIsTakenForSomebodyElse) {
  Authenticator authenticator(*parse_token_file("secret,jane,1\n"));
  for (const char* header : {"Impersonate-User", "impersonate-group", "Impersonate-Extra-a"}) {
    http::Request request = with_token("Bearer secret");
    request.headers.set(header, "bob");
    EXPECT_EQ(name_of(authenticator.authenticate(request)), "Forbidden") << header;
  }
}

TEST(TokenFile, MalformedLinesAreNamed) {
  EXPECT_EQ(parse_token_file("a,b,c\nx,y\n").error().message(),
            "line 2 of the token file must be token,user,uid[,groups]");
}

}  // namespace
}  // namespace auth
