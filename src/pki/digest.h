// Hashes over bytes. Pure, thread-safe.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace pki {

std::string sha256(std::string_view bytes);  // 32 raw bytes
// SHA-256 of bytes that come in pieces. Not thread-safe.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  void add(std::string_view bytes);
  std::string finish();  // 32 raw bytes; call once

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string sha224(std::string_view bytes);  // 28 raw bytes
std::string md5(std::string_view bytes);     // 16 raw bytes; for identifiers, never for security

}  // namespace pki
