// kcp cluster: a stand-in for a physical cluster, for laptops and tests.
#include <fmt/format.h>

#include "base/error.h"
#include "cmd/cluster_plane.h"
#include "cmd/flags.h"
#include "cmd/program.h"

namespace cmd {
namespace {

constexpr std::size_t kLoops = 2;

int serve(ClusterPlaneOptions options) {
  net::raise_file_limit();
  net::LoopPool pool(kLoops);
  int status = 1;
  try {
    ClusterPlane plane(std::move(options), pool);
    status = run_until_stopped(pool, plane.run([&plane] {
      const auto& o = plane.options();
      fmt::print("cluster {} is ready at {}; kubeconfig: {}; ingress: https://{}:{}\n", o.name,
                 plane.url(), o.kubeconfig, o.address, o.https_port);
      std::fflush(stdout);
    }));
    pool.stop();
  } catch (const Error& error) {
    fmt::print(stderr, "kcp: {}\n", error.message());
  }
  return status;
}

}  // namespace

int cluster_command(const std::vector<std::string>& arguments) {
  ClusterPlaneOptions options;
  std::string port = "16443", http_port = "8080", https_port = "8443";
  Flags flags(
      "kcp cluster [flags]",
      "Runs a stand-in for a physical cluster: the real API with simulated nodes and a real "
      "ingress.",
      "kcp cluster --name east --bind-address 127.0.1.1");
  flags.add("name", &options.name, "what the cluster is called");
  flags.add("root-directory", &options.root_directory,
            "where data, certificates and the kubeconfig are kept");
  flags.add("bind-address", &options.address, "loopback address of its API, pods and ingress");
  flags.add("secure-port", &port, "port of its API");
  flags.add("http-port", &http_port, "port of its ingress for plain HTTP");
  flags.add("https-port", &https_port, "port of its ingress for HTTPS");
  auto outcome = flags.parse(arguments);
  if (outcome != Flags::Outcome::Run) return outcome == Flags::Outcome::Help ? 0 : 2;
  bool ok = parse_port("secure-port", port, &options.port) &&
            parse_port("http-port", http_port, &options.http_port) &&
            parse_port("https-port", https_port, &options.https_port);
  return ok ? serve(std::move(options)) : 2;
}

}  // namespace cmd
