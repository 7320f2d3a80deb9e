// JSON Web Tokens in compact form, signed by one key: ES256 with a P-256 key, RS256 with an RSA
// key. What the claims say is the caller's business. Immutable and thread-safe.
// Source: RFC 7515, RFC 7518 3.3 and 3.4; reference kube-apiserver.md 8.1.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "json/value.h"

namespace pki {

// A new P-256 private key, PEM.
std::string make_signing_key();

class SigningKey {
 public:
  // A P-256 or RSA (2048 bits or more) private key in PEM; BadRequest for everything else.
  static Result<SigningKey> parse(std::string_view private_key_pem);

  // base64url(SHA-256 of the public key's DER), as Kubernetes names keys.
  const std::string& id() const;
  std::string sign(const json::Value& claims) const;
  // The claims of a token that this key signed, whatever they say; Unauthorized for others. Tokens
  // over 16 KiB, of other keys or of other algorithms are refused before any arithmetic.
  Result<json::Value> verify(std::string_view token) const;

 private:
  struct Impl;
  explicit SigningKey(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<const Impl> impl_;
};

}  // namespace pki
