// kcp start: one shard, on the embedded store or on an etcd.
#include <fmt/format.h>

#include "base/error.h"
#include "cmd/addresses.h"
#include "cmd/control_plane.h"
#include "cmd/etcd_flags.h"
#include "cmd/flags.h"
#include "cmd/program.h"

namespace cmd {
namespace {

constexpr std::size_t kLoops = 2;

}  // namespace

int start(const std::vector<std::string>& arguments) {
  ControlPlaneOptions options;
  std::string port = "6443";
  Flags flags("kcp start [flags]", "Runs the control plane, on the embedded store or on an etcd.",
              "kcp start --root-directory /var/lib/kcp\n"
              "  kcp start --etcd-servers https://10.0.0.1:2379,https://10.0.0.2:2379 \\\n"
              "    --etcd-cafile ca.crt --etcd-certfile kcp.crt --etcd-keyfile kcp.key");
  std::string external_url, more_hosts;
  EtcdFlags etcd;
  flags.add("root-directory", &options.root_directory,
            "where data, certificates and the kubeconfig are kept");
  flags.add("bind-address", &options.bind_address, "IP address to listen on");
  flags.add("secure-port", &port, "port to listen on");
  flags.add("shard-external-url", &external_url,
            "https URL of a name or balancer that clients reach it under: stored in objects; the "
            "same for all servers of one etcd");
  flags.add("tls-san", &more_hosts,
            "further DNS names and IP addresses for its certificate, with commas between");
  flags.add("token-auth-file", &options.token_auth_file,
            "users with bearer tokens, a line each: token,user,uid,\"group1,group2\"");
  etcd.add_to(flags);
  auto outcome = flags.parse(arguments);
  if (outcome != Flags::Outcome::Run) return outcome == Flags::Outcome::Help ? 0 : 2;
  if (!parse_port("secure-port", port, &options.port)) return 2;
  net::raise_file_limit();
  net::LoopPool pool(kLoops);
  int status = 1;
  try {
    options.addresses = value_or_throw(parse_addresses(external_url, more_hosts));
    options.etcd = etcd.options();
    ControlPlane plane(std::move(options), pool);
    status = run_until_stopped(pool, plane.run([&plane] {
      fmt::print("kcp is ready at {}; kubeconfig: {}\n", plane.url(), plane.kubeconfig());
      std::fflush(stdout);
    }));
    pool.stop();
  } catch (const Error& error) {
    fmt::print(stderr, "kcp: {}\n", error.message());
  }
  return status;
}

}  // namespace cmd
