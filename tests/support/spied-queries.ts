import type { Database } from '../../shared/postgres/create-database.js';

/** The same database, its queries handed to `query`, which may run them, or answer by itself. */
export function withQuery(
  real: Database,
  query: (run: Database['query'], text: string, values?: unknown[]) => Promise<unknown>,
): Database {
  const run = real.query.bind(real);
  const spied = ((text: string, values?: unknown[]) => query(run, text, values)) as Database['query'];
  return { ...real, query: spied };
}

/** The same database, its statements counted. */
export function counted(real: Database): { db: Database; statements: () => number } {
  let statements = 0;
  const db = withQuery(real, (run, text, values) => {
    statements++;
    return run(text, values);
  });
  const queryArrays: Database['queryArrays'] = (text, values) => {
    statements++;
    return real.queryArrays(text, values);
  };
  return { db: { ...db, queryArrays }, statements: () => statements };
}
