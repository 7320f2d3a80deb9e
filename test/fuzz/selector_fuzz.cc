// Label selectors, field selectors and quantities.
#include <cstdint>

#include "base/check.h"
#include "object/names.h"
#include "object/selector.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)object::FieldSelector::parse(text);
  (void)object::parse_quantity(text);
  auto selector = object::LabelSelector::parse(text);
  if (!selector) return 0;
  object::Labels labels{{"app", "web"}, {"tier", "2"}};
  auto again = object::LabelSelector::parse(selector->text());
  CHECK(again && again->matches(labels) == selector->matches(labels));
  return 0;
}
