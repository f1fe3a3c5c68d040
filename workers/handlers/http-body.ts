import { TextDecoder } from 'node:util';
import type { Dispatcher } from 'undici';
import { storable } from './excerpt.js';

type ResponseBody = Dispatcher.ResponseData['body'];
export type ResponseHeaders = Dispatcher.ResponseData['headers'];

/** Reads at most so many bytes of a response and hangs up on the rest. */
export async function readText(
  body: ResponseBody,
  headers: ResponseHeaders,
  maxBytes: number,
): Promise<{ text: string; isTruncated: boolean }> {
  const decoder = decoderFor(headers);
  let text = '';
  let remainingBytes = maxBytes;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    // Decoding as a stream leaves out a character that the limit cuts in half.
    text += decoder.decode(chunk.subarray(0, remainingBytes), { stream: true });
    if (chunk.length > remainingBytes) return { text: storable(text), isTruncated: true };
    remainingBytes -= chunk.length;
  }
  return { text: storable(text + decoder.decode()), isTruncated: false };
}

/** JSON as its value, everything else as text; a cut or broken document stays the text it is. */
export function parseBody(text: string, headers: ResponseHeaders): unknown {
  if (!/[/+]json\b/i.test(contentType(headers))) return text;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

function decoderFor(headers: ResponseHeaders): TextDecoder {
  const charset = /charset="?([\w-]+)/i.exec(contentType(headers))?.[1] ?? 'utf-8';
  try {
    return new TextDecoder(charset);
  } catch {
    return new TextDecoder();
  }
}

function contentType(headers: ResponseHeaders): string {
  return String(headers['content-type'] ?? '');
}
