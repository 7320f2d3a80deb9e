// What a run found: rows for people, printed as they come, and one JSON document for programs.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bench/load.h"
#include "json/value.h"

namespace bench {

// One line of the table. Figures per operation are of what `unit` says.
struct Row {
  std::string name;
  std::string unit = "op";
  double operations = 0, seconds = 0;
  Histogram latency;  // empty: the columns stay empty
  // Per operation; the store's only where that is a process of its own.
  std::optional<double> server_cpu_us, store_cpu_us, client_cpu_us, instructions, bytes;
  std::string limit_name;  // a physical limit measured in place, "" if none
  double limit = 0;        // in operations per second
  std::vector<std::pair<std::string, double>> extra;  // by name with unit: "KiB/workspace"

  double rate() const { return seconds > 0 ? operations / seconds : 0; }
};

class Report {
 public:
  void begin(const std::string& workload);  // tells on stderr what runs now
  void set_version(std::string version) { version_ = std::move(version); }  // of the server
  void progress(const std::string& text);                                   // on stderr
  void add(Row row);                                                        // prints it
  void skip(const std::string& workload, const std::string& why);
  void fail(const std::string& workload, const std::string& why);

  bool has_failed() const { return failed_; }
  const std::vector<Row>& rows() const { return rows_; }
  // {machine, version, rows, skipped, failed}
  json::Value to_json() const;

 private:
  std::string version_;
  std::vector<Row> rows_;
  json::Value skipped_ = json::Value::object(), failures_ = json::Value::object();
  bool printed_head_ = false, failed_ = false;
};

}  // namespace bench
