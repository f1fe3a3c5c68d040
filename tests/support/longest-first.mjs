import Sequencer from '@jest/test-sequencer';

/** Minutes each, most of them spent waiting: begun last, they would be waited for by an idle machine. */
const LONGEST = [
  'tests/chaos/chaos.test.ts',
  'tests/integration/dependencies/large-graphs.test.ts',
  'tests/integration/schedules/daylight-saving.test.ts',
  'tests/integration/demo.test.ts',
];

const rankOf = ({ path }) => {
  const rank = LONGEST.findIndex((name) => path.endsWith(name));
  return rank === -1 ? LONGEST.length : rank;
};

/** Jest's own order, by earlier durations or by size, but for the files that take longest. */
export default class LongestFirst extends Sequencer {
  sort(tests) {
    return super.sort(tests).sort((a, b) => rankOf(a) - rankOf(b));
  }
}
