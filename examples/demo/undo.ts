import { messageOf } from '../../shared/errors.js';

/** How to stop what was started, in the reverse order; also when only half of it is up. */
export class Undo {
  private readonly steps: { readonly what: string; readonly action: () => unknown }[] = [];

  add(what: string, action: () => unknown): void {
    this.steps.push({ what, action });
  }

  /** One step that fails keeps none of the others from being done. */
  async run(say: (line: string) => void): Promise<void> {
    for (const { what, action } of this.steps.splice(0).reverse()) {
      try {
        await action();
      } catch (error) {
        say(`Could not stop ${what} cleanly: ${messageOf(error)}`);
      }
    }
  }
}
