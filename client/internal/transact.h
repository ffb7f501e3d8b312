// Transactions on their way: checked as a whole before anything is sent, sent as one request
// to the group where they begin, and begun anew after the loss of their coordinator, and after
// conflicts if asked. Pure; on the core's thread.
#pragma once

#include "client/internal/core.h"

namespace fastpath::client::internal {

// `retry_conflicts`: as TransactOptions (client/transaction.h). A session that `request` has
// already (core.h) gives the first sequence; what is begun anew takes the next. `core` outlives
// the operation.
void RunTransactWrite(Core& core, api::TransactWriteRequest request, bool retry_conflicts,
                      Micros timeout, Core::Done done);
void RunTransactGet(Core& core, api::TransactGetRequest request, Micros timeout, Core::Done done);

}  // namespace fastpath::client::internal
