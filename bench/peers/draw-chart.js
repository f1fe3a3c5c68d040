/** Draws what `npm run bench -- peers --json FILE` wrote: `node draw-chart.js FILE CHART.svg`. Each bar is relative to Holdfast's. */
import { readFileSync, writeFileSync } from 'node:fs';
import * as echarts from 'echarts';

const results = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
const rate = (pick) => (one) => (pick(one).length > 0 ? median(pick(one)) : undefined);

/** Rates: more is better. */
const MEASURES = {
  'bulk submit': rate((r) => r.throughput.map((t) => t.bulk)),
  'single submits': rate((r) => r.throughput.map((t) => t.single)),
  'drain, 1 process': rate((r) => r.throughput.map((t) => t.drain)),
  'drain, 2 processes': rate((r) => r.throughput.map((t) => t.drainOfTwo)),
  'backlog of 1 million': rate((r) => r.backlog),
  'old snapshot': rate((r) => r.pinned.map((p) => p.last)),
};
const COLOURS = {
  holdfast: '#1f6feb',
  'graphile-worker': '#8c8c8c',
  'pg-boss': '#b8b8b8',
  bullmq: '#5c5c5c',
};

const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width: 900, height: 420 });
chart.setOption({
  animation: false,
  backgroundColor: '#ffffff',
  title: {
    text: 'Jobs per second, Holdfast = 1',
    subtext: 'more is better; the figures are jobs/s',
    left: 16,
    top: 8,
  },
  legend: { top: 16, right: 16, itemGap: 24 },
  grid: { left: 60, right: 24, top: 80, bottom: 40 },
  xAxis: { type: 'category', data: Object.keys(MEASURES), axisLabel: { interval: 0 } },
  yAxis: { type: 'value' },
  series: Object.keys(results).map((name) => ({
    name,
    type: 'bar',
    itemStyle: { color: COLOURS[name] },
    label: { show: true, position: 'top', fontSize: 9, formatter: ({ data }) => data?.text ?? '' },
    data: Object.values(MEASURES).map((pick) => {
      const value = pick(results[name]);
      if (value === undefined) return null;
      const text = value >= 1_000 ? `${Math.round(value / 1_000)} k` : String(Math.round(value));
      return { value: value / pick(results.holdfast), text };
    }),
  })),
});
writeFileSync(process.argv[3], chart.renderToSVGString());
// Its timers would keep the process.
chart.dispose();
