#include "node/identity.h"

#include <utility>

#include "raft/codec.h"
#include "storage/keys.h"

namespace fastpath::node {
namespace {

// identity := u8(format = 1) varint(node) varint(length) cluster varint(length) incarnation
// Never-change.
constexpr char kFormat = 1;

const char kIdentityName[] = "identity";

void PutBytes(std::string& out, std::string_view bytes) {
  raft::PutVarint(out, bytes.size());
  out.append(bytes);
}

bool TakeBytes(std::string_view& in, std::string& out) {
  uint64_t length = 0;
  if (!raft::TakeVarint(in, length) || length > in.size()) return false;
  out.assign(in.substr(0, length));
  in.remove_prefix(length);
  return true;
}

absl::StatusOr<Identity> Decode(std::string_view in) {
  const absl::Status bad = absl::DataLossError("the store's identity row does not parse");
  if (in.empty() || in[0] != kFormat) return bad;
  in.remove_prefix(1);
  Identity identity;
  uint64_t node = 0;
  if (!raft::TakeVarint(in, node) || node > UINT32_MAX || !TakeBytes(in, identity.cluster_id) ||
      !TakeBytes(in, identity.incarnation) || !in.empty()) {
    return bad;
  }
  identity.node = static_cast<uint32_t>(node);
  return identity;
}

}  // namespace

std::string RandomId(Random& random) {
  std::string id;
  storage::PutBig64(id, random.Next());
  storage::PutBig64(id, random.Next());
  return id;
}

std::string Hex(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (const unsigned char byte : bytes) {
    out.push_back(kDigits[byte >> 4]);
    out.push_back(kDigits[byte & 15]);
  }
  return out;
}

void LoadIdentity(storage::Engine* engine,
                  std::function<void(absl::StatusOr<std::optional<Identity>>)> done) {
  engine->Get(storage::StoreKey(kIdentityName),
              [done = std::move(done)](absl::StatusOr<std::optional<std::string>> row) {
                if (!row.ok()) return done(row.status());
                if (!row->has_value()) return done(std::optional<Identity>());
                auto identity = Decode(**row);
                if (!identity.ok()) return done(identity.status());
                done(std::optional<Identity>(*std::move(identity)));
              });
}

void PutIdentity(const Identity& identity, storage::WriteBatch& batch) {
  std::string value(1, kFormat);
  raft::PutVarint(value, identity.node);
  PutBytes(value, identity.cluster_id);
  PutBytes(value, identity.incarnation);
  batch.Put(storage::StoreKey(kIdentityName), std::move(value));
}

std::string DestroyedKey(raft::GroupId group) {
  std::string name = "destroyed/";
  storage::PutBig32(name, group);
  return storage::StoreKey(name);
}

std::string EncodeDestroyed(raft::ReplicaId replica) {
  std::string value;
  raft::PutVarint(value, replica);
  return value;
}

raft::ReplicaId DecodeDestroyed(std::string_view value) {
  uint64_t replica = 0;
  return raft::TakeVarint(value, replica) && value.empty() ? replica : 0;
}

std::string MapKey() { return storage::StoreKey("map"); }

}  // namespace fastpath::node
