// Protobuf bodies of built-in kinds.
#include <cstdint>

#include "schema/protobuf.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  (void)schema::decode_protobuf({reinterpret_cast<const char*>(data), size});
  return 0;
}
