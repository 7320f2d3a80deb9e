#include "cmd/shared_credentials.h"

#include "base/error.h"
#include "base/manual_loop.h"
#include "cmd/credentials.h"
#include "cmd/files.h"
#include "json/text.h"

namespace cmd {
namespace {

// No object's key: those begin with '/'.
constexpr const char* kKey = "~credentials";
constexpr const char* kFiles[] = {"ca.crt", "ca.key", "admin.crt", "admin.key",
                                  "service-account.key"};

std::string path_of(const std::string& root, const char* file) { return root + "/pki/" + file; }

std::optional<json::Value> find_stored(ManualLoop& loop, storage::Store& store) {
  auto record = run(loop, store.find(kKey));
  if (!record) return {};
  auto stored = json::parse(record->value.view());
  if (!stored)
    throw Error::internal("the credentials in the store are damaged: " + std::string(kKey));
  return std::move(*stored);
}

json::Value own_files(const std::string& root, const std::string& bind_address,
                      const Clock& clock) {
  load_credentials(root, bind_address, clock);
  load_signing_key(root);
  json::Value files = json::Value::object();
  for (const char* file : kFiles) files.set(file, read_file(path_of(root, file)).value_or(""));
  return files;
}

}  // namespace

void share_credentials(storage::Store& store, const std::string& root,
                       const std::string& bind_address, const Clock& clock) {
  ManualLoop loop;
  auto stored = find_stored(loop, store);
  if (!stored) {
    json::Value own = own_files(root, bind_address, clock);
    auto result = run(loop, store.commit({{{kKey, {}}}, {{kKey, Bytes(json::print(own))}}}));
    if (result.committed) return;
    stored = find_stored(loop, store);
  }
  if (!stored) throw Error::internal("the credentials in the store have been removed");
  for (const char* file : kFiles) {
    std::string text = stored->at(file).str(), path = path_of(root, file);
    if (text.empty())
      throw Error::internal("the credentials in the store lack " + std::string(file));
    if (read_file(path) != text) write_file(path, text);
  }
}

}  // namespace cmd
