import type { Installation } from '../../shared/installation.js';
import { hasKeys } from '../../shared/keys/list-keys.js';
import { subscribe } from '../../shared/observe/subscribe.js';
import { askForKeys } from './ask-for-keys.js';

/** `auto`: as soon as there is a key. `off`: nobody is asked, and keys are not looked at. */
export type AuthMode = 'auto' | 'required' | 'off';

/** So long may a process not know of the first key that another one has created. */
const RECHECK_MS = 5_000;

/** Whether callers must show a key, or the API is open. With `auto` it never turns back: revoking the last key opens nothing. */
export class KeyRequirement {
  private isKeyKnown = false;
  private checkedAt = -Infinity;
  private isEverChecked = false;
  private checking: Promise<boolean> | undefined;
  private readonly unsubscribe: () => void;

  constructor(
    private readonly mode: AuthMode,
    private readonly installation: Installation,
  ) {
    this.unsubscribe = subscribe(installation.events, { keyCreated: () => void (this.isKeyKnown = true) });
  }

  /** At once, but for one look in a few seconds while there is no key. @throws when that was never answered */
  isOpen(): boolean | Promise<boolean> {
    if (this.mode !== 'auto') return this.mode === 'off';
    if (this.isKeyKnown) return false;
    if (performance.now() - this.checkedAt < RECHECK_MS) return true;
    this.checking ??= this.look().finally(() => (this.checking = undefined));
    return this.checking;
  }

  close(): void {
    this.unsubscribe();
  }

  private async look(): Promise<boolean> {
    try {
      this.isKeyKnown ||= await askForKeys(hasKeys(this.installation.db));
      this.isEverChecked = true;
    } catch (error) {
      // With PostgreSQL away nobody can do anything, and metrics must tell so.
      if (!this.isEverChecked) throw error;
    }
    this.checkedAt = performance.now();
    return !this.isKeyKnown;
  }
}
