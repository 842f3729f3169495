import { expect, test } from 'vitest'
import { Metrics } from '../../src/serve/metrics.ts'
import { FigureReader } from '../../src/serve/page/app/live/figures.ts'
import { histogramOf, parsePrometheus, quantileBetween } from '../../src/serve/page/app/live/prometheus.ts'

test('reads what prom-client writes: rates since the figures before, latencies of half a minute, levels as they are', async () => {
  const metrics = new Metrics()
  const level = (value: number) => () => value
  metrics.watch({
    connections: level(3),
    subscriptions: level(4),
    cachedUsers: level(5),
    waitingQueries: level(6),
    waitingEvents: level(7),
    unsentBytes: level(0),
  })
  const reader = new FigureReader()
  metrics.event('stored')
  metrics.list(2000)
  expect(reader.read(await metrics.text(), 100)).toBe(undefined)
  for (let event = 0; event < 10; event++) metrics.event(event < 8 ? 'stored' : 'duplicate')
  for (let list = 0; list < 100; list++) metrics.list(list < 90 ? 3 : 30)
  metrics.skippedList()
  const figures = reader.read(await metrics.text(), 102)!
  expect(figures).toMatchObject({
    eventsPerSecond: 5,
    listsPerSecond: 50,
    skippedPerSecond: 0.5,
    errorsPerSecond: 0,
    connections: 3,
    subscriptions: 4,
    cachedUsers: 5,
    waitingQueries: 6,
    waitingEvents: 7,
  })
  // In ms, within the buckets from 2 to 5 and from 20 to 50.
  expect([figures.p50, figures.p95]).toEqual([expect.closeTo(2 + (3 * 50) / 90), expect.closeTo(35)])
  expect(figures.memory).toBeGreaterThan(1e6)
  const quiet = reader.read(await metrics.text(), 104)!
  expect([quiet.eventsPerSecond, quiet.p50]).toEqual([0, figures.p50])
  expect(reader.read(await metrics.text(), 131)!.p50).toBe(figures.p50)
  expect(reader.read(await metrics.text(), 133)!.p50).toBe(Number.NaN)
  // A server that was started anew counts from 0.
  expect(reader.read(await new Metrics().text(), 135)).toBe(undefined)
})

test('reads labels with escapes, and leaves out lines of another form', () => {
  const text = '# HELP a b\na{x="1",y="q\\"\\n\\\\"} 2\na 3 1700000000\nb +Inf\nno number\nc{broken 1\n\n'
  expect([...parsePrometheus(text)]).toEqual([
    [
      'a',
      [
        { labels: { x: '1', y: 'q"\n\\' }, value: 2 },
        { labels: {}, value: 3 },
      ],
    ],
    ['b', [{ labels: {}, value: Number.POSITIVE_INFINITY }]],
    ['no', [{ labels: {}, value: Number.NaN }]],
  ])
})

test('a quantile beyond the last bound is that bound, and of nothing there is none', () => {
  const none = histogramOf(new Map(), 'x')
  expect(quantileBetween(none, none, 0.5)).toBe(Number.NaN)
  const bounds = [1, Number.POSITIVE_INFINITY]
  expect(quantileBetween({ bounds, counts: [0, 0] }, { bounds, counts: [1, 10] }, 0.9)).toBe(1)
})
