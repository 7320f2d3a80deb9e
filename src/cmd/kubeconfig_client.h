// Talking to a server as a kubeconfig says: address, CA, and a certificate or a bearer token.
#pragma once

#include <string>
#include <string_view>

#include "client/client.h"
#include "http/client.h"
#include "json/value.h"
#include "net/loop.h"

namespace cmd {

// One context of a kubeconfig.
struct Access {
  json::Value cluster, user;  // its entries; null members if the kubeconfig is broken
  std::string directory;      // where relative file names begin; "" = the working directory

  std::string url() const { return cluster["server"].str(); }
};

// The context called `context` ("" = the current one) of the file at `path`. Throws Error with what
// is missing.
Access load_access(const std::string& path, std::string_view context);
// For a pod: the cluster it runs in, as its service account. Throws Error outside of a cluster.
Access in_cluster_access();
// The entries of a context, not checked.
Access access_of(const json::Value& config, std::string_view context);

// How to reach the server of `access`, and the headers that say who calls. Throws Error if the
// credentials are malformed or of a kind that is not supported.
struct ServerAccess {
  http::ClientOptions options;
  http::Headers headers;
};
ServerAccess server_access(const Access& access);

// The same, with a client. Throws as server_access().
struct Connection {
  std::shared_ptr<http::Transport> transport;
  http::Headers headers;
};
Connection open_connection(net::IoLoop& loop, const Access& access);

// A client at `base_path` ("/clusters/root:a") of that server; a path in the server's address is
// not added. Throws as server_access().
client::Client connect(net::IoLoop& loop, const Access& access, std::string base_path);

}  // namespace cmd
