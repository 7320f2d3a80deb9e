#include "schema/digest.h"

#include <openssl/sha.h>

#include "base/strings.h"

namespace schema {

std::string sha256_hex(std::string_view bytes) {
  unsigned char hash[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), hash);
  return hex_encode({reinterpret_cast<const char*>(hash), sizeof hash});
}

}  // namespace schema
