// A store that is only looked at: everything can be read, nothing can change.
#include "storage/read_only.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <optional>

#include "tests/support/temp_directory.h"
#include "tests/support/thread_executor.h"

namespace fastpath::storage {
namespace {

namespace fs = std::filesystem;

class ReadOnly : public ::testing::Test {
 protected:
  template <typename Value, typename Call>
  Value Await(Call call) {
    std::optional<Value> value;
    call([&](Value v) { value = std::move(v); });
    executor_.RunUntil([&] { return value.has_value(); });
    return *std::move(value);
  }
  std::string path() const { return directory_.path() + "/store"; }

  testing::TempDirectory directory_;
  testing::ThreadExecutor executor_;
};

using ReadOnlyEngineTest = ReadOnly;

TEST_F(ReadOnlyEngineTest, ReadsWhatWasFlushedAndKeepsWritesToItself) {
  {
    auto engine = *OpenRocksEngine(path(), {}, &executor_);
    WriteBatch batch;
    for (const char* key : {"a", "b", "c"}) batch.Put(key, std::string(key) + "1");
    ASSERT_TRUE(
        Await<absl::Status>([&](auto done) { engine->Write(batch, std::move(done)); }).ok());
    ASSERT_TRUE(Await<absl::Status>([&](auto done) { engine->Flush(std::move(done)); }).ok());
    WriteBatch later;
    later.Put("d", "not flushed");
    ASSERT_TRUE(
        Await<absl::Status>([&](auto done) { engine->Write(later, std::move(done)); }).ok());
  }
  auto engine = OpenReadOnlyEngine(path());
  ASSERT_TRUE(engine.ok()) << engine.status();
  using Row = absl::StatusOr<std::optional<std::string>>;
  const auto get = [&](std::string key) {
    return Await<Row>([&](auto done) { (*engine)->Get(key, std::move(done)); });
  };
  EXPECT_EQ(**get("a"), "a1");
  EXPECT_EQ(*get("d"), std::nullopt);
  const auto many = Await<absl::StatusOr<std::vector<std::optional<std::string>>>>([&](auto done) {
    (*engine)->MultiGet({"c", "x", "b"}, std::move(done));
  });
  EXPECT_EQ(*many, (std::vector<std::optional<std::string>>{"c1", std::nullopt, "b1"}));
  const auto scan = [&](ScanOptions options) {
    return *Await<absl::StatusOr<ScanResult>>([&](auto done) {
      (*engine)->Scan({"a", "c"}, options, std::move(done));
    });
  };
  EXPECT_EQ(scan({}).rows, (std::vector<KeyValue>{{"a", "a1"}, {"b", "b1"}}));
  EXPECT_FALSE(scan({}).more);
  EXPECT_EQ(scan({.reverse = true, .limit_rows = 1}).rows, (std::vector<KeyValue>{{"b", "b1"}}));
  EXPECT_TRUE(scan({.reverse = true, .limit_rows = 1}).more);

  WriteBatch batch;
  batch.Put("a", "2");
  batch.DeleteRange({"b", "c"});
  EXPECT_TRUE(
      Await<absl::Status>([&](auto done) { (*engine)->Write(batch, std::move(done)); }).ok());
  EXPECT_EQ(**get("a"), "2");
  EXPECT_EQ(*get("b"), std::nullopt);
  EXPECT_EQ(scan({}).rows, (std::vector<KeyValue>{{"a", "2"}}));
  auto install = (*engine)->NewInstall({{"a", "c"}});
  EXPECT_TRUE(absl::IsFailedPrecondition(
      Await<absl::Status>([&](auto done) { install->Commit(std::move(done)); })));
  install.reset();
  engine->reset();
  engine = OpenReadOnlyEngine(path());
  ASSERT_TRUE(engine.ok());
  EXPECT_EQ(**get("a"), "a1") << "written to the files";
}

TEST_F(ReadOnlyEngineTest, MakesNothing) {
  EXPECT_TRUE(absl::IsNotFound(OpenReadOnlyEngine(path()).status()));
  EXPECT_FALSE(fs::exists(path()));
  fs::create_directory(path());
  EXPECT_FALSE(OpenReadOnlyEngine(path()).ok()) << "no database";
  EXPECT_TRUE(fs::is_empty(path()));
}

using ReadOnlyDiskTest = ReadOnly;

TEST_F(ReadOnlyDiskTest, ReadsAndRefusesChanges) {
  using File = absl::StatusOr<std::unique_ptr<DiskFile>>;
  {
    auto disk = *OpenPosixDisk(path(), &executor_);
    auto file = Await<File>([&](auto done) { disk->Open("f", 0, true, std::move(done)); });
    ASSERT_TRUE(Await<absl::Status>([&](auto done) {
                  (*file)->Write(0, {"0123456789"}, true, std::move(done));
                }).ok());
  }
  auto disk = OpenReadOnlyDisk(path(), &executor_);
  ASSERT_TRUE(disk.ok()) << disk.status();
  const auto entries = *Await<absl::StatusOr<std::vector<Disk::Entry>>>(
      [&](auto done) { (*disk)->List(std::move(done)); });
  ASSERT_EQ(entries.size(), 1u);
  EXPECT_EQ(entries[0].name, "f");
  EXPECT_EQ(entries[0].bytes, 10u);
  auto file = Await<File>([&](auto done) { (*disk)->Open("f", 1 << 20, true, std::move(done)); });
  ASSERT_TRUE(file.ok());
  const auto read = Await<absl::StatusOr<std::string>>(
      [&](auto done) { (*file)->Read(4, 100, std::move(done)); });
  EXPECT_EQ(*read, "456789");

  const auto refused = [&](auto call) {
    return absl::IsFailedPrecondition(Await<absl::Status>(call));
  };
  EXPECT_TRUE(refused([&](auto done) { (*file)->Write(0, {"x"}, true, std::move(done)); }));
  EXPECT_TRUE(refused([&](auto done) { (*disk)->Rename("f", "g", std::move(done)); }));
  EXPECT_TRUE(refused([&](auto done) { (*disk)->Remove("f", std::move(done)); }));
  EXPECT_TRUE(refused([&](auto done) { (*disk)->SyncDirectory(std::move(done)); }));
  EXPECT_FALSE(
      Await<File>([&](auto done) { (*disk)->Open("new", 0, true, std::move(done)); }).ok());
  EXPECT_FALSE(fs::exists(path() + "/new"));
  EXPECT_EQ(fs::file_size(path() + "/f"), 10u);
}

TEST_F(ReadOnlyDiskTest, ReadersShareTheDirectoryAndWritersDoNot) {
  EXPECT_TRUE(absl::IsNotFound(OpenReadOnlyDisk(path(), &executor_).status()));
  EXPECT_FALSE(fs::exists(path()));
  auto writer = OpenPosixDisk(path(), &executor_);
  ASSERT_TRUE(writer.ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(OpenReadOnlyDisk(path(), &executor_).status()));
  writer->reset();
  auto one = OpenReadOnlyDisk(path(), &executor_);
  auto two = OpenReadOnlyDisk(path(), &executor_);
  ASSERT_TRUE(one.ok() && two.ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(OpenPosixDisk(path(), &executor_).status()));
}

}  // namespace
}  // namespace fastpath::storage
