// Writes of several managers to one object: [["manager", how, spec], ...], where how is 0 for an
// apply, 1 for one with force, and 2 for an update. What was applied once is there: again it
// changes nothing.
#include <cstdint>

#include "apply/field_manager.h"
#include "apply/testing.h"
#include "base/check.h"

namespace {

using json::Value;

apply::FieldManager manager_of(const Value& write) {
  static const auto* schema = new schema::SchemaPtr(apply::machine_schema());
  auto find = [](std::string_view version) {
    return version == "x.org/v1" ? (*schema)->root() : nullptr;
  };
  return {find,
          {write[0].str(), "x.org/v1", apply::machine("{}"), "", "2026-01-02T03:04:05Z",
           apply::FieldSet(), true}};
}

Value whole(const Value& spec) {
  return Value::object({{"apiVersion", "x.org/v1"},
                        {"kind", "Machine"},
                        {"metadata", Value::object({{"name", "m"}})},
                        {"spec", spec}});
}

void check_managers(const Value& object) {
  const Value& told = object.at("metadata", "managedFields");
  auto managers = apply::Managers::read(told);
  CHECK(managers && managers->print() == told);
}

// A configuration that empties a map leaves null, and says {} of it the next time: as in
// Kubernetes, that is one more write.
void apply_until_settled(const Value& write, const Value& config, Value& object, bool strict) {
  constexpr int kAttempts = 3;
  Value before;
  for (int i = 0; i < kAttempts && (i == 0 || object != before); ++i) {
    before = object;
    auto applied = manager_of(write).apply(object, config, write[1].as_int() == 1 && i == 0);
    CHECK(applied || i == 0 || !strict);
    if (!applied) return;
    object = *applied;
    check_managers(object);
  }
  if (strict) CHECK(*manager_of(write).apply(object, config, false) == object);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  auto writes = json::parse(text, {.max_depth = 50});
  if (!writes) return 0;
  // Whoever says null owns what others make {} of, so then it may not settle.
  bool strict = !text.contains("null");
  Value object;
  for (const Value& write : writes->elements()) {
    if (write[0].as_string().size() > 128) continue;
    if (!write[2].is_object()) continue;
    Value wanted = whole(write[2]);
    if (write[1].as_int() != 2) {
      apply_until_settled(write, wanted, object, strict);
      continue;
    }
    if (!object.is_null()) wanted.set("metadata", object["metadata"]);
    manager_of(write).track(object, wanted);
    check_managers(wanted);
    object = wanted;
  }
  return 0;
}
