// What the subcommands share: running a task until it ends or a signal says stop.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/task.h"
#include "net/loop.h"

namespace cmd {

// Blocks SIGINT and SIGTERM for this and all later threads; call first of all.
void block_stop_signals();

// Runs `task` on the pool's first loop until it ends, or until SIGINT or SIGTERM cancels it (a
// second signal ends the process at once). Returns the exit status; failures are printed as one
// line.
int run_until_stopped(net::LoopPool& pool, Task<> task, std::string_view prefix = "kcp");

int start(const std::vector<std::string>& arguments);
int playground(const std::vector<std::string>& arguments);
int cluster_command(const std::vector<std::string>& arguments);
int syncer_command(const std::vector<std::string>& arguments);
int glbc_command(const std::vector<std::string>& arguments);
int backup_command(const std::vector<std::string>& arguments);
int restore_command(const std::vector<std::string>& arguments);
int bench_command(const std::vector<std::string>& arguments);

}  // namespace cmd
