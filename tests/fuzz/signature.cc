// Signatures: any Authorization header, target and dates are refused with an error
// that tells no secret, never accepted; what is signed right is accepted, and its
// canonical form is that of the same request.
//
//   input := lines "target", "authorization", "x-amz-date", "date", then the body
#include "node/gateway/signature.h"

#include <string>

#include "node/gateway/sigv4.h"
#include "tests/fuzz/fuzz.h"

namespace {

using namespace fastpath;
using namespace fastpath::node::gateway;

constexpr char kSecret[] = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
constexpr int64_t kNow = 1440938160'000'000;  // 20150830T123600Z.

std::string TakeLine(std::string_view& in) {
  const std::string line(fuzz::TakeUpTo(in, std::min(in.find('\n'), in.size())));
  fuzz::TakeByte(in);
  return line;
}

void CheckRefused(SignatureVerifier& verifier, const HttpRequest& request) {
  const auto verified = verifier.Verify(request, kNow);
  FUZZ_CHECK(std::holds_alternative<Error>(verified));
  FUZZ_CHECK(std::get<Error>(verified).status == 400);
  FUZZ_CHECK(std::get<Error>(verified).message.find(kSecret) == std::string::npos);
}

// The same request, signed as a client would.
void CheckSigned(SignatureVerifier& verifier, HttpRequest request) {
  if (!ParseQuery(request.target).empty()) request.target.resize(request.target.find('?'));
  request.headers = {{"host", "h"}, {"x-amz-date", "20150830T123600Z"}};
  Hasher hasher;
  const Scope scope{"20150830", "us-east-1", "dynamodb"};
  std::string body_hash, request_hash, signature;
  AppendHex(hasher.Sha256(request.body), body_hash);
  AppendHex(hasher.Sha256(CanonicalRequest(request, {}, {"host", "x-amz-date"}, body_hash)),
            request_hash);
  HmacKey key = SigningKey(hasher, kSecret, scope);
  AppendHex(hasher.Hmac(key, StringToSign("20150830T123600Z", scope, request_hash)), signature);
  request.headers.emplace_back(
      "authorization",
      "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/dynamodb/aws4_request,"
      "SignedHeaders=host;x-amz-date,Signature=" +
          signature);
  FUZZ_CHECK(std::holds_alternative<Caller>(verifier.Verify(request, kNow)));
  request.body += '.';
  CheckRefused(verifier, request);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static SignatureVerifier verifier(AccessKeys{{"AKIDEXAMPLE", kSecret}});
  static SignatureVerifier open(std::nullopt);
  std::string_view in = fuzz::AsText(data, size);
  if (in.find(kSecret) != std::string_view::npos) return 0;  // Who knows it may hear it.
  HttpRequest request{.method = "POST", .target = "/" + TakeLine(in)};
  request.headers.emplace_back("host", "h");
  for (const char* name : {"authorization", "x-amz-date", "date"}) {
    std::string value = TakeLine(in);
    if (!value.empty()) request.headers.emplace_back(name, std::move(value));
  }
  request.body = in;
  CheckRefused(verifier, request);
  FUZZ_CHECK(std::holds_alternative<Caller>(open.Verify(request, kNow)));
  CheckSigned(verifier, request);
  return 0;
}
