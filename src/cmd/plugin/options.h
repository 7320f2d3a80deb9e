// The command line of one plugin command: a name or path, and flags. Prints its own help.
// Not thread-safe.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "object/object.h"

namespace plugin {

class Options {
 public:
  Options(std::string usage, std::string about, std::string example);

  // The one argument that is no flag; it must be given.
  void positional(std::string name, std::string* value);
  // "--name value", "--name=value"; "-x value" where `brief` is not 0.
  void add(std::string name, char brief, std::string* value, std::string help);
  // May be repeated; the first one given replaces what `values` held. Commas separate values too,
  // unless values have commas of their own.
  enum class Commas { Separate, Belong };
  void add_list(std::string name, std::vector<std::string>* values, Commas commas,
                std::string help);
  void add_switch(std::string name, bool* on, std::string help);

  // False if the user asked for help, which has been printed. Throws Error(BadRequest) that names
  // what is wrong.
  bool parse(const std::vector<std::string>& arguments);
  // What help says; separate for tests.
  std::string help() const;

 private:
  struct Flag {
    std::string name;
    char brief = 0;
    std::string help, fallback;
    bool is_switch = false;
    std::function<void(std::string_view)> take;
  };
  Flag* find(std::string_view name);
  void take_argument(const std::string& argument);

  std::string usage_, about_, example_, positional_name_;
  std::string* positional_ = nullptr;
  bool seen_ = false;
  std::vector<Flag> flags_;
};

// For groups of commands ("workload sync"): the first argument, taken off; "" if it is missing or a
// flag.
std::string take_verb(std::vector<std::string>& arguments);
// The end of a group's list of verbs: help and its exit status if there was no verb, else an Error
// that says that `group` has no such verb.
int answer_without_verb(const std::string& verb, const std::vector<std::string>& arguments,
                        std::string_view group, std::string_view help);

// "30s", "1m30s", "500ms", as Go writes durations. BadRequest with the flag's name otherwise.
Result<Duration> parse_duration(std::string_view flag, std::string_view text);

// "<path>:<name>" taken apart at the last colon. BadRequest if either part is missing or malformed.
struct ExportName {
  std::string path, name;
  std::string text() const { return path + ":" + name; }
};
Result<ExportName> parse_export_name(std::string_view text);

// "deployments.apps", "secrets", "secrets.core"; the last two mean the core group.
Result<object::GroupResource> parse_group_resource(std::string_view text);

// "k=v".
Result<std::pair<std::string, std::string>> parse_pair(std::string_view flag,
                                                       std::string_view text);

// A metav1.LabelSelector from what kubectl takes behind -l; "" selects everything.
Result<json::Value> selector_object(std::string_view text);

}  // namespace plugin
