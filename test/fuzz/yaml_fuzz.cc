// YAML text: what parses is a value that prints and reads back.
#include <cstdint>

#include "base/check.h"
#include "json/text.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto value = json::parse_yaml({reinterpret_cast<const char*>(data), size});
  if (!value) return 0;
  auto again = json::parse(json::print(*value));
  CHECK(again && *again == *value);
  return 0;
}
