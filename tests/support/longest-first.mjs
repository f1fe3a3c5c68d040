import Sequencer from '@jest/test-sequencer';

/** Minutes each, most of them spent waiting: begun last, they would be waited for by an idle machine. */
const LONGEST = [
  'tests/chaos/chaos.test.ts',
  'tests/integration/dependencies/large-graphs.test.ts',
  'tests/integration/schedules/daylight-saving.test.ts',
  'tests/integration/demo.test.ts',
];

/** Its types are those of its CommonJS form, in which the class is a property. */
const Base = /** @type {typeof Sequencer.default} */ (/** @type {unknown} */ (Sequencer));

/** @param {{ readonly path: string }} test */
const rankOf = ({ path }) => {
  const rank = LONGEST.findIndex((name) => path.endsWith(name));
  return rank === -1 ? LONGEST.length : rank;
};

/** Jest's own order, by earlier durations or by size, but for the files that take longest. */
export default class LongestFirst extends Base {
  /**
   * @override
   * @param {Parameters<InstanceType<typeof Base>['sort']>[0]} tests
   */
  async sort(tests) {
    return (await super.sort(tests)).sort((a, b) => rankOf(a) - rankOf(b));
  }
}
