#include "pki/jwt.h"

#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <vector>

#include "base/check.h"
#include "base/strings.h"
#include "json/text.h"
#include "pki/digest.h"

namespace pki {
namespace {

using KeyPtr = std::unique_ptr<EVP_PKEY, decltype([](EVP_PKEY* one) { EVP_PKEY_free(one); })>;
using BioPtr = std::unique_ptr<BIO, decltype([](BIO* one) { BIO_free(one); })>;
using ContextPtr = std::unique_ptr<EVP_MD_CTX, decltype([](EVP_MD_CTX* c) { EVP_MD_CTX_free(c); })>;
using EcdsaPtr = std::unique_ptr<ECDSA_SIG, decltype([](ECDSA_SIG* s) { ECDSA_SIG_free(s); })>;

constexpr std::size_t kMaxToken = 16 * 1024;
constexpr int kScalar = 32;  // bytes of r and of s on P-256
constexpr int kMinRsaBits = 2048;

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

// r and s side by side, as JWS has them, from the DER that OpenSSL writes. And back.
std::string flat_signature(std::string_view der) {
  const unsigned char* at = bytes_of(der);
  EcdsaPtr signature(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())));
  CHECK(signature != nullptr);
  std::string flat(2 * kScalar, '\0');
  auto* out = reinterpret_cast<unsigned char*>(flat.data());
  CHECK(BN_bn2binpad(ECDSA_SIG_get0_r(signature.get()), out, kScalar) == kScalar);
  CHECK(BN_bn2binpad(ECDSA_SIG_get0_s(signature.get()), out + kScalar, kScalar) == kScalar);
  return flat;
}

std::string der_signature(std::string_view flat) {
  if (flat.size() != 2 * kScalar) return {};
  EcdsaPtr signature(ECDSA_SIG_new());
  BIGNUM* r = BN_bin2bn(bytes_of(flat), kScalar, nullptr);
  BIGNUM* s = BN_bin2bn(bytes_of(flat) + kScalar, kScalar, nullptr);
  CHECK(ECDSA_SIG_set0(signature.get(), r, s) == 1);
  unsigned char* out = nullptr;
  int length = i2d_ECDSA_SIG(signature.get(), &out);
  CHECK(length > 0);
  std::string der(reinterpret_cast<char*>(out), static_cast<std::size_t>(length));
  OPENSSL_free(out);
  return der;
}

std::string public_der(EVP_PKEY* key) {
  unsigned char* out = nullptr;
  int length = i2d_PUBKEY(key, &out);
  CHECK(length > 0);
  std::string der(reinterpret_cast<char*>(out), static_cast<std::size_t>(length));
  OPENSSL_free(out);
  return der;
}

bool is_p256(EVP_PKEY* key) {
  char name[32] = {};
  std::size_t length = 0;
  return EVP_PKEY_get_base_id(key) == EVP_PKEY_EC &&
         EVP_PKEY_get_group_name(key, name, sizeof name, &length) == 1 &&
         std::string_view(name) == "prime256v1";
}

std::unexpected<Error> refused() {
  return std::unexpected(Error(Reason::Unauthorized, "Unauthorized"));
}

}  // namespace

struct SigningKey::Impl {
  KeyPtr key;
  bool elliptic = false;
  std::string id;
  std::string header;  // encoded, the same for each token
};

std::string make_signing_key() {
  KeyPtr key(EVP_EC_gen("P-256"));
  CHECK(key != nullptr);
  BioPtr bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_PrivateKey(bio.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  char* data = nullptr;
  long length = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(length)};
}

Result<SigningKey> SigningKey::parse(std::string_view pem) {
  BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  auto impl = std::make_shared<Impl>();
  impl->key.reset(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  EVP_PKEY* key = impl->key.get();
  impl->elliptic = key && is_p256(key);
  bool rsa =
      key && EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA && EVP_PKEY_get_bits(key) >= kMinRsaBits;
  if (!impl->elliptic && !rsa) {
    return std::unexpected(
        Error::bad_request("a signing key must be a private P-256 or RSA key (2048 bits or more) "
                           "in PEM"));
  }
  impl->id = base64url_encode(sha256(public_der(key)));
  impl->header = base64url_encode(json::print(json::Value::object(
      {{"alg", impl->elliptic ? "ES256" : "RS256"}, {"kid", impl->id}, {"typ", "JWT"}})));
  return SigningKey(std::move(impl));
}

const std::string& SigningKey::id() const { return impl_->id; }

std::string SigningKey::sign(const json::Value& claims) const {
  std::string token = impl_->header + "." + base64url_encode(json::print(claims));
  ContextPtr context(EVP_MD_CTX_new());
  EVP_PKEY* key = impl_->key.get();
  CHECK(EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key) == 1);
  std::size_t length = 0;
  CHECK(EVP_DigestSign(context.get(), nullptr, &length, bytes_of(token), token.size()) == 1);
  std::string signature(length, '\0');
  auto* out = reinterpret_cast<unsigned char*>(signature.data());
  CHECK(EVP_DigestSign(context.get(), out, &length, bytes_of(token), token.size()) == 1);
  signature.resize(length);
  if (impl_->elliptic) signature = flat_signature(signature);
  return token + "." + base64url_encode(signature);
}

Result<json::Value> SigningKey::verify(std::string_view token) const {
  if (token.size() > kMaxToken) return refused();
  auto parts = split(token, '.');
  // Our own header and no other: neither another key nor another algorithm is ever looked at.
  if (parts.size() != 3 || parts[0] != impl_->header) return refused();
  auto signature = base64url_decode(parts[2]);
  if (!signature) return refused();
  std::string raw = impl_->elliptic ? der_signature(*signature) : *signature;
  std::string_view text = token.substr(0, parts[0].size() + 1 + parts[1].size());
  ContextPtr context(EVP_MD_CTX_new());
  bool good =
      !raw.empty() &&
      EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, impl_->key.get()) == 1 &&
      EVP_DigestVerify(context.get(), bytes_of(raw), raw.size(), bytes_of(text), text.size()) == 1;
  ERR_clear_error();
  if (!good) return refused();
  auto payload = base64url_decode(parts[1]);
  if (!payload) return refused();
  auto claims = json::parse(*payload);
  if (!claims || !claims->is_object()) return refused();
  return std::move(*claims);
}

}  // namespace pki
