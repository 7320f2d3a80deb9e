#include "cmd/shared_credentials.h"

#include <thread>

#include "base/error.h"
#include "base/manual_loop.h"
#include "cmd/credentials.h"
#include "json/text.h"

namespace cmd {
namespace {

// No object's key: those begin with '/'.
constexpr const char* kKey = "~credentials";
constexpr int kAttempts = 10;
constexpr auto kPause = 500ms;

std::optional<json::Value> find_stored(ManualLoop& loop, storage::Store& store) {
  auto record = run(loop, store.find(kKey));
  if (!record) return {};
  auto stored = json::parse(record->value.view());
  if (!stored)
    throw Error::internal("the credentials in the store are damaged: " + std::string(kKey));
  return std::move(*stored);
}

json::Value to_value(const SharedFiles& files) {
  json::Value value = json::Value::object();
  for (const auto& [name, text] : files) value.set(name, text);
  return value;
}

// What the store has; `own` is put there if it has nothing. Whoever comes second finds the first's.
json::Value settle(ManualLoop& loop, storage::Store& store, const SharedFiles& own) {
  for (int attempt = 1;; ++attempt) {
    std::optional<Error> failure;
    try {
      if (auto stored = find_stored(loop, store)) return std::move(*stored);
      run(loop, store.commit({{{kKey, {}}}, {{kKey, Bytes(json::print(to_value(own)))}}}));
      // Also if that lost or its outcome is unknown: what is there now counts.
      if (auto stored = find_stored(loop, store)) return std::move(*stored);
      throw Error::internal("the credentials in the store have been removed");
    } catch (const Error& error) {
      failure = error;
    }
    bool passing =
        failure->reason() == Reason::Timeout || failure->reason() == Reason::ServiceUnavailable;
    if (!passing || attempt == kAttempts) throw *failure;
    std::this_thread::sleep_for(kPause);
  }
}

}  // namespace

void share_credentials(storage::Store& store, const std::string& root, const Clock& clock) {
  ManualLoop loop;
  SharedFiles files = shared_files(root, clock);
  json::Value stored = settle(loop, store, files);
  for (auto& [name, text] : files) {
    text = stored[name].str();
    if (text.empty()) throw Error::internal("the credentials in the store lack " + name);
  }
  write_shared_files(root, files);
}

}  // namespace cmd
