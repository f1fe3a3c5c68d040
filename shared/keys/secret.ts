import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

/** `hf_`, 48 bits that find the row and that anybody may see, `_`, 256 bits that nobody may. */
const SECRET = /^(hf_[0-9a-f]{12})_[A-Za-z0-9_-]{43}$/;

export function makeSecret(): { readonly secret: string; readonly prefix: string } {
  const prefix = `hf_${randomBytes(6).toString('hex')}`;
  return { prefix, secret: `${prefix}_${randomBytes(32).toString('base64url')}` };
}

/** Its public part; undefined: this is no secret of ours. */
export const prefixOf = (secret: string): string | undefined => SECRET.exec(secret)?.[1];

/** One round is enough: what makes password hashes slow is there for secrets that people choose. */
export const hashSecret = (secret: string): Buffer => createHash('sha256').update(secret).digest();

export const isHashOf = (hash: Buffer, secret: string): boolean => timingSafeEqual(hash, hashSecret(secret));
