import { expect, test } from '@jest/globals';
import { ClaimsUnderWay } from '../../workers/claims-under-way.js';

function createClaim() {
  let end = () => undefined as void;
  const claim = new Promise<void>((resolve) => (end = resolve));
  return { claim, end };
}

/** Tells whether the next claim may begin before `other` has. */
const isFirst = (claims: ClaimsUnderWay, isDrained: boolean, other: Promise<void>) =>
  Promise.race([claims.whenNextIsWorthIt(isDrained).then(() => true), other.then(() => false)]);

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

test('while the lanes are empty a claim waits for the one under way', async () => {
  const claims = new ClaimsUnderWay();
  await claims.whenNextIsWorthIt(true);
  const { claim, end } = createClaim();
  claims.add(claim);
  expect(await isFirst(claims, true, turn())).toBe(false);
  const next = claims.whenNextIsWorthIt(true);
  end();
  await next;
  expect(claims.size).toBe(0);
});

test('while there is work in the lanes two go at a time', async () => {
  const claims = new ClaimsUnderWay();
  const [one, other] = [createClaim(), createClaim()];
  claims.add(one.claim);
  expect(await isFirst(claims, false, turn())).toBe(true);
  claims.add(other.claim);
  expect(await isFirst(claims, false, turn())).toBe(false);
  const next = claims.whenNextIsWorthIt(false);
  other.end();
  await next;
  expect(claims.size).toBe(1);
  one.end();
  await claims.whenAllHaveEnded();
});

test('a claim that is held up holds up no other', async () => {
  const claims = new ClaimsUnderWay();
  const { claim, end } = createClaim();
  claims.add(claim);
  await claims.whenNextIsWorthIt(true);
  expect(claims.size).toBe(1);
  end();
});
