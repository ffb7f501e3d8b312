// A result in words, as JSON, or as rows of a markdown table.
#pragma once

#include <string>

#include "bench/load.h"

namespace fastpath::bench {

std::string AsText(const LoadOptions& load, const LoadResult& result);
std::string AsJson(const LoadOptions& load, const LoadResult& result);  // One line.
// One row for writes, one for reads (as they are called there), whichever there were.
std::string AsRows(const LoadOptions& load, const LoadResult& result, const char* reads);

}  // namespace fastpath::bench
