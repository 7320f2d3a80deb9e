// Result<T>: a value or an Error, for pure code that judges input (bands 1 and 2).
#pragma once

#include <expected>
#include <utility>

#include "base/error.h"

template <class T>
using Result = std::expected<T, Error>;

// The value of `result`, or its error thrown: for callers inside a unit of work.
template <class T>
T value_or_throw(Result<T> result) {
  if (!result) throw std::move(result.error());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}
