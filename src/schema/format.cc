#include <arpa/inet.h>

#include <algorithm>

#include "base/clock.h"
#include "base/strings.h"
#include "object/names.h"
#include "schema/walks.h"

namespace schema {
namespace {

bool is_ip(std::string_view text, int family) {
  unsigned char buffer[16];
  return ::inet_pton(family, std::string(text).c_str(), buffer) == 1;
}

bool is_cidr(std::string_view text) {
  std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return false;
  auto bits = parse_u64(text.substr(slash + 1));
  std::string_view ip = text.substr(0, slash);
  return bits && ((is_ip(ip, AF_INET) && *bits <= 32) || (is_ip(ip, AF_INET6) && *bits <= 128));
}

bool is_uuid(std::string_view text) {
  std::size_t digits = 0;
  for (char c : text) {
    if (c == '-') continue;
    if (!std::isxdigit(static_cast<unsigned char>(c))) return false;
    ++digits;
  }
  return digits == 32;
}

bool is_duration(std::string_view text) {
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  if (text == "0") return true;
  bool any = false;
  while (!text.empty()) {
    std::size_t digits = text.find_first_not_of("0123456789.");
    if (digits == 0 || digits == std::string_view::npos) return false;
    text.remove_prefix(digits);
    std::size_t unit = 0;
    for (std::string_view name : {"ns", "us", "ms", "s", "m", "h"}) {
      if (text.starts_with(name)) unit = std::max(unit, name.size());
    }
    if (unit == 0) return false;
    text.remove_prefix(unit);
    any = true;
  }
  return any;
}

bool is_date(std::string_view text) {
  return text.size() == 10 && parse_time(std::string(text) + "T00:00:00Z").has_value();
}

bool is_email(std::string_view text) {
  std::size_t at = text.find('@');
  return at != std::string_view::npos && at > 0 && at + 1 < text.size() &&
         text.find('@', at + 1) == std::string_view::npos && !text.contains(' ');
}

bool is_uri(std::string_view text) {
  std::size_t colon = text.find(':');
  return text.starts_with('/') ||
         (colon != std::string_view::npos && colon > 0 && !text.contains(' '));
}

}  // namespace

bool matches_format(std::string_view name, std::string_view text) {
  if (name.empty()) return true;
  std::string format(name);
  std::erase(format, '-');
  if (format == "datetime") return parse_time(text).has_value();
  if (format == "date") return is_date(text);
  if (format == "duration") return is_duration(text);
  if (format == "ipv4") return is_ip(text, AF_INET);
  if (format == "ipv6") return is_ip(text, AF_INET6);
  if (format == "cidr") return is_cidr(text);
  if (format == "uuid") return is_uuid(text);
  if (format == "email") return is_email(text);
  if (format == "uri") return is_uri(text);
  if (format == "byte") return base64_decode(text).has_value();
  if (format == "hostname") return object::check_dns1123_subdomain(lower(text)).empty();
  return true;
}

}  // namespace schema
