// Filling a new store: no journal, no syncs until the end.
#include <fmt/format.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "base/check.h"
#include "storage/rocksdb_store.h"

namespace storage {
namespace {

constexpr std::size_t kBatchBytes = 1024 * 1024;

}  // namespace

std::string unfinished_path(const std::string& directory) { return directory + "/unfinished"; }

struct RocksdbImport::State {
  std::string directory;
  std::unique_ptr<rocksdb::DB> db;
  std::vector<rocksdb::ColumnFamilyHandle*> families;  // in the order of column_families()
  rocksdb::WriteBatch batch;

  void must(const rocksdb::Status& status) const {
    if (status.ok()) return;
    throw Error(Reason::ServiceUnavailable,
                fmt::format("cannot fill the store in {}: {}", directory, status.ToString()));
  }

  void write() {
    rocksdb::WriteOptions options;
    options.disableWAL = true;
    must(db->Write(options, &batch));
    batch.Clear();
  }
};

RocksdbImport::RocksdbImport(const std::string& directory) : state_(std::make_unique<State>()) {
  State& state = *state_;
  state.directory = directory;
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) throw unusable(directory, error.message());
  if (!std::filesystem::is_empty(directory, error) || error) {
    throw unusable(directory, "it is not empty");
  }
  ::chmod(directory.c_str(), 0700);
  if (!std::ofstream(unfinished_path(directory))) throw unusable(directory, "it is not writable");
  RocksdbOptions options{.directory = directory};
  rocksdb::DB* db = nullptr;
  state.must(rocksdb::DB::Open(database_options(options), directory, column_families(options),
                               &state.families, &db));
  state.db.reset(db);
}

RocksdbImport::~RocksdbImport() {
  if (!state_->db) return;
  for (auto* family : state_->families) state_->db->DestroyColumnFamilyHandle(family);
  state_->db->Close();
}

void RocksdbImport::add(const Record& record) {
  State& state = *state_;
  state.batch.Put(state.families[1], record.key, format::encode_record(record));
  if (state.batch.GetDataSize() >= kBatchBytes) state.write();
}

void RocksdbImport::finish(Revision newest) {
  State& state = *state_;
  auto* meta = state.families[3];
  state.batch.Put(meta, "format", format::encode_number(format::kVersion));
  state.batch.Put(meta, "newest", format::encode_number(number(newest)));
  state.batch.Put(meta, "oldest", format::encode_number(number(newest)));
  state.write();
  rocksdb::FlushOptions flush;
  state.must(state.db->Flush(flush, state.families));
  for (auto* family : state.families) state.db->DestroyColumnFamilyHandle(family);
  auto status = state.db->Close();
  state.db.reset();
  state.must(status);
  std::error_code error;
  std::filesystem::remove(unfinished_path(state.directory), error);
  if (error) throw unusable(state.directory, error.message());
}

}  // namespace storage
