#include <fmt/format.h>

#include "base/error.h"
#include "base/strings.h"
#include "cmd/plugin/commands.h"
#include "cmd/plugin/connection.h"
#include "cmd/plugin/workspace_path.h"

namespace plugin {
namespace {

constexpr int kAttempts = 600;  // of 100 ms: a minute

struct CreateOptions {
  std::string name;
  std::string type;
  bool enter = false;
  bool ignore_existing = false;
};

CreateOptions parse(const Arguments& arguments) {
  CreateOptions options;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    std::string_view argument = arguments[i];
    if (argument == "--enter") {
      options.enter = true;
    } else if (argument == "--ignore-existing") {
      options.ignore_existing = true;
    } else if (argument.starts_with("--type=")) {
      options.type = lower(argument.substr(7));
    } else if (argument == "--type" && i + 1 < arguments.size()) {
      options.type = lower(arguments[++i]);
    } else if (!argument.starts_with('-') && options.name.empty()) {
      options.name = argument;
    } else {
      throw Error(Reason::BadRequest,
                  "unexpected argument " + std::string(argument) + "; see --help");
    }
  }
  if (options.name.empty()) throw Error(Reason::BadRequest, "a name is missing; see --help");
  return options;
}

json::Value workspace_object(const CreateOptions& options) {
  json::Value object =
      json::Value::object({{"apiVersion", "tenancy.kcp.io/v1alpha1"},
                           {"kind", "Workspace"},
                           {"metadata", json::Value::object({{"name", options.name}})}});
  if (!options.type.empty()) {
    std::size_t colon = options.type.rfind(':');
    json::Value& type = object.edit("spec", "type");
    bool has_path = colon != std::string::npos;
    type.set("name", has_path ? options.type.substr(colon + 1) : options.type);
    if (has_path) type.set("path", options.type.substr(0, colon));
  }
  return object;
}

std::string type_of(const json::Value& workspace) {
  const json::Value& type = workspace.at("spec", "type");
  return type["path"].str() + ":" + type["name"].str();
}

Task<json::Value> wait_until_ready(client::Client& parent, std::string name) {
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    auto workspace = co_await parent.find(kWorkspaces, "", name);
    if (workspace && workspace->at("status", "phase").as_string() == "Ready") {
      co_return std::move(*workspace);
    }
    co_await sleep_for(100ms);
  }
  throw Error(Reason::Timeout, "workspace " + quote(name) + " is not ready after a minute");
}

}  // namespace

std::string_view create_help() {
  return "Creates a workspace in the current one and waits until it is ready.\n\n"
         "Usage:\n  kubectl create-workspace NAME [--type TYPE] [--enter] [--ignore-existing]\n\n"
         "Example:\n  kubectl create-workspace team-a --enter\n";
}

Task<int> create_command(net::IoLoop& loop, Kubeconfig config, Arguments arguments) {
  CreateOptions options = parse(arguments);
  auto url = parse_workspace_url(config.server_url());
  if (!url) throw Error(Reason::BadRequest, "the current context does not point to a workspace");
  auto parent = connect(loop, config, "/clusters/" + url->path);
  std::optional<Error> failure;
  json::Value workspace;
  try {
    workspace = co_await parent.create(kWorkspaces, workspace_object(options));
  } catch (const Error& error) {
    failure = error;
  }
  bool exists = failure && failure->reason() == Reason::AlreadyExists && options.ignore_existing;
  if (failure && !exists) throw *failure;
  if (exists) {
    fmt::print("Workspace {} already exists. Waiting for it to be ready...\n", quote(options.name));
  } else {
    fmt::print("Workspace {} (type {}) created. Waiting for it to be ready...\n",
               quote(options.name), type_of(workspace));
  }
  co_await wait_until_ready(parent, options.name);
  fmt::print("Workspace {} (type {}) is ready to use.\n", quote(options.name),
             exists ? options.type : type_of(workspace));
  if (options.enter) co_await enter(loop, config, url->path + ":" + options.name);
  co_return 0;
}

}  // namespace plugin
