/** How the columns of a table become ids, weights, times and kinds, in SQL, and what is wrong with a value that cannot. */
import { identifier, literal } from './database.ts'
import { byPosition, type Column, type CsvTable, columnNamed, isCsv, listed, type Table } from './table.ts'

export const roles = ['user', 'item', 'weight', 'time', 'kind'] as const
export type Role = (typeof roles)[number]

export const timeUnits = ['auto', 's', 'ms', 'us', 'ns'] as const
export type TimeUnit = (typeof timeUnits)[number]

/** One column of one table, in SQL. */
export interface ColumnReader {
  readonly column: string
  /**
   * The value; anything at all where there is a fault. Ids: bigint or varchar. Weights: double. Times: bigint, ms. Kinds:
   * varchar.
   */
  readonly value: string
  /** True where the value cannot be used. Never null. */
  readonly isFaulty: string
  /** What was expected, as it stands in messages. */
  readonly expected: string
  /** Of ids: `integer`; `string`; or `text`, which may turn out to be integers all through. */
  readonly idType?: 'integer' | 'string' | 'text'
}

/**
 * How the column `name` of `table` is read as `role`.
 *
 * @param title what names the column, for messages. Default: the flag of `role`.
 * @throws RangeError when there is no such column or its type does not fit.
 */
export function columnReader(
  table: Table,
  role: Role,
  name: string,
  unit: TimeUnit,
  title = `--${role}`,
): ColumnReader {
  const column = columnNamed(table.columns, name)
  const place = table.files[0]?.name ?? 'the query'
  if (!column) throw new RangeError(missing(table, title, name, place))
  const isText = table.format === 'csv' || table.format === 'json'
  const read: Record<Role, () => Conversion> = {
    user: () => id(column, table),
    item: () => id(column, table),
    weight: () => weight(column, isText),
    time: () => time(column, isText, unit),
    kind: () => kind(column, table),
  }
  const conversion = read[role]()
  if ('value' in conversion) return { column: column.name, ...conversion }
  const { expected, remedy } = conversion
  throw new RangeError(
    `${place}, column ${identifier(column.name)}: expected ${expected}, got ${column.type}; ${remedy}`,
  )
}

function missing(table: Table, title: string, name: string, place: string): string {
  const hint = isCsv(table) ? `. ${hintOf(table, name)}` : ''
  return `${place} has no column ${identifier(name)} for ${title}, only ${listed(table.columns)}${hint}`
}

function hintOf({ columns, dialect }: CsvTable, name: string): string {
  if (columns.length === 1) return 'If something else separates its columns, name that by --delimiter'
  if (dialect.hasHeader && byPosition.test(name)) {
    return 'Its first line looks like a header: name its columns, or say --no-header if that line is a row'
  }
  return 'If it has no header, name columns by position, from column0 on'
}

/** Largest weight that a float of 32 bits holds. */
export const mostWeight = 3.4028234e38

/** A reader but for its column, or what its type should have been. */
type Conversion = Omit<ColumnReader, 'column'> | { readonly expected: string; readonly remedy: string }

const integers = /^(TINYINT|SMALLINT|INTEGER|BIGINT|UTINYINT|USMALLINT|UINTEGER)$/
const wideIntegers = /^(UBIGINT|HUGEINT|UHUGEINT|DECIMAL\(\d+,0\))$/
const fractions = /^(FLOAT|DOUBLE|DECIMAL.*)$/
const strings = /^(VARCHAR|UUID|ENUM.*|JSON)$/
const dates = /^(DATE|TIMESTAMP.*)$/

/** Text that looks like a date or a truth value is an id like any other; a typed column of those is a mistake. */
function id({ name, type, expected }: Column, { format }: Table): Conversion {
  const raw = identifier(name)
  if (expected !== undefined) {
    const value = `try_cast(${raw} as bigint)`
    return { idType: 'integer', value, isFaulty: `${value} is null`, expected }
  }
  const reader = (idType: 'integer' | 'string' | 'text') => ({
    idType,
    value: idType === 'integer' ? `${raw}::bigint` : `${raw}::varchar`,
    // Neither clients nor C programs can name an id with a NUL.
    isFaulty:
      idType === 'integer'
        ? `${raw} is null`
        : `coalesce(${raw}::varchar = '' or contains(${raw}::varchar, chr(0)), true)`,
    expected: 'an id',
  })
  if (format === 'csv' || format === 'adjacency') return reader('text')
  if (format === 'json') {
    if (integers.test(type) || wideIntegers.test(type)) return reader('text')
    if (!fractions.test(type) && type !== 'BOOLEAN' && !/[([]/.test(type)) return reader('string')
  }
  if (integers.test(type)) return reader('integer')
  if (wideIntegers.test(type)) return reader('text')
  if (strings.test(type)) return reader('string')
  const field = /^STRUCT\((?:"([^"]+)"|(\w+)) /.exec(type)
  const converted = field ? `${raw}.${identifier(field[1] ?? field[2]!)}` : `${raw}::bigint`
  return {
    expected: 'strings or integers as ids',
    remedy: `make them so by --query, as in 'select * replace (${converted} as ${raw}) from source'`,
  }
}

function weight({ name, type }: Column, isText: boolean): Conversion {
  const raw = identifier(name)
  if (type === 'VARCHAR' && !isText) return weight({ name, type }, true)
  const isNumeric = integers.test(type) || wideIntegers.test(type) || fractions.test(type)
  if (!isText && !isNumeric) return { expected: 'numbers as weights', remedy: 'make them so by --query' }
  const value = isText ? `try_cast(${raw} as double)` : `${raw}::double`
  // What lies beyond has no place in 32 bits.
  const isFaulty = `not coalesce(${value} between -${mostWeight} and ${mostWeight}, false)`
  return { value, isFaulty, expected: 'a number from -3.4e38 to 3.4e38' }
}

function time({ name, type }: Column, isText: boolean, unit: TimeUnit): Conversion {
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

function kind({ name, type }: Column, { format }: Table): Conversion {
  const raw = identifier(name)
  const isName = integers.test(type) || wideIntegers.test(type) || strings.test(type) || type === 'BOOLEAN'
  if (!isName && format !== 'csv') {
    return { expected: 'text, integers or truth values as kinds', remedy: 'make them so by --query' }
  }
  return { value: `${raw}::varchar`, isFaulty: `coalesce(${raw}::varchar = '', true)`, expected: 'a kind' }
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

/** True where one of `readers` has a fault. */
export function anyFaulty(readers: readonly ColumnReader[]): string {
  return readers.map(({ isFaulty }) => `(${isFaulty})`).join(' or ')
}

/** The message for the first of `readers` that has a fault in a row: its column, what was expected, what came. */
export function faultMessage(readers: readonly ColumnReader[]): string {
  const cases = readers.map(({ column, expected, isFaulty }) => {
    const got = `case when ${identifier(column)} is null then 'nothing' when ${identifier(column)}::varchar = '' then 'empty text'
      else left(${identifier(column)}::varchar, 60) end`
    const prefix = literal(`column ${identifier(column)}: expected ${expected}, got `)
    return `when ${isFaulty} then ${prefix} || ${got}`
  })
  return `case ${cases.join(' ')} end`
}
