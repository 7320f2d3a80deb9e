// Reads lists, tables and watches as they arrive, without building trees: finds the few members
// that completeness is judged by and skips everything else. Input may be cut anywhere. Pure.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace bench {

// What is known of one object.
struct ScannedItem {
  std::string type;  // of a watch event; "" in lists
  std::string name;
  std::string revision;           // resourceVersion
  std::string phase;              // status.phase
  std::string version;            // data.version, which our own config maps carry
  std::size_t payload_bytes = 0;  // of data.payload as it is written in JSON

  void clear() {  // keeps the memory
    for (std::string* text : {&type, &name, &revision, &phase, &version}) text->clear();
    payload_bytes = 0;
  }
};

class Scanner {
 public:
  enum class Shape { List, Table, Watch };
  // `on_item` is called at the end of each object; it may keep nothing of its argument. Null:
  // objects are counted only.
  Scanner(Shape shape, std::function<void(const ScannedItem&)> on_item);

  void feed(std::string_view bytes);
  std::size_t items() const { return items_; }
  // Of a list: its own resourceVersion and continue token, "" if there was none.
  const std::string& list_revision() const { return list_revision_; }
  const std::string& continue_token() const { return continue_token_; }
  // Whether every object and list that began has ended.
  bool complete() const { return depth_ == 0 && !in_string_; }

 private:
  static constexpr int kKept = 8;  // levels whose keys are remembered
  // The members that mean something somewhere.
  enum class Key : std::uint8_t {
    Other,
    Continue,
    Data,
    Items,
    Metadata,
    Name,
    Payload,
    Phase,
    ResourceVersion,
    Rows,
    Status,
    Type,
    Version
  };
  static Key key_of(std::string_view name);

  void open(bool is_object);
  void close();
  void begin_string();
  void end_string(std::string_view last);
  std::size_t take_string(std::string_view bytes);
  std::string* wanted();
  bool counts_payload() const;

  const int item_depth_, member_depth_;  // of an object's entry, and of members of its metadata
  const bool is_watch_;
  std::function<void(const ScannedItem&)> on_item_;
  const int read_depth_;  // below nothing is looked for
  ScannedItem item_;
  Key keys_[kKept] = {};
  std::uint64_t objects_ = 0;  // bit per level: an object, not an array
  int depth_ = 0;
  bool in_string_ = false, escaped_ = false, expects_key_ = false, is_key_ = false;
  std::string key_;                // the key that is being read, if it came in pieces
  std::string* target_ = nullptr;  // where the string that is being read goes
  std::size_t string_bytes_ = 0;
  std::size_t items_ = 0;
  std::string list_revision_, continue_token_;
};

// The value of the first `"member":"..."` of compact JSON; "" if there is none. For answers that
// are looked at for one value.
std::string_view find_text(std::string_view json, std::string_view member);

}  // namespace bench
