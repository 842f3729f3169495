/**
 * What the simulated world of the push engine is fitted to (`src/push/simulate/parameters.ts`): when readers come again, how reads of an
 * article decay, how many read it, and when (the brunch reads); how click rates differ between articles and between titles of one (the
 * Upworthy tests), and between articles and readers of news (the MIND sample). It prints the figures, and has no bar.
 */
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import type { Bar, BenchOptions } from './support/bar.ts'
import { printer } from './support/print.ts'

const shared = join(import.meta.dirname, '../../shared/data')

type Row = Readonly<Record<string, number>>

export async function run({ json, data = shared }: BenchOptions): Promise<Bar[]> {
  const print = printer(json)
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  const query = async (sql: string): Promise<Row[]> => {
    const rows = (await connection.runAndReadAll(sql)).getRowObjects()
    return rows.map(row => Object.fromEntries(Object.entries(row).map(([name, value]) => [name, Number(value)])))
  }
  try {
    await query("SET TimeZone = 'UTC'")
    await query(`CREATE TABLE reads AS SELECT "user", item, hour FROM '${join(data, 'brunch/reads.parquet')}'`)
    print({ returnHazards: await returnHazards(query) })
    print({ readsByAge: await readsByAge(query) })
    print(await readsOfArticles(query))
    print({ hours: await shares(query, 'hour(hour)') })
    print({ weekdays: await shares(query, 'dayofweek(hour)') })
    print(await concentration(query))
    print(await titles(query, join(data, 'upworthy/tests.parquet')))
    print(await news(query, join(data, 'mind-small-sample/behaviors.tsv')))
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
  return []
}

type Query = (sql: string) => Promise<Row[]>

/** By days since the last visit: the share of those who have not come again by then that comes on that day (Kaplan–Meier). */
async function returnHazards(query: Query): Promise<Record<string, number>> {
  const rows = await query(`
    WITH visits AS (SELECT DISTINCT "user", date_trunc('day', hour) AS day FROM reads),
         gaps AS (SELECT day, lead(day) OVER (PARTITION BY "user" ORDER BY day) AS next FROM visits),
         last AS (SELECT max(day) AS day FROM visits)
    SELECT date_diff('day', gaps.day, coalesce(next, last.day + INTERVAL 1 DAY)) AS gap,
           sum((next IS NOT NULL)::INT) AS ended, count(*) AS total
    FROM gaps, last GROUP BY gap ORDER BY gap`)
  const at = new Map(rows.map(row => [row.gap!, row]))
  let left = rows.reduce((sum, { total }) => sum + total!, 0)
  const hazards: Record<string, number> = {}
  for (let days = 1; days <= 98; days++) {
    const { ended = 0, total = 0 } = at.get(days) ?? {}
    if (days <= 7 || days % 7 === 0 || days === 10) hazards[days] = ended / left
    left -= total
  }
  return hazards
}

const newArticles = `
  SELECT item, min(hour) AS begun, count(*) AS reads FROM reads GROUP BY item
  HAVING begun >= TIMESTAMP '2018-11-01' AND begun < TIMESTAMP '2019-02-01'`

/** Share of the reads of an article's first day, by hours since the first read. */
async function readsByAge(query: Query): Promise<Record<string, number>> {
  const rows = await query(`
    WITH articles AS (${newArticles}),
         ages AS (SELECT date_diff('hour', begun, hour) AS age, count(*) AS n FROM reads JOIN articles USING (item) GROUP BY age)
    SELECT age, n / sum(n) OVER () AS share FROM ages WHERE age < 24 ORDER BY age`)
  return Object.fromEntries(rows.map(({ age, share }) => [age, share!]))
}

/** The spread of the logarithm of an article's reads, by its quantiles, and how well the first hour tells the next four. */
async function readsOfArticles(query: Query): Promise<Row> {
  const [spread] = await query(`
    SELECT quantile_cont(reads, .5) AS median, quantile_cont(reads, .9) AS tenth, quantile_cont(reads, .99) AS hundredth
    FROM (${newArticles})`)
  const [early] = await query(`
    WITH articles AS (${newArticles}),
         counts AS (
           SELECT item, sum((date_diff('hour', begun, hour) = 0)::INT) AS early,
                  sum((date_diff('hour', begun, hour) BETWEEN 1 AND 4)::INT) AS later
           FROM reads JOIN articles USING (item) GROUP BY item)
    SELECT corr(ln(1 + early), ln(1 + later)) AS correlation FROM counts`)
  const { median, tenth, hundredth } = spread!
  return {
    medianReads: median!,
    logSpreadOfReads: (Math.log(hundredth! / median!) / 2.326 + Math.log(tenth! / median!) / 1.282) / 2,
    correlationOfFirstHour: early!.correlation!,
  }
}

async function shares(query: Query, of: string): Promise<Record<string, number>> {
  const rows = await query(
    `SELECT ${of} AS period, count(*) / sum(count(*)) OVER () AS share FROM reads GROUP BY period ORDER BY period`,
  )
  return Object.fromEntries(rows.map(({ period, share }) => [period, share!]))
}

/** Of readers of 30 items and more: how much of what they read is of one author (mean Herfindahl index), and of the first. */
async function concentration(query: Query): Promise<Row> {
  const [row] = await query(`
    WITH of_authors AS (
           SELECT "user", split_part(item, '_', 1) AS author, count(DISTINCT item) AS n FROM reads GROUP BY ALL),
         of_users AS (
           SELECT sum(n * n) / (sum(n) * sum(n)) AS concentration, max(n) / sum(n) AS largest
           FROM of_authors GROUP BY "user" HAVING sum(n) >= 30)
    SELECT avg(concentration) AS concentration, avg(largest) AS shareOfFirst FROM of_users`)
  return row!
}

/** The mean click rate of tests of titles, and the spread of its logarithm between tests and within them, less what chance explains. */
async function titles(query: Query, file: string): Promise<Row> {
  const arms = await query(`
    SELECT dense_rank() OVER (ORDER BY clickability_test_id) AS test, sum(impressions) AS shown, sum(clicks) AS clicks
    FROM '${file}' GROUP BY clickability_test_id, headline HAVING sum(clicks) >= 5`)
  const tests = Map.groupBy(arms, ({ test }) => test!)
  let [between, squares, within, degrees, noise] = [0, 0, 0, 0, 0]
  const means: number[] = []
  for (const all of tests.values()) {
    const logs = all.map(({ shown, clicks }) => Math.log(clicks! / shown!))
    const mean = logs.reduce((sum, log) => sum + log, 0) / logs.length
    means.push(mean)
    const chance = all.reduce((sum, { clicks }) => sum + 1 / clicks!, 0) / all.length
    squares += chance / all.length
    within += logs.reduce((sum, log) => sum + (log - mean) ** 2, 0)
    degrees += logs.length - 1
    noise += chance * (logs.length - 1)
  }
  const mean = means.reduce((sum, value) => sum + value, 0) / means.length
  between = means.reduce((sum, value) => sum + (value - mean) ** 2, 0) / means.length - squares / means.length
  return {
    titleTests: tests.size,
    clickRate: Math.exp(mean),
    logSpreadOfTests: Math.sqrt(between),
    logSpreadOfTitles: Math.sqrt((within - noise) / degrees),
  }
}

/** Of news that were shown 50 times and more, and of readers who were shown 30: mean click rates, and their spread beyond chance. */
async function news(query: Query, file: string): Promise<Row> {
  await query(`
    CREATE TABLE shown AS
    SELECT reader, split_part(entry, '-', 1) AS news, split_part(entry, '-', 2)::INT AS clicked
    FROM (SELECT column1 AS reader, unnest(string_split(column4, ' ')) AS entry
          FROM read_csv('${file}', delim = '\\t', header = false, all_varchar = true))`)
  const spreadOf = async (by: string, least: number) => {
    const [row] = await query(`
      WITH rates AS (SELECT count(*) AS n, avg(clicked) AS rate FROM shown GROUP BY ${by} HAVING n >= ${least})
      SELECT avg(rate) AS mean, var_pop(rate) - avg(rate * (1 - rate) / n) AS variance FROM rates`)
    const { mean, variance } = row!
    return { mean: mean!, spread: Math.sqrt(Math.log(1 + Math.max(0, variance!) / mean! ** 2)) }
  }
  const [items, readers] = [await spreadOf('news', 50), await spreadOf('reader', 30)]
  return { newsClickRate: items.mean, logSpreadOfNews: items.spread, logSpreadOfReaders: readers.spread }
}
