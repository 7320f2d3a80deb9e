// What every Store must do, as tests. An engine's test file instantiates the suite with a factory:
//   INSTANTIATE_TEST_SUITE_P(Memory, StoreContract, testing::Values(...));
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "base/manual_loop.h"
#include "storage/store.h"

namespace storage {

// Opens the engine under test; a second call reopens the same data if the engine is durable.
struct Engine {
  std::string name;
  std::function<std::unique_ptr<Store>(const std::string& directory)> open;
};

class StoreContract : public testing::TestWithParam<Engine> {
 protected:
  void SetUp() override;
  void TearDown() override;

  // Commits and requires that it went through. The revision of the write.
  Revision put(const std::string& key, const std::string& value);
  Revision erase(const std::string& key);
  CommitResult commit(Transaction transaction);
  std::string read(const std::string& key);  // "-" if absent
  void reopen();

  ManualLoop loop_;
  std::string directory_;
  std::unique_ptr<Store> store_;
};

// For engines whose data outlives them.
class DurableContract : public StoreContract {};

}  // namespace storage
