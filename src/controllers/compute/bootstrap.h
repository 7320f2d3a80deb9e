// The workspace root:compute with the APIExport `kubernetes`: Deployments, Services and Ingresses
// as workspaces bind them to have them run on physical clusters. Every authenticated user may bind
// it. Written at every start; a program with newer schemas moves the export to them. Source:
// reference tmc.md 2.2.
#pragma once

#include "base/task.h"
#include "client/client.h"

namespace controllers {

// `shard` is an administrator's client with the base path "".
Task<> bootstrap_compute(std::shared_ptr<client::Client> shard);

}  // namespace controllers
