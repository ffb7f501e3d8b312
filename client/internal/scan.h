// A page of a scan as a program sees it: walks the groups of its segment until
// the page is full or the segment ends. Pure; on the core's thread.
#pragma once

#include "client/internal/core.h"

namespace fastpath::client::internal {

// The answer's page is of all groups asked: its last_key is where the next page
// goes on, absent at the segment's end. A page that some group's failure cuts short is
// given as far as it came, if it can be gone on with. `core` outlives the operation.
void ScanPage(Core& core, api::ScanRequest request, Micros timeout, Core::Done done);

}  // namespace fastpath::client::internal
