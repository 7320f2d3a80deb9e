#include "cluster/kubelet.h"

#include <algorithm>

#include "base/scope.h"
#include "json/text.h"

namespace cluster {
namespace {

using json::Value;

constexpr Duration kLinger = 3s;

Task<> answer(std::string cluster, std::string ns, std::string pod, http::Request request,
              http::ResponseWriter& response) {
  json::Value body = Value::object(
      {{"cluster", cluster}, {"namespace", ns}, {"pod", pod}, {"host", request.authority}});
  co_await response.send(200, {{"content-type", "application/json"}},
                         Bytes(json::print(body) + "\n"));
}

bool listens(const Value& pod) {
  return std::ranges::any_of(pod.at("spec", "containers").elements(), [](const Value& container) {
    return is_echo_image(container["image"].as_string());
  });
}

// The status of a pod that runs since `now`, on `address`.
Value running(const Value& pod, const std::string& address, TimePoint now) {
  Value object = pod;
  Value& status = object.edit("status");
  status.set("phase", "Running").set("hostIP", address).set("podIP", address);
  status.set("podIPs", Value::array({Value::object({{"ip", address}})}));
  if (!status.contains("startTime")) status.set("startTime", format_time(now));
  Value containers = Value::array();
  for (const Value& container : pod.at("spec", "containers").elements()) {
    Value state = Value::object({{"running", Value::object({{"startedAt", status["startTime"]}})}});
    containers.push_back(Value::object({{"name", container["name"]},
                                        {"image", container["image"]},
                                        {"imageID", ""},
                                        {"ready", true},
                                        {"started", true},
                                        {"restartCount", 0},
                                        {"state", std::move(state)}}));
  }
  status.set("containerStatuses", std::move(containers));
  for (const char* type : {"PodScheduled", "Initialized", "ContainersReady", "Ready"}) {
    object::set_condition(object, {type, "True", "", ""}, now);
  }
  return object;
}

}  // namespace

bool is_echo_image(std::string_view image) {
  image = image.substr(image.rfind('/') + 1);
  return image.substr(0, image.find_first_of(":@")) == "echo";
}

struct EchoListeners::Listener {
  http::Server server;
  TaskRef task;
  Listener(net::IoLoop& loop, net::LoopPool& pool, http::ServerOptions options,
           http::Handler handler)
      : server(loop, pool, std::move(options), std::move(handler)) {}
};

EchoListeners::EchoListeners(net::IoLoop& loop, net::LoopPool& pool, Scope& scope,
                             std::string cluster_name, std::string address)
    : loop_(loop),
      pool_(pool),
      scope_(scope),
      cluster_name_(std::move(cluster_name)),
      address_(std::move(address)) {}

std::uint16_t EchoListeners::open(const json::Value& pod) {
  std::string uid = object::uid(pod);
  auto& listener = servers_[uid];
  if (!listener) {
    auto handler = [cluster = cluster_name_, ns = object::ns(pod), name = object::name(pod)](
                       http::Request request, http::ResponseWriter& response) -> Task<> {
      return answer(cluster, ns, name, std::move(request), response);
    };
    http::ServerOptions options;
    options.endpoint = {address_, 0};
    listener = std::make_shared<Listener>(loop_, pool_, std::move(options), std::move(handler));
    auto serve = [](std::shared_ptr<Listener> self) -> Task<> { co_await self->server.run(); };
    listener->task = scope_.spawn("echo", serve(listener));
  }
  return listener->server.endpoint().port;
}

void EchoListeners::close(const std::string& uid) {
  auto node = servers_.extract(uid);
  if (!node) return;
  loop_.call_after(kLinger, [listener = node.mapped()] { listener->task.cancel(); });
}

void EchoListeners::sweep(const std::function<bool(const std::string& uid)>& is_there) {
  std::vector<std::string> gone;
  for (const auto& [uid, listener] : servers_) {
    if (!is_there(uid)) gone.push_back(uid);
  }
  for (const std::string& uid : gone) close(uid);
}

controller::Declaration KubeletController::declare() const {
  return {{source_of(kPods, client_)}, {}};
}

controller::Plan KubeletController::reconcile(const controller::World& world,
                                              const controller::Key&,
                                              const std::optional<json::Value>& object) const {
  controller::Plan plan;
  auto& listeners = *listeners_;
  if (!object) {
    listeners.sweep([&](const std::string& uid) {
      auto pods = world.list("pods", "", "");
      return std::ranges::any_of(pods, [&](const Value& pod) { return object::uid(pod) == uid; });
    });
    return plan;
  }
  const Value& pod = *object;
  if (object::is_deleting(pod)) return plan;
  Value wanted = pod;
  if (wanted.at("spec", "nodeName").as_string().empty())
    wanted.edit("spec").set("nodeName", "node-1");
  if (listens(pod)) {
    std::string place = listeners.address() + ":" + std::to_string(listeners.open(pod));
    object::set_annotation(wanted, kListenAnnotation, place);
  }
  // Metadata and spec first; the status follows when that has arrived.
  if (wanted != pod) {
    plan.update("pods", "", std::move(wanted));
    return plan;
  }
  Value status = running(pod, listeners.address(), world.now());
  if (status["status"] != pod["status"]) plan.update_status("pods", "", std::move(status));
  return plan;
}

}  // namespace cluster
