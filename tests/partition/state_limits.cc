// Limits and wrong requests, each with its code and words. The limits come from Amazon
// DynamoDB's Developer Guide, "Quotas": "Item size", "Partition keys and sort keys"
// (1 to 2,048 and 1 to 1,024 bytes), "Nested attribute depth"; which return values
// an operation takes, from the API Reference. Codes and words are Fastpath's own.
#include <cstring>

#include "partition/session.h"
#include "tests/partition/state_fixture.h"

namespace fastpath::partition::testing {
namespace {

class StateLimits : public StateTest {
 protected:
  StateLimits() {
    api::Table pairs = TableOf("pairs", 8);
    pairs.mutable_sort_key()->set_name("sk");
    pairs.mutable_sort_key()->set_type(api::N);
    log_.SetTable(pairs);
    api::Table texts = TableOf("texts", 9);
    texts.mutable_sort_key()->set_name("sk");
    texts.mutable_sort_key()->set_type(api::S);
    log_.SetTable(texts);
    replica_->Apply(log_);
  }

  api::WriteRequest Request(const std::string& table = kTable) {
    api::WriteRequest request;
    request.set_table(table);
    *request.mutable_session() = log_.NextSession(3);
    return request;
  }
  api::WriteRequest Put(const model::Item& item, const std::string& table = kTable) {
    api::WriteRequest request = Request(table);
    request.mutable_put()->set_item(model::EncodeItem(item));
    return request;
  }
  // OK and no message if it was admitted.
  Refusal Admit(const api::WriteRequest& request) {
    command::Write admitted;
    return replica_->machine().Admit(request, &admitted).value_or(Refusal{});
  }
  void ExpectRefused(const api::WriteRequest& request, api::Code code, const std::string& words) {
    Refusal refusal = Admit(request);
    EXPECT_EQ(refusal.code, code) << refusal.message;
    EXPECT_NE(refusal.message.find(words), std::string::npos) << refusal.message;
  }
  // An item of exactly so many bytes as DynamoDB counts.
  static model::Item ItemOfBytes(size_t bytes) {
    const size_t rest = model::ItemSizeBytes(I({{"pk", S("a")}, {"v", S("")}}));
    return I({{"pk", S("a")}, {"v", S(std::string(bytes - rest, 'x'))}});
  }
  static model::Value Nested(int levels) {
    model::Value value = N(1);
    for (int i = 0; i < levels; ++i) {
      value = model::Value::List({value});
    }
    return value;
  }
};

TEST_F(StateLimits, AnItemMayHave400KilobytesAndNotOneMore) {
  EXPECT_EQ(Admit(Put(ItemOfBytes(model::kItemLimitBytes))).code, api::OK);
  ExpectRefused(Put(ItemOfBytes(model::kItemLimitBytes + 1)), api::TOO_LARGE,
                "Item size has exceeded the maximum allowed size");
}

TEST_F(StateLimits, APutTooLargeIsRefusedAtApplyToo) {
  EXPECT_EQ(Run(PutOf(ItemOfBytes(model::kItemLimitBytes))).code(), api::OK);
  command::Outcome outcome = Run(PutOf(ItemOfBytes(model::kItemLimitBytes + 1)));
  EXPECT_EQ(outcome.code(), api::TOO_LARGE);
  EXPECT_EQ(outcome.message(), kItemTooLargeMessage);
}

TEST_F(StateLimits, AnUpdateCannotGrowAnItemPast400Kilobytes) {
  Run(PutOf(ItemOfBytes(model::kItemLimitBytes - 4)));
  const uint64_t version = log_.stamp;
  EXPECT_EQ(Run(UpdateOf(S("a"), Set("x", S("abc")))).code(), api::OK);  // Exactly the limit.
  command::Outcome outcome = Run(UpdateOf(S("a"), Set("x", S("abcd"))));
  EXPECT_EQ(outcome.code(), api::TOO_LARGE);
  EXPECT_EQ(outcome.message(), "Item size to update has exceeded the maximum allowed size");
  EXPECT_EQ(replica_->Get(S("a")).result.version(), version + 1);
}

TEST_F(StateLimits, KeysHaveTheirLimits) {
  EXPECT_EQ(Admit(Put(I({{"pk", S(std::string(2048, 'k'))}}))).code, api::OK);
  ExpectRefused(Put(I({{"pk", S(std::string(2049, 'k'))}})), api::INVALID,
                "exceeded the maximum size limit of 2048 bytes");
  EXPECT_EQ(Admit(Put(I({{"pk", S("a")}, {"sk", S(std::string(1024, 'k'))}}), "texts")).code,
            api::OK);
  ExpectRefused(Put(I({{"pk", S("a")}, {"sk", S(std::string(1025, 'k'))}}), "texts"), api::INVALID,
                "exceeded the size limit of 1024 bytes");
  ExpectRefused(Put(I({{"pk", S("")}})), api::INVALID, "empty string value");
}

TEST_F(StateLimits, DocumentsNestAtMost32Deep) {
  EXPECT_EQ(Admit(Put(I({{"pk", S("a")}, {"v", Nested(32)}}))).code, api::OK);
  ExpectRefused(Put(I({{"pk", S("a")}, {"v", Nested(33)}})), api::INVALID,
                "Nesting Levels have exceeded supported limits");
}

TEST_F(StateLimits, AnUpdateCannotNestPast32) {
  Run(PutOf(I({{"pk", S("a")}, {"v", Nested(31)}})));
  auto set_innermost = [](int levels) {
    api::UpdateTree update = Set("v", Nested(levels));
    for (int i = 0; i < 31; ++i) {
      update.mutable_set(0)->mutable_path()->add_steps()->set_index(0);
    }
    return update;
  };
  EXPECT_EQ(Run(UpdateOf(S("a"), set_innermost(1))).code(), api::OK);
  command::Outcome outcome = Run(UpdateOf(S("a"), set_innermost(2)));
  EXPECT_EQ(outcome.code(), api::INVALID);
  EXPECT_EQ(outcome.message(), "Nesting Levels have exceeded supported limits");
  EXPECT_EQ(Run(UpdateOf(S("a"), Add("n", 1))).code(), api::OK);  // It still decodes.
}

TEST_F(StateLimits, AWrongKeyTypeSaysSo) {
  ExpectRefused(Put(I({{"pk", N(1)}})), api::INVALID,
                "Type mismatch for key pk expected: S actual: N");
  ExpectRefused(Put(I({{"v", N(1)}})), api::INVALID, "Missing the key pk in the item");
  api::WriteRequest request = Request();
  *request.mutable_update()->mutable_key() = K(N(1));
  ExpectRefused(request, api::INVALID, "The provided key element does not match the schema");
  *request.mutable_delete_()->mutable_key() = K(N(1));
  ExpectRefused(request, api::INVALID, "The provided key element does not match the schema");
  EXPECT_EQ(replica_->Get(N(1)).refusal->code, api::INVALID);
  EXPECT_EQ(replica_->Get(S("a"), 0, "pairs").refusal->code, api::INVALID);  // No sort key.
}

TEST_F(StateLimits, AnUnknownTableSaysWhich) {
  ExpectRefused(Put(I({{"pk", S("a")}}), "nowhere"), api::TABLE_NOT_FOUND,
                "Requested resource not found: Table: nowhere not found");
}

TEST_F(StateLimits, MalformedRequestsAreInvalid) {
  ExpectRefused(Request(), api::INVALID, "neither put, update nor delete");
  api::WriteRequest request = Request();
  request.mutable_put()->set_item("rubbish");
  EXPECT_EQ(Admit(request).code, api::INVALID);
  request = Put(I({{"pk", S("a")}}));
  request.mutable_put()->mutable_condition();
  EXPECT_EQ(Admit(request).code, api::INVALID);
  request = Request();
  *request.mutable_update()->mutable_key() = K(S("a"));
  *request.mutable_update()->mutable_update() = Set("pk", S("b"));
  EXPECT_EQ(Admit(request).code, api::INVALID);  // A key attribute.
  request = Put(I({{"pk", S("a")}}));
  request.mutable_session()->set_client("short");
  ExpectRefused(request, api::INVALID, "session.client");
}

// API Reference, PutItem and DeleteItem: NONE or ALL_OLD; UpdateItem: all five.
TEST_F(StateLimits, ReturnValuesThatAWriteDoesNotHaveAreRefused) {
  for (api::ReturnValues values :
       {api::NONE, api::ALL_OLD, api::ALL_NEW, api::UPDATED_OLD, api::UPDATED_NEW}) {
    SCOPED_TRACE(api::ReturnValues_Name(values));
    const bool old = values == api::NONE || values == api::ALL_OLD;
    api::WriteRequest put = Put(I({{"pk", S("a")}}));
    put.mutable_put()->set_return_values(values);
    api::WriteRequest removal = Request();
    *removal.mutable_delete_()->mutable_key() = K(S("a"));
    removal.mutable_delete_()->set_return_values(values);
    for (const api::WriteRequest& request : {put, removal}) {
      command::Write admitted;
      const std::optional<Refusal> refusal = replica_->machine().Admit(request, &admitted);
      EXPECT_EQ(refusal.has_value(), !old);
      if (!old) ExpectRefused(request, api::INVALID, "Return values");
    }
    api::WriteRequest update = Request();
    *update.mutable_update()->mutable_key() = K(S("a"));
    *update.mutable_update()->mutable_update() = Set("n", N(1));
    update.mutable_update()->set_return_values(values);
    command::Write admitted;
    EXPECT_FALSE(replica_->machine().Admit(update, &admitted).has_value());
  }
}

// DG "Data types", "Sets": each value is unique, and there are no empty sets.
TEST_F(StateLimits, SetsAreNeitherEmptyNorHaveAMemberTwice) {
  const std::string empty("\x08\x00", 2);                    // SS {}
  const std::string twice("\x08\x04\x01\x61\x01\x61", 6);    // SS {a, a}
  const std::string numbers("\x09\x04\xc0\x14\xc0\x14", 6);  // NS {1, 1}
  for (const auto& [set, words] :
       {std::pair{empty, "empty set"}, std::pair{twice, "twice"}, std::pair{numbers, "twice"}}) {
    api::WriteRequest put = Put(I({{"pk", S("a")}, {"z", model::Value::StringSet({"b"})}}));
    std::string& item = *put.mutable_put()->mutable_item();
    item.resize(item.size() - model::EncodeValue(model::Value::StringSet({"b"})).size());
    item += set;
    ExpectRefused(put, api::INVALID, words);
    api::WriteRequest update = Request();
    *update.mutable_update()->mutable_key() = K(S("a"));
    *update.mutable_update()->mutable_update() = Set("s", S("b"));
    api::SetAction& action = *update.mutable_update()->mutable_update()->mutable_set(0);
    action.mutable_value()->mutable_operand()->set_value(set);
    ExpectRefused(update, api::INVALID, words);
  }
}

TEST_F(StateLimits, ARequestWithAnUnknownFieldDoesNotReachTheLog) {
  api::WriteRequest request = Put(I({{"pk", S("a")}}));
  request.mutable_put()
      ->GetReflection()
      ->MutableUnknownFields(request.mutable_put())
      ->AddVarint(99, 1);
  EXPECT_EQ(Admit(request).code, api::UNIMPLEMENTED);
}

TEST_F(StateLimits, WhatIsAdmittedIsTheWholeRequest) {
  api::WriteRequest request = Put(I({{"pk", S("a")}}));
  *request.mutable_put()->mutable_condition() = NotExists("pk");
  request.mutable_put()->set_return_values(api::ALL_OLD);
  command::Write admitted;
  ASSERT_FALSE(replica_->machine().Admit(request, &admitted).has_value());
  EXPECT_EQ(admitted.space(), kSpace);
  EXPECT_EQ(admitted.session().SerializeAsString(), request.session().SerializeAsString());
  EXPECT_EQ(admitted.put().SerializeAsString(), request.put().SerializeAsString());
  EXPECT_EQ(Run(admitted).code(), api::OK);
}

}  // namespace
}  // namespace fastpath::partition::testing
