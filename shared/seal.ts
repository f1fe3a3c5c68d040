import {
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  randomBytes,
  type CipherGCM,
  type KeyObject,
} from 'node:crypto';

const CIPHER = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const MOST_PER_PREFIX = 2 ** 32;

/**
 * Seals texts so that only who has the key can read or make them: AES-256-GCM, NIST SP 800-38D. A nonce must never come twice with
 * one key: it is a random prefix of 8 bytes for each process and a count of 4 (its section 8.2.1).
 */
export class Seal {
  private prefix = randomBytes(8);
  private count = 0;
  private next: { readonly nonce: Buffer; readonly cipher: CipherGCM } | undefined;

  /** Node 24 makes one of the bytes for each cipher else, which takes longer than the rest of it. */
  private readonly key: KeyObject;

  /** @param key 32 bytes */
  constructor(key: Buffer) {
    this.key = createSecretKey(key);
  }

  /** For when there is time: to make a cipher takes longer than to use it. */
  prepare(): void {
    this.next ??= this.makeNext();
  }

  /** `purpose` must be given again to open it: what was sealed for one is void for another. */
  seal(text: string, purpose: string): Buffer {
    const { nonce, cipher } = this.next ?? this.makeNext();
    this.next = undefined;
    cipher.setAAD(Buffer.from(purpose));
    return Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
  }

  /** The text, or undefined when it was not sealed with this key for this purpose. */
  open(sealed: Buffer, purpose: string): string | undefined {
    if (sealed.length < NONCE_BYTES + TAG_BYTES) return undefined;
    const tagAt = sealed.length - TAG_BYTES;
    try {
      const decipher = createDecipheriv(CIPHER, this.key, sealed.subarray(0, NONCE_BYTES))
        .setAAD(Buffer.from(purpose))
        .setAuthTag(sealed.subarray(tagAt));
      return decipher.update(sealed.subarray(NONCE_BYTES, tagAt), undefined, 'utf8') + decipher.final('utf8');
    } catch {
      return undefined;
    }
  }

  private makeNext(): { nonce: Buffer; cipher: CipherGCM } {
    const nonce = this.nextNonce();
    return { nonce, cipher: createCipheriv(CIPHER, this.key, nonce) };
  }

  private nextNonce(): Buffer {
    if (this.count === MOST_PER_PREFIX) {
      this.prefix = randomBytes(8);
      this.count = 0;
    }
    const nonce = Buffer.allocUnsafe(NONCE_BYTES);
    this.prefix.copy(nonce);
    nonce.writeUInt32BE(this.count++, 8);
    return nonce;
  }
}
