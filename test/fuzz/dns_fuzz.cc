// DNS messages from the network, up to the answer.
#include <cstdint>

#include "base/check.h"
#include "gslb/zone.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const gslb::Zones zones({*gslb::Zone::make({"test", {"ns.test"}, {"127.0.0.1"}, 60, 5}, 1,
                                                    {{"a.test", 5, {{"127.0.1.1", true}}}})});
  auto parsed = dnswire::parse_query({reinterpret_cast<const char*>(data), size});
  if (parsed.outcome == dnswire::ParsedQuery::Outcome::Drop) return 0;
  auto bytes = dnswire::print_response(parsed.query, zones.answer(parsed, 0), 512);
  CHECK(bytes.size() >= 12);
  return 0;
}
