// The command line as a process, against a server on a real socket: what it
// prints and its exit codes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "partition/model/codec.h"
#include "tests/client/fake_server.h"

namespace fastpath::client {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

struct Ran {
  int code = -1;
  std::string out;  // With stderr.
};

class CliTest : public ::testing::Test {
 protected:
  Ran Fastpath(const std::string& arguments, const std::string& before = "") {
    std::string endpoints = arguments.find("--endpoints") != std::string::npos
                                ? ""
                                : " --endpoints " + server.address();
    std::string command =
        before + " " FASTPATH_BINARY + endpoints + " --timeout 5 " + arguments + " 2>&1";
    std::FILE* pipe = popen(command.c_str(), "r");
    Ran run;
    std::array<char, 4096> buffer;
    while (size_t got = std::fread(buffer.data(), 1, buffer.size(), pipe)) {
      run.out.append(buffer.data(), got);
    }
    int status = pclose(pipe);
    run.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return run;
  }
  void CreateTable() {
    Ran run = Fastpath("table create books --partition-key id:S --ttl expires");
    ASSERT_EQ(run.code, 0) << run.out;
  }

  FakeServer server;
};

TEST_F(CliTest, AFolderIsNoArgument) {
  CreateTable();
  const Ran run = Fastpath("item put books @/tmp");
  EXPECT_EQ(run.code, Fastpath("item put books @/no/such/file").code);
  EXPECT_THAT(run.out, HasSubstr("cannot read /tmp"));
}

TEST_F(CliTest, ItemsGoInAndOut) {
  CreateTable();
  EXPECT_EQ(Fastpath(R"(item put books '{"id":"a","n":12345678901234567890}')").code, 0);
  Ran got = Fastpath(R"(--json item get books --key '{"id":"a"}')");
  EXPECT_EQ(got.code, 0);
  EXPECT_THAT(got.out, HasSubstr(R"("item":{"id":"a","n":12345678901234567890})"));
  got = Fastpath(R"(item get books --key '"a"' --typed --json)");
  EXPECT_THAT(got.out, HasSubstr(R"("n":{"N":"12345678901234567890"})"));
  EXPECT_EQ(Fastpath(R"(item get books --key '"none"')").code, 1);
  EXPECT_EQ(Fastpath(R"(item delete books --key '"a"')").code, 0);
  EXPECT_EQ(Fastpath(R"(item get books --key '"a"')").code, 1);
}

TEST_F(CliTest, OutputThatCannotBeWrittenIsSaid) {
  CreateTable();
  EXPECT_EQ(Fastpath(R"(item put books '{"id":"a"}')").code, 0);
  const std::string full = R"(exec 3>&1; run() { "$@" 2>&3 >/dev/full; }; run)";
  for (const char* arguments : {R"(item get books --key '"a"')", "--json table describe books",
                                "--help", R"(item increment books --key '"a"' n)"}) {
    const Ran run = Fastpath(arguments, full);
    EXPECT_EQ(run.code, 5) << arguments;
    EXPECT_THAT(run.out, HasSubstr("No space left on device")) << arguments;
  }
  EXPECT_EQ(Fastpath(R"(--json item get books --key '"none"')", full).code, 1);
}

TEST_F(CliTest, ConditionsThatFailExitWithOne) {
  CreateTable();
  EXPECT_EQ(Fastpath(R"(item put books '{"id":"a","v":1}' --if-not-exists)").code, 0);
  Ran again = Fastpath(R"(item put books '{"id":"a","v":2}' --if-not-exists)");
  EXPECT_EQ(again.code, 1);
  EXPECT_THAT(again.out, HasSubstr("CONDITION_FAILED"));
  EXPECT_THAT(again.out, HasSubstr("\"v\": 1"));
  EXPECT_EQ(Fastpath(R"(item put books '{"id":"a","v":2}' --if v=1 --if 'id="a"')").code, 0);
  EXPECT_EQ(Fastpath(R"(item put books '{"id":"a","v":3}' --if v=1)").code, 1);
  EXPECT_EQ(Fastpath(R"(item delete books --key '"none"' --if-exists)").code, 1);
}

TEST_F(CliTest, TablesAreChangedDescribedAndWaitedFor) {
  Ran run = Fastpath("table create books --partition-key id:S --tag team=red --protect");
  EXPECT_EQ(run.code, 0) << run.out;
  run = Fastpath("--json table describe books");
  EXPECT_THAT(run.out, HasSubstr(R"("deletion_protection":true,"tags":{"team":"red"})"));
  EXPECT_THAT(run.out, HasSubstr(R"("items":7,"bytes":700)"));
  EXPECT_EQ(Fastpath("table update books --deletion-protection off --ttl until").code, 0);
  run = Fastpath("--json table describe books");
  EXPECT_THAT(run.out, HasSubstr(R"("ttl_attribute":"until")"));
  EXPECT_THAT(run.out, Not(HasSubstr("deletion_protection")));
  EXPECT_EQ(Fastpath("table update books --no-ttl").code, 0);
  EXPECT_THAT(Fastpath("--json table describe books").out, Not(HasSubstr("ttl_attribute")));
  EXPECT_EQ(Fastpath("table update books").code, 2);
  EXPECT_EQ(Fastpath("table tag books team=blue cost").code, 0);
  EXPECT_THAT(Fastpath("--json table describe books").out,
              HasSubstr(R"("tags":{"cost":"","team":"blue"})"));
  EXPECT_EQ(Fastpath("table untag books team cost").code, 0);
  EXPECT_EQ(Fastpath("table wait books").code, 0);
  EXPECT_EQ(Fastpath("table delete books").code, 0);
  run = Fastpath("table wait books --gone");
  EXPECT_EQ(run.code, 0);
  EXPECT_THAT(run.out, HasSubstr("table books gone"));
}

TEST_F(CliTest, BatchesByTheLine) {
  CreateTable();
  Ran run = Fastpath("item batch-write",
                     R"(printf '%s\n' 'put books {"id":"a","n":1}' '' 'put books {"id":"b"}' |)");
  EXPECT_EQ(run.code, 0) << run.out;
  EXPECT_EQ(run.out, "");
  run = Fastpath("item batch-get",
                 R"(printf '%s\n' 'books {"id":"a"}' 'books "none"' 'books "b"' |)");
  EXPECT_EQ(run.code, 0);
  EXPECT_EQ(run.out,
            "{\"table\":\"books\",\"item\":{\"id\":\"a\",\"n\":1}}\n"
            "{\"table\":\"books\",\"item\":{\"id\":\"b\"}}\n");
  EXPECT_EQ(Fastpath("item batch-write", R"(echo 'delete books "a"' |)").code, 0);
  EXPECT_EQ(Fastpath("item batch-get", R"(echo 'books "a"' |)").out, "");
  run = Fastpath("item batch-get", R"(printf '%s\n' 'books "a"' 'books "a"' |)");
  EXPECT_EQ(run.code, 1);
  EXPECT_THAT(run.out, HasSubstr("duplicates"));
  run = Fastpath("item batch-write", "echo 'move books x' |");
  EXPECT_EQ(run.code, 1);
}

TEST_F(CliTest, ABatchPrintsTheLinesThatWereNotDone) {
  CreateTable();
  server.Intercept([](const api::Request& request, api::Reply& reply) {
    if (!request.has_write() || request.write().put().item().find("full") == std::string::npos) {
      return false;
    }
    reply.set_code(api::OVERLOADED);
    return true;
  });
  const Ran run = Fastpath("--timeout 1 item batch-write",
                           R"(printf '%s\n' 'put books {"id":"a"}' 'put books {"id":"full"}' |)");
  EXPECT_EQ(run.code, 1);
  EXPECT_THAT(run.out, HasSubstr("put books {\"id\":\"full\"}\n"));
  EXPECT_THAT(run.out, AllOf(HasSubstr("error: unprocessed: DEADLINE"), HasSubstr("OVERLOADED")));
}

TEST_F(CliTest, UpdatesAndCounters) {
  CreateTable();
  Ran run = Fastpath(
      R"(item update books --key '"a"' --set 'title="Moby"' --add n=5 --return new --json)");
  EXPECT_EQ(run.code, 0) << run.out;
  EXPECT_THAT(run.out, HasSubstr(R"({"id":"a","n":5,"title":"Moby"})"));
  EXPECT_EQ(Fastpath(R"(item increment books --key '"a"' n)").out, "6\n");
  EXPECT_EQ(Fastpath(R"(item increment books --key '"a"' n 10)").out, "16\n");
  EXPECT_EQ(Fastpath(R"(item increment books --key '"a"' n --by=-1)").out, "15\n");
  EXPECT_EQ(Fastpath(R"(item update books --key '"a"' --remove title)").code, 0);
  EXPECT_EQ(Fastpath(R"(item update books --key '"a"' --typed --add 'tags={"SS":["x"]}')").code, 0);
  EXPECT_THAT(Fastpath(R"(item get books --key '"a"' --typed --json)").out,
              HasSubstr(R"("tags":{"SS":["x"]})"));
}

TEST_F(CliTest, ExpressionsAsText) {
  CreateTable();
  EXPECT_EQ(Fastpath(R"(item put books '{"id":"a","stock":3,"name":"Moby"}' )"
                     R"(--condition 'attribute_not_exists(id)')")
                .code,
            0);
  const std::string sell =
      R"(item update books --key '{"id":"a"}' --update 'SET stock = stock - :q ADD sold :q' )"
      R"(--condition 'stock >= :q AND begins_with(#n, :m)' --names '{"#n":"name"}' )"
      R"(--values '{":q":2,":m":"Mo"}' --return new --json)";
  Ran sold = Fastpath(sell);
  EXPECT_EQ(sold.code, 0) << sold.out;
  EXPECT_THAT(sold.out, HasSubstr(R"({"id":"a","name":"Moby","sold":2,"stock":1})"));
  Ran out = Fastpath(sell);
  EXPECT_EQ(out.code, 1);
  EXPECT_THAT(out.out, HasSubstr("CONDITION_FAILED"));
  EXPECT_EQ(Fastpath(R"(item update books --key '"a"' --typed --update 'ADD tags :t' )"
                     R"(--values '{":t":{"SS":["x"]}}' --if 'stock={"N":"1"}')")
                .code,
            0);
  EXPECT_THAT(
      Fastpath(R"(item get books --key '"a"' --projection 'id, #n' --names '{"#n":"name"}' --json)")
          .out,
      HasSubstr(R"("item":{"id":"a","name":"Moby"})"));
  EXPECT_EQ(Fastpath(R"(item delete books --key '"a"' --condition 'contains(tags, :t)' )"
                     R"(--values '{":t":"x"}')")
                .code,
            0);
}

TEST_F(CliTest, WrongExpressionsExitWithTwoAndSayWhere) {
  CreateTable();
  const std::vector<std::pair<const char*, const char*>> cases = {
      {R"(item update books --key '"a"' --update 'SET a = = :q' --values '{":q":1}')",
       "Invalid UpdateExpression: Syntax error; token: \"=\", near: \"= = :q\", at: 8"},
      {R"(item update books --key '"a"' --update 'SET a = :q, id = :q' --values '{":q":1}')",
       "Cannot update attribute id. This attribute is part of the key; token: \"id\", at: 12"},
      {R"(item put books '{"id":"a"}' --condition 'name = :q' --values '{":q":1}')",
       "reserved keyword: name; token: \"name\", at: 0"},
      {R"(item put books '{"id":"a"}' --condition 'a = :q')",
       "attribute value: :q; token: \":q\", at: 4"},
      {R"(item get books --key '"a"' --projection 'id, a' --names '{"#n":"name"}')",
       "unused in expressions: keys: {#n}"},
      {R"(item get books --key '"a"' --projection '#n' --names '{"#n":1}')", "--names: #n"},
      {R"(item put books '{"id":"a"}' --condition 'a = :q' --values '{":q"')", "--values: "},
      {R"(item get books --key '"a"' --projection 'id' --fields id)", "excludes"},
      {R"(item update books --key '"a"' --update 'REMOVE a' --set b=1)", "excludes"},
  };
  for (const auto& [arguments, words] : cases) {
    Ran ran = Fastpath(arguments);
    EXPECT_EQ(ran.code, 2) << arguments << ran.out;
    EXPECT_THAT(ran.out, HasSubstr(words)) << arguments;
  }
  EXPECT_EQ(Fastpath(R"(item get books --key '"a"')").code, 1);
}

TEST_F(CliTest, QueriesAsText) {
  ASSERT_EQ(Fastpath("table create log --partition-key id:S --sort-key ts:N").code, 0);
  api::QueryRequest query;
  server.Intercept([&query](const api::Request& request, api::Reply& reply) {
    if (!request.has_query()) return false;
    query = request.query();
    reply.mutable_page();
    return true;
  });
  Ran ran =
      Fastpath(R"(item query log --key-condition 'id = :id AND ts BETWEEN :from AND :to' )"
               R"(--filter-expression 'contains(#l, :id)' --filter 'n=1' --projection 'id, #l' )"
               R"(--names '{"#l":"level"}' --values '{":id":"a",":from":1,":to":2}')");
  EXPECT_EQ(ran.code, 0) << ran.out;
  EXPECT_EQ(*model::DecodeValue(query.partition()), model::Value::String("a"));
  EXPECT_EQ(*model::DecodeValue(query.sort().between().high()), model::Value::Num(2));
  EXPECT_EQ(query.filter().all().list_size(), 2);
  EXPECT_EQ(query.projection_size(), 2);
  const std::vector<std::pair<const char*, const char*>> wrong = {
      {R"(item query log --key-condition 'id = :id OR ts = :id' --values '{":id":"a"}')",
       "KeyConditionExpression: OR; token: \"OR\", at: 9"},
      {R"(item query log '"a"' --filter-expression 'ts > :n' --values '{":n":1}')",
       "Primary key attribute: ts; token: \"ts\", at: 0"},
      {R"(item query log '"a"' --key-condition 'id = :id' --values '{":id":"a"}')", "excludes"},
      {R"(item query log --sort-eq 1 --key-condition 'id = :id')", "excludes"},
      {"item query log", "--key-condition"},
      {R"(item scan log --filter-expression 'ts >' )", "token: \"<EOF>\""},
  };
  for (const auto& [arguments, words] : wrong) {
    Ran refused = Fastpath(arguments);
    EXPECT_EQ(refused.code, 2) << arguments << refused.out;
    EXPECT_THAT(refused.out, HasSubstr(words)) << arguments;
  }
}

// The field's classic: decrement the stock and take the order, or neither.
std::string OrderOf(const std::string& id) {
  const std::string update =
      R"x({"Update":{"table":"books","key":{"id":"p1"},"update":"SET stock = stock - :q",)x"
      R"x("condition":"stock >= :q AND #t = :t","names":{"#t":"title"},)x"
      R"x("values":{":q":2,":t":"Moby"}}})x";
  const std::string put = R"x({"Put":{"table":"orders","item":{"id":")x" + id +
                          R"x("},"condition":"attribute_not_exists(id)"}})x";
  return "printf '%s\\n' '" + update + "' '' '" + put + "' |";
}

TEST_F(CliTest, ATransactionIsAllOrNone) {
  CreateTable();
  ASSERT_EQ(Fastpath("table create orders --partition-key id:S").code, 0);
  ASSERT_EQ(Fastpath(R"(item put books '{"id":"p1","stock":3,"title":"Moby"}')").code, 0);
  Ran sold = Fastpath("transact write --token o1 --capacity --json", OrderOf("o1"));
  EXPECT_EQ(sold.code, 0);
  EXPECT_EQ(sold.out,
            "{\"outcome\":\"ok\",\"capacity\":[{\"table\":\"books\",\"write_units\":4}]}\n");
  EXPECT_EQ(Fastpath("transact write --token o1", OrderOf("o1")).out, "ok\n") << "done already";
  Ran other = Fastpath("transact write --token o1", OrderOf("o2"));
  EXPECT_EQ(other.code, 1);
  EXPECT_THAT(other.out, HasSubstr("TOKEN_MISMATCH"));
  Ran out = Fastpath("transact write", OrderOf("o2"));
  EXPECT_EQ(out.code, 1);
  EXPECT_THAT(out.out,
              AllOf(HasSubstr("refused: TRANSACTION_CANCELLED: Transaction cancelled"),
                    HasSubstr("[ConditionalCheckFailed, None]"),
                    HasSubstr("item 1: ConditionalCheckFailed: The conditional request failed: "
                              "it is {\"id\":\"p1\",\"stock\":1,\"title\":\"Moby\"}\n"),
                    Not(HasSubstr("item 2:"))));
  EXPECT_THAT(Fastpath("transact write --json", OrderOf("o2")).out,
              HasSubstr(R"x("reasons":[{"code":"ConditionalCheckFailed","message":"The )x"
                        R"x(conditional request failed","item":{"id":"p1","stock":1,"title":)x"
                        R"x("Moby"}},{"code":"None"}])x"));
  EXPECT_EQ(Fastpath(R"(item get orders --key '"o2"')").code, 1);
}

TEST_F(CliTest, ATransactionReadsAsAsked) {
  CreateTable();
  ASSERT_EQ(Fastpath(R"(item put books '{"id":"a","n":1,"name":"x"}')").code, 0);
  const std::string list =
      R"x(echo '[{"Get":{"table":"books","key":"none"}}, {"Get":{"table":"books",)x"
      R"x("key":{"id":"a"},"projection":"#n","names":{"#n":"name"}}}]' |)x";
  Ran got = Fastpath("transact get", list);
  EXPECT_EQ(got.code, 0);
  EXPECT_EQ(got.out,
            "{\"table\":\"books\",\"item\":null}\n"
            "{\"table\":\"books\",\"item\":{\"name\":\"x\"}}\n");
  EXPECT_EQ(Fastpath("--json transact get", list).out,
            "{\"items\":[{\"table\":\"books\",\"found\":false},"
            "{\"table\":\"books\",\"found\":true,\"version\":0,\"item\":{\"name\":\"x\"}}]}\n");
}

TEST_F(CliTest, TransactionsInTypedJsonAndFromAFile) {
  CreateTable();
  const std::string path = testing::TempDir() + "/fastpath_transact.json";
  std::ofstream(path) << R"x([
    {"Put": {"table": "books", "item": {"id": {"S": "a"}, "tags": {"SS": ["x"]}, "m": {"M": {}}}}},
    {"Delete": {"table": "books", "key": {"id": {"S": "b"}}}},
    {"ConditionCheck": {"table": "books", "key": {"id": {"S": "c"}},
                        "condition": "attribute_not_exists(id) OR contains(tags, :t)",
                        "values": {":t": {"S": "x"}}}}
  ])x";
  Ran run = Fastpath("--typed transact write --file " + path);
  EXPECT_EQ(run.code, 0) << run.out;
  EXPECT_THAT(Fastpath(R"(--typed --json item get books --key '"a"')").out,
              HasSubstr(R"({"id":{"S":"a"},"m":{"M":{}},"tags":{"SS":["x"]}})"));
  std::filesystem::remove(path);
}

TEST_F(CliTest, WhatIsWrongWithATransactionIsNamedAndNothingIsSent) {
  CreateTable();
  const std::string good = R"({"Put":{"table":"books","item":{"id":"good"}}})";
  const std::vector<std::pair<const char*, const char*>> cases = {
      {R"({"Put":{"table":"books","item":{"id":}}})", "item 2"},
      {R"({"Put":{"table":"books","item":{"id":"a"},"conditon":"a = :a"}})", "no \"conditon\""},
      {R"({"Update":{"table":"books","key":"a"}})", "Update lacks \"update\""},
      {R"({"ConditionCheck":{"table":"books","key":"a"}})", "lacks \"condition\""},
      {R"({"Delete":{"table":"books","key":"a","condition":""}})", "a text that is not empty"},
      {R"({"Get":{"table":"books","key":"a"}})", "of: ConditionCheck, Delete, Put, Update"},
      {R"({"Delete":{"table":"books","key":"a","condition":"b = :b"}})", "token: \":b\", at: 4"},
      {R"({"Delete":{"table":"books","key":"a","names":{"#n":"x"}}})", "unused"},
      {R"({"Delete":{"table":"books","key":{"isbn":"a"}}})", "has id"},
      {R"({"Delete":{"table":"books","key":"good"}})", "multiple operations on one item"},
      {R"({"Put":{"table":"books","table":"books","item":{}}})", "occurs twice"},
      {"nonsense", "item 2 of the transaction is wrong"},
  };
  for (const auto& [line, words] : cases) {
    Ran run = Fastpath("transact write", "printf '%s\\n' '" + good + "' '" + line + "' |");
    EXPECT_EQ(run.code, 1) << line << run.out;
    EXPECT_THAT(run.out, HasSubstr(words)) << line;
  }
  EXPECT_EQ(server.writes(), 0u);
  EXPECT_THAT(Fastpath("transact write", "echo |").out, HasSubstr("at least one item"));
  EXPECT_EQ(Fastpath("transact write --file /no/such/file").code, 1);
  EXPECT_EQ(Fastpath("transact write --token ''", "echo '" + good + "' |").code, 1);
  EXPECT_EQ(Fastpath("transact").code, 2);
  EXPECT_THAT(Fastpath("transact write --help").out, HasSubstr("Example: sell two of p1"));
}

TEST_F(CliTest, ConflictsOfATransactionAreTriedAgainOnlyIfAsked) {
  CreateTable();
  auto tries = std::make_shared<std::atomic<int>>(0);
  server.Intercept([tries](const api::Request& request, api::Reply& reply) {
    if (!request.has_transact_write() || ++*tries % 3 == 0) return false;
    reply.set_code(api::TRANSACTION_CANCELLED);
    reply.mutable_transact_write()->add_reasons()->set_code(api::CONFLICT);
    return true;
  });
  const std::string item = R"(echo '{"Put":{"table":"books","item":{"id":"a"}}}' |)";
  Ran run = Fastpath("transact write", item);
  EXPECT_EQ(run.code, 1);
  EXPECT_THAT(run.out, HasSubstr("item 1: TransactionConflict"));
  EXPECT_EQ(*tries, 1);
  EXPECT_EQ(Fastpath("transact write --retry-conflicts", item).code, 0);
  EXPECT_EQ(*tries, 3);
}

TEST_F(CliTest, TtlSetsTheTablesAttribute) {
  CreateTable();
  EXPECT_EQ(Fastpath(R"(item put books '{"id":"a"}' --ttl 60)").code, 0);
  EXPECT_THAT(Fastpath(R"(item get books --key '"a"')").out, HasSubstr("\"expires\": "));
}

TEST_F(CliTest, UsageErrorsExitWithTwo) {
  for (const char* wrong :
       {"", "nonsense", "item", "item put", "item get books", "--timeout x", "table create t",
        "item get books --key 1 --no-such-option", "table create t --partition-key id:X"}) {
    EXPECT_EQ(Fastpath(wrong).code, 2) << wrong;
  }
  for (const char* help : {"--help", "item --help", "item put --help", "import --help",
                           "cluster wait --help", "--version"}) {
    EXPECT_EQ(Fastpath(help).code, 0) << help;
  }
}

TEST_F(CliTest, BadInputIsNamed) {
  CreateTable();
  Ran run = Fastpath("item put books '{\"id\":'");
  EXPECT_EQ(run.code, 1);
  EXPECT_THAT(run.out, HasSubstr("JSON"));
  EXPECT_THAT(Fastpath(R"(item get books --key '{"isbn":"a"}')").out, HasSubstr("has id"));
  Ran none = Fastpath("item put none '{\"id\":\"a\"}'");
  EXPECT_EQ(none.code, 1);
  EXPECT_THAT(none.out, HasSubstr("TABLE_NOT_FOUND"));
}

TEST_F(CliTest, NobodyThereExitsWithFour) {
  Ran run = Fastpath("--endpoints 127.0.0.1:1 --timeout 0.2 table list");
  EXPECT_EQ(run.code, 4);
  EXPECT_THAT(run.out, HasSubstr("refused"));
}

TEST_F(CliTest, UnknownExitsWithThree) {
  CreateTable();
  server.Intercept([](const api::Request& request, api::Reply& reply) {
    if (request.has_write()) reply.set_code(api::UNKNOWN);
    return request.has_write();
  });
  EXPECT_EQ(Fastpath(R"(item put books '{"id":"a"}' --timeout 0.3)").code, 3);
}

TEST_F(CliTest, ImportAndExport) {
  CreateTable();
  Ran run = Fastpath("import books - ", R"(seq 1 1000 | sed 's/.*/{"id":"k&","n":&}/' |)");
  EXPECT_EQ(run.code, 0) << run.out;
  EXPECT_THAT(run.out, HasSubstr("imported 1,000 items into books"));
  Ran exported = Fastpath("export books");
  EXPECT_EQ(exported.code, 0);
  EXPECT_EQ(std::count(exported.out.begin(), exported.out.end(), '\n'), 1001);
  EXPECT_THAT(exported.out, HasSubstr("{\"id\":\"k17\",\"n\":17}\n"));
}

TEST_F(CliTest, ImportStopsAtABadLineOrGoesOn) {
  CreateTable();
  std::string lines = R"(printf '{"id":"a"}\n\n{"id":\n{"n":1}\n{"id":"b"}\n' |)";
  Ran stops = Fastpath("import books", lines);
  EXPECT_EQ(stops.code, 1);
  EXPECT_THAT(stops.out, HasSubstr("line 3: "));
  EXPECT_THAT(stops.out, Not(HasSubstr("line 4: ")));
  Ran goes_on = Fastpath("import books --continue-on-error", lines);
  EXPECT_EQ(goes_on.code, 1);
  EXPECT_THAT(goes_on.out, HasSubstr("line 3: "));
  EXPECT_THAT(goes_on.out, HasSubstr("line 4: "));
  EXPECT_THAT(goes_on.out, HasSubstr("imported 2 items into books"));
  EXPECT_THAT(goes_on.out, HasSubstr("2 failed"));
}

TEST_F(CliTest, PlainExportRefusesWhatItCannotHold) {
  CreateTable();
  EXPECT_EQ(Fastpath(R"(--typed item put books '{"id":{"S":"a"},"b":{"B":"AAE="}}')").code, 0);
  Ran plain = Fastpath("export books");
  EXPECT_EQ(plain.code, 1);
  EXPECT_THAT(plain.out, HasSubstr("--typed"));
  EXPECT_THAT(Fastpath("--typed export books").out, HasSubstr(R"("b":{"B":"AAE="})"));
}

TEST_F(CliTest, TheClusterIsShown) {
  CreateTable();
  EXPECT_THAT(Fastpath("cluster status").out, HasSubstr(server.address()));
  EXPECT_THAT(Fastpath("cluster status --json").out, HasSubstr("\"leader_node\":1"));
  EXPECT_THAT(Fastpath(R"(cluster leader --table books --key '"a"')").out,
              HasSubstr("group 1  node 1  clients " + server.address()));
  EXPECT_EQ(Fastpath("cluster wait").code, 0);
  Ran two = Fastpath("cluster wait --nodes 2 --timeout 0.2");
  EXPECT_EQ(two.code, 4);
  EXPECT_THAT(two.out, HasSubstr("1 of 2 nodes answer"));
  Ran digest = Fastpath("cluster digest");
  EXPECT_EQ(digest.code, 0);
  EXPECT_THAT(digest.out, HasSubstr("group 1 at 7:  node 1 0000000000000063  equal"));
  EXPECT_EQ(Fastpath("cluster transfer 1 1").code, 0);
  EXPECT_THAT(Fastpath("table list").out, HasSubstr("books"));
  EXPECT_THAT(Fastpath("table describe books").out, HasSubstr("\"id:S\""));
  EXPECT_EQ(Fastpath("table delete books").code, 0);
}

}  // namespace
}  // namespace fastpath::client
