// SPDX-License-Identifier: LGPL-2.1-or-later
#include "nvmigrate/state/digest.h"

#include <openssl/evp.h>
#include <xxhash.h>

#include <utility>

#include "nvmigrate/base/error.h"

namespace nvmigrate {
namespace {

void must(int answer) {
  if (answer != 1) throw Error(ExitStatus::internal, "cannot compute SHA-256: OpenSSL failed");
}

int nibble(char digit) noexcept {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  return -1;
}

}  // namespace

struct Sha256::Context {
  EVP_MD_CTX* digest = EVP_MD_CTX_new();
  Context() = default;
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  ~Context() { EVP_MD_CTX_free(digest); }
};

Sha256::Sha256() : context_(std::make_unique<Context>()) {
  must(EVP_DigestInit_ex(context_->digest, EVP_sha256(), nullptr));
}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::update(std::span<const std::byte> bytes) {
  must(EVP_DigestUpdate(context_->digest, bytes.data(), bytes.size()));
}

Sha256Digest Sha256::finish() {
  Sha256Digest digest{};
  must(EVP_DigestFinal_ex(context_->digest, digest.data(), nullptr));
  return digest;
}

std::string to_string(const Sha256Digest& digest) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const auto byte : digest) {
    text += digits[byte >> 4U];
    text += digits[byte & 0xFU];
  }
  return text;
}

std::optional<Sha256Digest> parse_sha256(std::string_view text) noexcept {
  Sha256Digest digest{};
  if (text.size() != 2 * digest.size()) return std::nullopt;
  for (std::size_t i = 0; i < digest.size(); ++i) {
    const int high = nibble(text[2 * i]);
    const int low = nibble(text[2 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    digest.at(i) = static_cast<std::uint8_t>(high * 16 + low);
  }
  return digest;
}

std::uint64_t xxh3(std::span<const std::byte> bytes) noexcept {
  return XXH3_64bits(bytes.data(), bytes.size());
}

}  // namespace nvmigrate
