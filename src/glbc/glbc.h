// GLBC, the global load balancer controller: a client of the control plane that gives Ingresses
// hosts, certificates and DNS that follows their workloads. Start reading at README.md.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/task.h"
#include "client/client.h"
#include "net/loop.h"
#include "net/socket.h"

namespace glbc {

struct NameServer {
  std::string name;     // "ns1.glbc.example.org"
  std::string address;  // for the glue, where the name is within the domain; "" = none
};

struct Options {
  // Speaks to the shard (base path "") as GLBC's own user, on `loop`.
  std::shared_ptr<client::Client> shard;
  net::IoLoop* loop = nullptr;
  const Clock* clock = &system_clock();
  std::string workspace = "root:glbc";  // its control workspace, which has the export
  std::string export_name = "glbc";     // through which tenants are seen
  std::string domain = "glbc.example.org";
  net::Endpoint dns{"127.0.0.1", 8053};  // where DNS is answered
  std::vector<NameServer> name_servers;  // empty: ns1.<domain> at the DNS address
  std::uint32_t ttl = 60;                // seconds, of addresses in DNS
  bool probing = true;                   // publish an address only once it serves its host
  std::uint16_t probe_port = 443;
  // Told what clients have to trust (PEM), at the start and when it changes; may be null.
  std::function<void(const std::string& ca_pem)> on_authority;
  // Called once DNS answers; may be null.
  std::function<void(const net::Endpoint& dns)> on_ready;
};

// Runs until cancelled. Throws Error at once if an option or the DNS address can not be used;
// waits for the control plane and the workspace. Call on `loop`.
Task<> run(Options options);

}  // namespace glbc
