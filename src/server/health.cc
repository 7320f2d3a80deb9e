#include "server/health.h"

#include "base/strings.h"
#include "json/text.h"
#include "server/server_metrics.h"

namespace server {

Task<bool> answer_health(const RequestInfo& info, const std::vector<Check>& checks,
                         http::ResponseWriter& response) {
  auto parts = split(std::string_view(info.path).substr(1), '/');
  bool ready = parts[0] == "readyz";
  if (parts.size() > 2 || !(ready || parts[0] == "healthz" || parts[0] == "livez")) co_return false;
  std::string report, failure;
  for (const Check& check : checks) {
    if (parts.size() == 2 && check.name != parts[1]) continue;
    if (!ready && check.name == "ready") continue;
    std::string why = check.run();
    report +=
        why.empty() ? "[+]" + check.name + " ok\n" : "[-]" + check.name + " failed: " + why + "\n";
    if (!why.empty()) failure = why;
  }
  bool ok = failure.empty();
  bool verbose = info.query.has("verbose") || !ok;
  std::string name(parts[0]);
  std::string body = verbose ? report + name + (ok ? " check passed\n" : " check failed\n") : "ok";
  http::Headers headers{{"content-type", "text/plain; charset=utf-8"},
                        {"x-content-type-options", "nosniff"}};
  co_await response.send(ok ? 200 : 500, headers, Bytes(std::move(body)));
  co_return true;
}

Task<> answer_version(const std::string& version, http::ResponseWriter& response) {
  json::Value body = json::Value::object({{"major", "1"},
                                          {"minor", "32"},
                                          {"gitVersion", version},
                                          {"gitCommit", ""},
                                          {"gitTreeState", "clean"},
                                          {"buildDate", "1970-01-01T00:00:00Z"},
                                          {"goVersion", "none"},
                                          {"compiler", "clang"},
                                          {"platform", "linux/amd64"}});
  return response.send(200, {{"content-type", "application/json"}},
                       Bytes(json::print_pretty(body)));
}

Task<> answer_metrics(registry::Registry& registry, http::ResponseWriter& response) {
  return response.send(200, {{"content-type", "text/plain; version=0.0.4; charset=utf-8"}},
                       Bytes(metrics_page(registry)));
}

}  // namespace server
