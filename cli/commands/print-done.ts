import { printJson, printLine } from '../output/print.js';

/** What the API says of one thing that was done. */
export function printDone(answer: { readonly message: string }, { json }: { readonly json?: boolean }): void {
  if (json) printJson(answer);
  else printLine(answer.message);
}
