#include "cmd/plugin/connection.h"

#include "base/error.h"
#include "base/strings.h"
#include "cmd/files.h"
#include "http/client.h"

namespace plugin {
namespace {

// "<name>-data" in base64, or the file that "<name>" names; "" if neither is there.
std::string material(const json::Value& from, const std::string& name) {
  std::string data = from[name + "-data"].str();
  if (!data.empty()) {
    auto bytes = base64_decode(data);
    if (!bytes) throw Error(Reason::BadRequest, "kubeconfig: " + name + "-data is not base64");
    return *bytes;
  }
  std::string path = from[name].str();
  if (path.empty()) return {};
  auto text = cmd::read_file(path);
  if (!text) throw Error(Reason::NotFound, "kubeconfig: cannot read " + path);
  return *text;
}

}  // namespace

client::Client connect(net::IoLoop& loop, const Kubeconfig& config, std::string base_path) {
  http::Url url = http::parse_url(config.server_url());
  http::ClientOptions options;
  options.host = url.host;
  options.port = url.port;
  if (url.tls) {
    net::TlsClientOptions tls;
    tls.ca_pem = material(config.cluster(), "certificate-authority");
    tls.insecure = config.cluster()["insecure-skip-tls-verify"].as_bool();
    std::string name = config.cluster()["tls-server-name"].str();
    tls.server_name = name.empty() ? url.host : name;
    std::string certificate = material(config.user(), "client-certificate");
    if (!certificate.empty()) {
      tls.identity =
          std::make_shared<net::TlsIdentity>(certificate, material(config.user(), "client-key"));
    }
    options.tls = net::TlsContext::client(std::move(tls));
  }
  http::Headers headers;
  std::string token = config.user()["token"].str();
  if (!token.empty()) headers.set("authorization", "Bearer " + token);
  return client::Client(std::make_shared<http::Client>(loop, std::move(options)),
                        std::move(base_path), std::move(headers));
}

}  // namespace plugin
