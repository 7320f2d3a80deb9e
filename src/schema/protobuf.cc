#include "schema/protobuf.h"

#include <bit>
#include <cstring>
#include <map>
#include <optional>

#include "base/clock.h"
#include "base/strings.h"
#include "json/text.h"
#include "json/utf8.h"
#include "schema/builtin.h"

namespace schema {
namespace {

using json::Value;

constexpr int kMaxDepth = 100;

// The fields of one message. A sticky failure ends reading.
class Wire {
 public:
  explicit Wire(std::string_view bytes) : bytes_(bytes) {}

  struct Field {
    int number = 0;
    std::uint64_t integer = 0;  // varint, fixed64 or fixed32
    std::string_view bytes;     // length-delimited
  };

  std::optional<Field> next() {
    if (bytes_.empty() || failed_) return {};
    std::uint64_t tag = varint();
    Field field;
    field.number = static_cast<int>(tag >> 3 & 0x1fffffff);
    switch (tag & 7) {
      case 0: field.integer = varint(); break;
      case 1: field.integer = fixed(8); break;
      case 2: field.bytes = take(varint()); break;
      case 5: field.integer = fixed(4); break;
      default: failed_ = true;
    }
    if (failed_ || field.number == 0) {
      failed_ = true;
      return {};
    }
    return field;
  }
  bool failed() const { return failed_; }

 private:
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (bytes_.empty()) break;
      auto byte = static_cast<unsigned char>(bytes_.front());
      bytes_.remove_prefix(1);
      value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    failed_ = true;
    return 0;
  }
  std::string_view take(std::uint64_t count) {
    if (count > bytes_.size()) {
      failed_ = true;
      return {};
    }
    auto part = bytes_.substr(0, static_cast<std::size_t>(count));
    bytes_.remove_prefix(part.size());
    return part;
  }
  std::uint64_t fixed(std::size_t count) {
    std::uint64_t value = 0;
    std::string_view part = take(count);
    if (!part.empty()) std::memcpy(&value, part.data(), part.size());
    return value;
  }

  std::string_view bytes_;
  bool failed_ = false;
};

class Decoder {
 public:
  explicit Decoder(std::string file) : file_(std::move(file)) {}

  Value message(std::string_view type, std::string_view bytes) {
    Value object = Value::object();
    fill(type, bytes, object);
    return object;
  }
  bool failed() const { return failed_; }

 private:
  void fill(std::string_view type, std::string_view bytes, Value& object) {
    const auto* facts = find_type(file_, type);
    if (!facts || ++depth_ > kMaxDepth) {
      failed_ = true;
      return;
    }
    std::map<int, const FieldFact*> by_number;
    for (const FieldFact& fact : *facts) {
      if (fact.number > 0) by_number[fact.number] = &fact;
    }
    Wire wire(bytes);
    while (auto field = wire.next()) {
      auto fact = by_number.find(field->number);
      if (fact != by_number.end()) add(*fact->second, *field, object, type == "JSONSchemaProps");
    }
    failed_ = failed_ || wire.failed();
    --depth_;
  }

  void add(const FieldFact& fact, const Wire::Field& field, Value& object, bool in_schema) {
    std::string_view type = fact.type;
    if (fact.name.starts_with('<')) return fill(type, field.bytes, object);
    if (type.starts_with("list:")) {
      object.edit(fact.name).push_back(single(type.substr(5), field));
    } else if (type.starts_with("map:")) {
      add_entry(type.substr(4), field.bytes, object.edit(fact.name));
    } else {
      Value value = single(type, field);
      if (!is_zero(value, type, in_schema)) object.set(fact.name, std::move(value));
    }
  }

  // Go writes zero scalars of non-pointer fields too; JSON leaves them out.
  static bool is_zero(const Value& value, std::string_view type, bool in_schema) {
    if (type == "string") return value.as_string().empty();
    if (type == "bool" && in_schema) return !value.as_bool();
    return value.is_null();
  }

  void add_entry(std::string_view type, std::string_view bytes, Value& map) {
    std::string key;
    Value value = type == "string" || type == "bytes" ? Value("") : Value();
    Wire wire(bytes);
    while (auto field = wire.next()) {
      if (field->number == 1) key = field->bytes;
      if (field->number == 2) value = single(type, *field);
    }
    failed_ = failed_ || wire.failed();
    map.set(json::valid_utf8(key), std::move(value));
  }

  Value single(std::string_view type, const Wire::Field& field) {
    if (type == "string") return json::valid_utf8(field.bytes);
    if (type == "bool") return field.integer != 0;
    if (type == "int32") return static_cast<std::int32_t>(field.integer);
    if (type == "int64" || type == "duration") return static_cast<std::int64_t>(field.integer);
    if (type == "double") return number_or_null(std::bit_cast<double>(field.integer));
    if (type == "bytes") return base64_encode(field.bytes);
    if (type == "time" || type == "microtime") return time(field.bytes, type == "microtime");
    if (type == "quantity") return json::valid_utf8(first_bytes(field.bytes, 1));
    if (type == "intstr") return int_or_string(field.bytes);
    if (type == "raw" || type == "json" || type == "fieldsv1") {
      auto parsed = json::parse(first_bytes(field.bytes, 1));
      return parsed ? *parsed : Value();
    }
    if (type.starts_with("JSONSchemaPropsOr")) return schema_or(type, field.bytes);
    if (type.starts_with("list:")) {  // a named list: a message with repeated items
      Value list = Value::array();
      Wire wire(field.bytes);
      while (auto one = wire.next()) list.push_back(single(type.substr(5), *one));
      return list;
    }
    return message(type, field.bytes);
  }

  // JSON has a schema, or something else, where Go and protobuf have a struct of both.
  Value schema_or(std::string_view type, std::string_view bytes) {
    bool or_bool = type == "JSONSchemaPropsOrBool";
    const int schema_number = or_bool ? 2 : 1;
    Value schema, other = or_bool ? Value(false) : Value::array();
    Wire wire(bytes);
    while (auto field = wire.next()) {
      if (field->number == schema_number) {
        schema = message("JSONSchemaProps", field->bytes);
      } else if (or_bool) {
        other = field->integer != 0;
      } else if (type == "JSONSchemaPropsOrArray") {
        other.push_back(message("JSONSchemaProps", field->bytes));
      } else {
        other.push_back(json::valid_utf8(field->bytes));
      }
    }
    failed_ = failed_ || wire.failed();
    return schema.is_null() ? other : schema;
  }

  static Value number_or_null(double number) {
    return number - number == 0 ? Value(number) : Value();
  }

  std::string_view first_bytes(std::string_view bytes, int number) {
    Wire wire(bytes);
    while (auto field = wire.next()) {
      if (field->number == number) return field->bytes;
    }
    return {};
  }

  Value time(std::string_view bytes, bool micro) {
    if (bytes.empty()) return {};
    std::int64_t seconds = 0, nanos = 0;
    Wire wire(bytes);
    while (auto field = wire.next()) {
      (field->number == 1 ? seconds : nanos) = static_cast<std::int64_t>(field->integer);
    }
    if (seconds < -62'135'596'800 || seconds > 253'402'300'799 || nanos < 0 ||
        nanos > 999'999'999) {
      failed_ = true;
      return {};
    }
    using Micros = std::chrono::sys_time<std::chrono::microseconds>;
    bool representable = seconds > -9'000'000'000 && seconds < 9'000'000'000;
    if (!representable) return {};  // beyond what a nanosecond clock tells
    TimePoint point(
        Micros(std::chrono::seconds(seconds) + std::chrono::microseconds(nanos / 1000)));
    return micro ? format_micro_time(point) : format_time(point);
  }

  Value int_or_string(std::string_view bytes) {
    std::uint64_t kind = 0, integer = 0;
    std::string_view text;
    Wire wire(bytes);
    while (auto field = wire.next()) {
      if (field->number == 1) kind = field->integer;
      if (field->number == 2) integer = field->integer;
      if (field->number == 3) text = field->bytes;
    }
    if (kind == 1) return json::valid_utf8(text);
    return static_cast<std::int32_t>(integer);
  }

  std::string file_;
  int depth_ = 0;
  bool failed_ = false;
};

// Which file of apis/types describes a group and version: "apps/v1" -> "apps_v1".
std::string file_of(std::string_view api_version) {
  std::size_t slash = api_version.find('/');
  if (slash == std::string_view::npos) return "core_" + std::string(api_version);
  return std::string(api_version.substr(0, slash)) + "_" +
         std::string(api_version.substr(slash + 1));
}

}  // namespace

Result<Value> decode_protobuf(std::string_view bytes) {
  auto malformed = [](std::string_view why) {
    return std::unexpected(Error::bad_request("invalid protobuf body: " + std::string(why)));
  };
  constexpr std::string_view kMagic("k8s\0", 4);
  if (!bytes.starts_with(kMagic)) return malformed("it does not begin with the magic bytes");
  std::string api_version, kind;
  std::string_view raw;
  Wire envelope(bytes.substr(kMagic.size()));
  while (auto field = envelope.next()) {
    if (field->number == 2) raw = field->bytes;
    if (field->number != 1) continue;
    Wire type(field->bytes);
    while (auto part = type.next()) (part->number == 1 ? api_version : kind) = part->bytes;
    if (type.failed()) return malformed("the type is broken");
  }
  if (envelope.failed() || kind.empty()) return malformed("the envelope is broken");
  std::string file = kind == "DeleteOptions" ? "meta_v1" : file_of(api_version);
  if (!find_type(file, kind)) return malformed("unknown kind " + quote(api_version + " " + kind));
  Decoder decoder(file);
  Value object = decoder.message(kind, raw);
  if (decoder.failed()) return malformed("the object is broken");
  object.set_front("kind", kind);
  object.set_front("apiVersion", api_version);
  return object;
}

}  // namespace schema
