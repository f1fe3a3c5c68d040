/** performance.now() is three times as fast as process.hrtime.bigint(), but begins at zero in each thread. */
const threadBeganMs = Number(process.hrtime.bigint()) / 1_000_000 - performance.now();

/** Milliseconds on a clock that never jumps and that all threads of the process share. Its zero means nothing. */
export const monotonicMs = (): number => performance.now() + threadBeganMs;
