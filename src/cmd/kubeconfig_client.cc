#include "cmd/kubeconfig_client.h"

#include <fmt/format.h>

#include <cstdlib>

#include "base/error.h"
#include "base/strings.h"
#include "cmd/files.h"
#include "json/text.h"

namespace cmd {
namespace {

using json::Value;

constexpr const char* kServiceAccount = "/var/run/secrets/kubernetes.io/serviceaccount/";

std::string read(const Access& access, std::string path) {
  if (!path.starts_with('/') && !access.directory.empty()) path = access.directory + "/" + path;
  auto text = read_file(path);
  if (!text) throw Error(Reason::NotFound, "kubeconfig: cannot read " + path);
  return *text;
}

// "<name>-data" in base64, or the file that "<name>" names; "" if neither is there.
std::string material(const Access& access, const Value& from, const std::string& name) {
  std::string data = from[name + "-data"].str();
  if (!data.empty()) {
    auto bytes = base64_decode(data);
    if (!bytes) throw Error(Reason::BadRequest, "kubeconfig: " + name + "-data is not base64");
    return *bytes;
  }
  std::string path = from[name].str();
  return path.empty() ? "" : read(access, std::move(path));
}

std::string token_of(const Access& access) {
  std::string token = access.user["token"].str(), path = access.user["tokenFile"].str();
  if (!token.empty() || path.empty()) return token;
  std::string text = read(access, std::move(path));
  return std::string(trim(text));
}

const Value& entry(const Value& config, const char* list, std::string_view name,
                   const char* field) {
  for (const Value& one : config[list].elements()) {
    if (one["name"].as_string() == name) return one[field];
  }
  static const Value none;
  return none;
}

}  // namespace

Access access_of(const Value& config, std::string_view context) {
  if (context.empty()) context = config["current-context"].as_string();
  const Value& found = entry(config, "contexts", context, "context");
  return {entry(config, "clusters", found["cluster"].as_string(), "cluster"),
          entry(config, "users", found["user"].as_string(), "user"), ""};
}

Access load_access(const std::string& path, std::string_view context) {
  auto text = read_file(path);
  if (!text) throw Error(Reason::NotFound, "no kubeconfig at " + path);
  auto config = json::parse_yaml(*text);
  if (!config) throw Error(Reason::BadRequest, path + ": " + config.error().message());
  Access access = access_of(*config, context);
  if (access.url().empty()) {
    throw Error(Reason::NotFound,
                fmt::format("{}: no context {} with a cluster that has a server", path,
                            quote(context.empty() ? "(current)" : context)));
  }
  std::size_t slash = path.rfind('/');
  if (slash != std::string::npos) access.directory = path.substr(0, slash);
  return access;
}

Access in_cluster_access() {
  const char* host = std::getenv("KUBERNETES_SERVICE_HOST");
  const char* port = std::getenv("KUBERNETES_SERVICE_PORT");
  if (!host || !port) {
    throw Error(Reason::NotFound,
                "neither a kubeconfig is named nor does this run in a pod: KUBERNETES_SERVICE_HOST "
                "is not set");
  }
  bool v6 = std::string_view(host).contains(':');
  std::string url = fmt::format("https://{}{}{}:{}", v6 ? "[" : "", host, v6 ? "]" : "", port);
  std::string folder(kServiceAccount);
  return {
      Value::object({{"server", url}, {"certificate-authority", folder + "ca.crt"}}),
      Value::object({{"tokenFile", folder + "token"}}),
      "",
  };
}

ServerAccess server_access(const Access& access) {
  http::Url url = http::parse_url(access.url());
  const Value& user = access.user;
  if (user.contains("exec") || user.contains("auth-provider")) {
    throw Error(Reason::BadRequest,
                "kubeconfig: credential plugins are not supported; use a certificate or a token");
  }
  http::ClientOptions options;
  options.host = url.host;
  options.port = url.port;
  if (url.tls) {
    net::TlsClientOptions tls;
    tls.ca_pem = material(access, access.cluster, "certificate-authority");
    tls.insecure = access.cluster["insecure-skip-tls-verify"].as_bool();
    std::string name = access.cluster["tls-server-name"].str();
    tls.server_name = name.empty() ? url.host : name;
    std::string certificate = material(access, user, "client-certificate");
    if (!certificate.empty()) {
      tls.identity =
          std::make_shared<net::TlsIdentity>(certificate, material(access, user, "client-key"));
    }
    options.tls = net::TlsContext::client(std::move(tls));
  }
  http::Headers headers;
  std::string token = token_of(access);
  if (!token.empty()) headers.set("authorization", "Bearer " + token);
  return {std::move(options), std::move(headers)};
}

Connection open_connection(net::IoLoop& loop, const Access& access) {
  ServerAccess to = server_access(access);
  return {std::make_shared<http::Client>(loop, std::move(to.options)), std::move(to.headers)};
}

client::Client connect(net::IoLoop& loop, const Access& access, std::string base_path) {
  Connection to = open_connection(loop, access);
  return client::Client(std::move(to.transport), std::move(base_path), std::move(to.headers));
}

}  // namespace cmd
