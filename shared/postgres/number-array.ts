/** An array parameter of numbers, as text that the driver passes on: it would quote and escape each element. */
export const toNumberArray = (numbers: readonly number[]): string => `{${numbers.join(',')}}`;
