// AWS's published test suite of Signature Version 4 ("aws-sig-v4-test-suite"), from the
// verifying side: each of its signatures is accepted, and refused once anything differs.
#include "node/gateway/signature.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "node/gateway/sigv4.h"

namespace fastpath::node::gateway {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kId[] = "AKIDEXAMPLE";
constexpr char kSecret[] = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
constexpr char kTime[] = "20150830T123600Z";
constexpr int64_t kNow = 1440938160'000'000;  // kTime.
constexpr int64_t kMinute = 60'000'000;

struct Example {
  std::string name;
  std::string method, target;
  Headers headers;  // Besides host and x-amz-date.
  std::string body;
  std::string signed_headers, signature;
};

std::vector<Example> Examples() {
  const std::string plain = "host;x-amz-date";
  const std::string unreserved =
      "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  const std::string vanilla = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31";
  const std::string post = "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b";
  return {
      {"get-vanilla", "GET", "/", {}, "", plain, vanilla},
      {"get-vanilla-query", "GET", "/?", {}, "", plain, vanilla},
      {"get-relative", "GET", "/example/..", {}, "", plain, vanilla},
      {"get-relative-relative", "GET", "/example1/example2/../..", {}, "", plain, vanilla},
      {"get-slash", "GET", "//", {}, "", plain, vanilla},
      {"get-slash-dot-slash", "GET", "/./", {}, "", plain, vanilla},
      {"get-unreserved",
       "GET",
       "/" + unreserved,
       {},
       "",
       plain,
       "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"},
      {"get-utf8",
       "GET",
       "/\xe1\x88\xb4",
       {},
       "",
       plain,
       "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"},
      {"get-vanilla-empty-query-key",
       "GET",
       "/?Param1=value1",
       {},
       "",
       plain,
       "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb"},
      {"get-vanilla-query-order-key-case",
       "GET",
       "/?Param2=value2&Param1=value1",
       {},
       "",
       plain,
       "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
      {"get-vanilla-query-unreserved",
       "GET",
       "/?" + unreserved + "=" + unreserved,
       {},
       "",
       plain,
       "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197"},
      {"get-vanilla-utf8-query",
       "GET",
       "/?\xe1\x88\xb4=bar",
       {},
       "",
       plain,
       "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"},
      {"get-header-key-duplicate",
       "GET",
       "/",
       {{"my-header1", "value2"}, {"my-header1", "value2"}, {"my-header1", "value1"}},
       "",
       "host;my-header1;x-amz-date",
       "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea"},
      {"get-header-value-order",
       "GET",
       "/",
       {{"my-header1", "value4"},
        {"my-header1", "value1"},
        {"my-header1", "value3"},
        {"my-header1", "value2"}},
       "",
       "host;my-header1;x-amz-date",
       "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01"},
      {"get-header-value-trim",
       "GET",
       "/",
       {{"my-header1", " value1 "}, {"my-header2", " \"a   b   c\" "}},
       "",
       "host;my-header1;my-header2;x-amz-date",
       "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
      {"post-vanilla", "POST", "/", {}, "", plain, post},
      {"post-vanilla-query",
       "POST",
       "/?Param1=value1",
       {},
       "",
       plain,
       "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11"},
      {"post-header-key-sort",
       "POST",
       "/",
       {{"my-header1", "value1"}},
       "",
       "host;my-header1;x-amz-date",
       "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c"},
      {"post-header-value-case",
       "POST",
       "/",
       {{"my-header1", "VALUE1"}},
       "",
       "host;my-header1;x-amz-date",
       "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d"},
      {"post-x-www-form-urlencoded",
       "POST",
       "/",
       {{"content-type", "application/x-www-form-urlencoded"}},
       "Param1=value1",
       "content-type;host;x-amz-date",
       "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"},
      {"post-x-www-form-urlencoded-parameters",
       "POST",
       "/",
       {{"content-type", "application/x-www-form-urlencoded; charset=utf8"}},
       "Param1=value1",
       "content-type;host;x-amz-date",
       "1a72ec8f64bd914b0e42e42607c7fbce7fb2c7465f63e3092b3b0d39fa77a6fe"},
  };
}

std::string Authorization(const std::string& signed_headers, const std::string& signature,
                          const std::string& scope = "20150830/us-east-1/service/aws4_request") {
  return "AWS4-HMAC-SHA256 Credential=" + std::string(kId) + "/" + scope +
         ", SignedHeaders=" + signed_headers + ", Signature=" + signature;
}

HttpRequest RequestOf(const Example& example) {
  HttpRequest request{.method = example.method, .target = example.target, .body = example.body};
  request.headers = example.headers;
  request.headers.emplace_back("host", "example.amazonaws.com");
  request.headers.emplace_back("x-amz-date", kTime);
  request.headers.emplace_back("authorization",
                               Authorization(example.signed_headers, example.signature));
  return request;
}

std::string* Header(HttpRequest& request, std::string_view name) {
  for (auto& [known, value] : request.headers) {
    if (known == name) return &value;
  }
  return nullptr;
}

class SignatureTest : public ::testing::Test {
 protected:
  Example Named(const std::string& name) {
    for (const Example& example : Examples()) {
      if (example.name == name) return example;
    }
    ADD_FAILURE() << name;
    return {};
  }
  // "" if accepted, otherwise the exception without its name space, and the message.
  std::string Verified(const HttpRequest& request, int64_t now = kNow) {
    const auto verified = verifier_.Verify(request, now);
    if (std::holds_alternative<Caller>(verified)) {
      EXPECT_EQ(std::get<Caller>(verified).access_key, kId);
      return "";
    }
    const Error& error = std::get<Error>(verified);
    EXPECT_EQ(error.status, 400);
    EXPECT_EQ(error.message.find(kSecret), std::string::npos);
    return error.type.substr(error.type.find('#') + 1) + ": " + error.message;
  }

  // As a client signs.
  HttpRequest Signed(HttpRequest request, const std::string& signed_headers,
                     const std::string& service = "service") {
    Hasher hasher;
    std::vector<std::string_view> names;
    for (size_t at = 0; at <= signed_headers.size();) {
      const size_t end = std::min(signed_headers.find(';', at), signed_headers.size());
      names.push_back(std::string_view(signed_headers).substr(at, end - at));
      at = end + 1;
    }
    std::string body_hash, request_hash, signature;
    AppendHex(hasher.Sha256(request.body), body_hash);
    AppendHex(
        hasher.Sha256(CanonicalRequest(request, ParseQuery(request.target), names, body_hash)),
        request_hash);
    const Scope scope{"20150830", "us-east-1", service};
    HmacKey key = SigningKey(hasher, kSecret, scope);
    AppendHex(hasher.Hmac(key, StringToSign(kTime, scope, request_hash)), signature);
    request.headers.emplace_back("authorization",
                                 Authorization(signed_headers, signature,
                                               "20150830/us-east-1/" + service + "/aws4_request"));
    return request;
  }

  HttpRequest Presigned(const std::string& expires, const std::string& change = "") {
    const std::string query =
        "/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20150830%2Fus-east-1%2F"
        "service%2Faws4_request&X-Amz-Date=20150830T123600Z" +
        expires + "&X-Amz-SignedHeaders=host";
    HttpRequest request{.method = "GET", .target = query, .headers = {{"host", "h"}}};
    request = Signed(std::move(request), "host");
    const std::string authorization = request.headers.back().second;
    request.headers.pop_back();
    request.target += "&X-Amz-Signature=" + authorization.substr(authorization.rfind('=') + 1);
    request.target += change;
    return request;
  }

  SignatureVerifier verifier_{AccessKeys{{kId, kSecret}}, "service"};
};

constexpr char kMismatch[] =
    "InvalidSignatureException: The request signature we calculated does not match the signature "
    "you provided. Check your AWS Secret Access Key and signing method. Consult the service "
    "documentation for details.";

TEST_F(SignatureTest, ThePublishedExamplesAreAccepted) {
  for (const Example& example : Examples()) {
    EXPECT_EQ(Verified(RequestOf(example)), "") << example.name;
    EXPECT_EQ(Verified(RequestOf(example)), "") << example.name << ", with a cached key";
  }
}

TEST_F(SignatureTest, ThePublishedExamplesAreRefusedOnceAnythingDiffers) {
  for (const Example& example : Examples()) {
    HttpRequest request = RequestOf(example);
    request.method = "PUT";
    EXPECT_EQ(Verified(request), kMismatch) << example.name;
    request = RequestOf(example);
    request.target += request.target.find('?') == std::string::npos ? "?x" : "&x";
    EXPECT_EQ(Verified(request), kMismatch) << example.name;
    request = RequestOf(example);
    request.target.insert(0, "/elsewhere");
    EXPECT_EQ(Verified(request), kMismatch) << example.name;
    request = RequestOf(example);
    request.body += "x";
    EXPECT_EQ(Verified(request), kMismatch) << example.name;
    for (const auto& [name, value] : RequestOf(example).headers) {
      if (name == "authorization" || name == "x-amz-date") continue;
      request = RequestOf(example);
      *Header(request, name) += "x";
      EXPECT_EQ(Verified(request), kMismatch) << example.name << " " << name;
    }
    request = RequestOf(example);
    *Header(request, "x-amz-date") = "20150830T123601Z";
    EXPECT_EQ(Verified(request), kMismatch) << example.name;
    for (const size_t at : {size_t{0}, size_t{31}, size_t{63}}) {
      request = RequestOf(example);
      std::string& authorization = *Header(request, "authorization");
      char& digit = authorization[authorization.size() - 64 + at];
      digit = digit == '0' ? '1' : '0';
      EXPECT_EQ(Verified(request), kMismatch) << example.name << " " << at;
    }
    request = RequestOf(example);
    Header(request, "authorization")->pop_back();
    EXPECT_EQ(Verified(request), kMismatch) << example.name;
  }
}

TEST_F(SignatureTest, TheDocumentedSigningKey) {
  // "Deriving the signing key" of the AWS General Reference.
  Hasher hasher;
  HmacKey key = SigningKey(hasher, kSecret, {"20150830", "us-east-1", "iam"});
  const std::string to_sign =
      "AWS4-HMAC-SHA256\n20150830T123600Z\n20150830/us-east-1/iam/aws4_request\n"
      "f536975d06c0309214f805bb90ccff089219ecd68b2577efef23edd43b7e1a59";
  std::string signature;
  AppendHex(hasher.Hmac(key, to_sign), signature);
  EXPECT_EQ(signature, "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7");
}

TEST_F(SignatureTest, AnotherSecretAnotherKeyAndATokenAreRefused) {
  const HttpRequest request = RequestOf(Named("get-vanilla"));
  SignatureVerifier other(AccessKeys{{kId, "another"}}, "service");
  EXPECT_TRUE(std::holds_alternative<Error>(other.Verify(request, kNow)));
  SignatureVerifier none(AccessKeys{}, "service");
  const auto verified = none.Verify(request, kNow);
  ASSERT_TRUE(std::holds_alternative<Error>(verified));
  EXPECT_THAT(std::get<Error>(verified).type, HasSubstr("#UnrecognizedClientException"));
  // Published as post-sts-header-before: rightly signed, but there are no such tokens here.
  HttpRequest token{.method = "POST", .target = "/"};
  token.headers = {{"host", "example.amazonaws.com"},
                   {"x-amz-date", kTime},
                   {"x-amz-security-token", "AQoDYXdzEPT"}};
  EXPECT_THAT(Verified(Signed(token, "host;x-amz-date;x-amz-security-token")),
              StartsWith("UnrecognizedClientException"));
}

TEST_F(SignatureTest, TheClockMayBeOffByFifteenMinutes) {
  const HttpRequest request = RequestOf(Named("get-vanilla"));
  EXPECT_EQ(Verified(request, kNow + 15 * kMinute), "");
  EXPECT_EQ(Verified(request, kNow - 15 * kMinute), "");
  EXPECT_EQ(Verified(request, kNow + 15 * kMinute + 1'000'000),
            "InvalidSignatureException: Signature expired: 20150830T123600Z is now earlier than "
            "20150830T123601Z (20150830T125101Z - 15 min.)");
  EXPECT_EQ(Verified(request, kNow - 15 * kMinute - 1'000'000),
            "InvalidSignatureException: Signature not yet current: 20150830T123600Z is still later "
            "than 20150830T123559Z (20150830T122059Z + 15 min.)");
}

TEST_F(SignatureTest, TheScopeMustBeRight) {
  HttpRequest request = RequestOf(Named("get-vanilla"));
  std::string& authorization = *Header(request, "authorization");
  const std::string signature(64, 'a');
  auto scoped = [&](const std::string& scope) {
    authorization = Authorization("host;x-amz-date", signature, scope);
    return Verified(request);
  };
  EXPECT_EQ(scoped("20150830/us-east-1/dynamodb/aws4_request"),
            "InvalidSignatureException: Credential should be scoped to correct service: "
            "'service'.");
  EXPECT_EQ(scoped("20150830/us-east-1/service/aws5_request"),
            "InvalidSignatureException: Credential should be scoped with a valid terminator: "
            "'aws4_request', not 'aws5_request'.");
  EXPECT_EQ(scoped("20150829/us-east-1/service/aws4_request"),
            "InvalidSignatureException: Date in Credential scope does not match YYYYMMDD from "
            "ISO-8601 version of date from HTTP: '20150829' != '20150830', from "
            "'20150830T123600Z'.");
  EXPECT_EQ(scoped("20150830//service/aws4_request"),
            "InvalidSignatureException: Credential should be scoped to a valid region.");
  EXPECT_EQ(scoped("20150830/us-east-1/service"),
            "IncompleteSignatureException: Credential must have exactly 5 slash-delimited "
            "elements, e.g. keyid/date/region/service/term, got "
            "'AKIDEXAMPLE/20150830/us-east-1/service'");
}

TEST_F(SignatureTest, WhatIsMissingIsNamed) {
  HttpRequest request{.method = "POST", .target = "/", .headers = {{"host", "h"}}};
  EXPECT_THAT(Verified(request), StartsWith("MissingAuthenticationTokenException"));
  request.headers.emplace_back("authorization", "Basic abc");
  EXPECT_THAT(Verified(request), StartsWith("MissingAuthenticationTokenException"));
  std::string& authorization = request.headers.back().second;
  authorization = "AWS4-HMAC-SHA256 ";
  EXPECT_EQ(Verified(request),
            "IncompleteSignatureException: Authorization header requires 'Credential' parameter. "
            "Authorization header requires 'Signature' parameter. Authorization header requires "
            "'SignedHeaders' parameter. Authorization header requires existence of either a "
            "'X-Amz-Date' or a 'Date' header. Authorization=AWS4-HMAC-SHA256 ");
  authorization = "AWS4-HMAC-SHA256 Credential=a, Signature=b, SignedHeaders=c";
  EXPECT_EQ(Verified(request),
            "IncompleteSignatureException: Authorization header requires existence of either a "
            "'X-Amz-Date' or a 'Date' header. Authorization=AWS4-HMAC-SHA256 Credential=a, "
            "Signature=b, SignedHeaders=c");
  authorization = "AWS4-HMAC-SHA256 rubbish";
  EXPECT_EQ(Verified(request),
            "IncompleteSignatureException: 'rubbish' not a valid key=value pair (missing "
            "equal-sign) in Authorization header: 'AWS4-HMAC-SHA256 rubbish'.");
  authorization = "AWS4-ECDSA-P256-SHA256 Credential=a";
  EXPECT_EQ(Verified(request),
            "IncompleteSignatureException: Unsupported AWS 'algorithm': "
            "'AWS4-ECDSA-P256-SHA256'.");
  request.target = "/?X-Amz-Algorithm=AWS4-HMAC-SHA256";
  EXPECT_EQ(Verified(request),
            "InvalidSignatureException: Found both 'X-Amz-Algorithm' as a query-string param and "
            "'Authorization' as HTTP header.");
  request.headers.pop_back();
  EXPECT_EQ(Verified(request),
            "IncompleteSignatureException: AWS query-string parameters must include "
            "'X-Amz-Credential'. AWS query-string parameters must include 'X-Amz-Signature'. AWS "
            "query-string parameters must include 'X-Amz-SignedHeaders'. AWS query-string "
            "parameters must include 'X-Amz-Date'. Re-examine the query-string parameters.");
}

TEST_F(SignatureTest, ABadDateIsTold) {
  HttpRequest request = RequestOf(Named("get-vanilla"));
  for (const char* date : {"20150830", "2015-08-30T12:36:00Z", "20151330T123600Z",
                           "20150831T253600Z", "20150230T123600Z", "now"}) {
    *Header(request, "x-amz-date") = date;
    EXPECT_EQ(Verified(request),
              "IncompleteSignatureException: Date must be in ISO-8601 'basic "
              "format'. Got '" +
                  std::string(date) + "'. See http://en.wikipedia.org/wiki/ISO_8601");
  }
}

TEST_F(SignatureTest, ADateHeaderDoesToo) {
  HttpRequest request{.method = "GET", .target = "/"};
  request.headers = {{"host", "h"}, {"date", "Sun, 30 Aug 2015 12:36:00 GMT"}};
  EXPECT_EQ(Verified(Signed(request, "date;host")), "");
}

TEST_F(SignatureTest, HostAndAmazonsHeadersMustBeSigned) {
  HttpRequest request{.method = "POST", .target = "/"};
  request.headers = {{"host", "h"},
                     {"x-amz-date", kTime},
                     {"x-amz-target", "T"},
                     {"x-amzn-trace-id", "added on the way"},
                     {"user-agent", "u"}};
  EXPECT_EQ(Verified(Signed(request, "host;x-amz-date;x-amz-target")), "");
  EXPECT_EQ(Verified(Signed(request, "x-amz-date;x-amz-target")),
            "InvalidSignatureException: 'Host' or ':authority' must be a 'SignedHeader' in the AWS "
            "Authorization.");
  EXPECT_EQ(Verified(Signed(request, "host;x-amz-date")),
            "InvalidSignatureException: 'x-amz-target' must be a 'SignedHeader' in the AWS "
            "Authorization.");
}

TEST_F(SignatureTest, TheBodyHashThatIsSentMustBeTheBodys) {
  const std::string names = "host;x-amz-content-sha256;x-amz-date";
  HttpRequest request{.method = "POST", .target = "/", .body = "{}"};
  request.headers = {{"host", "h"}, {"x-amz-date", kTime}, {"x-amz-content-sha256", ""}};
  std::string& hash = request.headers.back().second;
  Hasher hasher;
  AppendHex(hasher.Sha256("{}"), hash);
  EXPECT_EQ(Verified(Signed(request, names)), "");
  for (const char* wrong : {"UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "", "00"}) {
    hash = wrong;
    EXPECT_THAT(Verified(Signed(request, names)),
                StartsWith("InvalidSignatureException: The provided 'x-amz-content-sha256'"));
  }
}

TEST_F(SignatureTest, PresignedRequests) {
  EXPECT_EQ(Verified(Presigned("")), "");
  EXPECT_EQ(Verified(Presigned("&X-Amz-Expires=60"), kNow + kMinute), "");
  EXPECT_EQ(Verified(Presigned("&X-Amz-Expires=60"), kNow + kMinute + 1'000'000),
            "InvalidSignatureException: Signature expired: 20150830T123600Z is now earlier than "
            "20150830T123601Z (20150830T123701Z - 1 min.)");
  EXPECT_EQ(Verified(Presigned("&X-Amz-Expires=604800"), kNow + 604800'000'000), "");
  for (const char* expires : {"604801", "0", "-1", "x", "", "99999999999999999999"}) {
    EXPECT_THAT(Verified(Presigned(std::string("&X-Amz-Expires=") + expires)),
                StartsWith("InvalidSignatureException: X-Amz-Expires must be from 1 to 604800"));
  }
  EXPECT_EQ(Verified(Presigned("", "&more=1")), kMismatch);
  EXPECT_THAT(Verified(Presigned("&X-Amz-Security-Token=t")),
              StartsWith("UnrecognizedClientException"));
}

TEST_F(SignatureTest, PathsAreEncodedAgain) {
  auto canonical = [](const std::string& target) {
    const HttpRequest request{.method = "GET", .target = target};
    const std::string all = CanonicalRequest(request, ParseQuery(target), {}, "");
    return all.substr(4, all.find("\n\n") - 4);
  };
  EXPECT_EQ(canonical("/a%20b/c"), "/a%2520b/c");
  EXPECT_EQ(canonical("/a/../../b/./c//d/"), "/b/c/d/");
  EXPECT_EQ(canonical("/?b=2&a=%2f&b=1&c&=&d=%zz+%4"), "/\n=&a=%2F&b=1&b=2&c=&d=%25zz%2B%254");
}

TEST_F(SignatureTest, WithoutKeysClaimsAreBelieved) {
  SignatureVerifier open(std::nullopt);
  HttpRequest request = RequestOf(Named("get-vanilla"));
  request.body = "changed";
  auto caller = std::get<Caller>(open.Verify(request, 0));
  EXPECT_EQ(caller.access_key, kId);
  EXPECT_EQ(caller.region, "us-east-1");
  caller = std::get<Caller>(open.Verify(Presigned(""), 0));
  EXPECT_EQ(caller.access_key, kId);
  request.headers.clear();
  EXPECT_EQ(std::get<Caller>(open.Verify(request, 0)).access_key, "");
  request.headers = {{"authorization", "rubbish"}};
  EXPECT_EQ(std::get<Caller>(open.Verify(request, 0)).access_key, "");
}

TEST_F(SignatureTest, TheKeyCacheIsBoundedAndOnlyHoldsWhatWasProved) {
  // More regions than it holds, each with a right signature; then the first again.
  HttpRequest request{.method = "GET", .target = "/"};
  request.headers = {{"host", "h"}, {"x-amz-date", kTime}};
  Hasher hasher;
  for (int i = 0; i < 1100; ++i) {
    const std::string region = "r" + std::to_string(i % 1050);
    const Scope scope{"20150830", region, "service"};
    std::string body_hash, request_hash, signature;
    AppendHex(hasher.Sha256(""), body_hash);
    AppendHex(hasher.Sha256(CanonicalRequest(request, {}, {"host", "x-amz-date"}, body_hash)),
              request_hash);
    HmacKey key = SigningKey(hasher, kSecret, scope);
    AppendHex(hasher.Hmac(key, StringToSign(kTime, scope, request_hash)), signature);
    HttpRequest sent = request;
    sent.headers.emplace_back("authorization",
                              Authorization("host;x-amz-date", signature,
                                            "20150830/" + region + "/service/aws4_request"));
    ASSERT_EQ(Verified(sent), "") << i;
  }
}

}  // namespace
}  // namespace fastpath::node::gateway
