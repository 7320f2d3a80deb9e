// Talking to the server that a kubeconfig names.
#pragma once

#include <memory>

#include "client/client.h"
#include "cmd/plugin/kubeconfig.h"
#include "net/loop.h"

namespace plugin {

// A client at `base_path` ("/clusters/root:a") of the kubeconfig's server with its credentials.
// Throws Error if they are malformed.
client::Client connect(net::IoLoop& loop, const Kubeconfig& config, std::string base_path);

}  // namespace plugin
