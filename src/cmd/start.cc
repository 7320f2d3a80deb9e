// kcp start: one shard, on the embedded store.
#include <fmt/format.h>

#include "base/error.h"
#include "base/strings.h"
#include "cmd/control_plane.h"
#include "cmd/flags.h"
#include "cmd/program.h"

namespace cmd {
namespace {

constexpr std::size_t kLoops = 2;

// The options from the flags; nothing if a value is wrong (the user has been told).
std::optional<ControlPlaneOptions> options_from(const std::string& root, const std::string& address,
                                                const std::string& port) {
  auto number = parse_u64(port);
  if (!number || *number > 65535) {
    fmt::print(stderr, "kcp: --secure-port must be a number up to 65535, not {}\n", port);
    return {};
  }
  return ControlPlaneOptions{root, address, static_cast<std::uint16_t>(*number)};
}

int serve(ControlPlaneOptions options, const std::function<void(ControlPlane&)>& greet) {
  net::raise_file_limit();
  net::LoopPool pool(kLoops);
  int status = 1;
  try {
    ControlPlane plane(std::move(options), pool);
    status = run_until_stopped(pool, plane.run([&] { greet(plane); }));
    pool.stop();
  } catch (const Error& error) {
    fmt::print(stderr, "kcp: {}\n", error.message());
  }
  return status;
}

int run_control_plane(Flags flags, const std::vector<std::string>& arguments,
                      const std::function<void(ControlPlane&)>& greet) {
  std::string root = ".kcp", address = "127.0.0.1", port = "6443";
  flags.add("root-directory", &root, "where data, certificates and kubeconfigs are kept");
  flags.add("bind-address", &address, "IP address to listen on");
  flags.add("secure-port", &port, "port to listen on");
  switch (flags.parse(arguments)) {
    case Flags::Outcome::Help: return 0;
    case Flags::Outcome::Wrong: return 2;
    default: break;
  }
  auto options = options_from(root, address, port);
  return options ? serve(std::move(*options), greet) : 2;
}

}  // namespace

int start(const std::vector<std::string>& arguments) {
  return run_control_plane(
      Flags("kcp start [flags]", "Runs the control plane on the embedded store.",
            "kcp start --root-directory /var/lib/kcp"),
      arguments, [](ControlPlane& plane) {
        fmt::print("kcp is ready at {}; kubeconfig: {}\n", plane.url(), plane.kubeconfig());
        std::fflush(stdout);
      });
}

int playground(const std::vector<std::string>& arguments) {
  return run_control_plane(
      Flags("kcp playground [flags]", "Runs everything in one process, for a laptop.",
            "kcp playground --root-directory .kcp"),
      arguments, [](ControlPlane& plane) {
        fmt::print(
            "\nkcp is ready at {0}. In another terminal, from this folder:\n\n"
            "  export KUBECONFIG={1} PATH=$PWD/bin:$PATH\n"
            "  kubectl create-workspace team-a --enter   # a cluster of your own\n"
            "  kubectl create configmap hello --from-literal=a=b\n"
            "  kubectl get configmaps,namespaces\n"
            "  kubectl ws tree\n\n"
            "Ctrl-C stops it; what you made is kept.\n",
            plane.url(), plane.kubeconfig());
        std::fflush(stdout);
      });
}

}  // namespace cmd
