/** Types for the columns of text, so that queries can calculate: only where the type loses nothing of the text. */
import { type Database, identifier, literal } from '../database.ts'
import type { Column, CsvTable, Table } from '../table.ts'

/**
 * `table` with its columns of the types that DuckDB guesses from the first rows, but as text where a value anywhere in the
 * files is not of that type, or is a number that is not written as one (`007`, `+1`, ` 7`): that may be an id.
 *
 * Reads all files once. Errors of DuckDB about lines that are no rows pass, unless `atRejects` leaves these out.
 */
export async function typedTable(db: Database, table: CsvTable, atRejects: 'fail' | 'skip'): Promise<Table> {
  const { dialect, files, columns: texts } = table
  const names = texts.map(({ name }) => name)
  const candidates = dialect.columns.flatMap(column => conversions(column, dialect))
  const kept = new Map<string, Conversion>()
  if (candidates.length > 0) {
    const tests = candidates.map(
      ({ raw, fits }, at) => `coalesce(bool_and(coalesce(${fits}, false)) filter (${raw} is not null), true) as c${at}`,
    )
    const [fitting] = await db.rows<Record<string, boolean>>(
      `select ${tests.join(', ')} from ${table.from(files, names, atRejects)}`,
    )
    candidates.forEach((candidate, at) => {
      if (fitting?.[`c${at}`] && !kept.has(candidate.name)) kept.set(candidate.name, candidate)
    })
  }
  const selected = names.map(name => {
    const raw = identifier(name)
    return kept.has(name) ? `${kept.get(name)!.value} as ${raw}` : raw
  })
  // Where lines are left out, all of each is looked at, whatever the query selects: only so is their number known.
  const whole = atRejects === 'skip' ? ` where length(concat(${names.map(identifier).join(', ')})) >= 0` : ''
  return {
    ...table,
    columns: texts.map(({ name, type }) => ({ name, type: kept.get(name)?.type ?? type })),
    from: some => `(select ${selected.join(', ')} from ${table.from(some, names, atRejects)}${whole})`,
  }
}

/** How text becomes a type. */
interface Conversion {
  readonly name: string
  readonly raw: string
  readonly type: string
  readonly value: string
  /** True where the value says all that the text does. */
  readonly fits: string
}

/** Those of a column, the strictest first. */
function conversions({ name, type }: Column, { dateFormat, timestampFormat }: CsvTable['dialect']): Conversion[] {
  if (type === 'VARCHAR') return []
  const raw = identifier(name)
  if (type === 'BIGINT' || type === 'DOUBLE') {
    const integer = `try_cast(${raw} as bigint)`
    const number = `try_cast(${raw} as double)`
    // Beyond 15 digits, a double does not keep all of them.
    const isWritten = `not regexp_matches(${raw}, '^[+ ]| $|^-?0[0-9]|^-?[0-9]{16,}$')`
    return [
      { name, raw, type: 'BIGINT', value: integer, fits: `${integer}::varchar = ${raw}` },
      { name, raw, type: 'DOUBLE', value: number, fits: `${number} is not null and ${isWritten}` },
    ]
  }
  const format = type === 'DATE' ? dateFormat : type === 'TIMESTAMP' ? timestampFormat : undefined
  const value = format ? `try_strptime(${raw}, ${literal(format)})::${type}` : `try_cast(${raw} as ${type})`
  return [{ name, raw, type, value, fits: `${value} is not null` }]
}
