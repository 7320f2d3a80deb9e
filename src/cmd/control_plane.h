// The kcp server of one process: store, cache, registry, API server and controllers, wired
// together.
#pragma once

#include <memory>
#include <string>

#include "base/task.h"
#include "net/loop.h"

namespace cmd {

struct ControlPlaneOptions {
  std::string root_directory = ".kcp";
  std::string bind_address = "127.0.0.1";
  std::uint16_t port = 6443;
};

class ControlPlane {
 public:
  // Opens the store and binds the port. Throws Error with one line that names cause and object.
  ControlPlane(ControlPlaneOptions options, net::LoopPool& pool);
  ~ControlPlane();

  // Serves until cancelled. On the pool's first loop.
  Task<> run();

  std::string url() const;         // "https://127.0.0.1:6443"
  std::string kubeconfig() const;  // path of the administrator's kubeconfig
  // Called on the first loop once requests are answered.
  void on_ready(std::function<void()> callback);

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace cmd
