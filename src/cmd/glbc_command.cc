// kcp glbc: the global load balancer controller as a process of its own.
#include <fmt/format.h>

#include <cstdlib>

#include "base/error.h"
#include "base/strings.h"
#include "cmd/files.h"
#include "cmd/flags.h"
#include "cmd/kubeconfig_client.h"
#include "cmd/program.h"
#include "glbc/glbc.h"

namespace cmd {
namespace {

struct GlbcFlags {
  std::string kubeconfig, workspace = "root:glbc", export_name = "glbc";
  std::string domain = "glbc.example.org";
  std::string dns_address = "127.0.0.1", dns_port = "8053", name_servers;
  std::string ttl = "60", probe = "https", probe_port = "443", ca_file;
};

bool refuse(const std::string& why) {
  fmt::print(stderr, "kcp: {}; see kcp glbc --help\n", why);
  return false;
}

// "ns1.example.org=192.0.2.1,ns2.example.net"
std::vector<glbc::NameServer> name_servers_of(const std::string& text) {
  std::vector<glbc::NameServer> servers;
  for (std::string_view one : split(text, ',')) {
    std::size_t equals = one.find('=');
    if (one.empty()) continue;
    servers.push_back(
        {std::string(one.substr(0, equals)),
         equals == std::string_view::npos ? "" : std::string(one.substr(equals + 1))});
  }
  return servers;
}

bool read_flags(const GlbcFlags& flags, glbc::Options& options) {
  options.workspace = flags.workspace;
  options.export_name = flags.export_name;
  options.domain = flags.domain;
  options.dns.address = flags.dns_address;
  options.name_servers = name_servers_of(flags.name_servers);
  bool ports = parse_port("dns-port", flags.dns_port, &options.dns.port) &&
               parse_port("probe-port", flags.probe_port, &options.probe_port);
  if (!ports) return false;
  auto ttl = parse_u64(flags.ttl);
  if (!ttl || *ttl == 0 || *ttl > 86'400) {
    return refuse("--ttl must be a number of seconds up to 86400, not " + flags.ttl);
  }
  options.ttl = static_cast<std::uint32_t>(*ttl);
  if (flags.probe != "off" && flags.probe != "https") {
    return refuse("--probe must be off or https, not " + flags.probe);
  }
  options.probing = flags.probe == "https";
  if (!flags.ca_file.empty()) {
    options.on_authority = [path = flags.ca_file](const std::string& pem) {
      write_file(path, pem);
    };
  }
  options.on_ready = [domain = flags.domain](const net::Endpoint& dns) {
    fmt::print("glbc answers DNS for {} at {}\n", domain, dns.text());
    std::fflush(stdout);
  };
  return true;
}

int serve(glbc::Options options, const std::string& kubeconfig) {
  net::raise_file_limit();
  net::LoopPool pool(1);
  int status = 1;
  try {
    Access access = load_access(kubeconfig, "");
    options.loop = &pool.at(0);
    options.shard = std::make_shared<client::Client>(connect(pool.at(0), access, ""));
    status = run_until_stopped(pool, glbc::run(std::move(options)));
    pool.stop();
  } catch (const Error& error) {
    fmt::print(stderr, "kcp: {}\n", error.message());
  }
  return status;
}

}  // namespace

int glbc_command(const std::vector<std::string>& arguments) {
  GlbcFlags values;
  const char* from_environment = std::getenv("KUBECONFIG");
  if (from_environment) values.kubeconfig = split(from_environment, ':').front();
  Flags flags(
      "kcp glbc [flags]",
      "Runs the global load balancer: a host, a certificate and DNS for each Ingress of the "
      "workspaces that bind its export.",
      "kcp glbc --kubeconfig glbc.kubeconfig --domain glbc.example.org --ca-file glbc-ca.crt");
  flags.add("kubeconfig", &values.kubeconfig, "its own identity at the control plane");
  flags.add("workspace", &values.workspace, "where its export is and its state is kept");
  flags.add("export", &values.export_name, "the export through which it sees tenants");
  flags.add("domain", &values.domain, "managed hosts are below it");
  flags.add("dns-address", &values.dns_address, "where DNS is answered");
  flags.add("dns-port", &values.dns_port, "where DNS is answered, UDP and TCP");
  flags.add("name-server", &values.name_servers,
            "NAME[=ADDRESS],...: of the domain; ns1.DOMAIN at the DNS address if not given");
  flags.add("ttl", &values.ttl, "seconds that resolvers may keep an address");
  flags.add("probe", &values.probe, "https: an address is published once it serves its host; off");
  flags.add("probe-port", &values.probe_port, "where clusters answer HTTPS");
  flags.add("ca-file", &values.ca_file, "where to write the CA that clients have to trust");
  auto outcome = flags.parse(arguments);
  if (outcome != Flags::Outcome::Run) return outcome == Flags::Outcome::Help ? 0 : 2;
  if (values.kubeconfig.empty()) {
    refuse("--kubeconfig is missing");
    return 2;
  }
  glbc::Options options;
  return read_flags(values, options) ? serve(std::move(options), values.kubeconfig) : 2;
}

}  // namespace cmd
