#include "pki/certificate.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <memory>

#include "base/check.h"
#include "base/strings.h"

namespace pki {
namespace {

using KeyPtr = std::unique_ptr<EVP_PKEY, decltype([](EVP_PKEY* one) { EVP_PKEY_free(one); })>;
using CertificatePtr = std::unique_ptr<X509, decltype([](X509* one) { X509_free(one); })>;
using BioPtr = std::unique_ptr<BIO, decltype([](BIO* one) { BIO_free(one); })>;

BioPtr memory(std::string_view text) {
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

std::string text_of(BIO* bio) {
  char* data = nullptr;
  long length = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(length)};
}

std::string key_pem(EVP_PKEY* key) {
  BioPtr bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
  return text_of(bio.get());
}

std::string certificate_pem(X509* certificate) {
  BioPtr bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(bio.get(), certificate);
  return text_of(bio.get());
}

CertificatePtr read_certificate(std::string_view pem) {
  CertificatePtr certificate(PEM_read_bio_X509(memory(pem).get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  return certificate;
}

void add_name(X509_NAME* name, const char* field, std::string_view value) {
  X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(value.data()),
                             static_cast<int>(value.size()), -1, 0);
}

void add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  CHECK(extension != nullptr);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

void set_time(ASN1_TIME* place, TimePoint time) {
  auto seconds = std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
  ASN1_TIME_set(place, static_cast<time_t>(seconds));
}

// A certificate with serial, validity and key, but no names or extensions yet.
CertificatePtr blank(EVP_PKEY* key, TimePoint not_before, TimePoint not_after) {
  CertificatePtr certificate(X509_new());
  X509_set_version(certificate.get(), 2);
  unsigned char serial[16];
  CHECK(RAND_bytes(serial, sizeof serial) == 1);
  serial[0] &= 0x7f;
  BIGNUM* number = BN_bin2bn(serial, sizeof serial, nullptr);
  BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate.get()));
  BN_free(number);
  set_time(X509_getm_notBefore(certificate.get()), not_before);
  set_time(X509_getm_notAfter(certificate.get()), not_after);
  X509_set_pubkey(certificate.get(), key);
  return certificate;
}

std::string alternative_names(const CertificateRequest& request) {
  std::vector<std::string> names;
  for (const std::string& name : request.dns_names) names.push_back("DNS:" + name);
  for (const std::string& address : request.ip_addresses) names.push_back("IP:" + address);
  return join(names, ",");
}

TimePoint to_time(const ASN1_TIME* time) {
  tm parts{};
  ASN1_TIME_to_tm(time, &parts);
  return TimePoint(std::chrono::seconds(timegm(&parts)));
}

std::string entry_text(X509_NAME* name, int at) {
  unsigned char* text = nullptr;
  int length = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
  if (length < 0) return {};
  std::string value(reinterpret_cast<char*>(text), static_cast<std::size_t>(length));
  OPENSSL_free(text);
  return value;
}

Error malformed() { return Error::bad_request("the certificate is malformed"); }

}  // namespace

KeyPair make_ca(std::string_view common_name, TimePoint not_before, TimePoint not_after) {
  KeyPtr key(EVP_EC_gen("P-256"));
  CertificatePtr ca = blank(key.get(), not_before, not_after);
  add_name(X509_get_subject_name(ca.get()), "CN", common_name);
  X509_set_issuer_name(ca.get(), X509_get_subject_name(ca.get()));
  add_extension(ca.get(), ca.get(), NID_basic_constraints, "critical,CA:TRUE");
  add_extension(ca.get(), ca.get(), NID_key_usage, "critical,keyCertSign,cRLSign,digitalSignature");
  add_extension(ca.get(), ca.get(), NID_subject_key_identifier, "hash");
  X509_sign(ca.get(), key.get(), EVP_sha256());
  return {certificate_pem(ca.get()), key_pem(key.get())};
}

Result<KeyPair> issue(const KeyPair& ca, const CertificateRequest& request) {
  CertificatePtr issuer = read_certificate(ca.certificate_pem);
  KeyPtr issuer_key(PEM_read_bio_PrivateKey(memory(ca.key_pem).get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  if (!issuer || !issuer_key) return std::unexpected(Error::bad_request("the CA is malformed"));
  KeyPtr key(EVP_EC_gen("P-256"));
  CertificatePtr leaf = blank(key.get(), request.not_before, request.not_after);
  X509_NAME* name = X509_get_subject_name(leaf.get());
  for (const std::string& one : request.organizations) add_name(name, "O", one);
  if (!request.common_name.empty()) add_name(name, "CN", request.common_name);
  X509_set_issuer_name(leaf.get(), X509_get_subject_name(issuer.get()));
  add_extension(leaf.get(), issuer.get(), NID_basic_constraints, "critical,CA:FALSE");
  add_extension(leaf.get(), issuer.get(), NID_key_usage, "critical,digitalSignature");
  bool server = request.usage == CertificateRequest::Usage::Server;
  add_extension(leaf.get(), issuer.get(), NID_ext_key_usage, server ? "serverAuth" : "clientAuth");
  add_extension(leaf.get(), issuer.get(), NID_authority_key_identifier, "keyid");
  std::string names = alternative_names(request);
  if (!names.empty()) add_extension(leaf.get(), issuer.get(), NID_subject_alt_name, names);
  X509_sign(leaf.get(), issuer_key.get(), EVP_sha256());
  return KeyPair{certificate_pem(leaf.get()), key_pem(key.get())};
}

std::optional<Subject> subject_of(std::string_view der) {
  const auto* data = reinterpret_cast<const unsigned char*>(der.data());
  CertificatePtr certificate(d2i_X509(nullptr, &data, static_cast<long>(der.size())));
  ERR_clear_error();
  if (!certificate) return {};
  X509_NAME* name = X509_get_subject_name(certificate.get());
  Subject subject;
  for (int at = -1; (at = X509_NAME_get_index_by_NID(name, NID_commonName, at)) >= 0;) {
    subject.common_name = entry_text(name, at);
  }
  for (int at = -1; (at = X509_NAME_get_index_by_NID(name, NID_organizationName, at)) >= 0;) {
    subject.organizations.push_back(entry_text(name, at));
  }
  return subject;
}

Result<Validity> validity_of(std::string_view pem) {
  CertificatePtr certificate = read_certificate(pem);
  if (!certificate) return std::unexpected(malformed());
  return Validity{to_time(X509_get0_notBefore(certificate.get())),
                  to_time(X509_get0_notAfter(certificate.get()))};
}

Result<std::vector<std::string>> dns_names_of(std::string_view pem) {
  CertificatePtr certificate = read_certificate(pem);
  if (!certificate) return std::unexpected(malformed());
  std::vector<std::string> found;
  auto* names = static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate.get(), NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(names); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names, i);
    if (name->type != GEN_DNS) continue;
    found.emplace_back(reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName)),
                       static_cast<std::size_t>(ASN1_STRING_length(name->d.dNSName)));
  }
  GENERAL_NAMES_free(names);
  return found;
}

std::vector<std::string> split_bundle(std::string_view bundle_pem) {
  std::vector<std::string> found;
  BioPtr bio = memory(bundle_pem);
  while (CertificatePtr one{PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)}) {
    found.push_back(certificate_pem(one.get()));
  }
  ERR_clear_error();
  return found;
}

bool is_signed_by(std::string_view pem, std::string_view bundle_pem) {
  CertificatePtr leaf = read_certificate(pem);
  if (!leaf) return false;
  BioPtr bio = memory(bundle_pem);
  bool found = false;
  while (CertificatePtr one{PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)}) {
    EVP_PKEY* key = X509_get0_pubkey(one.get());
    found = found || (key != nullptr && X509_verify(leaf.get(), key) == 1);
  }
  ERR_clear_error();
  return found;
}

}  // namespace pki
