// The words that no attribute name in the text of an expression may be.
// Internal to partition/expression. Thread-safe: no state.
#pragma once

#include <string_view>

namespace fastpath::expression {

// In any case of its letters: "name" and "NAME" are reserved.
bool IsReservedWord(std::string_view name);

// Whether `word` is the keyword `upper`, in any case of its letters.
bool SameWord(std::string_view word, std::string_view upper);

}  // namespace fastpath::expression
