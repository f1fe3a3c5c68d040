/** Settles as `work` does, or rejects when that takes longer; the work itself goes on unheard. */
export async function within<T>(mostMs: number, work: Promise<T>, tooLate: () => Error): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(tooLate()), mostMs);
  });
  return Promise.race([work, limit]).finally(() => clearTimeout(timer));
}
