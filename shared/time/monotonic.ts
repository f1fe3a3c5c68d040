/** Milliseconds on a clock that never jumps and that all threads of the process share. Its zero means nothing. */
export const monotonicMs = (): number => Number(process.hrtime.bigint() / 1_000n) / 1_000;
