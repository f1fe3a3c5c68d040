export default async function stopTestServers(): Promise<void> {
  await globalThis.holdfastTestServers?.stop();
}
