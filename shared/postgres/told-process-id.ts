import type pg from 'pg';

/**
 * The process that serves the connection, as its client was told. Where that is not pg_backend_pid(), a pooler stands in between: it gives
 * out keys of its own for cancel requests, and PostgreSQL's begin with the process. pg's types leave it out.
 */
export const toldProcessId = (client: pg.ClientBase): number | null | undefined =>
  (client as pg.ClientBase & { readonly processID?: number | null }).processID;
