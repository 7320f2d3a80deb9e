// kubectl kcp usage: what a workspace uses, or which use most.
#include <fmt/format.h>

#include "base/error.h"
#include "base/strings.h"
#include "cmd/plugin/commands.h"
#include "cmd/plugin/connection.h"
#include "cmd/plugin/options.h"
#include "cmd/plugin/session.h"
#include "cmd/plugin/usage.h"

namespace plugin {
namespace {

using json::Value;

constexpr const char* kUsages = "/apis/usage.kcp.io/v1alpha1/workspaceusages";

std::string number(const Value& value) { return std::to_string(value.as_int()); }

// 1023 B, 4.0 KiB, 1.5 MiB.
std::string size_text(std::int64_t bytes) {
  constexpr const char* kUnits[] = {"KiB", "MiB", "GiB"};
  if (bytes < 1024) return fmt::format("{} B", bytes);
  double value = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  for (; value >= 1024 && unit < 2; ++unit) value /= 1024;
  return fmt::format("{:.1f} {}", value, kUnits[unit]);
}

}  // namespace

std::string usage_text(const std::vector<Value>& usages) {
  std::vector<std::vector<std::string>> rows{
      {"WORKSPACE", "CLUSTER", "OBJECTS", "SIZE", "WATCHES", "REQUESTS/S"}};
  for (const Value& one : usages) {
    const Value& status = one["status"];
    std::string path = status["path"].str();
    rows.push_back({path.empty() ? "<none>" : path, object::name(one), number(status["objects"]),
                    size_text(status["bytes"].as_int()), number(status["watches"]),
                    fmt::format("{:.2f}", status.at("requests", "perSecond").as_double())});
  }
  return table_text(rows);
}

Task<int> usage_command(net::IoLoop& loop, Arguments arguments) {
  std::string top, by, workspace;
  Options options(
      "kubectl kcp usage [--top N] [--by objects|bytes|requests|watches] [-w WORKSPACE]",
      "Shows what a workspace uses; with --top or --by, which workspaces use most: that "
      "is for those who\nmay read workspaceusages in the root workspace.",
      "kubectl kcp usage --top 10 --by bytes");
  options.add("top", 0, &top, "how many of all workspaces, up to 1000");
  options.add("by", 0, &by, "in which order: objects, bytes, requests or watches");
  options.add("workspace", 'w', &workspace, "workspace to show, instead of the current");
  if (!options.parse(arguments)) co_return 0;
  bool of_all = !top.empty() || !by.empty();
  if (of_all && !workspace.empty()) {
    throw Error(Reason::BadRequest, "say either --workspace, or --top and --by");
  }
  if (!top.empty() && !parse_u64(top)) {
    throw Error(Reason::BadRequest, "--top must be a number, not " + quote(top));
  }
  Session session = open_session(loop, workspace);
  std::vector<Value> usages;
  if (of_all) {
    auto root = session.client.at("/clusters/root");
    std::string query = fmt::format("{}?top={}&by={}", kUsages, top.empty() ? "10" : top,
                                    by.empty() ? "objects" : percent_encode(by));
    Value list = co_await root.call("GET", query);
    for (const Value& one : list["items"].elements()) usages.push_back(one);
  } else {
    usages.push_back(co_await session.client.call("GET", std::string(kUsages) + "/self"));
  }
  fmt::print("{}", usage_text(usages));
  co_return 0;
}

}  // namespace plugin
