import { atLeast, atMost, type Bar, type BenchOptions } from '../../../bench/support/bar.ts'

/** Adds up its own options: a sum of 3 or more falls short. */
export async function run({ json, data, rest }: BenchOptions): Promise<Bar[]> {
  const sum = rest.reduce((total, value) => total + Number(value), 0)
  if (json) console.log(JSON.stringify({ data, rest }))
  return [atMost('the sum', sum, 2), atLeast('the number of options', rest.length, 1)]
}
