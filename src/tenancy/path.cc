#include "tenancy/path.h"

#include <algorithm>

#include "base/strings.h"
#include "tenancy/hash.h"

namespace tenancy {
namespace {

constexpr std::string_view kSystem = "system:";
constexpr std::size_t kNameLength = 16;

bool is_alphanumeric(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

}  // namespace

bool is_segment(std::string_view text) {
  return !text.empty() && text.size() <= 63 && is_alphanumeric(text.front()) &&
         is_alphanumeric(text.back()) &&
         std::ranges::all_of(text, [](char c) { return is_alphanumeric(c) || c == '-'; });
}

bool is_path(std::string_view text) { return std::ranges::all_of(split(text, ':'), is_segment); }

bool is_cluster_name(std::string_view text) {
  return !text.contains(':') || text.starts_with(kSystem);
}

std::string join_path(std::string_view parent, std::string_view name) {
  if (parent.empty()) return std::string(name);
  return std::string(parent) + ":" + std::string(name);
}

std::pair<std::string, std::string> split_path(std::string_view path) {
  if (path.starts_with(kSystem)) return {"", ""};
  std::size_t at = path.rfind(':');
  if (at == std::string_view::npos) return {"", std::string(path)};
  return {std::string(path.substr(0, at)), std::string(path.substr(at + 1))};
}

std::string cluster_name_from(std::string_view random_bytes) {
  return base36_sha224(random_bytes).substr(0, kNameLength);
}

}  // namespace tenancy
