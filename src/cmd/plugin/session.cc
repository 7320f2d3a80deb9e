#include "cmd/plugin/session.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"
#include "cmd/plugin/connection.h"

namespace plugin {
namespace {

constexpr Duration kPause = 500ms;

}  // namespace

Session open_session(net::IoLoop& loop, const std::string& typed) {
  Kubeconfig config = Kubeconfig::load();
  auto url = parse_workspace_url(config.server_url());
  if (!url) {
    throw Error(Reason::BadRequest,
                "current config context URL " + quote(config.server_url()) +
                    " does not point to workspace; go to one with kubectl ws :root:<path>");
  }
  if (!typed.empty()) url->path = value_or_throw(resolve_workspace(url->path, typed));
  auto client = connect(loop, config, "/clusters/" + url->path);
  return {std::move(config), std::move(*url), std::move(client)};
}

Task<json::Value> get_object(client::Client& client, client::Resource resource, std::string name,
                             std::string next_step) {
  auto found = co_await client.find(resource, "", name);
  if (found) co_return std::move(*found);
  Error missing = Error::not_found(resource.group, resource.resource, name);
  throw Error(Reason::NotFound, missing.message() + "; " + next_step, missing.details());
}

Task<json::Value> wait_for(client::Client& client, client::Resource resource, std::string name,
                           Duration patience, std::function<bool(const json::Value&)> done,
                           std::string wanted) {
  json::Value last;
  for (Duration waited{0};; waited += kPause) {
    auto found = co_await client.find(resource, "", name);
    if (found && done(*found)) co_return std::move(*found);
    if (found) last = std::move(*found);
    if (waited >= patience) break;
    co_await sleep_for(kPause);
  }
  std::string why = last.is_null() ? "it does not exist" : explanation(last);
  throw Error(Reason::Timeout,
              fmt::format("{}: {}; see kubectl describe {} {}", wanted,
                          why.empty() ? "nothing tells why" : why, resource.resource, name));
}

std::string explanation(const json::Value& object) {
  for (const json::Value& one : object.at("status", "conditions").elements()) {
    if (one["status"].as_string() == "True" || one["message"].as_string().empty()) continue;
    std::string reason = one["reason"].str();
    return reason.empty() ? one["message"].str() : reason + ": " + one["message"].str();
  }
  return {};
}

std::string table_text(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size() + 3);
  }
  std::string text;
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      text += i + 1 == row.size() ? row[i] : fmt::format("{:<{}}", row[i], widths[i]);
    }
    text += '\n';
  }
  return text;
}

}  // namespace plugin
