#include <algorithm>

#include "json/text.h"
#include "json/yaml_scalar.h"

namespace json {
namespace {

// Whether `text` may stand without quotes and still read as the same string.
bool is_plain(std::string_view text) {
  if (text.empty() || !resolve_yaml_scalar(text).is_string()) return false;
  if (text.front() == ' ' || text.back() == ' ' || text.back() == ':') return false;
  if (std::string_view("-?:,[]{}#&*!|>'\"%@`=<").contains(text[0])) return false;
  bool date_like = text[0] >= '0' && text[0] <= '9' && text.contains('-');
  if (date_like || text.contains(": ") || text.contains(" #")) return false;
  return std::ranges::all_of(text, [](unsigned char c) { return c >= 0x20 && c < 0x7f; });
}

void print_scalar(const Value& value, std::string& out) {
  if (value.is_string() && is_plain(value.as_string())) {
    out += value.as_string();
  } else {
    print(value, out);  // JSON scalars are YAML
  }
}

bool is_block(const Value& value) {
  return (value.is_object() || value.is_array()) && !value.empty();
}

void indent_line(std::string& out, int indent) {
  out.append(static_cast<std::size_t>(indent), ' ');
}

// Prints the block of `value`; the first line's indentation is already there if `inline_first`.
void print_block(const Value& value, std::string& out, int indent, bool inline_first) {
  auto begin_line = [&] {
    if (!inline_first) indent_line(out, indent);
    inline_first = false;
  };
  for (const Value& one : value.elements()) {
    begin_line();
    out += "- ";
    if (is_block(one)) {
      print_block(one, out, indent + 2, true);
    } else {
      print_scalar(one, out);
      out += '\n';
    }
  }
  for (const Member& member : value.members()) {
    begin_line();
    print_scalar(Value(member.key), out);
    out += ':';
    if (is_block(member.value)) {
      out += '\n';
      print_block(member.value, out, indent + (member.value.is_array() ? 0 : 2), false);
    } else {
      out += ' ';
      print_scalar(member.value, out);
      out += '\n';
    }
  }
}

}  // namespace

std::string print_yaml(const Value& value) {
  std::string out;
  if (is_block(value)) {
    print_block(value, out, 0, false);
  } else {
    print_scalar(value, out);
    out += '\n';
  }
  return out;
}

}  // namespace json
