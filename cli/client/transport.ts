export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export interface ApiRequest {
  readonly method: Method;
  /** With its query string. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** JSON text; undefined: none. */
  readonly body: string | undefined;
}

export interface ApiAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | number | undefined>>;
  readonly body: AsyncIterable<Buffer>;
}

/** How requests reach the HTTP API: over the network, or without one. What they ask and are told is the same. */
export interface Transport {
  /** For messages: where the API is. */
  readonly address: string;
  /** @throws CommandFailure when nobody answers */
  send(request: ApiRequest): Promise<ApiAnswer>;
  /** Ends answers that are still being read, too. */
  close(): Promise<void>;
}
