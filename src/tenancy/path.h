// Workspace paths and logical cluster names. Pure. Source: reference kcp-tenancy.md 1.1.
#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace tenancy {

inline constexpr std::string_view kRoot = "root";
inline constexpr std::string_view kAdmin =
    "system:admin";  // bootstrap policy that holds everywhere

bool is_segment(std::string_view text);  // [a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?
bool is_path(std::string_view text);     // segments joined by ':'; also "system:..." names
// Whether a value names a cluster rather than a path through workspaces.
bool is_cluster_name(std::string_view text);
std::string join_path(std::string_view parent, std::string_view name);
// {"root:a", "b"} for "root:a:b"; the parent is "" where there is none.
std::pair<std::string, std::string> split_path(std::string_view path);

// A name for a new logical cluster, from 32 random bytes: 16 characters of base36.
std::string cluster_name_from(std::string_view random_bytes);

}  // namespace tenancy
