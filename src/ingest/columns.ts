/** How the columns of a table become ids, weights and times, in SQL, and what is wrong with a value that cannot. */
import { identifier, literal } from './database.ts'
import { type Column, columnNamed, listed, type Table } from './source.ts'

export const roles = ['user', 'item', 'weight', 'time'] as const
export type Role = (typeof roles)[number]

export const timeUnits = ['auto', 's', 'ms', 'us', 'ns'] as const
export type TimeUnit = (typeof timeUnits)[number]

/** One column of one table, in SQL. */
export interface Reading {
  readonly column: string
  /** The value; anything at all where there is a fault. Ids: bigint or varchar. Weights: double. Times: bigint, ms. */
  readonly value: string
  /** True where the value cannot be used. Never null. */
  readonly isFaulty: string
  /** What was expected, for people. */
  readonly expected: string
  /** Of ids: `integer`; `string`; or `text`, which may turn out to be integers all through. */
  readonly kind?: 'integer' | 'string' | 'text'
}

/**
 * How the column `name` of `table` is read as `role`.
 *
 * @throws RangeError when there is no such column or its type does not fit.
 */
export function readingOf(table: Table, role: Role, name: string, unit: TimeUnit): Reading {
  const column = columnNamed(table.columns, name)
  const place = table.files[0] ?? 'the query'
  if (!column) throw new RangeError(missing(table, role, name, place))
  const isText = table.format === 'csv' || table.format === 'json'
  const how =
    role === 'weight' ? weight(column, isText) : role === 'time' ? time(column, isText, unit) : id(column, table)
  if ('value' in how) return { column: column.name, ...how }
  const { expected, remedy } = how
  throw new RangeError(
    `${place}, column ${identifier(column.name)}: expected ${expected}, got ${column.type}; ${remedy}`,
  )
}

function missing({ format, columns }: Table, role: Role, name: string, place: string): string {
  const hint = format === 'csv' ? '. If it has no header, name columns by position, from column0 on' : ''
  return `${place} has no column ${identifier(name)} for --${role}, only ${listed(columns)}${hint}`
}

/** A reading but for its column, or what its type should have been. */
type How = Omit<Reading, 'column'> | { readonly expected: string; readonly remedy: string }

const integers = /^(TINYINT|SMALLINT|INTEGER|BIGINT|UTINYINT|USMALLINT|UINTEGER)$/
const wideIntegers = /^(UBIGINT|HUGEINT|UHUGEINT|DECIMAL\(\d+,0\))$/
const fractions = /^(FLOAT|DOUBLE|DECIMAL.*)$/
const strings = /^(VARCHAR|UUID|ENUM.*|JSON)$/
const dates = /^(DATE|TIMESTAMP.*)$/

/** Text that looks like a date or a truth value is an id like any other; a typed column of those is a mistake. */
function id({ name, type }: Column, { format }: Table): How {
  const raw = identifier(name)
  const reading = (kind: 'integer' | 'string' | 'text') => ({
    kind,
    value: kind === 'integer' ? `${raw}::bigint` : `${raw}::varchar`,
    isFaulty: kind === 'integer' ? `${raw} is null` : `coalesce(${raw}::varchar = '', true)`,
    expected: 'an id',
  })
  if (format === 'csv') return reading('text')
  if (format === 'json') {
    if (integers.test(type) || wideIntegers.test(type)) return reading('text')
    if (!fractions.test(type) && type !== 'BOOLEAN' && !/[([]/.test(type)) return reading('string')
  }
  if (integers.test(type)) return reading('integer')
  if (wideIntegers.test(type)) return reading('text')
  if (strings.test(type)) return reading('string')
  return {
    expected: 'strings or integers as ids',
    remedy: `make them so by --query, as in 'select * replace (${raw}::bigint as ${raw}) from source'`,
  }
}

function weight({ name, type }: Column, isText: boolean): How {
  const raw = identifier(name)
  const numeric = integers.test(type) || wideIntegers.test(type) || fractions.test(type)
  if (!isText && !numeric) return { expected: 'numbers as weights', remedy: 'make them so by --query' }
  const value = isText ? `try_cast(${raw} as double)` : `${raw}::double`
  return {
    value,
    isFaulty: `not coalesce(isfinite(${value}) and ${value} >= 0, false)`,
    expected: 'a finite number, 0 or more',
  }
}

function time({ name, type }: Column, isText: boolean, unit: TimeUnit): How {
  const raw = identifier(name)
  let value: string
  if (isText)
    value = `coalesce(epoch_ms(try_cast(${raw} as timestamptz)), ${epoch(`try_cast(${raw} as double)`, unit)})`
  else if (dates.test(type)) value = `epoch_ms(${raw})`
  else if (integers.test(type) || wideIntegers.test(type) || fractions.test(type)) value = epoch(`${raw}::double`, unit)
  else if (type === 'VARCHAR') return time({ name, type }, true, unit)
  else return { expected: 'timestamps, dates, numbers or text as times', remedy: 'make them so by --query' }
  const expected = 'a time such as 2024-05-31T18:30:00Z or a number since 1970'
  return { value, isFaulty: `${value} is null`, expected }
}

/** Milliseconds since 1970 from a number of some unit; null when not finite or beyond what a time can be. */
function epoch(number: string, unit: TimeUnit): string {
  const per = {
    s: `round(${number} * 1e3)`,
    ms: `floor(${number})`,
    us: `floor(${number} / 1e3)`,
    ns: `floor(${number} / 1e6)`,
  }
  // Each unit's numbers from 1973 to 5138 lie apart from the others'.
  const guess = `case when abs(${number}) < 1e11 then ${per.s} when abs(${number}) < 1e14 then ${per.ms}
    when abs(${number}) < 1e17 then ${per.us} else ${per.ns} end`
  return `case when abs(${number}) < 1e20 then try_cast(${unit === 'auto' ? guess : per[unit]} as bigint) end`
}

/** True where one of `readings` is faulty. */
export function anyFaulty(readings: readonly Reading[]): string {
  return readings.map(({ isFaulty }) => `(${isFaulty})`).join(' or ')
}

/** What the first faulty of `readings` makes of a row: its column, what was expected, what came. */
export function complaint(readings: readonly Reading[]): string {
  const cases = readings.map(({ column, expected, isFaulty }) => {
    const got = `case when ${identifier(column)} is null then 'nothing' when ${identifier(column)}::varchar = '' then 'empty text'
      else left(${identifier(column)}::varchar, 60) end`
    const said = literal(`column ${identifier(column)}: expected ${expected}, got `)
    return `when ${isFaulty} then ${said} || ${got}`
  })
  return `case ${cases.join(' ')} end`
}
