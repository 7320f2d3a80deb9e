// OpenSSL's side of TlsIdentity: for the sources of net/ only.
#pragma once

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <memory>
#include <vector>

#include "net/tls.h"

namespace net {

using X509Ptr = std::unique_ptr<X509, decltype([](X509* one) { X509_free(one); })>;
using KeyPtr = std::unique_ptr<EVP_PKEY, decltype([](EVP_PKEY* one) { EVP_PKEY_free(one); })>;

struct TlsIdentity::Parts {
  std::vector<X509Ptr> chain;  // the leaf first
  KeyPtr key;
};

}  // namespace net
