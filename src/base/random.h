// Randomness for names, tokens and identifiers. Cryptographically strong, thread-safe.
#pragma once

#include <cstdint>
#include <string>

std::string random_bytes(std::size_t count);
std::string random_uuid();  // version 4, "xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx"
// `count` characters of Kubernetes' name alphabet bcdfghjklmnpqrstvwxz2456789.
std::string random_name_suffix(std::size_t count);
std::uint64_t random_below(std::uint64_t bound);
