#include "cmd/credentials.h"

#include "base/error.h"
#include "base/strings.h"
#include "cmd/files.h"
#include "json/text.h"

namespace cmd {
namespace {

using json::Value;

constexpr Duration kYear = 365 * 24h;

// The pair stored under `name`, or what `make` makes, stored.
template <class Make>
pki::KeyPair load_or_make(const std::string& root, const std::string& name, Make make) {
  std::string base = root + "/pki/" + name;
  auto certificate = read_file(base + ".crt"), key = read_file(base + ".key");
  if (certificate && key) return {*certificate, *key};
  pki::KeyPair pair = make();
  write_file(base + ".key", pair.key_pem);
  write_file(base + ".crt", pair.certificate_pem);
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
  std::string path = root + "/pki/service-account.key";
  auto pem = read_file(path);
  if (!pem) {
    pem = pki::make_signing_key();
    write_file(path, *pem);
  }
  auto key = pki::SigningKey::parse(*pem);
  if (!key) throw Error(Reason::BadRequest, path + ": " + key.error().message());
  return *key;
}

Credentials load_credentials(const std::string& root, const std::string& bind_address,
                             const Clock& clock) {
  TimePoint now = clock.now(), before = now - 1h;
  Credentials all;
  all.ca =
      load_or_make(root, "ca", [&] { return pki::make_ca("kcp-ca", before, now + 10 * kYear); });
  all.admin = load_or_make(root, "admin", [&] {
    pki::CertificateRequest request;
    request.common_name = "kcp-admin";
    request.organizations = {"system:masters"};
    request.usage = pki::CertificateRequest::Usage::Client;
    request.not_before = before;
    request.not_after = now + 10 * kYear;
    return value_or_throw(pki::issue(all.ca, request));
  });
  pki::CertificateRequest server;
  server.common_name = "kcp";
  server.dns_names = {"localhost"};
  server.ip_addresses = {"127.0.0.1"};
  if (bind_address != "127.0.0.1" && bind_address != "0.0.0.0" && bind_address != "localhost") {
    server.ip_addresses.push_back(bind_address);
  }
  server.not_before = before;
  server.not_after = now + kYear;
  all.server = value_or_throw(pki::issue(all.ca, server));
  all.server.certificate_pem += all.ca.certificate_pem;
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
