import type { Split } from './split.ts'

/** Of a user's pairs, those that are to be found where the user is held out whole: as in Liang et al. 2018. */
const usuallyFound = 0.2

/** Folds of a cross-validation. */
export const mostFolds = 100

/**
 * Parses `random:0.1`, `kfold:5`, `one`, `users:0.1`, `users:0.1:0.2`, `last:1` or `time:2019-02-01`, a date or time of ISO
 * 8601, in UTC if it does not say otherwise.
 *
 * @param seed of what is drawn at random.
 * @throws RangeError saying what was expected.
 */
export function parseSplit(text: string, seed = 0): Split {
  const [kind, ...rest] = text.split(':')
  const value = rest.join(':')
  const [number, second, ...more] = rest.map(part => Number(part || Number.NaN))
  const isOne = rest.length === 1
  if (kind === 'random' && isOne && isShare(number)) return { kind, share: number, seed }
  if (kind === 'kfold' && isOne && isFolds(number)) return { kind, folds: number, fold: 0, seed }
  if (kind === 'one' && rest.length === 0) return { kind, seed }
  if (kind === 'users' && isShare(number) && more.length === 0) {
    const found = isOne ? usuallyFound : second
    if (isShare(found)) return { kind, share: number, found, seed }
  }
  if (kind === 'last' && isOne && Number.isInteger(number) && number > 0) return { kind, pairs: number }
  const from = kind === 'time' ? momentOf(value) : Number.NaN
  if (!Number.isNaN(from)) return { kind: 'time', from }
  throw new RangeError(
    `split must be random:SHARE with a share between 0 and 1, kfold:FOLDS with 2 to ${mostFolds}, one, users:SHARE or users:SHARE:FOUND ` +
      `with shares between 0 and 1, last:PAIRS or time:DATE with a date like 2019-02-01, got ${text || 'nothing'}`,
  )
}

function isShare(number: number): boolean {
  return number > 0 && number < 1
}

function isFolds(number: number): boolean {
  return Number.isInteger(number) && number >= 2 && number <= mostFolds
}

/** Milliseconds since 1970. Dates and times without a zone are UTC, not the zone of the machine. */
function momentOf(text: string): number {
  if (!/^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?)?(Z|[+-]\d{2}:?\d{2})?$/.test(text)) return Number.NaN
  const zoned = /(Z|[+-]\d{2}:?\d{2})$/.test(text.slice(10))
  return Date.parse(text.length === 10 ? text : text.replace(' ', 'T') + (zoned ? '' : 'Z'))
}
