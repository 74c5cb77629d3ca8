/** Identities for people and directories: short, and equal only for equal contents as far as anybody will ever see. */
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";

/** Sixteen hex digits of the SHA-256 of all parts together. */
export function shortHash(...parts: readonly Uint8Array[]): string {
  const hash = sha256.create();
  for (const part of parts) hash.update(part);
  return bytesToHex(hash.digest()).slice(0, 16);
}
