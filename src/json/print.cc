#include <array>
#include <charconv>
#include <cmath>

#include "json/text.h"

namespace json {
namespace {

void print_string(std::string_view text, std::string& out) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out += '"';
  std::size_t from = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    out += text.substr(from, i - from);
    from = i + 1;
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      default:
        out += "\\u00";
        out += kHex[c >> 4];
        out += kHex[c & 15];
    }
  }
  out += text.substr(from);
  out += '"';
}

// As Go's encoding/json: shortest digits that round-trip, exponent form below 1e-6 and from 1e21.
void print_double(double value, std::string& out) {
  std::array<char, 400> buffer;
  double size = std::fabs(value);
  bool exponent = size != 0 && (size < 1e-6 || size >= 1e21);
  auto form = exponent ? std::chars_format::scientific : std::chars_format::fixed;
  auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, form).ptr;
  std::string_view text(buffer.data(), static_cast<std::size_t>(end - buffer.data()));
  std::size_t zero = exponent ? text.find("e-0") : std::string_view::npos;
  if (zero != std::string_view::npos) {  // e-09 is written e-9
    out += text.substr(0, zero + 2);
    out += text.substr(zero + 3);
  } else {
    out += text;
  }
}

template <class Integer>
void print_integer(Integer value, std::string& out) {
  std::array<char, 24> buffer;
  auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
  out.append(buffer.data(), end);
}

void new_line(std::string& out, int indent) {
  out += '\n';
  out.append(static_cast<std::size_t>(indent) * 2, ' ');
}

// `indent` < 0 is compact.
void print_value(const Value& value, std::string& out, int indent) {
  bool pretty = indent >= 0;
  auto print_list = [&](char open, char close, auto range, auto print_one) {
    out += open;
    bool first = true;
    for (const auto& one : range) {
      if (!first) out += ',';
      first = false;
      if (pretty) new_line(out, indent + 1);
      print_one(one);
    }
    if (pretty && !first) new_line(out, indent);
    out += close;
  };
  int deeper = pretty ? indent + 1 : -1;
  switch (value.kind()) {
    case Value::Kind::Null: out += "null"; break;
    case Value::Kind::Bool: out += value.as_bool() ? "true" : "false"; break;
    case Value::Kind::Int: print_integer(value.as_int(), out); break;
    case Value::Kind::Uint: print_integer(value.as_uint(), out); break;
    case Value::Kind::Double: print_double(value.as_double(), out); break;
    case Value::Kind::String: print_string(value.as_string(), out); break;
    case Value::Kind::Array:
      print_list('[', ']', value.elements(),
                 [&](const Value& one) { print_value(one, out, deeper); });
      break;
    case Value::Kind::Object:
      print_list('{', '}', value.members(), [&](const Member& one) {
        print_string(one.key, out);
        out += pretty ? ": " : ":";
        print_value(one.value, out, deeper);
      });
      break;
  }
}

}  // namespace

std::string print(const Value& value) {
  constexpr std::size_t kKept = 64 * 1024;
  thread_local std::string scratch;  // grown once, so that `out` is made in its right size
  scratch.clear();
  print_value(value, scratch, -1);
  std::string out = scratch.size() > kKept ? std::move(scratch) : std::string(scratch);
  if (scratch.capacity() > kKept) scratch = std::string();
  return out;
}

void print(const Value& value, std::string& out) { print_value(value, out, -1); }

std::string print_pretty(const Value& value) {
  std::string out;
  print_value(value, out, 0);
  return out;
}

}  // namespace json
