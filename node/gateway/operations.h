// The operations, by the file that holds them. Shapes are built at their first use.
#pragma once

#include "node/gateway/call.h"

namespace fastpath::node::gateway {

// items.cc
const Shape& PutItemShape();
const Shape& GetItemShape();
const Shape& UpdateItemShape();
const Shape& DeleteItemShape();
absl::Status PutItem(Call& call);
absl::Status GetItem(Call& call);
absl::Status UpdateItem(Call& call);
absl::Status DeleteItem(Call& call);

// pages.cc
const Shape& QueryShape();
const Shape& ScanShape();
absl::Status Query(Call& call);
absl::Status Scan(Call& call);

// batches.cc
const Shape& BatchGetItemShape();
const Shape& BatchWriteItemShape();
absl::Status BatchGetItem(Call& call);
absl::Status BatchWriteItem(Call& call);

// transactions.cc
const Shape& TransactGetItemsShape();
const Shape& TransactWriteItemsShape();
absl::Status TransactGetItems(Call& call);
absl::Status TransactWriteItems(Call& call);

// tables.cc
const Shape& CreateTableShape();
const Shape& UpdateTableShape();
const Shape& ListTablesShape();
const Shape& TableNameOnlyShape();  // DescribeTable, DeleteTable and their like.
absl::Status CreateTable(Call& call);
absl::Status DescribeTable(Call& call);
absl::Status UpdateTable(Call& call);
absl::Status DeleteTable(Call& call);
absl::Status ListTables(Call& call);

// table_settings.cc
const Shape& UpdateTimeToLiveShape();
const Shape& TagResourceShape();
const Shape& UntagResourceShape();
const Shape& ListTagsOfResourceShape();
absl::Status UpdateTimeToLive(Call& call);
absl::Status DescribeTimeToLive(Call& call);
absl::Status TagResource(Call& call);
absl::Status UntagResource(Call& call);
absl::Status ListTagsOfResource(Call& call);
absl::Status DescribeContinuousBackups(Call& call);

// account.cc
const Shape& NoParametersShape();
absl::Status DescribeLimits(Call& call);
absl::Status DescribeEndpoints(Call& call);

}  // namespace fastpath::node::gateway
