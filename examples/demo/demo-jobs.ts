/** Job types of our own, as an application would define them. */
import { setTimeout as wait } from 'node:timers/promises';
import { defineJob, TransientError } from 'holdfast';
import { z } from 'zod';

export const makeThumbnail = defineJob({
  type: 'make_thumbnail',
  payload: z.object({ image: z.string().min(1), width: z.int().min(16).max(4_000) }),
  async run({ image, width }, { signal }) {
    await wait(100 + Math.random() * 300, undefined, { signal });
    return { file: image.replace(/\.\w+$/, `-${width}.webp`), bytes: width * 42 };
  },
});

/** Reports how far it is; the API and the console show it while it runs. */
export const encodeVideo = defineJob({
  type: 'encode_video',
  payload: z.object({ title: z.string(), seconds: z.number().positive() }),
  async run({ title, seconds }, ctx) {
    for (let percent = 10; percent <= 100; percent += 10) {
      await wait(seconds * 100, undefined, { signal: ctx.signal });
      ctx.progress(percent);
    }
    ctx.log.info(`${title} is encoded`);
    return { title, frames: seconds * 25 };
  },
});

/** Takes a minute; the demo cancels it long before. Passing the signal on is all that a handler does for that. */
export const yearReport = defineJob({
  type: 'year_report',
  payload: z.object({ year: z.int() }),
  async run({ year }, { signal }) {
    await wait(60_000, undefined, { signal });
    return { year };
  },
});

/** Never succeeds: two retries, each within about a second, then it is a dead letter. */
export const chargeCard = defineJob({
  type: 'charge_card',
  payload: z.object({ order: z.int(), amount: z.number() }),
  retry: { maxRetries: 2, baseDelayMs: 600 },
  run({ order }) {
    throw new TransientError(`the payment provider does not answer for order ${order}`);
  },
});

/** The orders that were shipped: an order whose transaction was rolled back must never be among them. */
export const shippedOrders = new Set<number>();

export const shipOrder = defineJob({
  type: 'ship_order',
  payload: z.object({ order: z.int() }),
  run({ order }) {
    shippedOrders.add(order);
    return { order, parcel: `P-${order}` };
  },
});
