#include "cmd/plugin/connection.h"

#include "cmd/kubeconfig_client.h"

namespace plugin {

client::Client connect(net::IoLoop& loop, const Kubeconfig& config, std::string base_path) {
  return cmd::connect(loop, cmd::access_of(config.value(), ""), std::move(base_path));
}

}  // namespace plugin
