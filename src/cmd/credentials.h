// The control plane's own credentials below the root directory: a CA, the server's certificate, an
// administrator's, and the key of service account tokens. Made at the first start, kept at every
// later one.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "pki/certificate.h"
#include "pki/jwt.h"

namespace cmd {

struct Credentials {
  pki::KeyPair ca;
  pki::KeyPair server;  // made anew at each start
  pki::KeyPair admin;   // a member of system:masters
};

// The key <root>/pki/service-account.key, made if it is not there. Throws Error with the path if it
// is no signing key or cannot be written.
pki::SigningKey load_signing_key(const std::string& root);

// What servers of one store have in common: the names of the files below <root>/pki with their
// contents, those that are there and, for what is not, new ones. Writes nothing.
using SharedFiles = std::vector<std::pair<std::string, std::string>>;
SharedFiles shared_files(const std::string& root, const Clock& clock);
// Makes <root>/pki have exactly these. Throws Error(ServiceUnavailable).
void write_shared_files(const std::string& root, const SharedFiles& files);

// Reads or makes <root>/pki/{ca,admin}.{crt,key}; `hosts` are the DNS names and IP addresses that
// the server's certificate is good for. Throws Error(ServiceUnavailable) if they cannot be read or
// written.
Credentials load_credentials(const std::string& root, const std::vector<std::string>& hosts,
                             const Clock& clock);

// Writes `path` with the given contexts (name, and path behind the URL), keeping contexts, clusters
// and users of other names and the current context; that is the context "root", or the first.
void write_admin_kubeconfig(const std::string& path, const std::string& server_url,
                            const std::vector<std::pair<std::string, std::string>>& contexts,
                            const Credentials& credentials);

// A kubeconfig for the user `name` at `server_url`, with a certificate of its own, valid for a
// year.
std::string component_kubeconfig(const Credentials& credentials, const std::string& server_url,
                                 const std::string& name, const Clock& clock);

}  // namespace cmd
