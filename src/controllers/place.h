// Where an object is: its table and its key there.
#pragma once

#include "cache/cache.h"

namespace controllers {

struct Place {
  cache::TableId table;
  cache::Key key;
  friend auto operator<=>(const Place&, const Place&) = default;
};

}  // namespace controllers
