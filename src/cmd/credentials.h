// The control plane's own credentials below the root directory: a CA, the server's certificate and
// an administrator's. Made at the first start, kept at every later one.
#pragma once

#include <string>

#include "base/clock.h"
#include "pki/certificate.h"

namespace cmd {

struct Credentials {
  pki::KeyPair ca;
  pki::KeyPair server;  // made anew at each start
  pki::KeyPair admin;   // a member of system:masters
};

// Reads or makes <root>/pki/{ca,admin}.{crt,key}. Throws Error(ServiceUnavailable) if they cannot
// be read or written.
Credentials load_credentials(const std::string& root, const std::string& bind_address,
                             const Clock& clock);

// Writes `path`, keeping contexts, clusters and users of other names and the current context.
// Contexts: base (no workspace), root, system:admin.
void write_admin_kubeconfig(const std::string& path, const std::string& server_url,
                            const Credentials& credentials);

}  // namespace cmd
