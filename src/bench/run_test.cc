// What a run tells of processes: this one stands for the server or for its store.
#include "bench/run.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace bench {
namespace {

TargetOptions found(pid_t server, pid_t store) {
  TargetOptions options;
  options.url = "https://127.0.0.1:6443";
  options.process = server;
  options.store = store;
  options.read_kubeconfig = [](const std::string&) { return Address{}; };
  return options;
}

Row measure_work(const Target& target) {
  Meter meter(target);
  calibration_seconds();
  Row row{.operations = 1};
  meter.read_into(row);
  return row;
}

TEST(RunTest, TheProcessorTimeOfServerAndStoreAreTwoFigures) {
  Target server(found(::getpid(), 0)), store(found(0, ::getpid()));

  Row of_server = measure_work(server), of_store = measure_work(store);

  EXPECT_GT(of_server.server_cpu_us.value_or(0), 0);
  EXPECT_FALSE(of_server.store_cpu_us);
  EXPECT_GT(of_store.store_cpu_us.value_or(0), 0);
  EXPECT_FALSE(of_store.server_cpu_us);
}

TEST(RunTest, TheStoresFigureIsInTheDocument) {
  Report report;
  report.add({.name = "one", .operations = 2, .seconds = 1, .store_cpu_us = 7});

  EXPECT_EQ(report.to_json()["rows"][0]["storeCpuMicroseconds"].as_double(), 7);
}

TEST(RunTest, MemoryIsThatOfServerAndStoreTogether) {
  net::LoopPool pool(1);
  Report report;
  Target one(found(::getpid(), 0)), both(found(::getpid(), ::getpid())), none(found(0, 0));

  double memory_of_one = bench::Run(one, pool, {}, report).server_memory().resident;
  double memory_of_both = bench::Run(both, pool, {}, report).server_memory().resident;

  EXPECT_GT(memory_of_one, 0);
  EXPECT_GT(memory_of_both, 1.5 * memory_of_one);
  EXPECT_EQ(bench::Run(none, pool, {}, report).server_memory().resident, 0);
  pool.stop();
}

}  // namespace
}  // namespace bench
