#include "node/gateway/operations.h"

#include <algorithm>
#include <iterator>

namespace fastpath::node::gateway {
namespace {

constexpr Operation kOperations[] = {
    {"BatchGetItem", BatchGetItemShape, BatchGetItem},
    {"BatchWriteItem", BatchWriteItemShape, BatchWriteItem},
    {"CreateTable", CreateTableShape, CreateTable},
    {"DeleteItem", DeleteItemShape, DeleteItem},
    {"DeleteTable", TableNameOnlyShape, DeleteTable},
    {"DescribeContinuousBackups", TableNameOnlyShape, DescribeContinuousBackups},
    {"DescribeEndpoints", NoParametersShape, DescribeEndpoints},
    {"DescribeLimits", NoParametersShape, DescribeLimits},
    {"DescribeTable", TableNameOnlyShape, DescribeTable},
    {"DescribeTimeToLive", TableNameOnlyShape, DescribeTimeToLive},
    {"GetItem", GetItemShape, GetItem},
    {"ListTables", ListTablesShape, ListTables},
    {"ListTagsOfResource", ListTagsOfResourceShape, ListTagsOfResource},
    {"PutItem", PutItemShape, PutItem},
    {"Query", QueryShape, Query},
    {"Scan", ScanShape, Scan},
    {"TagResource", TagResourceShape, TagResource},
    {"TransactGetItems", TransactGetItemsShape, TransactGetItems},
    {"TransactWriteItems", TransactWriteItemsShape, TransactWriteItems},
    {"UntagResource", UntagResourceShape, UntagResource},
    {"UpdateItem", UpdateItemShape, UpdateItem},
    {"UpdateTable", UpdateTableShape, UpdateTable},
    {"UpdateTimeToLive", UpdateTimeToLiveShape, UpdateTimeToLive},
};

}  // namespace

const Operation* FindOperation(std::string_view name) {
  const auto found = std::lower_bound(
      std::begin(kOperations), std::end(kOperations), name,
      [](const Operation& known, std::string_view asked) { return known.name < asked; });
  return found != std::end(kOperations) && found->name == name ? &*found : nullptr;
}

}  // namespace fastpath::node::gateway
