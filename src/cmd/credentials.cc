#include "cmd/credentials.h"

#include "base/error.h"
#include "base/strings.h"
#include "cmd/addresses.h"
#include "cmd/files.h"
#include "json/text.h"

namespace cmd {
namespace {

using json::Value;

constexpr Duration kYear = 365 * 24h;
constexpr const char* kSigningKey = "service-account.key";

std::string path_of(const std::string& root, const std::string& file) {
  return root + "/pki/" + file;
}

std::optional<pki::KeyPair> find_pair(const std::string& root, const std::string& name) {
  auto certificate = read_file(path_of(root, name + ".crt"));
  auto key = read_file(path_of(root, name + ".key"));
  if (!certificate || !key) return {};
  return pki::KeyPair{std::move(*certificate), std::move(*key)};
}

pki::KeyPair make_admin(const pki::KeyPair& ca, TimePoint now) {
  pki::CertificateRequest request;
  request.common_name = "kcp-admin";
  request.organizations = {"system:masters"};
  request.usage = pki::CertificateRequest::Usage::Client;
  request.not_before = now - 1h;
  request.not_after = now + 10 * kYear;
  return value_or_throw(pki::issue(ca, request));
}

pki::KeyPair make_server(const pki::KeyPair& ca, const std::vector<std::string>& hosts,
                         TimePoint now) {
  pki::CertificateRequest request;
  request.common_name = "kcp";
  for (const std::string& host : hosts) {
    (is_ip_address(host) ? request.ip_addresses : request.dns_names).push_back(host);
  }
  request.not_before = now - 1h;
  request.not_after = now + kYear;
  pki::KeyPair pair = value_or_throw(pki::issue(ca, request));
  pair.certificate_pem += ca.certificate_pem;
  return pair;
}

// Replaces or appends the entry called `name` in a kubeconfig list.
void put(Value& list, std::string_view name, const char* field, Value content) {
  Value entry = Value::object({{"name", name}, {field, std::move(content)}});
  for (Value& one : list.edit_elements()) {
    if (one["name"].as_string() == name) {
      one = std::move(entry);
      return;
    }
  }
  list.push_back(std::move(entry));
}

}  // namespace

pki::SigningKey load_signing_key(const std::string& root) {
  std::string path = path_of(root, kSigningKey);
  auto pem = read_file(path);
  if (!pem) {
    pem = pki::make_signing_key();
    write_file(path, *pem);
  }
  auto key = pki::SigningKey::parse(*pem);
  if (!key) throw Error(Reason::BadRequest, path + ": " + key.error().message());
  return *key;
}

SharedFiles shared_files(const std::string& root, const Clock& clock) {
  TimePoint now = clock.now();
  auto ca = find_pair(root, "ca");
  if (!ca) ca = pki::make_ca("kcp-ca", now - 1h, now + 10 * kYear);
  auto admin = find_pair(root, "admin");
  if (!admin) admin = make_admin(*ca, now);
  auto signing_key = read_file(path_of(root, kSigningKey));
  if (!signing_key) signing_key = pki::make_signing_key();
  return {{"ca.key", ca->key_pem},
          {"ca.crt", ca->certificate_pem},
          {"admin.key", admin->key_pem},
          {"admin.crt", admin->certificate_pem},
          {kSigningKey, *signing_key}};
}

void write_shared_files(const std::string& root, const SharedFiles& files) {
  for (const auto& [name, text] : files) {
    std::string path = path_of(root, name);
    if (read_file(path) != text) write_file(path, text);
  }
}

Credentials load_credentials(const std::string& root, const std::vector<std::string>& hosts,
                             const Clock& clock) {
  write_shared_files(root, shared_files(root, clock));
  Credentials all;
  all.ca = find_pair(root, "ca").value();
  all.admin = find_pair(root, "admin").value();
  all.server = make_server(all.ca, hosts, clock.now());
  return all;
}

void write_admin_kubeconfig(const std::string& path, const std::string& server_url,
                            const std::vector<std::pair<std::string, std::string>>& contexts,
                            const Credentials& credentials) {
  Value config = Value::object();
  if (auto text = read_file(path)) {
    auto parsed = json::parse_yaml(*text);
    if (parsed && parsed->is_object()) config = std::move(*parsed);
  }
  config.set("apiVersion", "v1").set("kind", "Config");
  std::string ca = base64_encode(credentials.ca.certificate_pem);
  put(config.edit("users"), "kcp-admin", "user",
      Value::object({{"client-certificate-data", base64_encode(credentials.admin.certificate_pem)},
                     {"client-key-data", base64_encode(credentials.admin.key_pem)}}));
  std::string first = contexts.front().first;
  for (const auto& [name, suffix] : contexts) {
    if (name == "root") first = name;
    put(config.edit("clusters"), name, "cluster",
        Value::object({{"server", server_url + suffix}, {"certificate-authority-data", ca}}));
    put(config.edit("contexts"), name, "context",
        Value::object({{"cluster", name}, {"user", "kcp-admin"}}));
  }
  if (config["current-context"].as_string().empty()) config.set("current-context", first);
  write_file(path, json::print_yaml(config));
}

std::string component_kubeconfig(const Credentials& credentials, const std::string& server_url,
                                 const std::string& name, const Clock& clock) {
  pki::CertificateRequest request;
  request.common_name = name;
  request.usage = pki::CertificateRequest::Usage::Client;
  request.not_before = clock.now() - 1h;
  request.not_after = clock.now() + kYear;
  auto pair = value_or_throw(pki::issue(credentials.ca, request));
  Value config = Value::object({{"apiVersion", "v1"}, {"kind", "Config"}});
  put(config.edit("clusters"), "kcp", "cluster",
      Value::object(
          {{"server", server_url},
           {"certificate-authority-data", base64_encode(credentials.ca.certificate_pem)}}));
  put(config.edit("users"), name, "user",
      Value::object({{"client-certificate-data", base64_encode(pair.certificate_pem)},
                     {"client-key-data", base64_encode(pair.key_pem)}}));
  put(config.edit("contexts"), "kcp", "context",
      Value::object({{"cluster", "kcp"}, {"user", name}}));
  config.set("current-context", "kcp");
  return json::print_yaml(config);
}

}  // namespace cmd
