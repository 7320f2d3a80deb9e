// The guard against regressions: a short subset of the workloads, run several times, whose cost for
// the server per operation is held against figures that are kept with the source. Instructions
// where the machine counts them; otherwise processor time over the time of a fixed piece of work,
// so that a slower machine is not a regression.
#pragma once

#include <string>
#include <vector>

#include "bench/report.h"
#include "json/value.h"

namespace bench {

struct CheckedRow {
  std::string workload, row;
  double scale = 1;  // of the workload
};
const std::vector<CheckedRow>& checked_rows();
inline constexpr int kCheckRounds = 3;
// Rows that seem too dear are measured again before that is believed: other load on the machine
// makes operations dearer, nothing makes them cheaper.
inline constexpr int kCheckAttempts = 3;
inline constexpr double kCheckLimit = 1.5;

// What a check measured: the lowest cost of each row, and how far the rounds were apart.
class CheckFigures {
 public:
  void add(const Row& row);
  // {"calibrationSeconds", "rows": {name: {"cpuMicroseconds", "instructions", "spread"}}}
  json::Value to_json(double calibration_seconds) const;

 private:
  json::Value rows_ = json::Value::object();
};

struct Verdict {
  std::string row;
  double ratio = 0;   // to the baseline; 0 if that does not know the row
  double spread = 0;  // of the rounds: the highest over the lowest
  bool by_instructions = false;
  bool passed = false;
};
// A row that only one of the two knows has not passed.
std::vector<Verdict> compare(const json::Value& baseline, const json::Value& figures);

}  // namespace bench
