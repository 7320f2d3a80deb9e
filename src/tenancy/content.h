// What a new workspace begins with: pure functions from the Workspace and its type to the objects
// that are written in one transaction with it. Source: reference kcp-tenancy.md 1.4, 2.1
// to 2.3, 3.9.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "json/value.h"

namespace tenancy {

struct NewCluster {
  std::string name;        // of the logical cluster
  std::string path;        // "root:team-a"
  std::string type_path;   // "root"
  std::string type_name;   // "universal"
  std::string server_url;  // "https://127.0.0.1:6443"
  std::string creator;     // user name
  json::Value owner;       // the Workspace as LogicalCluster.spec.owner; null for root
  TimePoint now;
};

// An object of the new cluster and where it is stored.
struct Content {
  std::string group;
  std::string resource;
  json::Value object;
};

// The LogicalCluster, the namespace default and the creator's admin binding.
std::vector<Content> initial_content(const NewCluster& cluster);

// The four built-in WorkspaceTypes.
std::vector<json::Value> builtin_types();

// Whether a workspace of type `child` may be made in one of type `parent`, with the reason if not.
// Types are {spec} objects with their extensions resolved by the caller: all names they answer to.
struct TypeInUse {
  json::Value type;                  // the WorkspaceType
  std::vector<std::string> aliases;  // "root:universal", itself first
};
std::string why_not_allowed(const TypeInUse& parent, const TypeInUse& child);

}  // namespace tenancy
