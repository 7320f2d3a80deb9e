// Value: a JSON value, the tree form of an object while a write is being processed. Copying is
// cheap: arrays, objects and long strings are shared and copied when one holder changes them.
// Objects keep insertion order and hold each key once. Integers keep int64 or uint64 precision,
// all other numbers are double. Different Values may be used from different threads, also when
// they share content; one Value is not thread-safe.
//
// Reading never fails: a missing member, or one of another kind, reads as null, "", 0, false or an
// empty range, because objects come from outside. Code that must tell the difference asks kind().
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace json {

struct Member;

class Value {
 public:
  enum class Kind : std::uint8_t { Null, Bool, Int, Uint, Double, String, Array, Object };

  Value() = default;  // null
  Value(std::nullptr_t) {}
  Value(bool value);
  template <class T>
    requires(std::is_integral_v<T> && !std::is_same_v<T, bool>)
  Value(T value) {
    if constexpr (std::is_signed_v<T>) {
      init_int(value);
    } else {
      init_uint(value);  // becomes Int when it fits
    }
  }
  Value(double value);  // must be finite
  Value(std::string_view text);
  Value(const std::string& text) : Value(std::string_view(text)) {}
  Value(const char* text) : Value(std::string_view(text)) {}
  Value(const Value& other);
  Value(Value&& other) noexcept;
  Value& operator=(const Value& other);
  Value& operator=(Value&& other) noexcept;
  ~Value();

  // Value::object({{"name", "a"}, {"size", 3}})
  static Value object(std::initializer_list<Member> members = {});
  static Value array(std::initializer_list<Value> elements = {});
  static Value array(std::vector<Value> elements);

  Kind kind() const { return kind_; }
  bool is_null() const { return kind_ == Kind::Null; }
  bool is_bool() const { return kind_ == Kind::Bool; }
  bool is_integer() const { return kind_ == Kind::Int || kind_ == Kind::Uint; }
  bool is_number() const { return is_integer() || kind_ == Kind::Double; }
  bool is_string() const { return kind_ == Kind::String; }
  bool is_array() const { return kind_ == Kind::Array; }
  bool is_object() const { return kind_ == Kind::Object; }

  bool as_bool(bool otherwise = false) const;
  std::int64_t as_int(std::int64_t otherwise = 0) const;  // a Double with integral value counts
  std::uint64_t as_uint(std::uint64_t otherwise = 0) const;
  double as_double(double otherwise = 0) const;
  std::string_view as_string(std::string_view otherwise = {}) const;  // valid while unchanged
  std::string str() const { return std::string(as_string()); }

  // Members of an object, elements of an array; 0 for everything else.
  std::size_t size() const;
  bool empty() const { return size() == 0; }
  std::span<const Member> members() const;
  std::span<const Value> elements() const;

  // The member called `key`, or null.
  const Value& operator[](std::string_view key) const;
  const Value& operator[](const char* key) const { return (*this)[std::string_view(key)]; }
  // Element `index`, or null beyond the end.
  const Value& operator[](std::size_t index) const;
  const Value& operator[](int index) const { return (*this)[static_cast<std::size_t>(index)]; }
  // Null pointer if there is no such member (a member that is null is found).
  const Value* find(std::string_view key) const;
  bool contains(std::string_view key) const { return find(key) != nullptr; }
  // Nested members: value.at("metadata", "labels") is value["metadata"]["labels"].
  template <class... Keys>
  const Value& at(std::string_view key, const Keys&... rest) const {
    const Value& member = (*this)[key];
    if constexpr (sizeof...(rest) == 0) {
      return member;
    } else {
      return member.at(rest...);
    }
  }

  // The member called `key` to be changed in place, appended as null if it is missing. A value that
  // is not an object becomes an empty one first. The reference is good until the next change.
  Value& edit(std::string_view key);
  template <class... Keys>
    requires(sizeof...(Keys) > 0)
  Value& edit(std::string_view key, const Keys&... rest) {
    return edit(key).edit(rest...);
  }
  // Sets or appends a member. Returns *this, to be chained.
  Value& set(std::string_view key, Value value);
  // Puts the member first: used for apiVersion, kind and metadata.
  Value& set_front(std::string_view key, Value value);
  bool erase(std::string_view key);  // whether it was there
  // All members or elements, to be changed in place; keys must stay as they are.
  std::span<Member> edit_members();
  std::span<Value> edit_elements();

  Value& edit_element(std::size_t index);  // requires: index < size()
  Value& push_back(Value value);  // a value that is not an array becomes an empty one first
  void insert(std::size_t index, Value value);
  void erase_element(std::size_t index);

  // Deep equality; members in any order; 1 and 1.0 are equal.
  friend bool operator==(const Value& a, const Value& b);

 private:
  void init_int(std::int64_t value);
  void init_uint(std::uint64_t value);

  Kind kind_ = Kind::Null;
  union Payload {
    bool boolean;
    std::int64_t integer;
    std::uint64_t unsigned_integer;
    double number;
    void* shared;  // reference-counted text, elements or members
  } payload_ = {.integer = 0};
};

struct Member {
  std::string key;
  Value value;
};

}  // namespace json
