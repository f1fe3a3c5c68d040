const CODES = { red: 31, green: 32, yellow: 33, blue: 34, cyan: 36, grey: 90, bold: 1 } as const;

export type Colour = keyof typeof CODES;

/** Colours are for a terminal, and for people who have not set NO_COLOR (https://no-color.org). */
const isColoured = (): boolean => process.stdout.isTTY && (process.env.NO_COLOR ?? '') === '';

export const coloured = (text: string, colour: Colour | undefined): string =>
  colour !== undefined && isColoured() ? `\u001b[${CODES[colour]}m${text}\u001b[0m` : text;

const STATE_COLOURS: Readonly<Record<string, Colour>> = {
  running: 'blue',
  completed: 'green',
  failed: 'red',
  cancelled: 'grey',
  ready: 'cyan',
  scheduled: 'yellow',
  blocked: 'yellow',
  paused: 'yellow',
  timed_out: 'red',
  lost: 'red',
  released: 'grey',
  open: 'red',
  replayed: 'green',
  discarded: 'grey',
  alive: 'green',
  silent: 'yellow',
  dead: 'red',
  stopped: 'grey',
};

/** One colour for each word that says how something stands; undefined: none. */
export const colourOfState = (state: string): Colour | undefined => STATE_COLOURS[state];
