import { Agent } from 'undici';
import { messageOf } from '../../shared/errors.js';
import { CommandFailure, FAILED } from '../failure.js';
import type { ApiAnswer, ApiRequest, Transport } from './transport.js';

/** To replay a hundred thousand dead letters takes minutes; nothing takes longer. */
const ANSWER_MS = 300_000;
/** The API says that it is still there every 15 s, where there is nothing else to say. */
const SILENCE_MS = 45_000;
const CONNECT_MS = 5_000;

export function openHttpTransport(url: string, apiKey: string | undefined): Transport {
  const { origin, pathname } = new URL(url);
  const prefix = pathname.replace(/\/+$/, '');
  const address = origin + prefix;
  const agent = new Agent({
    connect: { timeout: CONNECT_MS },
    headersTimeout: ANSWER_MS,
    bodyTimeout: SILENCE_MS,
  });

  return {
    address,
    async send({ method, path, headers, body }: ApiRequest): Promise<ApiAnswer> {
      const answer = await agent
        .request({
          origin,
          path: prefix + path,
          method,
          headers: apiKey === undefined ? headers : { ...headers, authorization: `Bearer ${apiKey}` },
          body: body ?? null,
        })
        .catch((error: unknown) => {
          throw notAnswering(address, error);
        });
      return { status: answer.statusCode, headers: answer.headers, body: answer.body };
    },
    close: () => agent.destroy(),
  };
}

function notAnswering(address: string, cause: unknown): CommandFailure {
  return new CommandFailure(
    FAILED,
    `no API answers at ${address} (${messageOf(cause)}). Start one with \`holdfast api\`, say where it is with --api or ` +
      'HOLDFAST_API_URL, or set DATABASE_URL to ask the database itself',
    { cause },
  );
}
