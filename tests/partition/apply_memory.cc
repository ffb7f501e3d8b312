// What one command may make of a few large items: decoded, each takes up to eighty times its
// bytes (DESIGN 3.10). Counts what operator new gives out, so it is a program of its own.
#include <malloc.h>

#include <algorithm>
#include <cstdlib>
#include <new>

#include "tests/partition/transact_fixture.h"

namespace {

size_t living = 0;
size_t most = 0;

}  // namespace

void* operator new(size_t bytes) {
  void* memory = std::malloc(bytes);
  if (memory == nullptr) std::abort();
  living += malloc_usable_size(memory);
  most = std::max(most, living);
  return memory;
}
void operator delete(void* memory) noexcept {
  if (memory != nullptr) living -= malloc_usable_size(memory);
  std::free(memory);
}
void operator delete(void* memory, size_t) noexcept { operator delete(memory); }

namespace fastpath::partition::testing {
namespace {

constexpr size_t kItems = 60;
constexpr size_t kMegabyte = 1'000'000;

class ApplyMemory : public TransactTest {
 protected:
  ApplyMemory() : keys_(KeysIn(0, kHalf - 1, kItems, "large")) {
    for (const std::string& key : keys_) {
      // As large as an item may be: a NULL in a list counts two bytes.
      std::vector<model::Value> nulls(200'000);
      a_.Run(PutOf(I({{"pk", S(key)}, {"nulls", model::Value::List(std::move(nulls))}})));
    }
  }
  // Beyond what lives already.
  template <class Work>
  size_t MostMegabytes(const Work& work) {
    const size_t before = living;
    most = living;
    work();
    return (most - before) / kMegabyte;
  }

  const std::vector<std::string> keys_;
};

TEST_F(ApplyMemory, OfATransactionOverManyLargeItemsIsBounded) {
  std::vector<command::Write> writes;
  for (const std::string& key : keys_) writes.push_back(Inc(key));
  const command::Command begin = New().Begin(std::move(writes));
  command::Outcome outcome;
  EXPECT_LT(MostMegabytes([&] { outcome = a_.Run(begin); }), 200u);
  const Codes codes = CodesOf(outcome.transact());
  ASSERT_EQ(codes.size(), kItems);
  EXPECT_EQ(codes[0], api::OK);
  EXPECT_TRUE(std::find(codes.begin(), codes.end(), api::TOO_LARGE) != codes.end());
}

TEST_F(ApplyMemory, OfUpdatesOfManyLargeItemsAtOnceIsBounded) {
  EXPECT_LT(MostMegabytes([&] {
              for (const std::string& key : keys_) a_.log.Append(Inc(key));
              a_.replica->Apply(a_.log);
            }),
            300u);
  for (const std::string& key : keys_) EXPECT_EQ(a_.Number(key), 1);
}

}  // namespace
}  // namespace fastpath::partition::testing
