#include "pki/jwt.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "base/strings.h"
#include "json/text.h"

namespace pki {
namespace {

std::string rsa_key(unsigned bits) {
  EVP_PKEY* key = EVP_RSA_gen(bits);
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
  char* data = nullptr;
  long length = BIO_get_mem_data(bio, &data);
  std::string pem(data, static_cast<std::size_t>(length));
  BIO_free(bio);
  EVP_PKEY_free(key);
  return pem;
}

json::Value claims() { return json::Value::object({{"sub", "jane"}, {"exp", 17}}); }

TEST(SigningKey, VerifiesWhatItSigned) {
  for (const std::string& pem : {make_signing_key(), rsa_key(2048)}) {
    auto key = SigningKey::parse(pem);
    ASSERT_TRUE(key);

    auto verified = key->verify(key->sign(claims()));

    ASSERT_TRUE(verified);
    EXPECT_EQ(*verified, claims());
    EXPECT_EQ(key->id().size(), 43u);
  }
}

TEST(SigningKey, RefusesEverythingElse) {
  auto key = *SigningKey::parse(make_signing_key()), other = *SigningKey::parse(make_signing_key());
  std::string token = key.sign(claims());
  auto parts = split(token, '.');
  std::string head(parts[0]), body(parts[1]), tail(parts[2]);
  std::string forged = base64url_encode(R"({"sub":"root"})");
  std::string none = base64url_encode(R"({"alg":"none","typ":"JWT"})");

  EXPECT_FALSE(other.verify(token)) << "another key's";
  EXPECT_FALSE(key.verify(head + "." + forged + "." + tail)) << "other claims";
  EXPECT_FALSE(key.verify(none + "." + body + ".")) << "no algorithm";
  EXPECT_FALSE(key.verify(none + "." + body + "." + tail)) << "another header";
  EXPECT_FALSE(key.verify(head + "." + body + ".AAAA")) << "a short signature";
  EXPECT_FALSE(key.verify(head + "." + body + "." + std::string(86, 'A'))) << "zeros";
  EXPECT_FALSE(key.verify(head + "." + body)) << "no signature";
  EXPECT_FALSE(key.verify(token + ".x")) << "a fourth part";
  EXPECT_FALSE(key.verify(std::string(20'000, 'a'))) << "too long";
  EXPECT_FALSE(key.verify("")) << "nothing";
}

TEST(SigningKey, OtherKindsOfKeysAreNotTaken) {
  EXPECT_FALSE(SigningKey::parse("nonsense"));
  EXPECT_FALSE(SigningKey::parse(rsa_key(1024)));
}

}  // namespace
}  // namespace pki
