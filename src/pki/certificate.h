// X.509 certificates: making and reading them. Keys are P-256. Pure but for the clock and
// randomness passed or drawn; thread-safe. PEM throughout. Source: RFC 5280.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace pki {

// A certificate (chain) and its private key, both PEM.
struct KeyPair {
  std::string certificate_pem;
  std::string key_pem;
};

struct CertificateRequest {
  std::string common_name;
  std::vector<std::string> organizations;
  std::vector<std::string> dns_names;
  std::vector<std::string> ip_addresses;
  enum class Usage { Server, Client } usage = Usage::Server;
  TimePoint not_before;
  TimePoint not_after;
};

// A self-signed CA.
KeyPair make_ca(std::string_view common_name, TimePoint not_before, TimePoint not_after);
// A certificate with a new key, signed by `ca`. BadRequest if the CA is malformed.
Result<KeyPair> issue(const KeyPair& ca, const CertificateRequest& request);

struct Subject {
  std::string common_name;
  std::vector<std::string> organizations;
};
// Of a certificate in DER; nothing if it is malformed.
std::optional<Subject> subject_of(std::string_view der);

// When the first certificate of `pem` begins and ends to be valid.
struct Validity {
  TimePoint not_before;
  TimePoint not_after;
};
Result<Validity> validity_of(std::string_view pem);
// The DNS names of the first certificate.
Result<std::vector<std::string>> dns_names_of(std::string_view pem);
// Whether one of the certificates of `bundle_pem` signed the first certificate of `pem`.
bool is_signed_by(std::string_view pem, std::string_view bundle_pem);
// The certificates of `bundle_pem`, one PEM text each, in order; malformed ones end it.
std::vector<std::string> split_bundle(std::string_view bundle_pem);

}  // namespace pki
