#include "glbc/xid.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string_view>

#include "base/random.h"
#include "base/strings.h"
#include "pki/digest.h"

namespace glbc {
namespace {

constexpr char kAlphabet[] = "0123456789abcdefghijklmnopqrstuv";

std::string content_of(const char* path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string machine_id() {
  std::string id(trim(content_of("/etc/machine-id")));
  if (!id.empty()) return id;
  char host[256] = {};
  if (gethostname(host, sizeof host - 1) == 0 && host[0] != '\0') return host;
  return random_bytes(16);
}

std::uint32_t crc32(std::string_view bytes) {
  std::uint32_t crc = 0xffffffff;
  for (char c : bytes) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) ? 0xedb88320u : 0u);
  }
  return ~crc;
}

}  // namespace

std::string encode_xid(const XidBytes& bytes) {
  std::string text;
  std::uint32_t bits = 0;
  int count = 0;
  for (std::uint8_t byte : bytes) {
    bits = (bits << 8) | byte;
    for (count += 8; count >= 5; count -= 5) text += kAlphabet[(bits >> (count - 5)) & 31];
  }
  text += kAlphabet[(bits << (5 - count)) & 31];
  return text;
}

XidSource::Origin XidSource::this_process() {
  Origin origin;
  std::string digest = pki::md5(machine_id());
  std::copy_n(digest.begin(), origin.machine.size(), origin.machine.begin());
  origin.process = static_cast<std::uint16_t>(getpid());
  // Processes of different containers may have the same number.
  std::string cpuset = content_of("/proc/self/cpuset");
  if (trim(cpuset).size() > 1) origin.process ^= static_cast<std::uint16_t>(crc32(cpuset));
  origin.counter = static_cast<std::uint32_t>(random_below(1 << 24));
  return origin;
}

std::string XidSource::make(TimePoint now) {
  auto seconds = static_cast<std::uint32_t>(
      std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count());
  std::uint32_t counter = ++counter_;
  auto byte = [](std::uint32_t from, int shift) {
    return static_cast<std::uint8_t>((from >> shift) & 0xff);
  };
  return encode_xid({byte(seconds, 24), byte(seconds, 16), byte(seconds, 8), byte(seconds, 0),
                     origin_.machine[0], origin_.machine[1], origin_.machine[2],
                     byte(origin_.process, 8), byte(origin_.process, 0), byte(counter, 16),
                     byte(counter, 8), byte(counter, 0)});
}

}  // namespace glbc
