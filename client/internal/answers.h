// From the core's answers to the typed results of client.h. Pure; thread-safe.
#pragma once

#include "client/client.h"
#include "client/internal/batch.h"
#include "client/internal/core.h"

namespace fastpath::client::internal {

Failure FailureOf(const Answer& answer);
Result<WriteAnswer> WriteAnswerOf(Answer answer);
Result<GetAnswer> GetAnswerOf(Answer answer);
Result<Page> PageOf(Answer answer, const std::string& table);
Result<ExportPage> ExportPageOf(Answer answer);
// The number that `path` leads to in the answer's item.
Result<model::Number> NumberAt(Answer answer, const api::Path& path);
Result<api::Table> TableOf(Answer answer);
Result<BatchGetAnswer> BatchGetAnswerOf(BatchEnd end);
Result<BatchWriteAnswer> BatchWriteAnswerOf(BatchEnd end);
Result<TransactWriteAnswer> TransactWriteAnswerOf(Answer answer);
Result<TransactGetAnswer> TransactGetAnswerOf(Answer answer, int asked);  // So many items.

}  // namespace fastpath::client::internal
