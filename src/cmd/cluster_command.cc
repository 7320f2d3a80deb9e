// kcp cluster: a stand-in for a physical cluster, for laptops and tests.
#include <fmt/format.h>

#include "base/error.h"
#include "base/strings.h"
#include "cluster/cluster.h"
#include "cmd/api_server.h"
#include "cmd/flags.h"
#include "cmd/program.h"
#include "controllers/workspaces/bootstrap.h"
#include "object/object.h"

namespace cmd {
namespace {

constexpr std::size_t kLoops = 2;

struct ClusterFlags {
  std::string name = "east", root = ".kcp/clusters/east", address = "127.0.1.1", port = "16443";
  std::string http_port = "8080", https_port = "8443";
};

std::uint16_t port_of(const std::string& flag, const std::string& text) {
  auto number = parse_u64(text);
  if (!number || *number > 65535) {
    throw Error(Reason::BadRequest, "--" + flag + " must be a number up to 65535, not " + text);
  }
  return static_cast<std::uint16_t>(*number);
}

Task<> run_cluster(ApiServer& api, cluster::Cluster& cluster, const ClusterFlags& flags) {
  std::string kubeconfig = flags.root + "/admin.kubeconfig";
  co_await controllers::bootstrap_plain_cluster(api.registry(), flags.address);
  api.write_kubeconfig(kubeconfig, {{flags.name, ""}});
  co_await api.run([&](Scope& scope) {
    scope.spawn("cluster", cluster.run());
    fmt::print("cluster {} is ready at {}; kubeconfig: {}; ingress: https://{}:{}\n", flags.name,
               api.url(), kubeconfig, flags.address, flags.https_port);
    std::fflush(stdout);
  });
}

int serve(const ClusterFlags& flags) {
  net::raise_file_limit();
  net::LoopPool pool(kLoops);
  int status = 1;
  try {
    ApiServer api({flags.root, flags.address, port_of("secure-port", flags.port),
                   registry::Flavour::PlainCluster},
                  pool);
    cluster::Cluster cluster(pool.at(0), pool, api.admin_client(""), system_clock(),
                             {flags.name, flags.address, port_of("http-port", flags.http_port),
                              port_of("https-port", flags.https_port)});
    status = run_until_stopped(pool, run_cluster(api, cluster, flags));
    pool.stop();
  } catch (const Error& error) {
    fmt::print(stderr, "kcp: {}\n", error.message());
  }
  return status;
}

}  // namespace

int cluster_command(const std::vector<std::string>& arguments) {
  ClusterFlags values;
  Flags flags(
      "kcp cluster [flags]",
      "Runs a stand-in for a physical cluster: the real API with simulated nodes and a real "
      "ingress.",
      "kcp cluster --name east --bind-address 127.0.1.1");
  flags.add("name", &values.name, "what the cluster is called");
  flags.add("root-directory", &values.root, "where data, certificates and the kubeconfig are kept");
  flags.add("bind-address", &values.address, "loopback address of its API, pods and ingress");
  flags.add("secure-port", &values.port, "port of its API");
  flags.add("http-port", &values.http_port, "port of its ingress for plain HTTP");
  flags.add("https-port", &values.https_port, "port of its ingress for HTTPS");
  switch (flags.parse(arguments)) {
    case Flags::Outcome::Help: return 0;
    case Flags::Outcome::Wrong: return 2;
    default: return serve(values);
  }
}

}  // namespace cmd
