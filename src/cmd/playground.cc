// kcp playground: everything in one process, each part over its real interface.
#include <fmt/format.h>

#include "base/error.h"
#include "cmd/cluster_plane.h"
#include "cmd/control_plane.h"
#include "cmd/flags.h"
#include "cmd/program.h"

namespace cmd {
namespace {

constexpr std::size_t kLoops = 2;

ClusterPlaneOptions cluster_options(const std::string& root, const std::string& name,
                                    const std::string& address) {
  ClusterPlaneOptions options;
  options.name = name;
  options.root_directory = root + "/clusters/" + name;
  options.kubeconfig = root + "/clusters/" + name + ".kubeconfig";
  options.address = address;
  return options;
}

void greet(const ControlPlane& plane, const std::string& root) {
  fmt::print(
      "\nkcp is ready at {0}. In another terminal, from this folder:\n\n"
      "  export KUBECONFIG={1} PATH=$PWD/bin:$PATH\n"
      "  kubectl create-workspace team-a --enter   # a cluster of your own\n"
      "  kubectl create configmap hello --from-literal=a=b\n"
      "  kubectl get configmaps,namespaces\n"
      "  kubectl ws tree\n\n"
      "Two stand-in physical clusters run beside it, east and west:\n\n"
      "  kubectl --kubeconfig {2}/clusters/east.kubeconfig apply -f examples/echo.yaml\n"
      "  curl -H 'Host: echo.example.org' http://127.0.1.1:8080/\n\n"
      "Ctrl-C stops it; what you made is kept.\n",
      plane.url(), plane.kubeconfig(), root);
  std::fflush(stdout);
}

Task<> run_all(ControlPlane& plane, ClusterPlane& east, ClusterPlane& west, std::string root) {
  Loop& loop = co_await current_loop();
  Scope scope(loop);
  auto nothing = [] {};
  scope.spawn("east", east.run(nothing));
  scope.spawn("west", west.run(nothing));
  scope.spawn("kcp", plane.run([&plane, root] { greet(plane, root); }));
  co_await scope.join();
}

int serve(const ControlPlaneOptions& options) {
  net::raise_file_limit();
  net::LoopPool pool(kLoops);
  int status = 1;
  try {
    const std::string& root = options.root_directory;
    ControlPlane plane(options, pool);
    ClusterPlane east(cluster_options(root, "east", "127.0.1.1"), pool);
    ClusterPlane west(cluster_options(root, "west", "127.0.2.1"), pool);
    status = run_until_stopped(pool, run_all(plane, east, west, root));
    pool.stop();
  } catch (const Error& error) {
    fmt::print(stderr, "kcp: {}\n", error.message());
  }
  return status;
}

}  // namespace

int playground(const std::vector<std::string>& arguments) {
  ControlPlaneOptions options;
  std::string port = "6443";
  Flags flags("kcp playground [flags]", "Runs everything in one process, for a laptop.",
              "kcp playground --root-directory .kcp");
  flags.add("root-directory", &options.root_directory,
            "where data, certificates and kubeconfigs are kept");
  flags.add("bind-address", &options.bind_address, "IP address of the control plane");
  flags.add("secure-port", &port, "port of the control plane");
  flags.add("token-auth-file", &options.token_auth_file,
            "users with bearer tokens, a line each: token,user,uid,\"group1,group2\"");
  auto outcome = flags.parse(arguments);
  if (outcome != Flags::Outcome::Run) return outcome == Flags::Outcome::Help ? 0 : 2;
  return parse_port("secure-port", port, &options.port) ? serve(options) : 2;
}

}  // namespace cmd
