#include "registry/version_order.h"

#include <optional>
#include <tuple>

#include "base/strings.h"

namespace registry {
namespace {

// Stability (2 = GA, 1 = beta, 0 = alpha), major, minor.
using Rank = std::tuple<int, std::uint64_t, std::uint64_t>;

std::optional<Rank> rank_of(std::string_view text) {
  if (!text.starts_with('v')) return {};
  text.remove_prefix(1);
  std::size_t end = text.find_first_not_of("0123456789");
  auto major = parse_u64(text.substr(0, end));
  if (!major) return {};
  if (end == std::string_view::npos) return Rank{2, *major, 0};
  std::string_view rest = text.substr(end);
  int stability = rest.starts_with("beta") ? 1 : rest.starts_with("alpha") ? 0 : -1;
  if (stability < 0) return {};
  auto minor = parse_u64(rest.substr(stability == 1 ? 4 : 5));
  if (!minor) return {};
  return Rank{stability, *major, *minor};
}

}  // namespace

bool is_better_version(std::string_view a, std::string_view b) {
  auto first = rank_of(a), second = rank_of(b);
  if (first && second) return *first > *second;
  if (first || second) return first.has_value();
  return a < b;
}

}  // namespace registry
