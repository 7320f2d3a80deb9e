// JSON text: what parses prints, and what was printed parses to the same.
#include <cstdint>

#include "base/check.h"
#include "json/text.h"
#include "object/header.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)object::read_header(text);
  auto value = json::parse(text);
  if (!value) return 0;
  auto again = json::parse(json::print(*value));
  CHECK(again && *again == *value);
  return 0;
}
