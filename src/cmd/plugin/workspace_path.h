// What a user types behind `kubectl ws`, and server URLs. Pure. Source: reference
// kcp-tenancy.md 8.1.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace plugin {

struct WorkspaceUrl {
  std::string base;  // "https://127.0.0.1:6443"
  std::string path;  // "root:team-a"
  std::string text() const { return base + "/clusters/" + path; }
};
// Nothing if the URL has no /clusters/<path>.
std::optional<WorkspaceUrl> parse_workspace_url(std::string_view url);

// The absolute path that `typed` means from `current`: ":root:a", "a:b", "..", "..:b", ":".
Result<std::string> resolve_workspace(std::string_view current, std::string_view typed);

}  // namespace plugin
