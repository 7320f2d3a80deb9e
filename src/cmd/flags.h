// Command-line flags: "--name value", "--name=value" and "--switch". Prints help from what was
// declared. Not thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cmd {

class Flags {
 public:
  Flags(std::string usage, std::string about, std::string example);

  void add(std::string name, std::string* value, std::string help);
  void add_switch(std::string name, bool* value, std::string help);
  // Words that are no flags go there, wherever they stand; without it they are wrong.
  void take_words(std::vector<std::string>* words) { words_ = words; }

  // What parse() found. On Help and Wrong the text for the user has been printed.
  enum class Outcome { Run, Help, Wrong };
  Outcome parse(const std::vector<std::string>& arguments);

 private:
  struct Flag {
    std::string name;
    std::string* text = nullptr;
    bool* on = nullptr;
    std::string help;
  };
  void print_help() const;

  std::string usage_, about_, example_;
  std::vector<Flag> flags_;
  std::vector<std::string>* words_ = nullptr;
};

// Reads a port; on failure the user has been told and it returns false.
bool parse_port(std::string_view flag, std::string_view text, std::uint16_t* port);

}  // namespace cmd
