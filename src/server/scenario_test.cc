// Runs test/scenarios/*.http: text scripts of requests and what must come back. A scenario has two
// logical clusters, "a" and "b", each with the namespace "default"; its user may do everything, or
// is the user named behind "AS", or whose token stands behind "BEARER".
//
//   # comment
//   POST /clusters/a/api/v1/namespaces/default/configmaps {"metadata":{"name":"x"}}
//   201 metadata.name=x metadata.resourceVersion=*
//
// PATCH takes its form in parentheses: PATCH(merge), PATCH(json), PATCH(strategic), PATCH(apply).
// "TABLE GET" asks for a Table. In expectations a key is a path of members and list positions, "*"
// is any value, "-" means absent, and values with spaces stand in double quotes, in which \" and \n
// are a quote and a line's end. "SAVE path" keeps a value for $SAVED in later lines.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "auth/rbac.h"
#include "base/strings.h"
#include "json/text.h"
#include "object/object.h"
#include "registry/rules/rules.h"
#include "registry/testing.h"
#include "server/server.h"

namespace server {
namespace {

using json::Value;

struct AnyCluster final : ClusterResolver {
  std::optional<std::string> resolve(std::string_view path) const override {
    if (path == "a" || path == "b") return std::string(path);
    return std::nullopt;
  }
};

// A whole server in memory.
class World : private registry::InMemoryRegistry {
 public:
  World() {
    registry::install_review_rules(*registry_, *rbac_);
    registry::install_escalation_check(*registry_, *rbac_, "");
    registry::install_service_account_rules(*registry_, authenticator_, accounts_, "CA");
    for (const char* cluster : {"a", "b"}) {
      Value ns = object::make("v1", "Namespace", "default");
      ns.set("status", Value::object({{"phase", "Active"}}));
      std::string key = cache::storage_key({"", "namespaces", ""}, {cluster, "", "default"});
      run(loop_, registry_->commit_raw({{}, {{key, registry_->encode(ns)}}}));
    }
    server_.ready();
  }
  ~World() { close(); }

  struct Answer {
    int status = 0;
    std::string text;
  };
  Answer send(const std::string& user, http::Request request) {
    auto identity = std::make_shared<auth::User>();
    identity->name = user.empty() ? "admin" : user;
    if (user.empty()) identity->groups = {std::string(auth::kMasters)};
    bool by_token = request.headers.get("authorization") != "";
    auto transport =
        by_token ? http::direct_transport(server_.handler(), {}) : server_.direct(identity);
    return run(loop_, exchange(transport, std::move(request)));
  }

 private:
  static Task<Answer> exchange(std::shared_ptr<http::Transport> transport, http::Request request) {
    auto response = co_await transport->send(std::move(request));
    std::string text = co_await http::read_all(*response.body, 10'000'000);
    co_return Answer{response.status, std::move(text)};
  }

  std::unique_ptr<auth::Authorizer> rbac_ = auth::make_rbac(*cache_, {});
  auth::AccountTokens accounts_{*pki::SigningKey::parse(pki::make_signing_key()),
                                {"https://kcp.default.svc", ""},
                                *cache_,
                                clock_};
  auth::Authenticator authenticator_{{}, &accounts_};
  AnyCluster clusters_;
  Server server_{
      {*registry_, authenticator_, *rbac_, registry::Flavour::Workspaces, &clusters_, "v1.32.0"}};
};

// Splits at spaces outside of double quotes; quotes are removed.
std::vector<std::string> words_of(std::string_view line) {
  std::vector<std::string> words;
  std::string word;
  bool quoted = false, any = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    char c = line[i];
    if (quoted && c == '\\' && i + 1 < line.size()) {
      word += line[++i] == 'n' ? '\n' : line[i];
    } else if (c == '"') {
      quoted = !quoted;
      any = true;
    } else if (c == ' ' && !quoted) {
      if (any) words.push_back(std::exchange(word, {}));
      any = false;
    } else {
      word += c;
      any = true;
    }
  }
  if (any) words.push_back(word);
  return words;
}

const Value* find_path(const Value& root, std::string_view path) {
  const Value* at = &root;
  for (std::string_view name : split(path, '.')) {
    auto index = parse_u64(name);
    if (at->is_array() && index) {
      at = *index < at->size() ? &(*at)[*index] : nullptr;
    } else {
      at = at->find(name);
    }
    if (!at) return nullptr;
  }
  return at;
}

http::Request parse_line(std::string_view line, std::string* user) {
  http::Request request;
  request.headers.set("accept", "application/json");
  if (line.starts_with("AS ")) {
    line.remove_prefix(3);
    *user = line.substr(0, line.find(' '));
    line.remove_prefix(line.find(' ') + 1);
  }
  if (line.starts_with("BEARER ")) {
    line.remove_prefix(7);
    request.headers.set("authorization", "Bearer " + std::string(line.substr(0, line.find(' '))));
    line.remove_prefix(line.find(' ') + 1);
  }
  if (line.starts_with("TABLE ")) {
    line.remove_prefix(6);
    request.headers.set("accept", "application/json;as=Table;v=v1;g=meta.k8s.io");
  }
  std::size_t first = line.find(' ');
  std::string method(line.substr(0, first));
  std::string_view rest = line.substr(first + 1);
  std::size_t second = rest.find(' ');
  request.target = rest.substr(0, second);
  std::string body(second == std::string_view::npos ? "" : rest.substr(second + 1));
  request.headers.set("content-type", "application/json");
  if (method.starts_with("PATCH(")) {
    std::string form = method.substr(6, method.size() - 7);
    if (form == "strategic") form = "strategic-merge";
    std::string syntax = form == "apply" ? "yaml" : "json";
    request.headers.set("content-type", "application/" + form + "-patch+" + syntax);
    method = "PATCH";
  }
  request.method = method;
  request.body = http::body_of(Bytes(std::move(body)));
  return request;
}

void expect(const World::Answer& answer, const std::vector<std::string>& words,
            const std::string& place, std::string* saved) {
  EXPECT_EQ(std::to_string(answer.status), words[0]) << place << "\n" << answer.text;
  auto parsed = json::parse(answer.text);
  Value body = parsed ? *parsed : Value();
  for (std::size_t i = 1; i < words.size(); ++i) {
    if (words[i] == "SAVE") {
      const Value* found = find_path(body, words.at(++i));
      *saved = found ? found->str() : "";
      continue;
    }
    std::size_t equals = words[i].find('=');
    std::string path = words[i].substr(0, equals), wanted = words[i].substr(equals + 1);
    const Value* found = find_path(body, path);
    if (wanted == "-") {
      EXPECT_EQ(found, nullptr) << place << " " << path << "\n" << answer.text;
      continue;
    }
    std::string text = !found               ? "(absent)"
                       : found->is_string() ? found->str()
                                            : json::print(*found);
    if (wanted == "*") {
      EXPECT_NE(text, "(absent)") << place << " " << path;
    } else {
      EXPECT_EQ(text, wanted) << place << " " << path << "\n" << answer.text;
    }
  }
}

class Scenario : public testing::TestWithParam<std::filesystem::path> {};

TEST_P(Scenario, Holds) {
  World world;
  std::ifstream file(GetParam());
  std::string line, saved;
  World::Answer answer;
  for (int number = 1; std::getline(file, line); ++number) {
    if (line.empty() || line[0] == '#') continue;
    std::string place = fmt::format("{}:{}", GetParam().filename().string(), number);
    std::size_t mark = line.find("$SAVED");
    if (mark != std::string::npos) line.replace(mark, 6, saved);
    if (line[0] >= '0' && line[0] <= '9') {
      expect(answer, words_of(line), place, &saved);
    } else {
      std::string user;
      http::Request request = parse_line(line, &user);
      answer = world.send(user, std::move(request));
    }
  }
}

std::vector<std::filesystem::path> scenarios() {
  std::vector<std::filesystem::path> all;
  for (const auto& entry : std::filesystem::directory_iterator(KCP_SCENARIOS)) {
    if (entry.path().extension() == ".http") all.push_back(entry.path());
  }
  std::ranges::sort(all);
  return all;
}

INSTANTIATE_TEST_SUITE_P(Files, Scenario, testing::ValuesIn(scenarios()),
                         [](const auto& file) { return file.param.stem().string(); });

}  // namespace
}  // namespace server
