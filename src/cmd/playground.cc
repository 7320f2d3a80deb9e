// kcp playground: everything in one process, each part over its real interface.
#include <fmt/format.h>

#include "base/error.h"
#include "base/strings.h"
#include "cmd/cluster_plane.h"
#include "cmd/control_plane.h"
#include "cmd/files.h"
#include "cmd/flags.h"
#include "cmd/kubeconfig_client.h"
#include "cmd/playground_setup.h"
#include "cmd/program.h"
#include "glbc/glbc.h"
#include "http/client.h"
#include "syncer/syncer.h"

namespace cmd {
namespace {

constexpr std::size_t kLoops = 2;

struct PlaygroundOptions {
  ControlPlaneOptions plane;
  std::string domain = "glbc.test";
  std::string ttl = "5";
  net::Endpoint dns{"127.0.0.1", 8053};
  std::string east = "127.0.1.1", west = "127.0.2.1";  // addresses of the clusters
};

ClusterPlaneOptions cluster_options(const std::string& root, const std::string& name,
                                    const std::string& address) {
  ClusterPlaneOptions options;
  options.name = name;
  options.root_directory = root + "/clusters/" + name;
  options.kubeconfig = root + "/clusters/" + name + ".kubeconfig";
  options.address = address;
  return options;
}

class Playground {
 public:
  Playground(PlaygroundOptions options, net::LoopPool& pool)
      : options_(std::move(options)),
        loop_(pool.at(0)),
        plane_(options_.plane, pool),
        east_(cluster_options(root(), "east", options_.east), pool),
        west_(cluster_options(root(), "west", options_.west), pool) {}

  Task<> run() {
    co_await with_scope([this](Scope& scope) -> Task<> {
      auto nothing = [] {};
      scope.spawn("east", east_.run(nothing));
      scope.spawn("west", west_.run(nothing));
      scope.spawn("kcp", plane_.run([this, &scope] { start_clients(scope); },
                                    [this](auto shard) { return prepare(std::move(shard)); }));
      return scope.join();
    });
  }

 private:
  const std::string& root() const { return options_.plane.root_directory; }

  Task<> prepare(std::shared_ptr<client::Client> shard) {
    uids_ = co_await prepare_playground(std::move(shard), {"east", "west"});
  }

  // What speaks to the control plane as it would from elsewhere: over HTTPS, as a user of its own.
  std::shared_ptr<client::Client> upstream(const std::string& file, const std::string& user) {
    std::string path = root() + "/" + file + ".kubeconfig";
    plane_.api().write_component_kubeconfig(path, user);
    return std::make_shared<client::Client>(connect(loop_, load_access(path, ""), ""));
  }

  void start_clients(Scope& scope) {
    for (ClusterPlane* cluster : {&east_, &west_}) {
      const ClusterPlaneOptions& its = cluster->options();
      syncer::Options options;
      options.upstream = upstream("syncer-" + its.name, syncer_user(its.name));
      options.downstream =
          std::make_shared<client::Client>(connect(loop_, load_access(its.kubeconfig, ""), ""));
      options.cluster = kComputeWorkspace;
      options.target = its.name;
      options.uid = uids_[its.name];
      scope.spawn("syncer-" + its.name, syncer::run_for_name(std::move(options)));
    }
    glbc::Options options;
    options.shard = upstream("glbc", kGlbcUser);
    options.loop = &loop_;
    options.workspace = kGlbcWorkspace;
    options.domain = options_.domain;
    options.dns = options_.dns;
    options.ttl = static_cast<std::uint32_t>(parse_u64(options_.ttl).value_or(0));
    options.probe_port = east_.options().https_port;
    options.on_authority = [this](const std::string& ca_pem) {
      write_file(root() + "/glbc-ca.crt", ca_pem);
    };
    options.on_ready = [this](const net::Endpoint&) { greet(); };
    scope.spawn("glbc", glbc::run(std::move(options)));
  }

  void greet() const {
    fmt::print(
        "\nkcp is ready at {0}. In another terminal, from this folder:\n\n"
        "  export KUBECONFIG={1}/admin.kubeconfig PATH=$PWD/bin:$PATH\n"
        "  kubectl ws :root:demo                     # a workspace with compute and a load "
        "balancer\n"
        "  kubectl apply -f examples/echo.yaml       # runs on cluster east or west\n"
        "  kubectl rollout status deployment/echo\n"
        "  HOST=$(kubectl get ingress echo -o jsonpath='{{.spec.rules[0].host}}')\n"
        "  dig +short @{2} -p {3} $HOST\n"
        "  curl --cacert {1}/glbc-ca.crt --connect-to ::$(dig +short @{2} -p {3} $HOST | head -1): "
        "https://$HOST:{4}/\n\n"
        "Move it, and watch DNS follow:\n\n"
        "  kubectl ws :root:compute; kubectl kcp workload drain east\n\n"
        "Ctrl-C stops it; what you made is kept.\n",
        plane_.url(), root(), options_.dns.address, options_.dns.port, east_.options().https_port);
    std::fflush(stdout);
  }

  const PlaygroundOptions options_;
  net::IoLoop& loop_;
  ControlPlane plane_;
  ClusterPlane east_, west_;
  std::map<std::string, std::string> uids_;  // of the SyncTargets, by cluster
};

// "EAST,WEST"; on failure the user has been told.
bool read_cluster_addresses(const std::string& text, PlaygroundOptions& options) {
  auto parts = split(text, ',');
  if (parts.size() == 2 && parts[0] != parts[1] && !parts[0].empty() && !parts[1].empty()) {
    options.east = parts[0];
    options.west = parts[1];
    return true;
  }
  fmt::print(stderr, "kcp: --cluster-addresses must be two different addresses, not \"{}\"\n",
             text);
  return false;
}

int serve(PlaygroundOptions options) {
  net::raise_file_limit();
  net::LoopPool pool(kLoops);
  int status = 1;
  try {
    Playground playground(std::move(options), pool);
    status = run_until_stopped(pool, playground.run());
    pool.stop();
  } catch (const Error& error) {
    fmt::print(stderr, "kcp: {}\n", error.message());
  }
  return status;
}

}  // namespace

int playground(const std::vector<std::string>& arguments) {
  PlaygroundOptions options;
  std::string port = "6443", dns_port = "8053";
  std::string cluster_addresses = options.east + "," + options.west;
  Flags flags("kcp playground [flags]", "Runs everything in one process, for a laptop.",
              "kcp playground --root-directory .kcp");
  flags.add("root-directory", &options.plane.root_directory,
            "where data, certificates and kubeconfigs are kept");
  flags.add("bind-address", &options.plane.bind_address, "IP address of the control plane");
  flags.add("secure-port", &port, "port of the control plane");
  flags.add("token-auth-file", &options.plane.token_auth_file,
            "users with bearer tokens, a line each: token,user,uid,\"group1,group2\"");
  flags.add("domain", &options.domain, "in which workloads get their hosts");
  flags.add("dns-address", &options.dns.address, "IP address of the DNS server");
  flags.add("dns-port", &dns_port, "port of the DNS server, UDP and TCP");
  flags.add("cluster-addresses", &cluster_addresses,
            "loopback addresses of the physical clusters, east and west");
  flags.add("ttl", &options.ttl, "seconds that DNS answers may be kept");
  auto outcome = flags.parse(arguments);
  if (outcome != Flags::Outcome::Run) return outcome == Flags::Outcome::Help ? 0 : 2;
  bool ok = parse_port("secure-port", port, &options.plane.port) &&
            parse_port("dns-port", dns_port, &options.dns.port) &&
            read_cluster_addresses(cluster_addresses, options);
  return ok ? serve(std::move(options)) : 2;
}

}  // namespace cmd
