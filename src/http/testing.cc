#include "http/testing.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

namespace http {
namespace {

std::string text_of(BIO* bio) {
  char* data = nullptr;
  long length = BIO_get_mem_data(bio, &data);
  std::string text(data, static_cast<std::size_t>(length));
  BIO_free(bio);
  return text;
}

}  // namespace

TestCertificate make_test_certificate() {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate = X509_new();
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 24 * 3600);
  X509_set_pubkey(certificate, key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("test"), -1, -1, 0);
  X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
  X509_EXTENSION* names =
      X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "IP:127.0.0.1,DNS:localhost");
  X509_add_ext(certificate, names, -1);
  X509_EXTENSION_free(names);
  X509_sign(certificate, key, EVP_sha256());
  TestCertificate result;
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(bio, certificate);
  result.certificate_pem = text_of(bio);
  bio = BIO_new(BIO_s_mem());
  PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
  result.key_pem = text_of(bio);
  X509_free(certificate);
  EVP_PKEY_free(key);
  return result;
}

TestServer::TestServer(Handler handler, bool tls) : tls_(tls) {
  ServerOptions options;
  options.endpoint = {"127.0.0.1", 0};
  options.grace = 100ms;
  if (tls) {
    certificate_ = make_test_certificate();
    auto identity =
        std::make_shared<net::TlsIdentity>(certificate_.certificate_pem, certificate_.key_pem);
    net::TlsServerOptions tls_options;
    tls_options.identity = [identity](std::string_view) { return identity; };
    options.tls = net::TlsContext::server(std::move(tls_options));
  }
  server_ = std::make_unique<Server>(loop(), pool_, std::move(options), std::move(handler));
  running_ = std::make_shared<task_detail::Child<void>>();
  running_->on_done = [this] { ended_.set_value(); };
  task_detail::start(loop(), running_, server_->run());
}

TestServer::~TestServer() {
  stop();
  pool_.stop();
}

void TestServer::stop() {
  if (std::exchange(stopped_, true)) return;
  loop().post([this] { running_->context.cancel(); });
  ended_.get_future().wait();
}

std::unique_ptr<Client> TestServer::client(std::vector<std::string> alpn) {
  ClientOptions options;
  options.host = "127.0.0.1";
  options.port = port();
  if (tls_) {
    net::TlsClientOptions tls;
    tls.ca_pem = certificate_.certificate_pem;
    tls.server_name = "127.0.0.1";
    tls.alpn = std::move(alpn);
    options.tls = net::TlsContext::client(std::move(tls));
  }
  return std::make_unique<Client>(loop(), std::move(options));
}

}  // namespace http
