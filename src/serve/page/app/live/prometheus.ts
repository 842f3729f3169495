/** A figure of one line of Prometheus' text format. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

const line = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)(?: -?\d+)?$/
const label = /([a-zA-Z_]\w*)="((?:\\.|[^"\\])*)"/g

/** The figures of `text` by name. Lines of another form are left out. */
export function parsePrometheus(text: string): Map<string, Sample[]> {
  const samples = new Map<string, Sample[]>()
  for (const each of text.split('\n')) {
    const [, name, labels = '', value] = line.exec(each) ?? []
    if (name === undefined || value === undefined) continue
    const sample = { labels: parseLabels(labels), value: numberOf(value) }
    const former = samples.get(name)
    if (former) former.push(sample)
    else samples.set(name, [sample])
  }
  return samples
}

function parseLabels(text: string): Record<string, string> {
  return Object.fromEntries(
    [...text.matchAll(label)].map(([, name = '', value = '']) => [
      name,
      value.replace(/\\(.)/g, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped)),
    ]),
  )
}

function numberOf(text: string): number {
  return text === '+Inf' ? Number.POSITIVE_INFINITY : text === '-Inf' ? Number.NEGATIVE_INFINITY : Number(text)
}

/** A histogram as counts up to each bound, ascending; the last bound is infinite. */
export interface Histogram {
  readonly bounds: readonly number[]
  readonly counts: readonly number[]
}

export function histogramOf(samples: ReadonlyMap<string, readonly Sample[]>, name: string): Histogram {
  const buckets = (samples.get(`${name}_bucket`) ?? [])
    .map(({ labels, value }) => ({ bound: numberOf(labels.le ?? ''), value }))
    .filter(({ bound }) => !Number.isNaN(bound))
    .sort((a, b) => a.bound - b.bound)
  return { bounds: buckets.map(({ bound }) => bound), counts: buckets.map(({ value }) => value) }
}

/**
 * The quantile `q` of what was observed between `before` and `now`, as Prometheus' histogram_quantile estimates it: evenly
 * within a bucket. NaN where nothing was.
 */
export function quantileBetween(before: Histogram, now: Histogram, q: number): number {
  const counts = now.counts.map((count, at) => count - (before.counts[at] ?? 0))
  const rank = q * (counts.at(-1) ?? 0)
  if (!(rank > 0)) return Number.NaN
  const at = counts.findIndex(count => count >= rank)
  const [from, to] = [at === 0 ? 0 : now.bounds[at - 1]!, now.bounds[at]!]
  // Beyond the last bound nothing is known but that.
  if (!Number.isFinite(to)) return from
  const below = at === 0 ? 0 : counts[at - 1]!
  return from + ((to - from) * (rank - below)) / (counts[at]! - below)
}
