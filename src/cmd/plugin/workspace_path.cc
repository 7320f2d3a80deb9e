#include "cmd/plugin/workspace_path.h"

#include <algorithm>
#include <vector>

#include "base/strings.h"
#include "tenancy/path.h"

namespace plugin {

std::optional<WorkspaceUrl> parse_workspace_url(std::string_view url) {
  constexpr std::string_view kMark = "/clusters/";
  std::size_t at = url.find(kMark);
  if (at == std::string_view::npos) return {};
  std::string_view path = url.substr(at + kMark.size());
  path = path.substr(0, path.find('/'));
  if (path.empty()) return {};
  return WorkspaceUrl{std::string(url.substr(0, at)), std::string(path)};
}

Result<std::string> resolve_workspace(std::string_view current, std::string_view typed) {
  auto invalid = [&] {
    return std::unexpected(Error::bad_request("invalid workspace path: " + std::string(typed)));
  };
  std::string text(typed);
  std::ranges::replace(text, '/', ':');
  std::vector<std::string> parts;
  for (std::string_view part : split(current, ':')) parts.emplace_back(part);
  if (text == ":") return parts.front();
  bool absolute = text.starts_with(':');
  bool rooted = text == "root" || text.starts_with("root:");
  if (absolute) text.erase(0, 1);
  if (absolute || rooted) parts.clear();
  if (tenancy::is_cluster_name(text) && text.starts_with("system:")) return text;
  for (std::string_view part : split(text, ':')) {
    if (part == ".") continue;
    if (part == "..") {
      if (parts.size() < 2) return std::unexpected(Error::bad_request("cannot go up from root"));
      parts.pop_back();
    } else if (tenancy::is_segment(part)) {
      parts.emplace_back(part);
    } else {
      return invalid();
    }
  }
  if (parts.empty()) return invalid();
  return join(parts, ":");
}

}  // namespace plugin
