#include "pki/digest.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

namespace pki {

std::string sha256(std::string_view bytes) {
  std::string hash(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
         reinterpret_cast<unsigned char*>(hash.data()));
  return hash;
}

std::string sha224(std::string_view bytes) {
  std::string hash(SHA224_DIGEST_LENGTH, '\0');
  SHA224(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
         reinterpret_cast<unsigned char*>(hash.data()));
  return hash;
}

std::string md5(std::string_view bytes) {
  std::string hash(16, '\0');
  unsigned int length = 0;
  EVP_Digest(bytes.data(), bytes.size(), reinterpret_cast<unsigned char*>(hash.data()), &length,
             EVP_md5(), nullptr);
  return hash;
}

}  // namespace pki
